CREATE OR REPLACE FUNCTION docledger_append(
    document_ids text[], versions bigint[], topics text[], states bytea[],
    registrations jsonb, deleted_ids text[],
    key_document_ids text[], key_ids text[], keys bytea[], whole boolean
) RETURNS TABLE (event_position bigint, event_at text, refusal text)
LANGUAGE plpgsql AS
$$
DECLARE
    events int := cardinality(document_ids);
    head bigint;
    last_at text;
    fits boolean;
BEGIN
    IF registrations IS NULL AND cardinality(deleted_ids) = 0 AND events BETWEEN 1 AND 3
        AND document_ids[1] = ALL (document_ids) AND cardinality(key_document_ids) <= 1
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
            -- Only a key that is to be there already, and is.
            fits := keys[1] IS NULL AND EXISTS (SELECT FROM document_keys d
                WHERE d.document_id = key_document_ids[1] AND d.key_id = key_ids[1]);
        END IF;
        IF fits THEN
            last_at := docledger_last_at();
            PERFORM set_config('docledger.times_ordered', 'yes', true);
            FOR n IN 1 .. events LOOP
                event_at := encode(substring(states[n] FROM 8 FOR 27), 'escape');
                IF event_at < last_at COLLATE "C" THEN
                    event_at := last_at;
                    states[n] := overlay(
                        states[n] PLACING convert_to(last_at, 'UTF8') FROM 8 FOR 27);
                END IF;
                last_at := event_at;
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
