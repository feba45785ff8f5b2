"""SQL that tells lives of an id apart: of which one the rows of a document d and its stream s are.

A row in `documents` is of the current life from the append on that registers it; the read models
follow. All of it is read by one statement, so of one moment.
"""

from __future__ import annotations

# One probe of the log's index, which finds nothing behind the version that is projected.
REGISTERED_SINCE = """EXISTS (SELECT FROM docledger_events later
        WHERE later.originator_id = d.id AND later.originator_version > coalesce(s.version, 0)
            AND later.topic = 'DocumentRegistered')"""
"""True when the log has a registration that the stream's row does not know of yet."""

REPLACED = """EXISTS (SELECT FROM docledger_document_changes c
        WHERE c.document_id = d.id AND c.change = 'deleted' AND NOT EXISTS (
            SELECT FROM docledger_events later WHERE later.originator_id = c.document_id
                AND later.originator_version > coalesce(c.version, 0)
                AND later.topic = 'DocumentRegistered'))"""
"""True when another application deleted the row that the log knows, and this one is not it."""

PARKED = """SELECT json_build_object('position', p.parked_position) FROM document_streams p
        WHERE p.document_id = d.id AND p.parked_at IS NOT NULL"""
"""Where the document is parked, as JSON; no row if it is not."""

OF_THIS_LIFE = f"NOT {REPLACED} AND (s.parked_at IS NULL OR NOT {REGISTERED_SINCE})"
"""What joins a stream's row to a document of lists, which leave out what is not projected yet."""

UNPROJECTED = "unprojected AS MATERIALIZED (SELECT docledger_unprojected_documents() AS id)"
"""The documents of the log that lists leave out, as a common table expression."""

# Not EXISTS: that may become a join, which would not keep the order in which documents lie.
PROJECTED = "NOT (x.id IN (SELECT id FROM unprojected))"
"""True for a document x that the read models show whole, or that the log does not know."""
