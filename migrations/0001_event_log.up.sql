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
    PRIMARY KEY (originator_id, originator_version)
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

CREATE FUNCTION docledger_order_appends() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM docledger_lock_log();
    RETURN NULL;
END
$$;

-- Nobody appends around the lock, not even with a plain INSERT.
CREATE TRIGGER docledger_order_appends BEFORE INSERT ON docledger_events
    FOR EACH STATEMENT EXECUTE FUNCTION docledger_order_appends();

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
-- Events come as four arrays of equal length, in the order in which they are to land, the
-- versions of one document consecutive. A document loses, and none of its events is stored, when
-- its stream's head is not just before its first event ('conflict'), when a row in documents is
-- in the way of its registration ('exists'), or when its key is not the one given ('conflict').
--
-- A state begins with {"at":"<27 characters of UTC time>"; a time before that of the last event
-- is moved on to it, so that times never go back along the log. Such text sorts as time does.
--
-- Returns a row an event, in order: its position (null if its document lost), its time as stored,
-- and why its document lost (null if it won).
CREATE FUNCTION docledger_append(
    document_ids text[], versions bigint[], topics text[], states bytea[],
    registrations jsonb, deleted_ids text[],
    key_document_ids text[], key_ids text[], keys bytea[]
) RETURNS TABLE (event_position bigint, event_at text, refusal text)
LANGUAGE plpgsql AS
$$
DECLARE
    last_at bytea;
    first_at timestamptz;
    conflicting text[];
    existing text[] := '{}';
    head bigint;
BEGIN
    PERFORM docledger_lock_log();

    SELECT substring(e.state FROM 8 FOR 27) INTO last_at
        FROM docledger_events e ORDER BY e.notification_id DESC LIMIT 1;
    last_at := coalesce(last_at, ''::bytea);
    IF EXISTS (SELECT FROM unnest(states) s WHERE substring(s FROM 8 FOR 27) < last_at) THEN
        SELECT array_agg(
                CASE WHEN substring(s FROM 8 FOR 27) < last_at
                    THEN overlay(s PLACING last_at FROM 8 FOR 27) ELSE s END
                ORDER BY n)
            INTO states FROM unnest(states) WITH ORDINALITY AS given (s, n);
    END IF;

    SELECT coalesce(array_agg(given.id), '{}') INTO conflicting
        FROM (SELECT id, min(version) AS first_version
              FROM unnest(document_ids, versions) AS g (id, version) GROUP BY id) AS given
        WHERE given.first_version - 1 <> coalesce(
            (SELECT e.originator_version FROM docledger_events e WHERE e.originator_id = given.id
             ORDER BY e.originator_version DESC LIMIT 1), 0);

    IF cardinality(key_document_ids) > 0 THEN
        INSERT INTO document_keys (document_id, key_id, key, created_at)
            SELECT k.id, k.key_id, k.key, convert_from(substring(states[1] FROM 8 FOR 27), 'UTF8')::timestamptz
            FROM unnest(key_document_ids, key_ids, keys) AS k (id, key_id, key)
            WHERE k.id <> ALL (conflicting)
            ON CONFLICT (document_id) DO NOTHING;
        SELECT conflicting || coalesce(array_agg(k.id), '{}') INTO conflicting
            FROM unnest(key_document_ids, key_ids) AS k (id, key_id)
            JOIN document_keys stored ON stored.document_id = k.id AND stored.key_id <> k.key_id;
    END IF;

    IF registrations IS NOT NULL THEN
        WITH wanted AS (
            SELECT * FROM jsonb_to_recordset(registrations)
                AS r (id text, title text, content text, realm_id text, event_number int)
            WHERE r.id <> ALL (conflicting)
        ), made AS (
            INSERT INTO documents (id, title, content, realm_id, created_at, updated_at)
                SELECT w.id, w.title, w.content, w.realm_id, at.at, at.at
                FROM wanted w CROSS JOIN LATERAL (
                    SELECT convert_from(substring(states[w.event_number] FROM 8 FOR 27), 'UTF8')
                        ::timestamptz AS at) AS at
                ON CONFLICT (id) DO NOTHING RETURNING documents.id
        )
        SELECT coalesce(array_agg(w.id), '{}') INTO existing
            FROM wanted w WHERE w.id NOT IN (SELECT m.id FROM made m);
        -- A key of a document that lost here must not stay behind.
        DELETE FROM document_keys d USING unnest(key_document_ids, key_ids) AS k (id, key_id)
            WHERE d.document_id = k.id AND d.key_id = k.key_id AND k.id = ANY (existing)
            AND NOT EXISTS (SELECT FROM docledger_events e WHERE e.originator_id = k.id);
    END IF;

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
        SELECT s.notification_id, convert_from(substring(g.state FROM 8 FOR 27), 'UTF8'),
            CASE WHEN g.id = ANY (conflicting) THEN 'conflict'
                 WHEN g.id = ANY (existing) THEN 'exists' END
            FROM given g
            LEFT JOIN stored s ON s.originator_id = g.id AND s.originator_version = g.version
            ORDER BY g.n;

    IF cardinality(deleted_ids) > 0 THEN
        DELETE FROM documents d WHERE d.id = ANY (deleted_ids) AND d.id <> ALL (conflicting);
    END IF;

    PERFORM pg_notify('docledger_events', '');
END
$$;
