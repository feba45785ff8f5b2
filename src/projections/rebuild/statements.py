"""The statements of a rebuild: reports, sessions, parked documents, tracking and swap.

Those that read PostgreSQL's catalogs are in `catalog_statements`; what makes the new tables is put
together from what the catalogs say, in `shadow`, `indexes` and `swap`.
"""

SESSION_SETTINGS = (
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = '60s'; "
    "SET search_path = public; SET timezone = 'UTC'; "
    "SET client_connection_check_interval = '2s'; "
    # what is lost in a crash is built again: only the swap has to be on disk
    "SET synchronous_commit = off; SET lock_timeout = '50ms'; "
    # one index a core is built at a time
    "SET maintenance_work_mem = '128MB'; SET max_parallel_maintenance_workers = 0"
)
"""How a session is set up that works on tables which nothing else uses."""

SET_APPLICATION_NAME = b"SELECT set_config('application_name', %s, false)"
"""Name the session in pg_stat_activity."""

END_LEFTOVERS = b"""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = %s
"""
"""End the sessions that a killed rebuild has left."""

LOCK_ALL_POSITIONS = b"SELECT projection, position FROM tracking ORDER BY 1 FOR UPDATE"
"""Keep every consumer of the log still; their positions."""

NAMESPACE = b"SELECT to_regnamespace(%s)"
"""The schema of this quoted name, null if there is none."""

PARKED_IN_LIVE_TABLES = b"""
    SELECT document_id, parked_position, parked_at, coalesce(parked_error, '')
    FROM public.document_streams WHERE parked_at IS NOT NULL
"""
"""Every document that is parked in the live tables."""

DELETE_ORPHANS = """
    DELETE FROM {table} t WHERE NOT EXISTS (SELECT FROM public.documents d WHERE d.id = t.{column})
"""
"""Delete a new table's rows of documents that `documents` has no more."""

DIFFERENCES = """
    SELECT coalesce(l.document_id, s.document_id), coalesce(l.{key}, s.{key}),
        CASE WHEN l.{key} IS NULL THEN 'missing' WHEN s.{key} IS NULL THEN 'extra'
            ELSE 'changed' END,
        to_jsonb(l), to_jsonb(s)
    FROM {live} l FULL JOIN {shadow} s ON s.{key} = l.{key}
    WHERE l.{key} IS NULL OR s.{key} IS NULL OR to_jsonb(l) <> to_jsonb(s)
    ORDER BY 1, 2
"""
"""Every row in which a live table and a new one differ, as JSON: their columns may differ."""

REGISTER_REBUILD = b"""
    INSERT INTO read_model_rebuilds (id, tables, started_at, updated_at)
    VALUES (%s, %s, clock_timestamp(), clock_timestamp())
    ON CONFLICT (id) DO NOTHING
"""
"""Write the row of a rebuild that begins, unless it is there."""

END_KILLED = b"""
    UPDATE read_model_rebuilds SET phase = 'failed', finished_at = updated_at, waiting_for = NULL,
        error = 'its process died; the live tables are as they were'
    WHERE finished_at IS NULL AND id <> %s
"""
"""End the rows of rebuilds whose process died."""

END_FAILED = b"""
    UPDATE read_model_rebuilds SET phase = 'failed', waiting_for = NULL, error = %s,
        updated_at = clock_timestamp(), finished_at = clock_timestamp()
    WHERE id = %s AND finished_at IS NULL
"""
"""End the row of a rebuild that failed and could not say so itself."""

DELETE_OLD_ROWS = b"""
    DELETE FROM read_model_rebuilds WHERE id NOT IN (
        SELECT id FROM read_model_rebuilds ORDER BY started_at DESC LIMIT %s)
"""
"""Delete the rows of old rebuilds."""

REPORT_REBUILD = b"""
    UPDATE read_model_rebuilds SET phase = %(phase)s, events_done = %(events_done)s,
        events_total = %(events_total)s, folding_seconds = %(folding_seconds)s,
        documents = %(documents)s, position = %(position)s,
        waiting_for = %(waiting_for)s, error = %(error)s, updated_at = clock_timestamp(),
        finished_at = CASE WHEN %(phase)s IN ('done', 'failed') THEN clock_timestamp() END
    WHERE id = %(id)s
"""
"""Write how far a rebuild is."""

REBUILD_SCHEMAS = b"SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s) OR nspname = %s"
"""The schemas that rebuilds have made."""

FOREIGN_KEYS_OF_SCHEMA = b"""
    SELECT format('%%I.%%I', %(schema)s::text, t.relname), c.conname FROM pg_constraint c
    JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE n.nspname = %(schema)s AND c.contype = 'f' ORDER BY 1, 2
"""
"""The foreign keys of a schema's tables, each with its table."""

TABLES_OF_SCHEMA = b"""
    SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables WHERE schemaname = %s ORDER BY 1
"""
"""The tables of a schema by their quoted names."""
