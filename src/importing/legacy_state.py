"""State of documents from tables in the requirement's layout, and whether ours then show it.

Rows come as JSON, whatever the types of their columns are; times without an offset are UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from domain.commands import Context, ImportDocument
from domain.decisions.decide import check_configuration
from domain.errors import DocledgerError, InvalidValue
from domain.imported_state import ImportedFile, ImportedRun, ImportedStage
from domain.json_types import JsonMapping
from domain.media_types import MARKDOWN
from domain.pipeline import Pipeline, StageDependency
from domain.values import (
    FILE_TYPE,
    Configuration,
    Original,
    StageStatus,
    WorkflowStatus,
    WorkflowType,
)
from importing.registrations import DocumentRow

Connection = psycopg.Connection
Row = JsonMapping

_PAGE_DOCUMENTS = 500
_STAGE_COLUMNS = (
    "status",
    "started_at",
    "completed_at",
    "error_message",
    "retry_count",
    "created_at",
    "updated_at",
)
_FILE_COLUMNS = ("file_path", "file_size", "mime_type", "checksum", "metadata", "created_at")
_RUN_COLUMNS = (
    "workflow_type",
    "total_stages",
    "completed_stages",
    "current_stage",
    "started_at",
    "completed_at",
    "configuration",
    "created_at",
    "updated_at",
)
# A column that says nothing shows what its default in the requirement says.
_UNSAID: JsonMapping = {"retry_count": 0, "configuration": {}, "workflow_type": "manual"}
_MOST_DIFFERENCES = 10_000


class NoLegacyState(DocledgerError):
    """The tables that state is to come from are not there; name them with --state-schema."""


@dataclass(frozen=True)
class LegacyState:
    """Where the other system's tables are; a table that is not there has nothing to say."""

    schema: str = "docledger_legacy"
    stages: tuple[str, ...] = ("document_processing_stages", "documents_processing_stages")
    files: tuple[str, ...] = ("stage_output_files",)
    runs: tuple[str, ...] = ("processing_workflows",)


@dataclass
class _Shown:
    """What the other system's tables show of one document."""

    stages: list[Row] = field(default_factory=list)
    files: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)


