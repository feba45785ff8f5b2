"""The statements of the live projector."""

SESSION_SETTINGS = (
    "SET timezone = 'UTC'; SET lock_timeout = '5s'; "
    # a projector that hangs, or whose host is gone, must not keep the others from working
    "SET idle_in_transaction_session_timeout = '30s'; "
    # every row is found by its key; plans made while the tables were empty would scan them
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET plan_cache_mode = force_generic_plan; SET jit = off"
)
"""How a session of the projector is set up."""

PARKED_DOCUMENTS = (
    b"SELECT document_id, parked_position AS position, parked_at AS at, "
    b"coalesce(parked_error, '') AS reason FROM document_streams "
    b"WHERE parked_at IS NOT NULL ORDER BY parked_at, document_id LIMIT %s"
)
"""The parked documents, those parked first at the head."""

PARKED_FOR_REASON = (
    b"SELECT document_id FROM document_streams "
    b"WHERE parked_at IS NOT NULL AND parked_error = %s ORDER BY parked_at LIMIT %s"
)
"""The documents that are parked for one reason."""

NEW_DOCUMENTS_AFTER = b"""
    SELECT coalesce(min(notification_id), 0), count(*) FROM docledger_events
    WHERE notification_id > %s AND notification_id <= %s AND originator_version = 1
"""
"""How many documents begin in a stretch of the log, and where the first of them does."""

EVENTS_BETWEEN = b"""
    SELECT count(*) FROM docledger_events WHERE notification_id > %s AND notification_id < %s
"""
"""How many events the log has between two positions."""

LOCK_DOCUMENTS_OF_STRETCH = b"""
    WITH kept AS MATERIALIZED (
        SELECT d.id FROM documents d WHERE d.id = ANY (ARRAY(
            SELECT e.originator_id FROM docledger_events e
            WHERE e.notification_id BETWEEN %(first)s AND %(last)s
                AND e.originator_version = %(version)s))
        ORDER BY d.id FOR KEY SHARE SKIP LOCKED
    )
    SELECT count(*) FROM kept
"""
"""Keep the documents of a stretch of the log from being deleted; how many were there and free."""

ONLY_DOCUMENT_KEYS_CHECKED = b"""
    SELECT has_parameter_privilege('session_replication_role', 'SET') AND NOT EXISTS (
        SELECT FROM pg_trigger t
        LEFT JOIN pg_constraint c ON c.oid = t.tgconstraint AND c.contype = 'f'
            AND c.confrelid = 'documents'::regclass
        LEFT JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attname = 'document_id'
        WHERE t.tgrelid = ANY (%s::regclass[]) AND t.tgtype & 4 = 4
            AND c.conkey IS DISTINCT FROM ARRAY[a.attnum]
    )
"""
"""Whether an insert into these tables fires nothing but the checks that its document is there."""

SET_REPLICATION_ROLE = b"SELECT set_config('session_replication_role', %s, true)"
"""Switch triggers, foreign keys among them, off or on until the transaction ends."""

INSERT_FOR_EACH_DOCUMENT = """
    INSERT INTO {table} ({names}) SELECT {values} FROM docledger_events log
    CROSS JOIN json_populate_recordset(NULL::{table}, %(sample)s::json) sample
    WHERE log.notification_id BETWEEN %(first)s AND %(last)s
        AND log.originator_version = %(version)s
"""
"""Write a table's sample rows once for each document of a stretch of the log."""
