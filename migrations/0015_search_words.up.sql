-- The search store holds words that docledger prepares itself. Rows made before are found as they
-- were until the indexer has filled the store again from stored chunks.
ALTER TABLE search_chunks
    ADD COLUMN index_version int NOT NULL DEFAULT 1,
    ADD COLUMN pages int[],
    -- Ranking reads it whole, and it hardly compresses.
    ALTER COLUMN tsv SET STORAGE EXTERNAL;

COMMENT ON COLUMN search_chunks.body IS
    'docledger: the text that a reader sees; Markdown where index_version is 1';
COMMENT ON COLUMN search_chunks.config IS
    'docledger: the language whose stems are in tsv; the name of a configuration where index_version is 1';

-- What a document is searched by changes with its title.
ALTER TABLE search_documents ADD COLUMN title_md5 text;

-- The realm is in the index too: a small realm is searched through its own chunks alone. Chunks
-- wait in a short list, so that the words of many are sorted in at once.
DROP INDEX idx_search_chunks_tsv;
CREATE INDEX idx_search_chunks_tsv ON search_chunks USING gin (tsv, (ARRAY[realm_id]))
    WITH (fastupdate = on, gin_pending_list_limit = 1024);
CREATE INDEX idx_search_chunks_earlier ON search_chunks (document_id) WHERE index_version < 2;
