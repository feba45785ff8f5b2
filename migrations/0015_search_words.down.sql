DROP INDEX idx_search_chunks_earlier;
DROP INDEX idx_search_chunks_tsv;
-- An earlier program fills the store again.
DELETE FROM search_documents WHERE index_version > 1;
DELETE FROM search_chunks WHERE index_version > 1;
ALTER TABLE search_documents DROP COLUMN title_md5;
COMMENT ON COLUMN search_chunks.config IS NULL;
COMMENT ON COLUMN search_chunks.body IS NULL;
ALTER TABLE search_chunks
    DROP COLUMN pages, DROP COLUMN index_version, ALTER COLUMN tsv SET STORAGE EXTENDED;
CREATE INDEX idx_search_chunks_tsv ON search_chunks USING gin (tsv) WITH (fastupdate = off);
