-- The log: every event of every document, in the order in which they were committed.
--
-- Table and index carry the names that the eventsourcing library gives them for an application
-- called "docledger".

CREATE TABLE docledger_events (
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL CHECK (originator_version > 0),
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigserial NOT NULL,
    PRIMARY KEY (originator_id, originator_version),
    -- One time that cannot be read would be handed on to every later event.
    CONSTRAINT docledger_events_begins_with_time CHECK (
        encode(substring(state FROM 1 FOR 35), 'escape')
            ~ '^{"at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"$'
        AND encode(substring(state FROM 8 FOR 27), 'escape')::timestamptz IS NOT NULL
    )
) WITH (
    -- The table only grows: nothing needs vacuum but the visibility map, and statistics at 1 %
    -- growth (the library's setting) would be taken all the time.
    autovacuum_vacuum_insert_scale_factor = 0.2,
    autovacuum_analyze_scale_factor = 0.2
);

CREATE UNIQUE INDEX docledger_events_notification_id_idx ON docledger_events (notification_id);

COMMENT ON TABLE docledger_events IS 'docledger: the event log; append only';
COMMENT ON COLUMN docledger_events.originator_id IS 'the document''s id';
COMMENT ON COLUMN docledger_events.originator_version IS 'the version of the document''s stream, from 1';
COMMENT ON COLUMN docledger_events.notification_id IS 'the position in the whole log; gaps are normal';

-- What may be personal in an event is encrypted under its document's key.
CREATE TABLE document_keys (
    document_id text COLLATE "C" PRIMARY KEY,
    key_id text NOT NULL,
    key bytea NOT NULL CHECK (octet_length(key) = 32),
    created_at timestamptz NOT NULL
);

COMMENT ON TABLE document_keys IS
    'docledger: deleting a key erases the personal parts of its document''s events';

-- Positions are given out and committed under one lock, so that commit order is position order
-- and a reader that goes on from the last position it saw skips nothing. An advisory lock, unlike
-- a table lock, does not wait for ANALYZE and VACUUM.
CREATE FUNCTION docledger_lock_log() RETURNS void LANGUAGE sql AS
$$ SELECT pg_advisory_xact_lock(7236277003581237105) $$;

-- The time of the newest event, as stored; '' in an empty log. Such text sorts as time does.
CREATE FUNCTION docledger_last_at() RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
    RETURN coalesce((SELECT encode(substring(e.state FROM 8 FOR 27), 'escape')
        FROM docledger_events e ORDER BY e.notification_id DESC LIMIT 1), '');
END
$$;

CREATE FUNCTION docledger_order_appends() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM docledger_lock_log();
    PERFORM pg_notify('docledger_events', '');
    RETURN NULL;
END
$$;

-- Nobody appends around the lock, not even with a plain INSERT.
CREATE TRIGGER docledger_order_appends BEFORE INSERT ON docledger_events
    FOR EACH STATEMENT EXECUTE FUNCTION docledger_order_appends();

CREATE FUNCTION docledger_order_times() RETURNS trigger LANGUAGE plpgsql AS
$$
DECLARE
    last_at text := docledger_last_at();
BEGIN
    IF encode(substring(NEW.state FROM 8 FOR 27), 'escape') < last_at COLLATE "C" THEN
        NEW.state := overlay(NEW.state PLACING convert_to(last_at, 'UTF8') FROM 8 FOR 27);
    END IF;
    RETURN NEW;
END
$$;

-- Times never go back along the log; docledger_append sees to that for whole batches.
CREATE TRIGGER docledger_order_times BEFORE INSERT ON docledger_events
    FOR EACH ROW WHEN (current_setting('docledger.times_ordered', true) IS DISTINCT FROM 'yes')
    EXECUTE FUNCTION docledger_order_times();

CREATE FUNCTION docledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    RAISE EXCEPTION 'the event log is append only: % refused', TG_OP
        USING HINT = 'To undo what an event did, append another.';
END
$$;

CREATE TRIGGER docledger_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON docledger_events
    FOR EACH STATEMENT EXECUTE FUNCTION docledger_refuse_change();

-- Append the events of many commands, whole documents at a time.
--
-- Events come as four arrays of equal length, in the order in which they are to land. A document
-- loses, and none of its events is stored, when its versions are not those that follow its
-- stream's head, when its events are sealed under a key that is not the document's any more (both
-- 'conflict'), or when a row in documents is in the way of its registration ('exists'). With
-- `whole`, nothing is stored if one document loses, and that raises unique_violation.
--
-- A key that is there already comes as null, to be checked; a new one is stored with the events.
--
-- A state begins with {"at":"<27 characters of UTC time>"; a time before that of the event ahead
-- is moved on to it.
--
-- Returns a row an event, in order: its position (null if its document lost), its time as stored,
-- and why its document lost (null if it won).
CREATE FUNCTION docledger_append(
    document_ids text[], versions bigint[], topics text[], states bytea[],
    registrations jsonb, deleted_ids text[],
    key_document_ids text[], key_ids text[], keys bytea[], whole boolean
) RETURNS TABLE (event_position bigint, event_at text, refusal text)
LANGUAGE plpgsql AS
$$
DECLARE
    patience text := current_setting('lock_timeout');
    last_at text;
    conflicting text[];
    existing text[] := '{}';
BEGIN
    -- Who holds rows of documents is waited for now, not with the log locked.
    IF cardinality(deleted_ids) > 0 THEN
        PERFORM set_config('lock_timeout', '1s', true);
        PERFORM FROM documents d WHERE d.id = ANY (deleted_ids) ORDER BY d.id FOR UPDATE;
        PERFORM set_config('lock_timeout', patience, true);
    END IF;

    PERFORM docledger_lock_log();
    PERFORM set_config('lock_timeout', '250ms', true);

    SELECT coalesce(array_agg(given.id), '{}') INTO conflicting
        FROM (SELECT id, min(version) AS first, max(version) AS last, count(*) AS events
              FROM unnest(document_ids, versions) AS g (id, version) GROUP BY id) AS given
        WHERE given.last - given.first + 1 <> given.events OR given.first - 1 <> coalesce(
            (SELECT e.originator_version FROM docledger_events e WHERE e.originator_id = given.id
             ORDER BY e.originator_version DESC LIMIT 1), 0);

    IF cardinality(key_document_ids) > 0 THEN
        SELECT conflicting || coalesce(array_agg(k.id), '{}') INTO conflicting
            FROM unnest(key_document_ids, key_ids, keys) AS k (id, key_id, key)
            LEFT JOIN LATERAL (SELECT d.key_id FROM document_keys d
                WHERE d.document_id = k.id LIMIT 1) AS stored ON true
            WHERE CASE WHEN stored.key_id IS NULL THEN k.key IS NULL
                ELSE stored.key_id <> k.key_id END;
    END IF;

    last_at := docledger_last_at();
    SELECT array_agg(CASE WHEN timed.at < timed.earliest
                THEN overlay(timed.state PLACING convert_to(timed.earliest, 'UTF8') FROM 8 FOR 27)
                ELSE timed.state END ORDER BY timed.n)
        INTO states
        FROM (SELECT g.n, g.state, g.at, greatest(last_at COLLATE "C",
                  max(g.at) FILTER (WHERE g.id <> ALL (conflicting)) OVER (ORDER BY g.n)) AS earliest
              FROM (SELECT u.n, u.id, u.state,
                        encode(substring(u.state FROM 8 FOR 27), 'escape') COLLATE "C" AS at
                    FROM unnest(document_ids, states) WITH ORDINALITY AS u (id, state, n)) AS g
             ) AS timed;

    IF registrations IS NOT NULL THEN
        WITH wanted AS (
            SELECT * FROM jsonb_to_recordset(registrations)
                AS r (id text, title text, content text, realm_id text, event_number int)
            WHERE r.id <> ALL (conflicting)
        ), made AS (
            INSERT INTO documents (id, title, content, realm_id, created_at, updated_at)
                SELECT w.id, w.title, w.content, w.realm_id, at.at, at.at
                FROM wanted w CROSS JOIN LATERAL (
                    SELECT encode(substring(states[w.event_number] FROM 8 FOR 27), 'escape')
                        ::timestamptz AS at) AS at
                ON CONFLICT (id) DO NOTHING RETURNING documents.id
        )
        SELECT coalesce(array_agg(w.id), '{}') INTO existing
            FROM wanted w WHERE w.id NOT IN (SELECT m.id FROM made m);
    END IF;

    IF whole AND cardinality(conflicting || existing) > 0 THEN
        RAISE EXCEPTION 'documents that changed meanwhile: %',
            array_to_string(conflicting || existing, ', ') USING ERRCODE = 'unique_violation';
    END IF;

    IF cardinality(array_remove(keys, NULL)) > 0 THEN
        INSERT INTO document_keys (document_id, key_id, key, created_at)
            SELECT k.id, k.key_id, k.key,
                encode(substring(states[1] FROM 8 FOR 27), 'escape')::timestamptz
            FROM unnest(key_document_ids, key_ids, keys) AS k (id, key_id, key)
            WHERE k.key IS NOT NULL AND k.id <> ALL (conflicting) AND k.id <> ALL (existing)
            ON CONFLICT (document_id) DO NOTHING;
    END IF;

    IF cardinality(deleted_ids) > 0 THEN
        DELETE FROM documents d WHERE d.id = ANY (deleted_ids) AND d.id <> ALL (conflicting);
    END IF;

    PERFORM set_config('docledger.times_ordered', 'yes', true);
    RETURN QUERY
        WITH given AS (
            SELECT * FROM unnest(document_ids, versions, topics, states)
                WITH ORDINALITY AS g (id, version, topic, state, n)
        ), stored AS (
            INSERT INTO docledger_events (originator_id, originator_version, topic, state)
                SELECT g.id, g.version, g.topic, g.state FROM given g
                WHERE g.id <> ALL (conflicting) AND g.id <> ALL (existing) ORDER BY g.n
                RETURNING originator_id, originator_version, notification_id
        )
        SELECT s.notification_id, encode(substring(g.state FROM 8 FOR 27), 'escape'),
            CASE WHEN g.id = ANY (conflicting) THEN 'conflict'
                 WHEN g.id = ANY (existing) THEN 'exists' END
            FROM given g
            LEFT JOIN stored s ON s.originator_id = g.id AND s.originator_version = g.version
            ORDER BY g.n;
    PERFORM set_config('docledger.times_ordered', 'no', true);
END
$$;
