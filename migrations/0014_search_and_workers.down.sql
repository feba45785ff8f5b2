UPDATE read_model_rebuilds SET phase = 'preparing' WHERE phase = 'filling';
ALTER TABLE read_model_rebuilds
    DROP CONSTRAINT read_model_rebuilds_phase_check,
    ADD CONSTRAINT read_model_rebuilds_phase_check CHECK (phase IN (
        'preparing', 'folding', 'indexing', 'catching_up', 'swapping', 'cleaning_up',
        'done', 'failed'));
DROP TRIGGER docledger_forget_search_documents ON search_chunks;
DROP FUNCTION docledger_forget_search_documents();
DROP TRIGGER docledger_move_search_chunks ON documents;
DROP FUNCTION docledger_move_search_chunks();
DELETE FROM tracking WHERE projection = 'search_store';
ALTER TABLE tracking DROP COLUMN version;
-- Longer ones do not fit; the ingestor refused them before.
DELETE FROM search_chunks WHERE length(realm_id) > 255;
ALTER TABLE search_chunks ALTER COLUMN realm_id TYPE varchar(255);
DROP TABLE search_documents;
-- Programs of before know one kind of job.
UPDATE docledger_queue.pgqueuer SET entrypoint = 'document' WHERE entrypoint LIKE 'stage:%';
DROP INDEX docledger_queue.docledger_stage_jobs_idx;
DROP TABLE stage_workers;
