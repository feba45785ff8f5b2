-- The short way of migration 0009 is open to a document that is handed in alone, too: with its row
-- and its key it took three times as long as any other append.
CREATE OR REPLACE FUNCTION docledger_append(
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
