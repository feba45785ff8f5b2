DROP TABLE uploads_tree_retries;
