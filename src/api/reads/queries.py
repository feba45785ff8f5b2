"""The SQL of the API: reads of the read models, as JSON that PostgreSQL builds.

That of lists is put together in `listing`, what tells lives apart is in `life_sql`; none is
outside this package.
"""

# Every value is a parameter; only names of ours are put together here.
# ruff: noqa: S608

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from api.http import cursors
from api.http.errors import ReadModelUnavailable
from api.ports import Database
from api.reads.coalescing import Coalesced
from api.reads.estimates import Estimates
from api.reads.life_sql import MANY_REGISTERED_SINCE, REGISTERED_SINCE, REPLACED, TRACKED
from api.reads.listing import After, DocumentFilter, page_query
from api.reads.shapes import DOCUMENT, FILE, STAGE, SUMMARY, WORKFLOW
from api.reads.waiting import SOME_WAIT, each_with_waits, with_waits
from domain.errors import LogFull, PipelineInvalid
from domain.json_types import JsonMapping, JsonObject
from domain.pipeline import StageDependency, check_configured
from postgres.causes import NewCauses, cause
from postgres.deadlines import waiting_for_database

_log = structlog.get_logger("api")
_causes = NewCauses()

_PIPELINE_CACHED_SECONDS = 2.0
_WAITS_CACHED_SECONDS = 2.0
_DISK_FULL = "53100"
_PLANNED_AS_USUAL, _ONE_PLAN = "auto", "force_generic_plan"

# Ids of later runs are longer, or greater where they are as long.
_NEWEST_WORKFLOW = f"""
    SELECT {WORKFLOW.sql("w")} FROM processing_workflows w WHERE w.document_id = d.id
    ORDER BY length(w.id) DESC, w.id DESC LIMIT 1
"""
_ORDER = """SELECT n FROM jsonb_array_elements_text(s.pipeline) WITH ORDINALITY o (name, n)
    WHERE name ="""
_STAGES = f"""
    SELECT coalesce(json_agg({STAGE.sql("p")}
        ORDER BY ({_ORDER} p.stage_name), p.stage_name), '[]')
    FROM documents_processing_stages p WHERE p.document_id = d.id
"""
_FILES = f"""
    SELECT coalesce(json_agg({FILE.sql("f")}
        ORDER BY ({_ORDER} f.stage_name), f.stage_name, f.file_type), '[]')
    FROM stage_output_files f WHERE f.document_id = d.id
"""
_VERSION = "(s.file_versions ->> (f.stage_name || ':' || f.file_type))::int"
# As json_build_object writes it; in a text its quotation marks would be escaped.
_NO_WORKFLOW = '"processingWorkflow" : null'
_STREAM = "coalesce(s.version, 0), 'position', coalesce(s.position, 0)"


def _joined(shape_sql: str, rest: str) -> str:
    """Return a JSON object of a shape's fields and more of them."""
    return f"{shape_sql[:-1]}, {rest})"


_WHOLE = _joined(
    DOCUMENT.sql("d"),
    f"'processingWorkflow', ({_NEWEST_WORKFLOW}), 'stages', ({_STAGES}), "
    f"'outputFiles', ({_FILES}), 'version', {_STREAM}",
)
_SUMMARY = _joined(
    SUMMARY.sql("d"),
    f"'processingWorkflow', ({_NEWEST_WORKFLOW}), 'stages', ({_STAGES}), 'version', {_STREAM}",
)
_PARTS: Mapping[str, str] = {
    "document": _WHOLE,
    "row": DOCUMENT.sql("d"),
    "workflow": f"({_NEWEST_WORKFLOW})",
    "stages": f"({_STAGES})",
    "stage": f"""(SELECT {STAGE.sql("p")} FROM documents_processing_stages p
        WHERE p.document_id = d.id AND p.stage_name = %(stage)s)""",
    "files": f"({_FILES})",
    "stage_files": f"""({_FILES} AND f.stage_name = %(stage)s)""",
    "file": f"""(SELECT coalesce(json_agg({_joined(FILE.sql("f"), f"'version', {_VERSION}")}), '[]')
        FROM stage_output_files f WHERE f.document_id = d.id AND f.stage_name = %(stage)s
            AND (f.file_path = %(path)s OR {_VERSION} = 0))""",
    "original": """(SELECT json_build_object('name', s.original_name,
        'checksum', s.original_checksum, 'sizeBytes', s.original_size_bytes,
        'mimeType', s.original_mime_type))""",
    "execution": f"""json_build_object(
        'workflow', ({_NEWEST_WORKFLOW}),
        'stage', (SELECT {STAGE.sql("p")} FROM documents_processing_stages p
            WHERE p.document_id = d.id AND p.stage_name = %(stage)s),
        'files', ({_FILES} AND f.stage_name = %(stage)s))""",
}
# What the tables hold may be of a former life while the row in documents is of the next already.
_READ = f"""
    SELECT d.id, ({{part}})::text AS body, coalesce(s.version, 0) AS version,
        coalesce(s.position, 0) AS position,
        s.original_mime_type IS NOT NULL AND NOT {{later}} AS projected,
        s.parked_position, ({TRACKED}) AS tracked
    FROM documents d LEFT JOIN document_streams s ON s.document_id = d.id AND {{of_stream}}
    WHERE {{of_documents}}
"""
_READ_PART: Mapping[str, str] = {
    name: _READ.format(
        part=part,
        later=REGISTERED_SINCE,
        of_stream=f"NOT {REPLACED}",
        of_documents="d.id = %(id)s",
    )
    for name, part in _PARTS.items()
}
# A few lengths of lists, each a statement of its own: their plans are kept, while one for a list
# of any length would be made anew for every read, which takes longer than the read.
_LIST_LENGTHS = (1, 4, 16)
# Whether a row was replaced by another application is asked for only where one lacks its workflow.
_READ_DOCUMENTS: Mapping[int, str] = {
    length: _READ.format(
        part=_WHOLE,
        later=REGISTERED_SINCE if length == 1 else MANY_REGISTERED_SINCE,
        of_stream="true",
        of_documents=f"d.id IN ({', '.join(['%s'] * length)})",
    )
    for length in _LIST_LENGTHS
}

