"""The least that a rebuild can take: the log out, its events decoded, the rows in, the indexes.

Each part has all cores for itself and does nothing but its own work: the bytes of the log are
thrown away, the sealed parts are opened and the states decoded from memory and dropped, the rows
come from memory as the binary COPY of the finished tables, and the indexes and keys are those of
the live tables.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from psycopg import Connection, sql

from domain.events import EVENT_TYPES
from eventstore.document_keys import DocumentKey
from eventstore.mapper import decoder_of

_SPAWN = multiprocessing.get_context("spawn")
_SCHEMA = "bench_floor"
_LOG = """
    COPY (SELECT originator_id, originator_version, topic, state, notification_id
          FROM docledger_events WHERE notification_id > %s AND notification_id <= %s
          ORDER BY notification_id) TO STDOUT (FORMAT binary)
"""
_STATES = """
    SELECT e.originator_id, e.originator_version, e.topic, e.state, k.key_id, k.key
    FROM docledger_events e JOIN document_keys k ON k.document_id = e.originator_id
    WHERE e.notification_id > %s AND e.notification_id <= %s ORDER BY e.notification_id
"""
_ROWS = (
    "COPY (SELECT * FROM {} WHERE document_id >= %s AND document_id < %s) TO STDOUT (FORMAT binary)"
)
_BOUNDS = (
    "SELECT percentile_disc(%s::float8[]) WITHIN GROUP (ORDER BY document_id) FROM document_streams"
)
_FILLFACTOR = """
    SELECT o FROM pg_class c, unnest(c.reloptions) o
    WHERE c.oid = %s::regclass AND o LIKE 'fillfactor=%%'
