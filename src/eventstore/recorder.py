"""The library's recorder with the append of the migrations in place of its table lock."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from domain.json_types import JsonObject
from eventstore.array_literals import bigint_array, bytea_array, text_array
from eventstore.document_keys import DocumentKey, DocumentKeys, DocumentLife, SealingKey
from eventstore.mapper import SealedEvent

_APPEND = """
    SELECT event_position, event_at, refusal FROM docledger_append(
        %s::text[], %s::bigint[], %s::text[], %s::bytea[], %s::jsonb, %s::text[],
        %s::text[], %s::int[], %s::text[], %s::bytea[], %s)
"""
# One probe of the index per document; a join may be planned as a scan of the whole log. The newest
# life's key comes along, since what is read is unsealed next, and what is written then is sealed.
_SELECT_STREAMS = """
    SELECT e.*, k.life, k.key_id, k.key
    FROM unnest(%s::text[], %s::bigint[]) AS wanted (id, after)
    LEFT JOIN LATERAL (
        SELECT life, key_id, key FROM document_keys WHERE document_id = wanted.id
        ORDER BY life DESC LIMIT 1
    ) AS k ON true
    CROSS JOIN LATERAL (
        SELECT originator_id, originator_version, topic, state, notification_id
        FROM docledger_events
        WHERE originator_id = wanted.id AND originator_version > wanted.after
        ORDER BY originator_version LIMIT 9223372036854775807
    ) AS e
"""


@dataclass
class Append:
    """What goes into one append beside the events, and what came of it.

    `registrations` are rows of `documents`, each with the index of its event. `lives` has the life
    that a document's events are of, where it is known. `refusals` tells by document why nothing of
    it was stored; `stored` has position and time of each event, in order, None for the refused.
    `on_sending` is called when all is ready to be sent; what it raises keeps it from being sent.
    """

    registrations: list[JsonObject] = field(default_factory=list)
    deleted_ids: list[str] = field(default_factory=list)
    lives: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    stored: list[tuple[int, str] | None] = field(default_factory=list)
    on_sending: Callable[[], None] = lambda: None


class AppendRecorder(PostgresApplicationRecorder):
    """Appends whole documents' events in one round trip; a conflict refuses its document only."""

    def __init__(
        self, datastore: PostgresDatastore, keys: DocumentKeys, events_table_name: str
    ) -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        self._keys = keys

    def insert_events(
        self, stored_events: Sequence[StoredEvent], *, append: Append | None = None, **_: object
    ) -> Sequence[int]:
        """Append the events; return a position each, 0 for those of a refused document.

        Without `append` (the library's own save) it is all or nothing: a refusal raises
        IntegrityError. Nothing is tried again here: after a lost connection only the caller can
        tell whether its events landed.
        """
        asked = append or Append()
        sealing = {
            (str(e.originator_id), e.sealing.life): e.sealing
            for e in stored_events
            if isinstance(e, SealedEvent)
        }
        won: set[str] = set()
        try:
            rows = self._append(stored_events, asked, sealing, whole=append is None)
            for event, row in zip(stored_events, rows, strict=True):
                document_id = str(event.originator_id)
                if row["refusal"] is None:
                    won.add(document_id)
                    asked.stored.append((row["event_position"], row["event_at"]))
                else:
                    asked.refusals[document_id] = row["refusal"]
                    asked.stored.append(None)
        finally:
            self._keys.settle(sealing, won)
        return [0 if stored is None else stored[0] for stored in asked.stored]

    def _append(
        self,
        events: Sequence[StoredEvent],
        asked: Append,
        sealing: Mapping[DocumentLife, SealingKey],
        *,
        whole: bool,
    ) -> list[JsonObject]:
        if not events:
            return []
        parameters = (
            text_array([str(e.originator_id) for e in events]),
            bigint_array([e.originator_version for e in events]),
            text_array([e.topic for e in events]),
            bytea_array([e.state for e in events]),
            Jsonb(asked.registrations, dumps=json.dumps) if asked.registrations else None,
            text_array(asked.deleted_ids),
            text_array([document_id for document_id, _ in sealing]),
            bigint_array([life for _, life in sealing]),
            text_array([s.key.key_id for s in sealing.values()]),
            bytea_array([s.key.key if s.is_new else None for s in sealing.values()]),
            whole,
        )
        with self.datastore.get_connection() as connection:
            asked.on_sending()
            return connection.execute(_APPEND, parameters, prepare=True).fetchall()

    def wait_for_appends(self) -> None:
        """Wait until whatever appends are under way now have ended, one way or the other."""
        with self.datastore.get_connection() as connection:
            connection.execute("SELECT docledger_lock_log()")

    def select_streams(
        self, after_versions: Mapping[str, int]
    ) -> dict[str, list[tuple[int, StoredEvent]]]:
        """Return (position, event) of each document after the version given for it."""
        found: dict[str, list[tuple[int, StoredEvent]]] = defaultdict(list)
        keys: dict[DocumentLife, DocumentKey] = {}
        parameters = (text_array(after_versions), bigint_array(after_versions.values()))
        with self.datastore.get_connection() as connection:
            # Bytes as they are: in hexadecimal they are twice as long and are put into words first.
            cursor = connection.cursor(row_factory=tuple_row, binary=True)
            cursor.execute(_SELECT_STREAMS, parameters, prepare=True)
            for document_id, version, topic, state, position, life, key_id, key in cursor:
                stream = found[document_id]
                if not stream and key_id is not None:
                    keys[document_id, life] = DocumentKey(key_id, key)
                stream.append((position, StoredEvent(document_id, version, topic, state)))
        self._keys.learn(keys)
        return found
