-- Rebuilds of the read models, and the changes of them that only a rebuild brings about.

-- How far each rebuild is, or how it ended; times are the database's.
CREATE TABLE read_model_rebuilds (
    id text COLLATE "C" PRIMARY KEY,
    tables text[] NOT NULL,
    phase text COLLATE "C" NOT NULL DEFAULT 'preparing',
    started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    events_done bigint NOT NULL DEFAULT 0,
    events_total bigint NOT NULL DEFAULT 0,
    folding_seconds double precision NOT NULL DEFAULT 0,
    documents bigint NOT NULL DEFAULT 0,
    position bigint NOT NULL DEFAULT 0,
    waiting_for text,
    error text,
    CONSTRAINT read_model_rebuilds_phase_check CHECK (phase IN (
        'preparing', 'folding', 'indexing', 'catching_up', 'swapping', 'cleaning_up',
        'done', 'failed'))
);

CREATE INDEX idx_read_model_rebuilds_newest ON read_model_rebuilds (started_at DESC);

COMMENT ON TABLE read_model_rebuilds IS 'docledger: rebuilds of the read models and their progress';
COMMENT ON COLUMN read_model_rebuilds.position IS
    'the position in the log of which the new tables show everything';
COMMENT ON COLUMN read_model_rebuilds.waiting_for IS
    'whose transaction keeps the new tables from being swapped in';

-- Tell whether a rebuild runs: its session holds the lock, and lets go of it however it ends.
CREATE FUNCTION docledger_rebuild_is_running() RETURNS boolean LANGUAGE sql AS
$$
    SELECT EXISTS (SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (classid::int8 << 32) | objid::int8 = 7237112443634541156 AND objsubid = 1)
$$;

-- The shapes that the read models went through. A program applies events only to tables of its own
-- version; a change without applied_at waits for the rebuild that makes tables of the new shape.
CREATE TABLE read_model_versions (
    version int PRIMARY KEY CHECK (version > 0),
    change text NOT NULL,
    applied_at timestamptz
);

COMMENT ON TABLE read_model_versions IS
    'docledger: versions of the read models; one without applied_at waits for a rebuild';

INSERT INTO read_model_versions (version, change, applied_at) VALUES (1, '', now());

-- Run a change on the live tables; the view that shows all of one of them is made anew around it.
CREATE FUNCTION docledger_alter_read_models(change text) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
    said text := obj_description('document_processing_stages'::regclass, 'pg_class');
    granted text[];
    statement text;
BEGIN
    SELECT array_agg(format('GRANT %s ON document_processing_stages TO %s%s', a.privilege_type,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
            CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)) INTO granted
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'document_processing_stages'::regclass AND a.grantee <> c.relowner;
    DROP VIEW document_processing_stages;
    EXECUTE change;
    EXECUTE 'CREATE VIEW document_processing_stages AS SELECT * FROM documents_processing_stages';
    EXECUTE format('COMMENT ON VIEW document_processing_stages IS %L', said);
    FOREACH statement IN ARRAY coalesce(granted, '{}') LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

-- Have the next rebuild make the read models' tables with this change: statements in which their
-- names are unqualified. Tables of an empty log have nothing to compute, so they change at once.
CREATE FUNCTION docledger_change_read_models(version int, change text) RETURNS void
LANGUAGE plpgsql AS
$$
DECLARE
    is_empty boolean;
BEGIN
    PERFORM docledger_lock_log();
    SELECT NOT EXISTS (SELECT FROM docledger_events) INTO is_empty;
    IF is_empty THEN
        PERFORM docledger_alter_read_models(change);
    END IF;
    INSERT INTO read_model_versions (version, change, applied_at)
        VALUES (version, change, CASE WHEN is_empty THEN now() END);
END
$$;

-- Take a version back: forget a change that still waits, else undo it on the tables as they are.
CREATE FUNCTION docledger_unchange_read_models(undone int, change text) RETURNS void
LANGUAGE plpgsql AS
$$
DECLARE
    was_applied boolean;
BEGIN
    DELETE FROM read_model_versions v WHERE v.version = undone
        RETURNING v.applied_at IS NOT NULL INTO was_applied;
    IF was_applied THEN
        PERFORM docledger_alter_read_models(change);
    END IF;
END
$$;
