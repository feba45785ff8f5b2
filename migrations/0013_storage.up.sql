-- Which storage of files is this database's, so that no process works with another by mistake.

CREATE TABLE docledger_storage (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    storage_id text COLLATE "C" NOT NULL,
    location text NOT NULL,
    adopted_at timestamptz NOT NULL
);

COMMENT ON TABLE docledger_storage IS
    'docledger: the storage of files that belongs to this database; one row, none until one is adopted';
COMMENT ON COLUMN docledger_storage.storage_id IS
    'what the object .docledger-storage-id at the root of the storage says';
COMMENT ON COLUMN docledger_storage.location IS 'where it was when it was adopted, for people';
