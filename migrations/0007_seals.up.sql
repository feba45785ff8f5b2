-- A Merkle tree over the log, as certificate transparency logs keep one (RFC 6962): what was
-- appended is added now and then by the projector's side, never by an append. Leaves are numbered
-- from 0 in the order of their positions, whatever gaps these have.

CREATE TABLE log_seals (
    size bigint PRIMARY KEY CHECK (size > 0),
    position bigint NOT NULL UNIQUE CHECK (position >= size),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    sealed_at timestamptz NOT NULL
);

COMMENT ON TABLE log_seals IS 'docledger: the root over the first "size" events of the log';
COMMENT ON COLUMN log_seals.position IS 'the position of the last event that is sealed';

-- Up to 256 hashes side by side: leaves on level 0, above it the roots of the full tiles below.
CREATE TABLE log_seal_tiles (
    level int NOT NULL CHECK (level >= 0),
    index bigint NOT NULL CHECK (index >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (level, index)
);

-- Hashes cannot be compressed.
ALTER TABLE log_seal_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

COMMENT ON TABLE log_seal_tiles IS 'docledger: the hashes below the roots in log_seals';