"""
_TABLES = (
    "documents_processing_stages",
    "stage_output_files",
    "processing_workflows",
    "document_streams",
)
_PIECE_BYTES = 1 << 18

UNSEAL = "unseal"
"""The part of a floor without which decoding has to be handed personal parts in the open."""


@dataclass
class Floor:
    """What the floor is measured on, read once."""

    dsn: str
    events: int
    cores: int
    rows: Mapping[str, Sequence[Sequence[bytes]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = _finished_rows(self.dsn, self.cores)

    def measure(self) -> dict[str, float]:
        """Return the seconds of each part."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            made = _Shadow(connection)
            with made:
                parts = {
                    "copy_out": _in_processes(_read_log, self.dsn, self._shares()),
                    UNSEAL: _in_processes(_unseal, self.dsn, self._shares()),
                    "decode": _in_processes(_decode, self.dsn, self._shares()),
                    "copy_in": self._copy_in(),
                    "index": made.finish(self.dsn, self.cores),
                }
        return parts

    def _shares(self) -> list[tuple[int, int]]:
        ends = [self.events * n // self.cores for n in range(self.cores + 1)]
        return list(itertools.pairwise(ends))

    def _copy_in(self) -> float:
        started = time.perf_counter()
        with ThreadPoolExecutor(self.cores) as pool:
            list(pool.map(partial(_write_rows, self.dsn, self.rows), range(self.cores)))
        return time.perf_counter() - started


def _finished_rows(dsn: str, cores: int) -> dict[str, list[list[bytes]]]:
    """Return the rows of each table as the pieces of one binary COPY a core."""
    with psycopg.connect(dsn) as connection:
        fractions = [n / cores for n in range(1, cores)]
        row = connection.execute(_BOUNDS, (fractions,)).fetchone()
        bounds = ["", *((row[0] or []) if row else []), "\U0010ffff"]
        found: dict[str, list[list[bytes]]] = {}
        for table in _TABLES:
            query = sql.SQL(_ROWS).format(sql.Identifier(table))
            found[table] = []
            for between in itertools.pairwise(bounds):
                with connection.cursor().copy(query, between) as copy:
                    joined = b"".join(bytes(piece) for piece in copy)
                pieces = range(0, len(joined), _PIECE_BYTES)
                found[table].append([joined[at : at + _PIECE_BYTES] for at in pieces])
        return found


def _write_rows(dsn: str, rows: Mapping[str, Sequence[Sequence[bytes]]], core: int) -> None:
    # each core begins with another table, so that they do not wait for one another's pages
    order = [*_TABLES[core % len(_TABLES) :], *_TABLES[: core % len(_TABLES)]]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for table in order:
            copy = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(
                sql.Identifier(_SCHEMA, table)
            )
            with connection.cursor().copy(copy) as target:
                for piece in rows[table][core]:
                    target.write(piece)


def _in_processes(
    prepare: Callable[[str, tuple[int, int]], Callable[[], None]],
    dsn: str,
    shares: Sequence[tuple[int, int]],
) -> float:
    """Have each share prepared and then, all at once, done in a process of its own."""
    start, out = _SPAWN.Barrier(len(shares)), _SPAWN.Queue()
    processes = [
        _SPAWN.Process(target=_act, args=(prepare, dsn, share, start, out)) for share in shares
    ]
    for process in processes:
        process.start()
    seconds = max(out.get(timeout=600) for _ in processes)
    for process in processes:
        process.join()
    return float(seconds)


def _act(prepare: Any, dsn: str, share: tuple[int, int], start: Any, out: Any) -> None:
    act = prepare(dsn, share)
    start.wait()
    started = time.perf_counter()
    act()
    out.put(time.perf_counter() - started)


def _read_log(dsn: str, share: tuple[int, int]) -> Callable[[], None]:
    connection = psycopg.connect(dsn, autocommit=True)

    def act() -> None:
        with connection.cursor().copy(_LOG, share) as copy:
            for _ in copy:
                pass

    return act


def _unseal(dsn: str, share: tuple[int, int]) -> Callable[[], None]:
    """Prepare the sealed parts, and return the opening of them."""
    with psycopg.connect(dsn) as connection:
        rows = connection.cursor(binary=True).execute(_STATES, share).fetchall()
    sealed = [
        (DocumentKey(key_id, key), text.partition(".")[2].encode(), _about(document_id, *event))
        for document_id, *event, state, key_id, key in rows
        if (text := json.loads(state).get("sealed")) is not None
    ]
    del rows

    def act() -> None:
        for key, text, about in sealed:
            key.unseal_base64(text, about)

    return act


def _decode(dsn: str, share: tuple[int, int]) -> Callable[[], None]:
    """Prepare what the decoder is given, personal parts in the open, and return the decoding."""
    with psycopg.connect(dsn) as connection:
        rows = connection.cursor(binary=True).execute(_STATES, share).fetchall()
    calls = [(decoder_of(EVENT_TYPES[topic]), _open(*row)) for row in rows for topic in (row[2],)]
    del rows

    def act() -> None:
        for decode, body in calls:
            decode(body)

    return act


def _open(
    document_id: str, version: int, topic: str, state: bytes, key_id: str, key: bytes
) -> bytes:
    fields = json.loads(state)
    sealed = fields.pop("sealed", None)
    if sealed is not None:
        about = _about(document_id, version, topic)
        fields["personal"] = json.loads(DocumentKey(key_id, key).unseal(sealed, about))
    fields |= {"document_id": document_id, "version": version}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _about(document_id: str, version: int, topic: str) -> bytes:
    return f"{document_id}\0{version}\0{topic}".encode()


class _Shadow:
    """Tables as the live ones without indexes and keys; `finish` gives them all of these."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        execute = self._connection.execute
        execute(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE".encode())
        execute(f"CREATE SCHEMA {_SCHEMA}".encode())
        for table in _TABLES:
            row = execute(_FILLFACTOR, (f"public.{table}",)).fetchone()
            execute(
                f"CREATE TABLE {_SCHEMA}.{table} (LIKE public.{table} INCLUDING ALL "
                f"EXCLUDING INDEXES) WITH (autovacuum_enabled = false, {row[0]})".encode()
            )

    def __exit__(self, *_: object) -> None:
        self._connection.execute(f"DROP SCHEMA {_SCHEMA} CASCADE".encode())

    def finish(self, dsn: str, cores: int) -> float:
        """Build the indexes, then add keys and foreign keys; return the seconds."""
        indexes, keys = list(self._indexes()), list(self._foreign_keys())
        started = time.perf_counter()
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(partial(_execute, dsn), indexes))
            list(pool.map(partial(_execute, dsn), keys))
        return time.perf_counter() - started

    def _indexes(self) -> Iterator[str]:
        rows = self._connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(%s) "
            "ORDER BY pg_relation_size(format('public.%%I', indexname)) DESC",
            (list(_TABLES),),
        )
        for (definition,) in rows.fetchall():
            yield definition.replace(" ON public.", f" ON {_SCHEMA}.")

    def _foreign_keys(self) -> Iterator[str]:
        rows = self._connection.execute(
            "SELECT relname, conname, pg_get_constraintdef(c.oid) FROM pg_constraint c "
            "JOIN pg_class t ON t.oid = c.conrelid AND t.relnamespace = 'public'::regnamespace "
            "WHERE contype = 'f' AND relname = ANY(%s)",
            (list(_TABLES),),
        )
        for table, name, definition in rows.fetchall():
            yield f"ALTER TABLE {_SCHEMA}.{table} ADD CONSTRAINT {name} {definition}"


def _execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SET synchronous_commit = off; SET maintenance_work_mem = '128MB'; "
            "SET max_parallel_maintenance_workers = 0"
        )
        connection.execute(statement.encode())
