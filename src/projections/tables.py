"""The read models' tables: the rows of many documents loaded, and what changed of them written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection
from psycopg.rows import tuple_row

from projections.live.row_cache import NOT_ASKED
from projections.rows import (
    DocumentRows,
    FileKey,
    FileRow,
    StagedFile,
    StageRow,
    StreamRow,
    WorkflowRow,
)
from projections.table import Json, Part, Table, write

Row = TypeVar("Row", bound=Struct)

_LOCK = (
    b"SELECT id, xmin::text FROM documents WHERE id = ANY(%s::text[]) "
    b"ORDER BY id FOR KEY SHARE SKIP LOCKED"
)
_EXISTING = b"SELECT id FROM documents WHERE id = ANY(%s::text[])"


def _dump_staged(staged: Mapping[FileKey, StagedFile]) -> list[dict[str, Any]]:
    return [
        {
            **{name: getattr(it.file, name) for name in FILES.columns},
            # as JSON, a rebuild's row must have the very same text
            "created_at": it.file.created_at.isoformat() if it.file.created_at else None,
            "file_version": it.file_version,
        }
        for it in staged.values()
    ]


def _load_staged(stored: list[dict[str, Any]]) -> dict[FileKey, StagedFile]:
    return {(fields["stage_name"], fields["file_type"]): _staged(fields) for fields in stored}


def _staged(stored: Mapping[str, Any]) -> StagedFile:
    fields = {**stored, "created_at": datetime.fromisoformat(stored["created_at"])}
    version = fields.pop("file_version")
    return StagedFile(FileRow(**fields), version)


def _dump_versions(versions: Mapping[FileKey, int]) -> dict[str, int]:
    return {f"{stage_name}:{file_type}": n for (stage_name, file_type), n in versions.items()}


def _load_versions(stored: Mapping[str, int]) -> dict[FileKey, int]:
    return {_file_key(key): version for key, version in stored.items()}


def _file_key(key: str) -> FileKey:
    stage_name, _, file_type = key.partition(":")
    return stage_name, file_type


WORKFLOWS = Table(
    "processing_workflows",
    WorkflowRow,
    "id",
    {"configuration": Json()},
    [("status", "current_stage", "completed_stages", "completed_at", "updated_at")],
)
STAGES = Table(
    "documents_processing_stages",
    StageRow,
    "id",
    {"metadata": Json()},
    [
        (
            *("status", "started_at", "completed_at", "error_message"),
            *("retry_count", "updated_at", "attempt", "metadata"),
        )
    ],
)
FILES = Table("stage_output_files", FileRow, "id", {"metadata": Json()})
STREAMS = Table(
    "document_streams",
    StreamRow,
    "document_id",
    {
        "pipeline": Json(list, tuple),
        "staged": Json(_dump_staged, _load_staged),
        "file_versions": Json(_dump_versions, _load_versions),
    },
    [("version", "position"), ("version", "position", "staged", "file_versions")],
    # a retry may park a document and moves no position
    only_null="parked_at",
)
READ_MODELS: tuple[Table[Any], ...] = (WORKFLOWS, STAGES, FILES)
"""The tables whose rows refer to `documents`."""


class Writing(Enum):
    """How a row is written of which not only some columns have changed."""

    INSERT = "there is none"
    UPSERT = "there may be one"


_How = Writing | tuple[str, ...]
"""How a row is written, or the columns that have changed."""


class Standing(NamedTuple):
    """How documents stand in `documents`: those in neither set are gone, or never were there.

    The mark of a row that is there is another one whenever the row was made anew.
    """

    present: Set[str]
    locked: Set[str]
    marks: Mapping[str, str]


class Changes:
    """Rows to be written and to be deleted.

    Of the documents in `anew` everything is deleted before their rows are written. With `whole`,
    every row is written as if nothing were known of what is there; with `new_rows_are_new`, the
    database refuses a row that nothing is known of if there is one already.
    """

    def __init__(self, *, whole: bool = False, new_rows_are_new: bool = False) -> None:
        self.anew: list[str] = []
        self._whole = whole
        self._unknown = Writing.INSERT if new_rows_are_new else Writing.UPSERT
        self._gone: dict[Table[Any], list[str]] = defaultdict(list)
        self._rows: dict[tuple[Table[Any], _How], list[Any]] = defaultdict(list)
        self._parts: list[Part] | None = None

    def put(self, table: Table[Row], before: Row | None, after: Row) -> None:
        """Have the row written; `before` is what the table is known to hold of it."""
        how: _How = Writing.UPSERT
        if before is None:
            how = self._unknown
        elif not self._whole:
            how = table.changed_columns(before, after) or how
        self._rows[table, how].append(after)

    def add_rows(
        self, before: DocumentRows, after: DocumentRows, workflows: Iterable[WorkflowRow]
    ) -> None:
        """Add what turns the tables' rows from `before` to `after`.

        `workflows` are the rows of runs that changed, the current one among them.
        """
        current = before.workflow
        for row in workflows:
            is_current = current is not None and current.id == row.id
            self.put(WORKFLOWS, current if is_current else None, row)
        self._compare(STAGES, before.stages, after.stages)
        self._compare(FILES, before.files, after.files)

    def _compare(
        self, table: Table[Row], before: Mapping[Any, Row], after: Mapping[Any, Row]
    ) -> None:
        if before is after:
            return
        for key, row in after.items():
            # Told apart by identity: the fold keeps the objects that it does not touch.
            if (found := before.get(key)) is not row:
                self.put(table, found, row)
        gone = [getattr(row, table.key) for key, row in before.items() if key not in after]
        if gone:
            self._gone[table] += gone

    def write(self, connection: Connection[Any], *also: Part) -> None:
        """Write all of it, in the caller's transaction, and what else is to be written with it.

        Raises psycopg.DataError if a row is not there that was known to be, and ValueError or
        TypeError for one that cannot be encoded.
        """
        if self.anew:
            for table in READ_MODELS:
                table.delete(connection, "document_id", self.anew)
        for table, keys in self._gone.items():
            table.delete(connection, table.key, keys)
        write(connection, [*self.encode(), *also])

    def encode(self) -> list[Part]:
        """Return what writes the rows, made once; raises ValueError or TypeError."""
        if self._parts is None:
            in_order = sorted(self._rows.items(), key=_order)
            self._parts = [_part(table, how, rows) for (table, how), rows in in_order]
        return self._parts


def _part(table: Table[Any], how: _How, rows: Sequence[Any]) -> Part:
    if how is Writing.INSERT:
        return table.insert(rows)
    if how is Writing.UPSERT:
        return table.upsert(rows)
    return table.update(rows, how)


def _order(item: tuple[tuple[Table[Any], _How], Any]) -> Any:
    """Return what puts a statement's parts in the same order each time, for few statements."""
    (table, how), _ = item
    return (table.name, how.value) if isinstance(how, Writing) else (table.name, "", how)


