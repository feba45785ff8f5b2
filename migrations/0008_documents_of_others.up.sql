-- What other applications do to `documents`, noted in the transaction that does it, until it is in
-- the log. Nothing here can refuse a statement of theirs: no key, no check that their values could
-- break, no right that they would need.
CREATE TABLE docledger_document_changes (
    number bigserial PRIMARY KEY,
    document_id text COLLATE "C" NOT NULL,
    change text COLLATE "C" NOT NULL,
    version bigint
) WITH (
    -- Rows come and go: keep the table small.
    autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_insert_scale_factor = 1
);

COMMENT ON TABLE docledger_document_changes IS
    'docledger: rows of documents that others inserted, changed or deleted, not in the log yet';
COMMENT ON COLUMN docledger_document_changes.change IS 'inserted, changed or deleted';
COMMENT ON COLUMN docledger_document_changes.version IS
    'the version of the document''s stream when it was deleted';

-- Runs with the rights of whoever migrated; plans are kept from when the log was empty, and a scan
-- of it was the cheapest way.
CREATE FUNCTION docledger_note_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off AS
$$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.id = NEW.id THEN
        IF OLD.title::text IS DISTINCT FROM NEW.title::text
            OR OLD.realm_id::text IS DISTINCT FROM NEW.realm_id::text
        THEN
            INSERT INTO docledger_document_changes (document_id, change) VALUES (NEW.id, 'changed');
        END IF;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO docledger_document_changes (document_id, change, version)
            VALUES (OLD.id, 'deleted', (
                SELECT e.originator_version FROM docledger_events e
                WHERE e.originator_id = OLD.id ORDER BY e.originator_version DESC LIMIT 1));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO docledger_document_changes (document_id, change) VALUES (NEW.id, 'inserted');
    END IF;
    RETURN NULL;
END
$$;

-- Who truncates waits until every document of the log is noted, since afterwards nobody could
-- tell them from documents that were registered later.
CREATE FUNCTION docledger_note_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off AS
$$
BEGIN
    INSERT INTO docledger_document_changes (document_id, change, version)
        SELECT d.id, 'deleted', head.version FROM documents d CROSS JOIN LATERAL (
            SELECT e.originator_version AS version FROM docledger_events e
            WHERE e.originator_id = d.id ORDER BY e.originator_version DESC LIMIT 1) AS head;
    RETURN NULL;
END
$$;

-- No column is named here: a column that a trigger names cannot be altered by its application.
CREATE TRIGGER docledger_note_change AFTER INSERT OR UPDATE OR DELETE ON documents FOR EACH ROW
    WHEN (current_setting('docledger.own_change', true) IS DISTINCT FROM 'yes')
    EXECUTE FUNCTION docledger_note_change();

CREATE TRIGGER docledger_note_truncate BEFORE TRUNCATE ON documents FOR EACH STATEMENT
    EXECUTE FUNCTION docledger_note_truncate();

-- What an append itself does to `documents` is in the log already.
ALTER FUNCTION docledger_append(
    text[], bigint[], text[], bytea[], jsonb, text[], text[], text[], bytea[], boolean)
    RENAME TO docledger_append_documents;

CREATE FUNCTION docledger_append(
    document_ids text[], versions bigint[], topics text[], states bytea[],
    registrations jsonb, deleted_ids text[],
    key_document_ids text[], key_ids text[], keys bytea[], whole boolean
) RETURNS TABLE (event_position bigint, event_at text, refusal text)
LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM set_config('docledger.own_change', 'yes', true);
    RETURN QUERY SELECT * FROM docledger_append_documents(
        document_ids, versions, topics, states, registrations, deleted_ids,
        key_document_ids, key_ids, keys, whole);
    PERFORM set_config('docledger.own_change', 'no', true);
END
$$;

COMMENT ON FUNCTION docledger_append(
    text[], bigint[], text[], bytea[], jsonb, text[], text[], text[], bytea[], boolean) IS
    'docledger_append_documents, its own changes of documents marked as such';

-- The same checks of names at a twentieth of their cost: PostgreSQL's regular expressions are slow
-- with a bounded repetition, and every row that is written goes through them.
ALTER TABLE documents_processing_stages
    DROP CONSTRAINT documents_processing_stages_stage_name_check,
    ADD CONSTRAINT documents_processing_stages_stage_name_check
        CHECK (stage_name ~ '^[a-z0-9-]+$' AND length(stage_name) <= 100);
ALTER TABLE stage_output_files
    DROP CONSTRAINT stage_output_files_stage_name_check,
    DROP CONSTRAINT stage_output_files_file_type_check,
    ADD CONSTRAINT stage_output_files_stage_name_check
        CHECK (stage_name ~ '^[a-z0-9-]+$' AND length(stage_name) <= 100),
    ADD CONSTRAINT stage_output_files_file_type_check
        CHECK (file_type ~ '^[a-z0-9_]+$' AND length(file_type) <= 100);
ALTER TABLE processing_workflows
    DROP CONSTRAINT processing_workflows_current_stage_check,
    ADD CONSTRAINT processing_workflows_current_stage_check
        CHECK (current_stage ~ '^[a-z0-9-]+$' AND length(current_stage) <= 100);
