-- The search store becomes a read model that fills itself, and workers say which stages they run.

-- Which workers live, and the stages whose executors they have; times are the database's.
CREATE TABLE stage_workers (
    name text COLLATE "C" PRIMARY KEY,
    host text NOT NULL,
    slots int NOT NULL,
    stages text[] NOT NULL,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);

COMMENT ON TABLE stage_workers IS
    'docledger: workers and the stages that they can run; one that was not seen for 15 s is dead';

-- Jobs that wait for a worker with a stage's executor, by document: what is shown of a stage.
CREATE INDEX docledger_stage_jobs_idx ON docledger_queue.pgqueuer ((headers ->> 'documentId'))
    WHERE entrypoint <> 'document';

-- What each document's rows in search_chunks were made of. A document without a row, with another
-- version than the program's or with other contents than its current outputs is due.
CREATE TABLE search_documents (
    document_id varchar(255) COLLATE "C" PRIMARY KEY,
    index_version int NOT NULL,
    chunks_checksum text NOT NULL,
    facts_checksum text,
    chunks int NOT NULL,
    problem text,
    CONSTRAINT search_documents_document_id_fkey
        FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE
);

COMMENT ON TABLE search_documents IS
    'docledger: what the search store holds of each document, and what that was made of';

-- As wide as a realm of another application's documents may be.
ALTER TABLE search_chunks ALTER COLUMN realm_id TYPE text;

ALTER TABLE tracking ADD COLUMN version int;

COMMENT ON COLUMN tracking.version IS
    'the version of what this consumer makes; null where it has none, or is to look at everything';

-- A statement that moves a document to another realm moves what is found of it. It never fails
-- or waits for that: what is missed is moved by the indexer.
CREATE FUNCTION docledger_move_search_chunks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off SET lock_timeout = '250ms' AS
$$
BEGIN
    IF OLD.realm_id::text IS DISTINCT FROM NEW.realm_id::text THEN
        BEGIN
            UPDATE search_chunks SET realm_id = NEW.realm_id::text WHERE document_id = NEW.id;
        EXCEPTION WHEN others THEN
            NULL;
        END;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER docledger_move_search_chunks AFTER UPDATE ON documents FOR EACH ROW
    EXECUTE FUNCTION docledger_move_search_chunks();

-- A store that is emptied is filled again: every document is due then.
CREATE FUNCTION docledger_forget_search_documents() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS
$$
BEGIN
    DELETE FROM search_documents;
    RETURN NULL;
END
$$;

CREATE TRIGGER docledger_forget_search_documents AFTER TRUNCATE ON search_chunks
    FOR EACH STATEMENT EXECUTE FUNCTION docledger_forget_search_documents();

ALTER TABLE read_model_rebuilds
    DROP CONSTRAINT read_model_rebuilds_phase_check,
    ADD CONSTRAINT read_model_rebuilds_phase_check CHECK (phase IN (
        'preparing', 'folding', 'filling', 'indexing', 'catching_up', 'swapping', 'cleaning_up',
        'done', 'failed'));
