DROP TABLE search_chunks;
