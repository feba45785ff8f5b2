"""A database as an application may have it before docledger comes."""

from __future__ import annotations

import psycopg

DOCUMENTS = 10_000

_SCHEMA = """
CREATE TYPE visibility AS ENUM ('private', 'shared');

CREATE TABLE owners (id serial PRIMARY KEY, name text NOT NULL);

CREATE TABLE documents (
    id varchar(255) PRIMARY KEY,
    title varchar(255),
    content text,
    realm_id varchar(255),
    created_at timestamp,
    updated_at timestamp,
    owner_id int NOT NULL REFERENCES owners (id),
    visibility visibility NOT NULL DEFAULT 'private',
    tags text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX documents_owner ON documents (owner_id) WHERE visibility = 'shared';
COMMENT ON TABLE documents IS 'the application''s own';

-- Names that docledger wants as well, of the older kinds: a table where it has a view, tables
-- whose indexes and constraints are called like its own, an identity column, a view.
CREATE TABLE document_processing_stages (
    id varchar(255) PRIMARY KEY,
    document_id varchar(255) NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    stage_name text NOT NULL,
    CONSTRAINT unique_document_stage UNIQUE (document_id, stage_name)
);
CREATE INDEX idx_document_stages ON document_processing_stages (document_id);
CREATE INDEX idx_stage_status ON document_processing_stages (stage_name);

CREATE TABLE stage_output_files (
    id bigserial PRIMARY KEY,
    document_id varchar(255) NOT NULL REFERENCES documents (id),
    file_type visibility NOT NULL
);
CREATE INDEX idx_document_files ON stage_output_files (document_id);

CREATE TABLE processing_workflows (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    note text CHECK (note <> '')
);
CREATE VIEW stage_dependencies AS SELECT DISTINCT stage_name FROM document_processing_stages;
CREATE VIEW notes AS SELECT note FROM processing_workflows;

INSERT INTO owners (name) VALUES ('ada'), ('grace');
INSERT INTO processing_workflows (note) VALUES ('kept');
"""

_ROWS = """
INSERT INTO documents
SELECT 'doc-' || n, 'Title ' || n, repeat('text ', n %% 50), 'realm-' || n %% 3,
    timestamp '2020-01-01' + n * interval '1 minute', NULL, 1 + n %% 2,
    (ARRAY['private', 'shared'])[1 + n %% 2]::visibility, ARRAY['t' || n %% 7]
FROM generate_series(1, %s) AS n;
"""

_STAGES = """
INSERT INTO document_processing_stages
SELECT id || '_old', id, 'old' FROM documents;
"""


def make_legacy_database(url: str) -> None:
    """Fill an empty database with the application's tables and rows."""
    with psycopg.connect(url) as connection:
        connection.execute(_SCHEMA)
        connection.execute(_ROWS, [DOCUMENTS])
        connection.execute(_STAGES)