_WAITING_SUMMARY = with_waits(_SUMMARY)
_READ_WAITING_PART = each_with_waits(_READ_PART)
_READ_WAITING_DOCUMENTS = {length: with_waits(sql) for length, sql in _READ_DOCUMENTS.items()}


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """What a read of one document found.

    `body` is JSON, None if the part that was asked for is not there. `projected` tells whether the
    read models know this life of the document as registered; if not, the rest may be of a former
    life. `tracked` is how far they are in the whole log.
    """

    body: str | None
    version: int
    position: int
    projected: bool
    parked_position: int | None
    tracked: int


class Queries:
    """Reads over a pool of connections; each call is one query.

    A call outside a request may wait for the database for `seconds`.
    """

    def __init__(self, database: Database, seconds: float = 10.0) -> None:
        self._database = database
        self._seconds = seconds
        self._pipeline: tuple[float, tuple[StageDependency, ...]] = (0.0, ())
        self._waits = (0.0, False)
        self._estimates = Estimates(partial(self._rows, plans=_PLANNED_AS_USUAL))
        self._plans: WeakKeyDictionary[AsyncConnection, str] = WeakKeyDictionary()
        self._whole = Coalesced(self._documents, most=_LIST_LENGTHS[-1])

    async def read(
        self, document_id: str, part: str, stage: str | None = None, path: str | None = None
    ) -> DocumentRead | None:
        """Return a part of a document, None if `documents` has no such row."""
        # An id that the database cannot encode must not fail the reads of others.
        if part == "document" and document_id.isascii():
            found = await self._whole.read(document_id)
            if found is None or _NO_WORKFLOW not in (found.body or ""):
                return found
        parts = _READ_WAITING_PART if await self._some_wait() else _READ_PART
        rows = await self._rows(parts[part], {"id": document_id, "stage": stage, "path": path})
        return _document_read(rows[0]) if rows else None

    async def _documents(self, document_ids: Sequence[str]) -> Mapping[str, DocumentRead]:
        length = next(n for n in _LIST_LENGTHS if n >= len(document_ids))
        padding = [document_ids[0]] * (length - len(document_ids))
        read = _READ_WAITING_DOCUMENTS if await self._some_wait() else _READ_DOCUMENTS
        rows = await self._rows(read[length], [*document_ids, *padding])
        return {row["id"]: _document_read(row) for row in rows}

    async def documents(
        self, wanted: DocumentFilter, limit: int, cursor: str | None
    ) -> tuple[str, str | None]:
        """Return a page, newest first: documents as JSON joined by commas; the next cursor."""
        after = None if cursor is None else After(*cursors.newest_first(cursor))
        estimate = await self._estimates.of(wanted)
        summary = _WAITING_SUMMARY if await self._some_wait() else _SUMMARY
        query = page_query(wanted, after, limit, estimate, summary)
        plans = _ONE_PLAN if query.keeps_plan else _PLANNED_AS_USUAL
        try:
            # Ways are few, and to read a statement this long takes longer than to carry it out.
            (page,) = await self._rows(query.sql, query.values, plans=plans, prepare=True)
        except psycopg.DataError:
            # A time that looks like one and is none, the 31st of February say.
            raise cursors.refused() from None
        if page["last_id"] is None:
            return page["bodies"], None
        return page["bodies"], cursors.encode(page["last_at"], page["last_id"])

    async def _some_wait(self) -> bool:
        """Tell whether any stage waits for an executor, as of two seconds ago at most."""
        read_at, found = self._waits
        if time.monotonic() - read_at > _WAITS_CACHED_SECONDS:
            self._waits = (time.monotonic(), found)
            found = bool((await self._rows(SOME_WAIT, {}))[0]["some_wait"])
            self._waits = (time.monotonic(), found)
        return found

    async def pipeline(self) -> tuple[StageDependency, ...]:
        """Return the rows of `stage_dependencies`, at most two seconds old.

        Raises PipelineInvalid if they make no pipeline.
        """
        read_at, rows = self._pipeline
        if not rows or time.monotonic() - read_at > _PIPELINE_CACHED_SECONDS:
            rows = await self._dependencies()
            try:
                check_configured(rows)
            except PipelineInvalid as error:
                _log.error("registrations are refused", why=str(error))
                raise
            self._pipeline = (time.monotonic(), rows)
        return rows

    async def _dependencies(self) -> tuple[StageDependency, ...]:
        found = await self._rows(
            "SELECT stage_name, depends_on_stage, is_required, execution_order"
            " FROM stage_dependencies ORDER BY execution_order, stage_name, depends_on_stage",
            {},
        )
        return tuple(StageDependency(**row) for row in found)

    async def former_files_are_gone(self, document_id: str) -> bool:
        """Tell whether the document's folder holds nothing of a former life any more."""
        rows = await self._rows(_FORMER_FILES, {"id": document_id})
        return not rows

    async def tracked(self) -> int:
        """Return how far the read models are in the log."""
        rows = await self._rows(TRACKED, {})
        return int(rows[0]["position"]) if rows else 0

    async def log_position(self) -> int:
        """Return the position of the newest event, 0 in an empty log."""
        rows = await self._rows(
            "SELECT coalesce(max(notification_id), 0) AS position FROM docledger_events", {}
        )
        return int(rows[0]["position"])

    async def projections(self) -> list[JsonObject]:
        """Return each projection with its position, the log's, and how long ago it moved."""
        return await self._rows(_PROJECTIONS, {})

    async def parked(self, limit: int) -> list[JsonObject]:
        """Return the parked documents that were parked first."""
        return await self._rows(_PARKED, {"limit": limit})

    async def parked_count(self) -> int:
        """Count the parked documents."""
        rows = await self._rows(
            "SELECT count(*) AS parked FROM document_streams WHERE parked_at IS NOT NULL", {}
        )
        return int(rows[0]["parked"])

    async def rebuild(self) -> JsonObject | None:
        """Return the newest rebuild, None if there never was one."""
        rows = await self._rows(_REBUILD, {})
        return rows[0] if rows else None

    async def _rows(
        self,
        query: str,
        values: JsonMapping | Sequence[Any],
        *,
        plans: str | None = None,
        prepare: bool | None = None,
    ) -> list[JsonObject]:
        """Return what a query finds; `plans` says how it has to be planned, if that matters.

        What is found by its key is planned alike in either way, and asks for no change of it.
        """
        with _database_errors(), waiting_for_database(self._seconds):
            async with self._database.connection() as connection:
                if plans is not None and plans != self._plans.get(connection, _PLANNED_AS_USUAL):
                    await connection.execute(f"SET plan_cache_mode = {plans}".encode())
                    self._plans[connection] = plans
                cursor = connection.cursor(row_factory=dict_row)
                await cursor.execute(query, values, prepare=prepare)
                return await cursor.fetchall()


