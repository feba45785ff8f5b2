"""Makes the first events of documents that another application put into `documents`.

They are those of a registration by command. Of documents that are new to the log, and these are
nearly all, only the id, the realm and the sealed part differ, so that the rest is made once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from msgspec.json import encode as to_json
from msgspec.structs import replace
from psycopg import Connection
from psycopg.rows import tuple_row

from domain.commands import Context, ImportDocument, RegisterDocument
from domain.decisions.decide import decide, decided
from domain.document_workflow import DocumentWorkflow, evolve
from domain.errors import LogUnreadable
from domain.events import DocumentRegistered, Event, WorkflowStarted
from domain.media_types import MARKDOWN
from domain.pipeline import StageDependency
from domain.values import Original
from eventstore.application import WorkflowApplication
from eventstore.bulk_append import BulkStream, RowWanted, bulk_stream
from eventstore.document_keys import DocumentKey, SealingKey
from eventstore.history import History
from eventstore.mapper import sealed_json
from eventstore.recorded import RecordedEvent

IMPORT_PREFIX = "import-"
"""How the causation of every event begins that an import brought."""
LONGEST_ID = 255

_SOME_REALM = "where the realm's id goes"
_REGISTERED = DocumentRegistered.__name__
_STARTED = WorkflowStarted.__name__

_UNREGISTERED = frozenset({None, "DocumentDeleted", "ImportUndone"})
# Only the text between FROM and AS is put in, and it is one of these three.
_ROWS = """
    SELECT d.id, d.title, d.realm_id, coalesce(head.version, 0), head.topic
    FROM (SELECT x.id::text, x.title::text, x.realm_id::text FROM documents x {}) AS d
    LEFT JOIN LATERAL (
        SELECT e.originator_version AS version, e.topic FROM docledger_events e
        WHERE e.originator_id = d.id ORDER BY e.originator_version DESC LIMIT 1
    ) AS head ON true
"""
_FIRST = _ROWS.format("ORDER BY x.id LIMIT %s")
_AFTER = _ROWS.format("WHERE x.id > %s ORDER BY x.id LIMIT %s")
_NAMED = _ROWS.format("WHERE x.id = ANY (%s) ORDER BY x.id")


class DocumentRow(NamedTuple):
    """A row of `documents`, and the head of its stream: version 0 where there is none."""

    document_id: str
    title: str | None
    realm_id: str | None
    version: int
    topic: str | None

    @property
    def registered(self) -> bool:
        """True when the log knows the document as it is."""
        return self.topic not in _UNREGISTERED

    @property
    def importable(self) -> bool:
        """False when the document is in the log, or cannot be: its id is too long."""
        return not self.registered and len(self.document_id) <= LONGEST_ID


def rows_after(connection: Connection, document_id: str | None, limit: int) -> list[DocumentRow]:
    """Return up to `limit` rows in the order of their ids, after this one."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        if document_id is None:
            cursor.execute(_FIRST.encode(), (limit,))
        else:
            cursor.execute(_AFTER.encode(), (document_id, limit))
        return [DocumentRow(*row) for row in cursor]


def rows_named(connection: Connection, document_ids: Collection[str]) -> list[DocumentRow]:
    """Return the rows of these documents, as far as they are there."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(_NAMED.encode(), (list(document_ids),))
        return [DocumentRow(*row) for row in cursor]


@dataclass(frozen=True)
class Registrations:
    """Makes the events with which documents come in, in the name of one import."""

    application: WorkflowApplication
    pipeline: tuple[StageDependency, ...]

    def command(self, row: DocumentRow, context: Context) -> RegisterDocument:
        """Return the command that would register the row's document."""
        return RegisterDocument(
            document_id=row.document_id,
            context=context,
            title=row.title or "",
            realm_id=row.realm_id,
            original=Original(mime_type=MARKDOWN),
            pipeline=self.pipeline,
        )

    def sample(self, document_id: str, context: Context) -> tuple[Event, ...]:
        """Return the events of a new document of this id, without title and realm."""
        row = DocumentRow(document_id, None, None, 0, None)
        return decide(DocumentWorkflow.unborn(document_id), self.command(row, context))

    def new_streams(self, rows: Sequence[DocumentRow], context: Context) -> list[BulkStream]:
        """Return the streams of documents that the log has never heard of."""
        if not rows:
            return []
        made = self._made_once(rows[0], context)
        return [made.stream(row) for row in rows]

    def continued_streams(
        self, commands: Sequence[RegisterDocument | ImportDocument]
    ) -> list[BulkStream]:
        """Return what documents go on with that were deleted once, or imported and taken back.

        New ones may be among them. Those that are registered by now are left out.
        """
        streams = History(self.application).streams([c.document_id for c in commands])
        found = []
        for command in commands:
            state = state_of(command.document_id, streams[command.document_id])
            if not state.registered:
                made = decided(state, command)
                mapper = self.application.event_mapper
                found.append(bulk_stream(mapper, made.events, made.state.life))
        return found

    def _made_once(self, row: DocumentRow, context: Context) -> _MadeOnce:
        unborn = DocumentWorkflow.unborn(row.document_id)
        registered, started = decide(unborn, self.command(row, context))
        bare = replace(registered, personal=None, realm_id=_SOME_REALM)
        stream = bulk_stream(self.application.event_mapper, (bare, started), 1)
        (_, _, registered_body), (_, _, started_body) = stream.events
        before, _, after = registered_body.partition(_realm(_SOME_REALM))
        sealed_at = after.removesuffix("}") + ',"sealed":"'
        return _MadeOnce(before, sealed_at, started_body)


@dataclass(frozen=True, slots=True)
class _MadeOnce:
    """What the events of every new document have in common, as text."""

    before_realm: str
    after_realm: str
    started_body: str

    def stream(self, row: DocumentRow) -> BulkStream:
        key = DocumentKey.generate()
        # A model made and dumped for each document would cost as much as all the rest.
        personal = to_json({"title": row.title or ""})
        sealed = sealed_json(key, personal, row.document_id, 1, _REGISTERED)
        body = f'{self.before_realm}{_realm(row.realm_id)}{self.after_realm}{sealed}"}}'
        events = ((1, _REGISTERED, body), (2, _STARTED, self.started_body))
        sealing = SealingKey(key, is_new=True)
        return BulkStream(row.document_id, events, RowWanted.PRESENT, sealing)


@lru_cache(maxsize=1024)
def _realm(realm_id: str | None) -> str:
    return "" if realm_id is None else f'"realm_id":{json.dumps(realm_id, ensure_ascii=False)},'


def state_of(document_id: str, recorded: Iterable[RecordedEvent]) -> DocumentWorkflow:
    """Return the state that a stream makes; raises LogUnreadable if part of it is not readable."""
    state = DocumentWorkflow.unborn(document_id)
    for each in recorded:
        if not isinstance(each.event, Event):
            raise LogUnreadable(f"Event {each.event.version} of '{document_id}' cannot be read.")
        state = evolve(state, each.event)
    return state
