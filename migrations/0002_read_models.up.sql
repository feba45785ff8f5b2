-- What the API queries: every row is folded from the log, so no value here comes from the
-- database's clock. Names are unqualified on purpose: a rebuild runs the same text in another
-- schema. Statuses are text with checks, stage names are rows: a sixth stage needs no new type.

-- An application may own `documents` already, with more columns; then it is used as it is.
-- One that is made here is marked by its comment, so that the way down drops no other.
DO $$
DECLARE
    id_type text;
    missing text;
BEGIN
    IF to_regclass('public.documents') IS NULL THEN
        CREATE TABLE public.documents (
            id varchar(255) COLLATE "C" PRIMARY KEY,
            title varchar(255),
            content text,
            realm_id varchar(255),
            created_at timestamptz,
            updated_at timestamptz
        );
        CREATE INDEX idx_documents_newest ON public.documents (created_at DESC, id DESC);
        CREATE INDEX idx_documents_realm ON public.documents (realm_id, created_at DESC, id DESC);
        -- The API finds documents by the words of their titles; punctuation parts words.
        CREATE INDEX idx_documents_title_words ON public.documents USING gin (
            to_tsvector('simple', regexp_replace(coalesce(title, ''), '[!-/:-@[-`{-~]+', ' ', 'g'))
        );
        COMMENT ON TABLE public.documents IS 'made by docledger, migration 2';
        RETURN;
    END IF;

    SELECT format_type(atttypid, NULL) INTO id_type
    FROM pg_attribute
    WHERE attrelid = 'public.documents'::regclass AND attname = 'id' AND NOT attisdropped;
    IF id_type IS DISTINCT FROM 'text' AND id_type IS DISTINCT FROM 'character varying' THEN
        RAISE EXCEPTION 'documents.id is of type %; docledger needs text or varchar',
            coalesce(id_type, '(absent)')
            USING ERRCODE = 'datatype_mismatch',
            HINT = 'Change the column''s type, or point docledger at a database of its own.';
    END IF;

    IF NOT EXISTS (
        SELECT FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = 'id'
        WHERE i.indrelid = 'public.documents'::regclass
            AND i.indisunique AND i.indimmediate AND i.indisvalid
            AND i.indpred IS NULL AND i.indexprs IS NULL
            AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
    ) THEN
        RAISE EXCEPTION 'documents.id has no primary key or unique constraint of its own'
            USING ERRCODE = 'invalid_foreign_key',
            HINT = 'Add one: what docledger keeps of a document refers to it.';
    END IF;

    SELECT string_agg(wanted.name, ', ' ORDER BY wanted.ordinal) INTO missing
    FROM unnest(ARRAY['title', 'content', 'realm_id', 'created_at', 'updated_at'])
        WITH ORDINALITY AS wanted (name, ordinal)
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'public.documents'::regclass
            AND attname = wanted.name AND NOT attisdropped
    );
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'documents lacks the columns %', missing
            USING ERRCODE = 'undefined_column',
            HINT = 'Add them, or point docledger at a database of its own.';
    END IF;
END
$$;

