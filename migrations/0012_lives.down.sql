DROP FUNCTION docledger_append(
    text[], bigint[], text[], bytea[], jsonb, text[], text[], int[], text[], bytea[], boolean);
DROP FUNCTION docledger_append_documents(
    text[], bigint[], text[], bytea[], jsonb, text[], text[], int[], text[], bytea[], boolean);

CREATE FUNCTION docledger_append_documents(
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

CREATE FUNCTION docledger_append(
    document_ids text[], versions bigint[], topics text[], states bytea[],
    registrations jsonb, deleted_ids text[],
    key_document_ids text[], key_ids text[], keys bytea[], whole boolean
) RETURNS TABLE (event_position bigint, event_at text, refusal text)
LANGUAGE plpgsql AS
$$
DECLARE
    events int := cardinality(document_ids);
    registers boolean := registrations IS NOT NULL;
    stored_key_id text;
    head bigint;
    last_at text;
    fits boolean;
BEGIN
    IF cardinality(deleted_ids) = 0 AND events BETWEEN 1 AND 3
        AND document_ids[1] = ALL (document_ids)
        AND (cardinality(key_document_ids) = 0 OR key_document_ids = document_ids[1:1])
        AND (NOT registers OR (jsonb_array_length(registrations) = 1
            AND registrations -> 0 ->> 'id' = document_ids[1]))
    THEN
        PERFORM docledger_lock_log();
        head := coalesce(
            (SELECT e.originator_version FROM docledger_events e
             WHERE e.originator_id = document_ids[1] ORDER BY e.originator_version DESC LIMIT 1), 0);
        fits := true;
        FOR n IN 1 .. events LOOP
            fits := fits AND versions[n] = head + n;
        END LOOP;
        IF fits AND cardinality(key_document_ids) = 1 THEN
            -- A new key with a registration; with anything else one that is there already.
            stored_key_id := (SELECT d.key_id FROM document_keys d
                WHERE d.document_id = key_document_ids[1]);
            fits := CASE WHEN registers THEN stored_key_id IS NULL AND keys[1] IS NOT NULL
                ELSE coalesce(stored_key_id = key_ids[1], false) AND keys[1] IS NULL END;
        END IF;
        IF fits THEN
            last_at := docledger_last_at();
            FOR n IN 1 .. events LOOP
                event_at := encode(substring(states[n] FROM 8 FOR 27), 'escape');
                IF event_at < last_at COLLATE "C" THEN
                    states[n] := overlay(
                        states[n] PLACING convert_to(last_at, 'UTF8') FROM 8 FOR 27);
                ELSE
                    last_at := event_at;
                END IF;
            END LOOP;
        END IF;
        IF fits AND registers THEN
            PERFORM set_config('lock_timeout', '250ms', true);
            PERFORM set_config('docledger.own_change', 'yes', true);
            INSERT INTO documents (id, title, content, realm_id, created_at, updated_at)
                SELECT r.id, r.title, r.content, r.realm_id, at.at, at.at
                FROM jsonb_to_record(registrations -> 0)
                    AS r (id text, title text, content text, realm_id text, event_number int)
                CROSS JOIN LATERAL (
                    SELECT encode(substring(states[r.event_number] FROM 8 FOR 27), 'escape')
                        ::timestamptz AS at) AS at
                ON CONFLICT (id) DO NOTHING;
            fits := FOUND;
            PERFORM set_config('docledger.own_change', 'no', true);
            IF fits AND cardinality(key_document_ids) = 1 THEN
                INSERT INTO document_keys (document_id, key_id, key, created_at)
                    VALUES (document_ids[1], key_ids[1], keys[1],
                        encode(substring(states[1] FROM 8 FOR 27), 'escape')::timestamptz)
                    ON CONFLICT (document_id) DO NOTHING;
            END IF;
        END IF;
        IF fits THEN
            PERFORM set_config('docledger.times_ordered', 'yes', true);
            FOR n IN 1 .. events LOOP
                event_at := encode(substring(states[n] FROM 8 FOR 27), 'escape');
                INSERT INTO docledger_events (originator_id, originator_version, topic, state)
                    VALUES (document_ids[n], versions[n], topics[n], states[n])
                    RETURNING notification_id INTO event_position;
                RETURN NEXT;
            END LOOP;
            PERFORM set_config('docledger.times_ordered', 'no', true);
            RETURN;
        END IF;
    END IF;

    PERFORM set_config('docledger.own_change', 'yes', true);
    RETURN QUERY SELECT * FROM docledger_append_documents(
        document_ids, versions, topics, states, registrations, deleted_ids,
        key_document_ids, key_ids, keys, whole);
    PERFORM set_config('docledger.own_change', 'no', true);
END
$$;

COMMENT ON FUNCTION docledger_append(
    text[], bigint[], text[], bytea[], jsonb, text[], text[], text[], bytea[], boolean) IS
    'docledger_append_documents, its own changes of documents marked as such, and a short way for '
    'a few events of one document';

DROP INDEX idx_docledger_document_changes_document;
DROP FUNCTION docledger_unprojected_documents();

-- There is room for one key a document: that of the newest life. Those of former lives are put by
-- under names that no document has, for the way up; until then what they encrypt cannot be read.
ALTER TABLE document_keys DROP CONSTRAINT document_keys_pkey;

DELETE FROM document_keys k USING (
        SELECT DISTINCT ON (document_id) document_id, life, key_id FROM document_keys
        ORDER BY document_id, life DESC) AS newest
    WHERE k.document_id = newest.document_id AND k.life < newest.life
        AND k.key_id = newest.key_id;

UPDATE document_keys k SET document_id = chr(1) || k.life || chr(1) || k.document_id
    FROM (SELECT document_id, max(life) AS life FROM document_keys GROUP BY document_id) AS newest
    WHERE k.document_id = newest.document_id AND k.life < newest.life;

ALTER TABLE document_keys DROP COLUMN life, ADD PRIMARY KEY (document_id);

COMMENT ON TABLE document_keys IS
    'docledger: deleting a key erases the personal parts of its document''s events';
