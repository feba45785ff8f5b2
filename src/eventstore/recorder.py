"""The library's recorder with the append of migration 0001 in place of its table lock."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.types.json import Jsonb

from eventstore.document_keys import DocumentKeys

_APPEND = """
    SELECT event_position, event_at, refusal FROM docledger_append(
        %s::text[], %s::bigint[], %s::text[], %s::bytea[], %s::jsonb, %s::text[],
        %s::text[], %s::text[], %s::bytea[])
"""
_SELECT_STREAMS = """
    SELECT e.originator_id, e.originator_version, e.topic, e.state, e.notification_id
    FROM unnest(%s::text[], %s::bigint[]) AS wanted (id, after)
    JOIN docledger_events e ON e.originator_id = wanted.id AND e.originator_version > wanted.after
    ORDER BY e.originator_id, e.originator_version
"""


@dataclass
class Append:
    """What goes into one append beside the events, and what came of it.

    `registrations` are rows of `documents`, each with the index of its event. `refusals` tells
    by document why nothing of it was stored; `stored` has position and time of each event, in
    order, None for the refused.
    """

    registrations: list[dict[str, Any]] = field(default_factory=list)
    deleted_ids: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    stored: list[tuple[int, str] | None] = field(default_factory=list)


class AppendRecorder(PostgresApplicationRecorder):
    """Appends whole documents' events in one round trip; a conflict refuses its document only."""

    def __init__(
        self, datastore: PostgresDatastore, keys: DocumentKeys, events_table_name: str
    ) -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        self._keys = keys

    def insert_events(
        self, stored_events: Sequence[StoredEvent], *, append: Append | None = None, **_: Any
    ) -> Sequence[int]:
        """Append the events; return a position each, 0 for those of a refused document.

        Without `append` (the library's own save) a refusal raises IntegrityError. Nothing is
        tried again here: after a lost connection only the caller can tell whether its events
        landed.
        """
        asked = append or Append()
        proposed = self._keys.proposed([str(e.originator_id) for e in stored_events])
        won: set[str] = set()
        try:
            rows = self._append(stored_events, asked, proposed)
            for event, row in zip(stored_events, rows, strict=True):
                document_id = str(event.originator_id)
                if row["refusal"] is None:
                    won.add(document_id)
                    asked.stored.append((row["event_position"], row["event_at"]))
                else:
                    asked.refusals[document_id] = row["refusal"]
                    asked.stored.append(None)
        finally:
            self._keys.settle(proposed, won)
        if append is None and asked.refusals:
            raise IntegrityError(f"conflicts: {asked.refusals}")
        return [0 if stored is None else stored[0] for stored in asked.stored]

    def _append(
        self, events: Sequence[StoredEvent], asked: Append, proposed: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        parameters = (
            [e.originator_id for e in events],
            [e.originator_version for e in events],
            [e.topic for e in events],
            [e.state for e in events],
            Jsonb(asked.registrations, dumps=json.dumps) if asked.registrations else None,
            asked.deleted_ids,
            list(proposed),
            [key.key_id for key in proposed.values()],
            [key.key for key in proposed.values()],
        )
        with self.datastore.get_connection() as connection:
            return connection.execute(_APPEND, parameters, prepare=True).fetchall()

    def select_streams(
        self, after_versions: Mapping[str, int], *, locked: bool = False
    ) -> dict[str, list[tuple[int, StoredEvent]]]:
        """Return (position, event) of each document after the version given for it.

        With `locked`, whatever an earlier append still does is waited for first.
        """
        found: dict[str, list[tuple[int, StoredEvent]]] = defaultdict(list)
        with self.datastore.get_connection() as connection, connection.transaction():
            if locked:
                connection.execute("SELECT docledger_lock_log()")
            rows = connection.execute(
                _SELECT_STREAMS,
                (list(after_versions), list(after_versions.values())),
                prepare=True,
            )
            for row in rows:
                found[row["originator_id"]].append((row["notification_id"], stored_event(row)))
        return found


def stored_event(row: Mapping[str, Any]) -> StoredEvent:
    """Return the library's stored event of a row."""
    return StoredEvent(
        row["originator_id"], row["originator_version"], row["topic"], bytes(row["state"])
    )
