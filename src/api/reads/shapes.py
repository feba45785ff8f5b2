"""The JSON of rows, said once: PostgreSQL builds it for reads and Python for answers of writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from pydantic.alias_generators import to_camel

from domain.json_types import JsonObject

SQL_TIME = """to_char({}::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


NOT_WAITING = "NULL::json /* {} waits for nothing */"
"""SQL of `waitingFor` where no stage waits for an executor; the alias of the row is put in."""


class Shape:
    """The columns of a table that callers see, in order; columns ending in `_at` are times.

    With `waits`, `waitingFor` follows them: why nothing goes on, null where that is not so.
    """

    def __init__(self, *columns: str, waits: bool = False) -> None:
        self.columns = columns
        self._column_keys = tuple(to_camel(column) for column in columns)
        self.keys = (*self._column_keys, "waitingFor") if waits else self._column_keys
        self.waits = waits
        self._values: Callable[[Any], tuple[Any, ...]] = attrgetter(*columns)
        self._times = tuple(key for key in self.keys if key.endswith("At"))

    def sql(self, alias: str) -> str:
        """Return the SQL expression that makes a row of table `alias` a JSON object."""
        pairs = (
            f"'{key}', {_sql_value(f'{alias}.{column}')}"
            for key, column in zip(self._column_keys, self.columns, strict=True)
        )
        waits = f", 'waitingFor', {NOT_WAITING.format(alias)}" if self.waits else ""
        return f"json_build_object({', '.join(pairs)}{waits})"

    def of(self, row: object) -> JsonObject:
        """Return the JSON of a row whose attributes are named like the columns."""
        found = dict(zip(self._column_keys, self._values(row), strict=True))
        for key in self._times:
            if (at := found[key]) is not None:
                found[key] = time_text(at)
        if self.waits:
            found["waitingFor"] = None
        return found


WORKFLOW = Shape(
    "id",
    "document_id",
    "workflow_type",
    "status",
    "total_stages",
    "completed_stages",
    "current_stage",
    "started_at",
    "completed_at",
    "configuration",
    "created_at",
    "updated_at",
    waits=True,
)
STAGE = Shape(
    "id",
    "document_id",
    "stage_name",
    "status",
    "attempt",
    "retry_count",
    "started_at",
    "completed_at",
    "error_message",
    "metadata",
    "created_at",
    "updated_at",
    waits=True,
)
FILE = Shape(
    "id",
    "document_id",
    "stage_name",
    "file_type",
    "file_path",
    "file_size",
    "mime_type",
    "checksum",
    "metadata",
    "created_at",
)
DOCUMENT = Shape("id", "title", "realm_id", "content", "created_at", "updated_at")
SUMMARY = Shape("id", "title", "realm_id", "created_at", "updated_at")


def plain(value: object) -> Any:
    """Return a row's value as JSON has it."""
    return time_text(value) if isinstance(value, datetime) else value


def time_text(at: datetime) -> str:
    """Return an aware time in RFC 3339, in UTC and to the microsecond."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def _sql_value(column: str) -> str:
    return SQL_TIME.format(column) if column.endswith("_at") else column