def lock_documents(connection: Connection[Any], document_ids: Collection[str]) -> Standing:
    """Keep these documents from being deleted until the transaction ends; never wait for any.

    Whoever deletes a document holds its row and then wants the rows that refer to it. Waiting for
    that row with such rows in hand would be a deadlock, and the other application its victim.
    """
    return asked_to_lock(connection, document_ids)()


def asked_to_lock(
    connection: Connection[Any], document_ids: Collection[str]
) -> Callable[[], Standing]:
    """Ask for the locks of `lock_documents`; how the documents stand is taken by a call."""
    ids = list(document_ids)
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(_LOCK, (ids,), prepare=True)

    def take() -> Standing:
        with cursor:
            marks: dict[str, str] = dict(cursor.fetchall())
            if len(marks) == len(ids):
                return Standing(marks.keys(), frozenset(), marks)
            cursor.execute(_EXISTING, (ids,))
            locked = frozenset(row[0] for row in cursor) - marks.keys()
            return Standing(marks.keys(), locked, marks)

    return take


def load_rows(
    connection: Connection[Any], document_ids: Collection[str]
) -> dict[str, DocumentRows]:
    """Return the rows of these documents, those without any as `DocumentRows.none`."""
    loaded = load_without_files(connection, document_ids)
    files = load_files(connection, document_ids)
    return {i: replace(rows, files=files[i]) for i, rows in loaded.items()}


def load_without_files(
    connection: Connection[Any], document_ids: Collection[str]
) -> dict[str, DocumentRows]:
    """Return the same, but in place of files NOT_ASKED."""
    if not document_ids:
        return {}  # a pipeline in another one is a round trip, even with nothing in it
    with connection.pipeline():
        asked = asked_without_files(connection, document_ids)
    return asked()


def asked_without_files(
    connection: Connection[Any], document_ids: Collection[str]
) -> Callable[[], dict[str, DocumentRows]]:
    """Ask for what `load_without_files` returns, which is taken by a call."""
    if not document_ids:
        return dict
    asked_streams = STREAMS.asked(connection, "document_id", document_ids)
    asked_workflows = WORKFLOWS.asked(connection, "document_id", document_ids)
    asked_stages = STAGES.asked(connection, "document_id", document_ids)

    def take() -> dict[str, DocumentRows]:
        streams = {row.document_id: row for row in asked_streams()}
        workflows = {row.id: row for row in asked_workflows()}
        stages: dict[str, dict[str, StageRow]] = defaultdict(dict)
        for stage in asked_stages():
            stages[stage.document_id][stage.stage_name] = stage
        loaded = {}
        for document_id in document_ids:
            stream = streams.get(document_id) or StreamRow(document_id)
            loaded[document_id] = DocumentRows(
                document_id=document_id,
                workflow=workflows.get(stream.workflow_id or ""),
                stages=_in_order(stages[document_id], stream),
                files=NOT_ASKED,
                stream=stream,
            )
        return loaded

    return take


def load_files(
    connection: Connection[Any], document_ids: Collection[str]
) -> dict[str, dict[FileKey, FileRow]]:
    """Return the files of each of these documents."""
    files: dict[str, dict[FileKey, FileRow]] = {i: {} for i in document_ids}
    if files:
        for file in FILES.select(connection, "document_id", document_ids):
            files[file.document_id][file.stage_name, file.file_type] = file
    return files


def _in_order(stages: Mapping[str, StageRow], stream: StreamRow) -> dict[str, StageRow]:
    order = {name: index for index, name in enumerate(stream.pipeline)}
    return dict(sorted(stages.items(), key=lambda item: order.get(item[0], len(order))))