class StateImport:
    """Reads the other system's tables for an import, and compares them with ours afterwards."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        pipeline: tuple[StageDependency, ...],
        state: LegacyState,
    ) -> None:
        self._connect = connect
        self._pipeline = pipeline
        self._stage_names = Pipeline.of(pipeline).stage_names
        self._state = state
        self._tables: dict[str, sql.Identifier | None] = {}

    def check(self) -> None:
        """Find the tables; raises NoLegacyState if there is none of them."""
        with closing(self._connect()) as connection:
            for kind in ("stages", "files", "runs"):
                self._tables[kind] = self._found(connection, getattr(self._state, kind))
        if not any(self._tables.values()):
            raise NoLegacyState(
                f"Schema '{self._state.schema}' has no table of stages, files or workflows with a "
                "column document_id; name the schema that has them with --state-schema."
            )

    def _found(self, connection: Connection, names: Sequence[str]) -> sql.Identifier | None:
        for name in names:
            found = connection.execute(
                "SELECT FROM information_schema.columns WHERE table_schema = %s "
                "AND table_name = %s AND column_name = 'document_id'",
                (self._state.schema, name),
            ).fetchone()
            if found is not None:
                return sql.Identifier(self._state.schema, name)
        return None

    def commands(
        self, connection: Connection, rows: Sequence[DocumentRow], context: Context
    ) -> list[ImportDocument]:
        """Return the commands that take these documents in as the tables show them."""
        shown = self._shown(connection, [row.document_id for row in rows])
        return [self._command(row, shown[row.document_id], context) for row in rows]

    def _command(self, row: DocumentRow, shown: _Shown, context: Context) -> ImportDocument:
        stages = [s for s in map(_stage, shown.stages) if s is not None]
        known = [s for s in stages if s.stage_name in self._stage_names]
        newest = len(shown.runs) - 1
        runs = [
            _run(run, None if n < newest else known, self._pipeline)
            for n, run in enumerate(shown.runs)
        ]
        return ImportDocument(
            document_id=row.document_id,
            context=context,
            title=row.title or "",
            realm_id=row.realm_id,
            original=Original(mime_type=MARKDOWN),
            pipeline=self._pipeline,
            runs=tuple(runs),
            stages=tuple(known),
            files=tuple(f for f in map(_file, shown.files) if f is not None),
        )

    def _shown(self, connection: Connection, document_ids: Sequence[str]) -> dict[str, _Shown]:
        found: dict[str, _Shown] = defaultdict(_Shown)
        for kind, table in self._tables.items():
            if table is not None:
                for row in _rows(connection, table, document_ids):
                    getattr(found[row["document_id"]], kind).append(row)
        for shown in found.values():
            shown.runs.sort(key=lambda run: (_time(run, "created_at") or _LONG_AGO, str(run["id"])))
        return found

    def differences(self) -> list[dict[str, str]]:
        """Compare what both show of every document that nobody has touched since its import."""
        found: list[dict[str, str]] = []
        with closing(self._connect()) as connection:
            connection.execute("SET timezone = 'UTC'; SET enable_seqscan = off")
            for document_ids in self._untouched(connection):
                found += self._compared(connection, document_ids)
                if len(found) >= _MOST_DIFFERENCES:
                    return found[:_MOST_DIFFERENCES]
        return found

    def _untouched(self, connection: Connection) -> Iterator[list[str]]:
        last = ""
        while True:
            page = _column(connection, _STREAMS_AFTER, (last, _PAGE_DOCUMENTS))
            if not page:
                return
            last = page[-1]
            yield _column(connection, _UNTOUCHED, (page,))

    def _compared(self, connection: Connection, document_ids: list[str]) -> list[dict[str, str]]:
        theirs = self._shown(connection, document_ids)
        ours = {
            kind: _by_document(_rows(connection, sql.Identifier("public", table), document_ids))
            for kind, table in _OURS.items()
        }
        found = []
        for document_id, shown in theirs.items():
            compare = partial(_compare, document_id)
            found += compare("stage", shown.stages, ours["stages"][document_id], _STAGE_COLUMNS)
            found += compare("file", shown.files, ours["files"][document_id], _FILE_COLUMNS)
            runs = sorted(ours["runs"][document_id], key=lambda run: (len(run["id"]), run["id"]))
            found += compare("workflow", _numbered(shown.runs), _numbered(runs), _RUN_COLUMNS)
        return found


_OURS: Mapping[str, str] = {
    "stages": "documents_processing_stages",
    "files": "stage_output_files",
    "runs": "processing_workflows",
}
_STREAMS_AFTER = """
    SELECT document_id FROM document_streams WHERE document_id > %s ORDER BY document_id LIMIT %s
"""
_UNTOUCHED = """
    SELECT w.id FROM unnest(%s::text[]) AS w (id) CROSS JOIN LATERAL (
        SELECT convert_from(e.state, 'UTF8')::json AS state, e.topic FROM docledger_events e
        WHERE e.originator_id = w.id ORDER BY e.originator_version DESC LIMIT 1
    ) AS head
    WHERE head.state ->> 'actor' = 'import' AND head.topic <> 'ImportUndone'
