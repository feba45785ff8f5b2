-- What searches are answered from: the ingestor's chunks, each indexed in its document's language.
CREATE TABLE search_chunks (
    document_id varchar(255) COLLATE "C" NOT NULL,
    chunk_index int NOT NULL,
    realm_id varchar(255),
    config text COLLATE "C" NOT NULL,
    heading_path text[] NOT NULL,
    body text NOT NULL,
    start_offset int NOT NULL,
    end_offset int NOT NULL,
    token_count int NOT NULL,
    facts jsonb NOT NULL DEFAULT '[]',
    tsv tsvector NOT NULL,
    CONSTRAINT search_chunks_pkey PRIMARY KEY (document_id, chunk_index),
    CONSTRAINT search_chunks_document_id_fkey
        FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE,
    CONSTRAINT search_chunks_offsets_check CHECK (start_offset >= 0 AND end_offset >= start_offset)
);

-- A document's chunks come all at once: the list of pending entries would only defer the work to
-- the first search after them.
CREATE INDEX idx_search_chunks_tsv ON search_chunks USING gin (tsv) WITH (fastupdate = off);
