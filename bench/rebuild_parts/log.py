"""A log of documents with ten events each, as the application writes them, filled by COPY.

Documents are at different points of their lives: half of them go through their stages, others came
without a file, failed and were tried again, or are reported from outside. They are interleaved, a
hundred at a time, as when so many are at work.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import psycopg
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.decisions.decide import decide
from domain.document_workflow import DocumentWorkflow, evolve
from domain.pipeline import StageDependency
from domain.values import FailureReason, Original, OutputFile, WorkflowType
from eventstore.document_keys import DocumentKey, DocumentKeys
from eventstore.mapper import EventMapper, format_time, sealed_part

EVENTS_EACH = 10
_AT_ONCE = 100
_START = datetime(2026, 1, 1, tzinfo=UTC)
_STEP = timedelta(milliseconds=10)
_TEMPLATE_AT = datetime(2020, 2, 2, tzinfo=UTC)
_TIME = slice(8, 35)
_LEASE = "0" * 8 + "-1111-7000-8000-" + "0" * 12
_COMMAND = "0" * 8 + "-2222-7000-8000-" + "0" * 12
_STAGES = ("markdown-conversion", "markdown-optimizer", "chunker", "fact-generator", "ingestor")
_NEEDS = (
    ("markdown-conversion", None, True, 1),
    ("markdown-optimizer", "markdown-conversion", False, 2),
    ("chunker", "markdown-conversion", True, 3),
    ("chunker", "markdown-optimizer", False, 3),
    ("fact-generator", "chunker", True, 4),
    ("ingestor", "fact-generator", True, 5),
    ("ingestor", "chunker", True, 5),
)
_PIPELINE = tuple(StageDependency(*row) for row in _NEEDS)
_OUTPUTS = {
    "markdown-conversion": ("markdown", ".md", "text/markdown"),
    "markdown-optimizer": ("optimized_markdown", ".opt.md", "text/markdown"),
    "chunker": ("chunks_json", ".chunks.json", "application/json"),
}


@dataclass(frozen=True)
class _Stored:
    """An event that only lacks what is different in each document."""

    topic: str
    parts: Sequence[bytes]
    markers: Sequence[int]
    personal: e.Personal | None


def fill(dsn: str, documents: int) -> int:
    """Write the documents with their keys and events; return how many events there are."""
    lives = [_stored(life) for life in (_at_work(), _as_text(), _failed(), _reported())]
    kinds = [lives[kind] for kind in (0,) * 10 + (1,) * 4 + (2,) * 3 + (3,) * 3]
    with psycopg.connect(dsn, autocommit=True) as connection:
        # COPY goes round the append, whose triggers would take its lock for each statement
        connection.execute("SET session_replication_role = replica")
        keys = [DocumentKey.generate() for _ in range(documents)]
        _copy_documents(connection, keys)
        copy = "COPY docledger_events (originator_id, originator_version, topic, state) FROM STDIN"
        with connection.cursor().copy(copy) as rows:
            for row in _rows(kinds, keys):
                rows.write_row(row)
        connection.execute("VACUUM ANALYZE")
    return documents * EVENTS_EACH


def _copy_documents(connection: psycopg.Connection[Any], keys: Sequence[DocumentKey]) -> None:
    copy = "COPY document_keys (document_id, key_id, key, created_at) FROM STDIN"
    with connection.cursor().copy(copy) as rows:
        for number, key in enumerate(keys):
            rows.write_row((document_id(number), key.key_id, key.key, _START))
    connection.execute(
        "INSERT INTO documents (id, title, created_at, updated_at) "
        "SELECT document_id, 'Quarterly report', created_at, created_at FROM document_keys"
    )


def document_id(number: int) -> str:
    """Return an id as the application gives them (UUIDv7), in the order of numbers."""
    tail = hashlib.sha256(str(number).encode()).hexdigest()
    milliseconds = int(_START.timestamp() * 1000) + number * 100
    value = (milliseconds << 80) | (0x7 << 76) | (int(tail[:3], 16) << 64)
    return str(uuid.UUID(int=value | (0x8 << 60) | int(tail[3:18], 16)))


def _rows(
    kinds: Sequence[Sequence[_Stored]], keys: Sequence[DocumentKey]
) -> Iterator[tuple[str, int, str, bytes]]:
    position = 0
    for first in range(0, len(keys), _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, len(keys)))
        marks = {number: _marks(number) for number in numbers}
        for index in range(EVENTS_EACH):
            for number in numbers:
                stored = kinds[number % len(kinds)][index]
                position += 1
                at = format_time(_START + _STEP * position).encode()
                state = _state(stored, number, index + 1, marks[number], keys[number])
                yield document_id(number), index + 1, stored.topic, b'{"at":"' + at + state[34:]


def _state(
    stored: _Stored, number: int, version: int, marks: Sequence[bytes], key: DocumentKey
) -> bytes:
    pieces = [stored.parts[0]]
    for marker, part in zip(stored.markers, stored.parts[1:], strict=True):
        pieces += (marks[marker], part)
    state = b"".join(pieces)
    if stored.personal is None:
        return state
    personal = _personal(stored.personal, number)
    sealed = sealed_part(key, personal, document_id(number), version, stored.topic)
    return state[:-1] + f',"sealed":"{sealed}"}}'.encode()


def _personal(personal: e.Personal, number: int) -> e.Personal:
    if not isinstance(personal, e.RegisteredPersonal):
        return personal
    named = {"title": f"Quarterly report {number} of the northern branch"}
    if personal.file_name is not None:
        named["file_name"] = f"report-{number:06}.pdf"
    return e.RegisteredPersonal(**named)


_MARKED = [_LEASE, _COMMAND, *(f"{digit:x}" * 64 for digit in range(10, 16))]


def _marks(number: int) -> list[bytes]:
    """Return what stands in a document's events where its template has `_MARKED`."""
    digests = [hashlib.sha256(f"{number}/{n}".encode()).hexdigest() for n in range(len(_MARKED))]
    ids = [str(uuid.UUID(digests[n][:32])).encode() for n in (0, 1)]
    return [*ids, *(digest.encode() for digest in digests[2:])]


