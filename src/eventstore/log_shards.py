"""Reads the whole log fast: document by document, in shards that processes can share out."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import cast

from psycopg import Connection
from psycopg.rows import tuple_row

from eventstore.document_keys import DocumentKey
from eventstore.mapper import FindKey, format_time, read_rows
from eventstore.recorded import LogRow, RecordedEvent

_SETTINGS = (
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; "
    "SET search_path = public; SET work_mem = '64MB'; SET timezone = 'UTC'; "
    # a reader that was killed must not go on using the server
    "SET client_connection_check_interval = '2s'"
)
_COUNT = "SELECT count(*) FROM docledger_events WHERE notification_id <= %s"
_LAST = "SELECT coalesce(max(notification_id), 0) FROM docledger_events"
_EVENT_AT = """
    SELECT notification_id, encode(substring(state FROM 8 FOR 27), 'escape')
    FROM docledger_events WHERE notification_id <= %s ORDER BY notification_id DESC LIMIT 1
"""
_BOUNDS = """
    SELECT percentile_disc(%s::float8[]) WITHIN GROUP (ORDER BY originator_id)
    FROM docledger_events TABLESAMPLE SYSTEM (%s)
"""
_EVENTS = """
    SELECT originator_id, originator_version, topic, state, notification_id
    FROM docledger_events
    WHERE originator_id >= %(first)s AND (%(end)s::text IS NULL OR originator_id < %(end)s)
        AND notification_id <= %(until)s
    ORDER BY originator_id, originator_version
"""
_STREAMS = """
    SELECT originator_id, originator_version, topic, state, notification_id
    FROM docledger_events WHERE originator_id = ANY(%s) ORDER BY originator_id, originator_version
"""
_KEYS_BETWEEN = """
    SELECT document_id, key_id, key FROM document_keys
    WHERE document_id >= %(first)s AND (%(end)s::text IS NULL OR document_id < %(end)s)
"""
_KEYS_OF = "SELECT document_id, key_id, key FROM document_keys WHERE document_id = ANY(%s)"
_READ_EVENTS = 200
_SAMPLED_EVENTS = 50_000
_MOST_SHARDS = 2000


@dataclass(frozen=True)
class LogShards:
    """The log for many processes at once; pickled, it takes `connect` along.

    The log only grows and its positions are committed in order, so that everything up to a
    position is the same whenever it is read: no snapshot has to be kept.
    """

    connect: Callable[[], Connection]

    def count(self, until: int) -> int:
        """Return how many events there are up to this position."""
        with self._connection() as connection:
            row = connection.execute(_COUNT, (until,)).fetchone()
        return int(row[0]) if row else 0

    def shards(self, events_total: int, events_each: int) -> Sequence[tuple[str, str | None]]:
        """Return shards of about this many events each, as first id and the id to end before.

        They follow from a sample: how even they are is a matter of speed only.
        """
        count = min(_MOST_SHARDS, max(1, round(events_total / events_each)))
        percent = min(100.0, 100.0 * _SAMPLED_EVENTS / max(1, events_total))
        fractions = [number / count for number in range(1, count)]
        with self._connection() as connection:
            row = connection.execute(_BOUNDS, (fractions, percent)).fetchone()
        bounds = sorted({*(row[0] or ())}) if row and fractions else []
        return list(zip(["", *bounds], [*bounds, None], strict=True))

    def position_at(self, at: datetime) -> int:
        """Return the position of the last event that is not later, 0 if all are.

        Times never go back along the log, so that halving finds it.
        """
        text = format_time(at)
        with self._connection() as connection:
            row = connection.execute(_LAST).fetchone()
            low, high = 0, int(row[0]) if row else 0
            while low < high:
                middle = (low + high + 1) // 2
                row = connection.execute(_EVENT_AT, (middle,)).fetchone()
                if row is not None and row[1] > text:
                    high = int(row[0]) - 1
                else:
                    low = middle
            row = connection.execute(_EVENT_AT, (low,)).fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def open(self) -> Iterator[ShardReader]:
        """Return a reader with a connection of its own."""
        with self._connection() as connection:
            yield ShardReader(connection)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with contextlib.closing(self.connect()) as connection:
            connection.autocommit = True
            connection.row_factory = tuple_row
            connection.execute(_SETTINGS)
            yield connection


class ShardReader:
    """Reads whole documents over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def documents(
        self, first: str, end: str | None, until: int
    ) -> Iterator[tuple[str, Sequence[RecordedEvent]]]:
        """Yield each document of the shard with its events up to position `until`, in order."""
        between = {"first": first, "end": end, "until": until}
        find_key = _keys(self._connection.execute(_KEYS_BETWEEN, between))
        # A COPY costs a call for each row, and a cursor has the server put the rows by.
        rows = self._connection.cursor(binary=True).stream(_EVENTS, between, size=_READ_EVENTS)
        with contextlib.closing(cast("Generator[LogRow]", rows)) as streamed:
            yield from _by_document(_portions(streamed), find_key)

    def streams(self, document_ids: Collection[str]) -> dict[str, list[RecordedEvent]]:
        """Return every event of these documents, each one's in order."""
        ids = list(document_ids)
        find_key = _keys(self._connection.execute(_KEYS_OF, (ids,)))
        rows = self._connection.cursor(binary=True).execute(_STREAMS, (ids,)).fetchall()
        found = dict(_by_document([rows], find_key))
        return {i: found.get(i, []) for i in ids}


def _keys(rows: Iterable[tuple[str, str, bytes]]) -> FindKey:
    """Return what finds the documents' keys, those of all their lives read at once."""
    keys = {(row[0], row[1]): DocumentKey(row[1], bytes(row[2])) for row in rows}
    return lambda document_id, key_id: keys.get((document_id, key_id))


def _portions(rows: Iterator[LogRow]) -> Iterator[list[LogRow]]:
    return iter(lambda: list(itertools.islice(rows, _READ_EVENTS)), [])


def _by_document(
    portions: Iterable[Sequence[LogRow]], find_key: FindKey
) -> Iterator[tuple[str, list[RecordedEvent]]]:
    # All of a portion is decoded before any of it is folded: a processor that goes to and fro
    # between the two takes a tenth longer for both. So it does with more than its cache holds.
    events = itertools.chain.from_iterable(read_rows(rows, find_key) for rows in portions)
    for document_id, its in itertools.groupby(events, attrgetter("event.document_id")):
        yield document_id, list(its)
