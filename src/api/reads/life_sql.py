"""SQL that tells lives of an id apart: of which one the rows of a document d and its stream s are.

A row in `documents` is of the current life from the append on that registers it; the read models
follow. All of it is read by one statement, so of one moment. Statements that are asked for most
have these in them, so that each node of a plan counts.
"""

# Only names of ours are put together here.
# ruff: noqa: S608

from __future__ import annotations

from domain.lives import BEGINS_LIFE

PROJECTION = "read_models"
TRACKED = f"SELECT position FROM tracking WHERE projection = '{PROJECTION}'"

REGISTERED_SINCE = f"""EXISTS (SELECT FROM docledger_events later
        WHERE later.originator_id = d.id AND later.originator_version > coalesce(s.version, 0)
            AND later.topic = '{BEGINS_LIFE}')"""
"""True when the log has a registration that the stream's row does not know of yet."""

# The greatest position is at the index's end; whether any is greater may be planned as a scan.
MANY_REGISTERED_SINCE = f"""((s.parked_at IS NOT NULL
        OR (SELECT coalesce(max(notification_id), 0) FROM docledger_events)
            > coalesce(({TRACKED}), 0)) AND {REGISTERED_SINCE})"""
"""The same, for many documents at once: nothing is asked for each where all is projected."""

REPLACED = f"""EXISTS (SELECT FROM docledger_document_changes c
        WHERE c.document_id = d.id AND c.change = 'deleted' AND NOT EXISTS (
            SELECT FROM docledger_events later WHERE later.originator_id = c.document_id
                AND later.originator_version > coalesce(c.version, 0)
                AND later.topic = '{BEGINS_LIFE}'))"""
"""True when another application deleted the row that the log knows, and this one is not it."""

UNPROJECTED = "unprojected AS MATERIALIZED (SELECT docledger_unprojected_documents() AS id)"
"""The documents of the log that lists leave out, as a common table expression."""

# Not EXISTS: that may become a join, which would not keep the order in which documents lie.
PROJECTED = "NOT (x.id IN (SELECT id FROM unprojected))"
"""True for a document x that the read models show whole, or that the log does not know."""