CREATE TABLE documents_processing_stages (
    id varchar(356) COLLATE "C" PRIMARY KEY,
    document_id varchar(255) COLLATE "C" NOT NULL,
    stage_name text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL DEFAULT 'pending',
    started_at timestamptz,
    completed_at timestamptz,
    error_message text,
    retry_count int NOT NULL DEFAULT 0,
    created_at timestamptz,
    updated_at timestamptz,
    attempt int NOT NULL DEFAULT 1,
    metadata jsonb,
    CONSTRAINT documents_processing_stages_document_id_fkey
        FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE,
    CONSTRAINT unique_document_stage UNIQUE (document_id, stage_name),
    CONSTRAINT documents_processing_stages_stage_name_check
        CHECK (stage_name ~ '^[a-z0-9-]{1,100}$'),
    CONSTRAINT documents_processing_stages_status_check
        CHECK (status IN ('pending', 'in_progress', 'completed', 'failed', 'skipped')),
    CONSTRAINT documents_processing_stages_retry_count_check CHECK (retry_count >= 0),
    CONSTRAINT documents_processing_stages_attempt_check CHECK (attempt >= 1)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX idx_document_stages ON documents_processing_stages (document_id);
CREATE INDEX idx_stage_status ON documents_processing_stages (stage_name, status);

CREATE TABLE stage_output_files (
    id varchar(457) COLLATE "C" PRIMARY KEY,
    document_id varchar(255) COLLATE "C" NOT NULL,
    stage_name text COLLATE "C" NOT NULL,
    file_type text COLLATE "C" NOT NULL,
    file_path varchar(1024) NOT NULL,
    file_size bigint,
    mime_type varchar(255),
    checksum varchar(64),
    metadata jsonb,
    created_at timestamptz,
    CONSTRAINT stage_output_files_document_id_fkey
        FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE,
    CONSTRAINT unique_document_stage_file UNIQUE (document_id, stage_name, file_type),
    CONSTRAINT stage_output_files_stage_name_check
        CHECK (stage_name ~ '^[a-z0-9-]{1,100}$'),
    CONSTRAINT stage_output_files_file_type_check CHECK (file_type ~ '^[a-z0-9_]{1,100}$')
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX idx_document_files ON stage_output_files (document_id);
CREATE INDEX idx_stage_files ON stage_output_files (stage_name, file_type);

CREATE TABLE processing_workflows (
    id varchar(300) COLLATE "C" PRIMARY KEY,
    document_id varchar(255) COLLATE "C" NOT NULL,
    workflow_type text COLLATE "C" NOT NULL DEFAULT 'manual',
    total_stages int NOT NULL DEFAULT 5,
    completed_stages int NOT NULL DEFAULT 0,
    current_stage text COLLATE "C",
    started_at timestamptz,
    completed_at timestamptz,
    configuration jsonb,
    created_at timestamptz,
    updated_at timestamptz,
    status text COLLATE "C" NOT NULL DEFAULT 'running',
    CONSTRAINT processing_workflows_document_id_fkey
        FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE,
    CONSTRAINT processing_workflows_workflow_type_check
        CHECK (workflow_type IN ('automatic', 'manual')),
    CONSTRAINT processing_workflows_current_stage_check
        CHECK (current_stage ~ '^[a-z0-9-]{1,100}$'),
    CONSTRAINT processing_workflows_status_check
        CHECK (status IN ('running', 'paused', 'cancelled', 'failed', 'completed'))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX idx_workflow_status ON processing_workflows (current_stage, workflow_type);
-- Not in the requirement, but a document's delete cascades here and the API reads by document.
CREATE INDEX idx_workflow_document ON processing_workflows (document_id);

CREATE TABLE stage_dependencies (
    id varchar(255) COLLATE "C" PRIMARY KEY,
    stage_name text COLLATE "C" NOT NULL,
    depends_on_stage text COLLATE "C",
    is_required boolean NOT NULL DEFAULT true,
    execution_order int NOT NULL,
    CONSTRAINT unique_dependency UNIQUE NULLS NOT DISTINCT (stage_name, depends_on_stage),
    CONSTRAINT stage_dependencies_stage_name_check
        CHECK (stage_name ~ '^[a-z0-9-]{1,100}$' AND stage_name <> 'completed'),
    CONSTRAINT stage_dependencies_depends_on_stage_check
        CHECK (depends_on_stage ~ '^[a-z0-9-]{1,100}$' AND depends_on_stage <> stage_name)
);

CREATE INDEX idx_stage_order ON stage_dependencies (execution_order);

-- dep_4 as it was meant: the chunker waits for the optimizer unless that was skipped.
INSERT INTO stage_dependencies (id, stage_name, depends_on_stage, is_required, execution_order)
VALUES
    ('dep_1', 'markdown-conversion', NULL, true, 1),
    ('dep_2', 'markdown-optimizer', 'markdown-conversion', false, 2),
    ('dep_3', 'chunker', 'markdown-conversion', true, 3),
    ('dep_4', 'chunker', 'markdown-optimizer', false, 3),
    ('dep_5', 'fact-generator', 'chunker', true, 4),
    ('dep_6', 'ingestor', 'fact-generator', true, 5),
    ('dep_7', 'ingestor', 'chunker', true, 5);

-- The projector's own notes about a document. No foreign key: they may outlive the document.
CREATE TABLE document_streams (
    document_id varchar(255) COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    position bigint NOT NULL,
    run int NOT NULL DEFAULT 0,
    original_name text,
    original_checksum varchar(64),
    original_size_bytes bigint NOT NULL DEFAULT 0,
    original_mime_type text,
    pipeline jsonb NOT NULL DEFAULT '[]',
    staged jsonb NOT NULL DEFAULT '[]',
    file_versions jsonb NOT NULL DEFAULT '{}',
    parked_at timestamptz,
    parked_position bigint,
    parked_error text,
    CONSTRAINT document_streams_parked_check
        CHECK ((parked_at IS NULL) = (parked_position IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX idx_document_streams_parked ON document_streams (document_id)
    WHERE parked_at IS NOT NULL;

-- How far each consumer of the log is; whoever applies events holds its row's lock meanwhile.
CREATE TABLE tracking (
    projection text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL CHECK (position >= 0),
    updated_at timestamptz
) WITH (
    -- A few rows, each updated many times a second: keep updates on the page and vacuum often.
    fillfactor = 50, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0
);

CREATE VIEW document_processing_stages AS SELECT * FROM documents_processing_stages;

COMMENT ON VIEW document_processing_stages IS
    'documents_processing_stages by the name that the requirement also uses';
