-- Documents whose folder in the uploads tree is to be looked at again: the disk was full, content
-- could not be read, or the document is parked. No foreign key: the folder of a document that is
-- gone has to be removed, too.
CREATE TABLE uploads_tree_retries (
    document_id text COLLATE "C" PRIMARY KEY,
    failures int NOT NULL DEFAULT 0 CHECK (failures >= 0),
    due_at timestamptz NOT NULL,
    reason text NOT NULL
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

CREATE INDEX uploads_tree_retries_due_idx ON uploads_tree_retries (due_at);

COMMENT ON TABLE uploads_tree_retries IS
    'docledger: documents whose folder in the uploads tree will be brought up to date again';
