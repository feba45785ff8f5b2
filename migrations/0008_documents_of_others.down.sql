ALTER TABLE processing_workflows
    DROP CONSTRAINT processing_workflows_current_stage_check,
    ADD CONSTRAINT processing_workflows_current_stage_check
        CHECK (current_stage ~ '^[a-z0-9-]{1,100}$');
ALTER TABLE stage_output_files
    DROP CONSTRAINT stage_output_files_stage_name_check,
    DROP CONSTRAINT stage_output_files_file_type_check,
    ADD CONSTRAINT stage_output_files_stage_name_check
        CHECK (stage_name ~ '^[a-z0-9-]{1,100}$'),
    ADD CONSTRAINT stage_output_files_file_type_check
        CHECK (file_type ~ '^[a-z0-9_]{1,100}$');
ALTER TABLE documents_processing_stages
    DROP CONSTRAINT documents_processing_stages_stage_name_check,
    ADD CONSTRAINT documents_processing_stages_stage_name_check
        CHECK (stage_name ~ '^[a-z0-9-]{1,100}$');

-- The functions take their triggers with them, also on a table that somebody else owns.
DROP FUNCTION docledger_note_change() CASCADE;
DROP FUNCTION docledger_note_truncate() CASCADE;
DROP TABLE docledger_document_changes;
DROP FUNCTION docledger_append(
    text[], bigint[], text[], bytea[], jsonb, text[], text[], text[], bytea[], boolean);
ALTER FUNCTION docledger_append_documents(
    text[], bigint[], text[], bytea[], jsonb, text[], text[], text[], bytea[], boolean)
    RENAME TO docledger_append;