# A row for each registration but the first that the uploads tree has not been brought up to.
_FORMER_FILES = """
    SELECT FROM docledger_events e
    WHERE e.originator_id = %(id)s AND e.topic = 'DocumentRegistered' AND e.originator_version > 1
        AND (e.notification_id > coalesce(
                (SELECT position FROM tracking WHERE projection = 'uploads_tree'), 0)
            OR EXISTS (SELECT FROM uploads_tree_retries r WHERE r.document_id = %(id)s))
    LIMIT 1
"""
# One that has not ended and does not run was killed.
_REBUILD = """
    SELECT r.*, r.finished_at IS NULL AND runs AS is_running,
        r.finished_at IS NULL AND NOT runs AS was_killed
    FROM read_model_rebuilds r CROSS JOIN docledger_rebuild_is_running() AS runs
    ORDER BY r.started_at DESC LIMIT 1
"""
_PROJECTIONS = """
    SELECT t.projection, t.position, l.position AS log_position,
        extract(epoch FROM clock_timestamp() - t.updated_at)::float8 AS idle_seconds
    FROM tracking t
    CROSS JOIN (SELECT coalesce(max(notification_id), 0) AS position FROM docledger_events) l
    ORDER BY t.projection
"""
_PARKED = """
    SELECT document_id AS "documentId", parked_position AS "position", parked_error AS "error"
    FROM document_streams WHERE parked_at IS NOT NULL ORDER BY parked_position LIMIT %(limit)s
"""


def _document_read(row: JsonMapping) -> DocumentRead:
    return DocumentRead(
        row["body"],
        row["version"],
        row["position"],
        row["projected"],
        row["parked_position"],
        row["tracked"] or 0,
    )


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise ReadModelUnavailable(
            "The database is not that of this version; run 'docledger migrate up'."
        ) from error
    except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as error:
        if _causes.is_new(why := cause(error)):
            _log.warning("the database cannot be used", cause=why)
        raise (LogFull() if error.sqlstate == _DISK_FULL else ReadModelUnavailable()) from error