"""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _column(connection: Connection, query: str, values: Sequence[object]) -> list[str]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return [row[0] for row in cursor.execute(query.encode(), values)]


def _rows(
    connection: Connection, table: sql.Identifier, document_ids: Sequence[str]
) -> Iterator[Row]:
    query = sql.SQL("SELECT to_jsonb(t) FROM {} t WHERE t.document_id = ANY (%s::text[])")
    with connection.cursor(row_factory=tuple_row) as cursor:
        for (row,) in cursor.execute(query.format(table), (list(document_ids),)):
            yield row


def _by_document(rows: Iterator[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["document_id"]].append(row)
    return found


def _numbered(runs: Sequence[Row]) -> list[Row]:
    return [{**run, "number": n} for n, run in enumerate(runs, start=1)]


def _time(row: Row, column: str) -> datetime | None:
    """Return a time of the row, None if it has none or one that no clock shows (infinity)."""
    try:
        at = datetime.fromisoformat(row.get(column) or "")
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


_TIMES = ("started_at", "completed_at", "created_at", "updated_at")


def _stage(row: Row) -> ImportedStage | None:
    if row.get("status") not in list(StageStatus) or (row.get("retry_count") or 0) < 0:
        return None
    return ImportedStage(
        stage_name=row["stage_name"],
        status=row["status"],
        retry_count=row.get("retry_count") or 0,
        error_message=row.get("error_message"),
        **{column: _time(row, column) for column in _TIMES},
    )


def _file(row: Row) -> ImportedFile | None:
    path = row.get("file_path") or ""
    fits = FILE_TYPE.fullmatch(row["file_type"]) and 0 < len(path) <= 1024
    if not fits or len(row.get("checksum") or "") > 64 or len(row.get("mime_type") or "") > 255:
        return None
    return ImportedFile(
        stage_name=row["stage_name"],
        file_type=row["file_type"],
        file_path=path,
        checksum=row.get("checksum"),
        size_bytes=row.get("file_size"),
        mime_type=row.get("mime_type"),
        metadata=row.get("metadata"),
        created_at=_time(row, "created_at"),
    )


def _run(
    row: Row, stages: Sequence[ImportedStage] | None, pipeline: tuple[StageDependency, ...]
) -> ImportedRun:
    """Return a run; `stages` are those of the newest one, None for one before it."""
    workflow_type = WorkflowType(row.get("workflow_type") or WorkflowType.MANUAL)
    shown = row.get("configuration")
    return ImportedRun(
        workflow_type=workflow_type,
        status=_run_status(row, workflow_type, stages, pipeline),
        total_stages=_or(row.get("total_stages"), 5),
        completed_stages=_or(row.get("completed_stages"), 0),
        current_stage=row.get("current_stage"),
        configuration=_configuration(shown, pipeline),
        shown_configuration=shown,
        **{column: _time(row, column) for column in _TIMES},
    )


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _configuration(shown: object, pipeline: tuple[StageDependency, ...]) -> Configuration:
    """Return what the run is to go on with: the configuration that is shown, if it is one of ours.

    Stages to be skipped are not among it: the stages themselves say what was skipped.
    """
    given = shown if isinstance(shown, dict) else {}
    try:
        found = Configuration.parse({k: v for k, v in given.items() if k != "skipStages"})
        check_configuration(found, Pipeline.of(pipeline))
    except InvalidValue:
        return Configuration()
    return found


def _run_status(
    row: Row,
    workflow_type: WorkflowType,
    stages: Sequence[ImportedStage] | None,
    pipeline: tuple[StageDependency, ...],
) -> WorkflowStatus:
    """Return what the tables had no column for.

    An automatic run that is not over is paused, so that an import sets no worker going.
    """
    if stages is None:
        over = row.get("completed_at") is not None
        return WorkflowStatus.COMPLETED if over else WorkflowStatus.CANCELLED
    settled = {stage.stage_name for stage in stages if stage.status.settled}
    if settled.issuperset(Pipeline.of(pipeline).stage_names):
        return WorkflowStatus.COMPLETED
    if any(stage.status is StageStatus.FAILED for stage in stages):
        return WorkflowStatus.FAILED
    automatic = workflow_type is WorkflowType.AUTOMATIC
    return WorkflowStatus.PAUSED if automatic else WorkflowStatus.RUNNING


def _compare(
    document_id: str,
    kind: str,
    theirs: Sequence[Row],
    ours: Sequence[Row],
    columns: Sequence[str],
) -> list[dict[str, str]]:
    """Name what our rows do not show; rows that only we have are no difference."""
    own = {_key(row): row for row in ours}
    found = []
    for row in theirs:
        name = " ".join(map(str, _key(row)))
        match = own.get(_key(row))
        if match is None:
            found.append((f"{kind} missing", name))
            continue
        found += [
            (f"{kind} differs", f"{name}: {column}")
            for column in columns
            if column in row and _value(row, column) != _value(match, column)
        ]
    return [{"documentId": document_id, "kind": what, "detail": detail} for what, detail in found]


def _key(row: Row) -> tuple[Any, ...]:
    keys = ("number",) if "number" in row else ("stage_name", "file_type")
    return tuple(row[key] for key in keys if key in row)


def _value(row: Row, column: str) -> Any:
    value = row[column]
    if value is None:
        return _UNSAID.get(column)
    return _time(row, column) or value if column.endswith("_at") else value
