"""Which contents the log names: whatever it does not may be swept."""

from __future__ import annotations

from collections.abc import Iterable

from eventstore.application import WorkflowApplication

# The checksum stands in the open part of the stored JSON; "canonical_checksum" does not match,
# since no quotation mark stands before its last word.
_NAMED = """
    SELECT DISTINCT named.checksum FROM (
        SELECT substring(convert_from(state, 'UTF8') FROM '"checksum":"([0-9a-f]{64})"') AS checksum
        FROM docledger_events WHERE topic IN (
            'DocumentRegistered', 'OriginalStored', 'OutputFileRegistered')
    ) AS named
    WHERE named.checksum = ANY (%s)
"""


def named_checksums(application: WorkflowApplication, candidates: Iterable[str]) -> set[str]:
    """Return those of the candidates that an event names; reads the whole log once."""
    asked = list(candidates)
    if not asked:
        return set()
    with application.append_recorder.datastore.get_connection() as connection:
        rows = connection.execute(_NAMED, (asked,)).fetchall()
    return {row["checksum"] for row in rows}