def _stored(life: Sequence[e.Event]) -> list[_Stored]:
    assert len(life) == EVENTS_EACH, [type(event).__name__ for event in life]
    mapper = EventMapper(cast("DocumentKeys", None))
    stored = []
    for event in life:
        personal = getattr(event, "personal", None)
        open_event = replace(event, personal=None) if personal else event
        state = mapper.to_stored_event(open_event).state
        parts, markers = [state], []
        while found := _next_marker(parts[-1]):
            marker, at = found
            rest = parts.pop()
            parts += [rest[:at], rest[at + len(_MARKED[marker]) :]]
            markers.append(marker)
        stored.append(_Stored(type(event).__name__, parts, markers, personal))
    return stored


def _next_marker(text: bytes) -> tuple[int, int] | None:
    places = [(text.find(mark.encode()), n) for n, mark in enumerate(_MARKED)]
    found = [(at, n) for at, n in places if at >= 0]
    return (min(found)[1], min(found)[0]) if found else None


def _lived(commands: Sequence[c.Command]) -> list[e.Event]:
    state = DocumentWorkflow.unborn("template")
    events: list[e.Event] = []
    for command in commands:
        for event in decide(state, command):
            state = evolve(state, event)
            events.append(event)
    return events


def _common(actor: str = "worker host-1:4711") -> dict[str, Any]:
    context = c.Context(
        at=_TEMPLATE_AT, actor=actor, command_id=_COMMAND, correlation_id=_COMMAND,
        causation_id=_COMMAND,
    )  # fmt: skip
    return {"document_id": "template", "context": context}


def _register(workflow_type: WorkflowType, *, as_text: bool = False) -> c.Command:
    original = Original(
        file_name=None if as_text else "report.pdf",
        checksum=None if as_text else "f" * 64,
        size_bytes=123_456,
        mime_type="text/markdown" if as_text else "application/pdf",
    )
    return c.RegisterDocument(
        **_common("api"),
        title="Quarterly report",
        realm_id="finance",
        original=original,
        workflow_type=workflow_type,
        pipeline=_PIPELINE,
    )


def _start(stage: str, **more: Any) -> c.Command:
    return c.StartStage(**_common(), stage_name=stage, **more)


def _complete(stage: str, mark: str, *, files: int = 1, **more: Any) -> c.Command:
    file_type, suffix, mime_type = _OUTPUTS[stage]
    made = tuple(
        OutputFile(
            file_type=file_type + "_notes" * number,
            suffix=suffix if number == 0 else ".notes.txt",
            checksum=mark * 64,
            canonical_checksum=mark * 64,
            size_bytes=4321,
            mime_type=mime_type,
            metadata={"pages": 12, "words": 3456},
        )
        for number in range(files)
    )
    given = {"files": made, "executor": f"{stage}/1.2.0", "metadata": {"seconds": 1.25}}
    return c.CompleteStage(**_common(), stage_name=stage, **{**given, **more})


def _at_work() -> list[e.Event]:
    """Two stages are through, the second with two files, and the third is at work."""
    lease = {"lease_id": _LEASE, "continue_with_lease": True}
    return _lived(
        (
            _register(WorkflowType.AUTOMATIC),
            _start(_STAGES[0], lease_id=_LEASE),
            _complete(_STAGES[0], "a", **lease),
            _complete(_STAGES[1], "b", files=2, **lease),
        )
    )


def _as_text() -> list[e.Event]:
    """The same of a document that came as text, whose content is stored with the first stage."""
    lease = {"lease_id": _LEASE, "continue_with_lease": True}
    original = Original(checksum="c" * 64, size_bytes=2345, mime_type="text/markdown")
    return _lived(
        (
            _register(WorkflowType.AUTOMATIC, as_text=True),
            _start(_STAGES[0], lease_id=_LEASE),
            _complete(_STAGES[0], "a", original=original, **lease),
            _complete(_STAGES[1], "b", **lease),
        )
    )


def _failed() -> list[e.Event]:
    """The first stage failed, was tried again, and the second failed for good."""
    lease = {"lease_id": _LEASE}
    why = {"error_message": "The file ends in the middle of page 7.", "executor": "pdf/1.2.0"}
    return _lived(
        (
            _register(WorkflowType.AUTOMATIC),
            _start(_STAGES[0], **lease),
            c.FailStage(**_common(), stage_name=_STAGES[0], retryable=True, **why, **lease),
            _start(_STAGES[0], **lease),
            _complete(_STAGES[0], "a", continue_with_lease=True, **lease),
            c.FailStage(
                **_common(),
                stage_name=_STAGES[1],
                reason=FailureReason.UNCONVERTIBLE,
                **why,
                **lease,
            ),
        )
    )


def _reported() -> list[e.Event]:
    """Somebody else's programs report two stages, with words of their own."""
    outside = {"outside_metadata": {"scanner": "Zürich 2", "operator": "Ada"}}
    return _lived(
        (
            _register(WorkflowType.MANUAL),
            _start(_STAGES[0], **outside),
            _complete(_STAGES[0], "a", executor=None, metadata={}, **outside),
            _start(_STAGES[1]),
            _complete(_STAGES[1], "b", executor=None, metadata={}),
            _start(_STAGES[2], started_at=_TEMPLATE_AT),
            c.PauseWorkflow(**_common("api")),
        )
    )
