"""The statements that every way to the read models uses; those about one table are in `table`."""

LOCK_DOCUMENTS = (
    b"SELECT id, xmin::text FROM documents WHERE id = ANY(%s::text[]) "
    b"ORDER BY id FOR KEY SHARE SKIP LOCKED"
)
"""Keep documents from being deleted, in the order of ids; those locked elsewhere are left out."""

EXISTING_DOCUMENTS = b"SELECT id FROM documents WHERE id = ANY(%s::text[])"
"""Which documents there are, locked or not."""

VERSIONS = b"SELECT version, change, applied_at FROM read_model_versions ORDER BY version"
"""The versions of the read models' tables, each with the change that leads to it."""

APPLIED_VERSION = b"SELECT max(version) FROM read_model_versions WHERE applied_at IS NOT NULL"
"""The version that the tables have."""

MARK_APPLIED = (
    b"UPDATE read_model_versions SET applied_at = clock_timestamp() "
    b"WHERE version <= %s AND applied_at IS NULL"
)
"""Record that the tables have this version."""

READ_MODELS_CHANNEL = "docledger_read_models"
"""The channel that gets the position of each batch that is applied."""

NOTIFY = b"SELECT pg_notify(%s, %s)"
"""Notify listeners on a channel."""
