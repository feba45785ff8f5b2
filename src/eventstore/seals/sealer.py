"""Seals of the log: roots of a Merkle tree over what is stored, and proofs that lead to them.

Sealing only reads the log, so no append waits for it. One process seals at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from domain.errors import DocledgerError
from eventstore.merkle import CompactRange, inclusion_proof
from eventstore.seals.tiles import SealTiles
from eventstore.stored_log import StoredRow, binary_cursor, read_page
from postgres import advisory_locks
from postgres.causes import cause

BATCH_EVENTS = 4096
"""Events that one transaction seals, at most."""

_LAST = "SELECT size, position, root, sealed_at FROM log_seals ORDER BY size DESC LIMIT 1"
_INSERT = "INSERT INTO log_seals (size, position, root, sealed_at) VALUES (%s, %s, %s, %s)"
_SEALED_BEFORE = """
    SELECT size, position FROM log_seals WHERE position <= %s ORDER BY position DESC LIMIT 1
"""
_COUNT = """
    SELECT count(*) FROM docledger_events WHERE notification_id > %s AND notification_id <= %s
"""
_NTH_AFTER = """
    SELECT notification_id FROM docledger_events WHERE notification_id > %s
    ORDER BY notification_id OFFSET %s LIMIT 1
"""
_SEALED_BELOW = "SELECT size, position FROM log_seals WHERE size <= %s ORDER BY size DESC LIMIT 1"
_OF_DOCUMENT = """
    SELECT notification_id, originator_id, originator_version, topic, state
    FROM docledger_events WHERE originator_id = %s ORDER BY originator_version
"""

_log = structlog.get_logger()


class AlteredSinceSealed(DocledgerError):
    """The log is not what was sealed; 'docledger verify' says where."""


@dataclass(frozen=True, slots=True)
class Seal:
    """The root over the first `size` events, the last of them at `position`."""

    size: int
    position: int
    root: bytes
    sealed_at: datetime


@dataclass(frozen=True, slots=True)
class ProvenEvent:
    """An event as stored, its number in the log from 0, and the hashes that lead to the root."""

    row: StoredRow
    index: int
    proof: list[bytes]


def last_seal(connection: Connection) -> Seal | None:
    """Return the newest seal."""
    with connection.cursor(row_factory=class_row(Seal)) as cursor:
        return cursor.execute(_LAST).fetchone()


def seal_batch(connection: Connection, at: datetime, *, wait: bool = False) -> Seal | None:
    """Seal the next events; None if there is none, or, without `wait`, somebody else is at it."""
    with connection.transaction():
        if not _locked(connection, wait=wait):
            return None
        before = last_seal(connection)
        size, position = (before.size, before.position) if before else (0, 0)
        rows = read_page(connection, position, BATCH_EVENTS)
        if not rows:
            return None
        return _seal(connection, size, rows, at)


def _locked(connection: Connection, *, wait: bool) -> bool:
    if wait:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (advisory_locks.SEALS,))
        return True
    return advisory_locks.take_for_transaction(connection, advisory_locks.SEALS)


def _seal(connection: Connection, size: int, rows: list[StoredRow], at: datetime) -> Seal:
    tiles = SealTiles(connection)
    compact = CompactRange.of(size, tiles.node)
    leaves = [row.leaf() for row in rows]
    for leaf in leaves:
        compact.append(leaf)
    tiles.append(size, leaves)
    tiles.save()
    seal = Seal(compact.size, rows[-1].position, compact.root(), at)
    connection.execute(_INSERT, (seal.size, seal.position, seal.root, seal.sealed_at))
    return seal


def seal_all(connection: Connection, clock: Callable[[], datetime]) -> Seal | None:
    """Seal everything that is in the log, waiting for others who do; return the newest seal."""
    while seal_batch(connection, clock(), wait=True) is not None:
        pass
    return last_seal(connection)


def size_until(connection: Connection, position: int) -> int:
    """Return how many events stand at this position and before it."""
    size, sealed = _one(connection, _SEALED_BEFORE, position) or (0, 0)
    counted = _one(connection, _COUNT, sealed, position)
    return int(size + (counted[0] if counted else 0))


def position_of(connection: Connection, size: int) -> int:
    """Return the position of the `size`-th event, 0 if there are not so many."""
    sealed_size, position = _one(connection, _SEALED_BELOW, size) or (0, 0)
    if sealed_size == size:
        return int(position)
    found = _one(connection, _NTH_AFTER, position, size - sealed_size - 1)
    return int(found[0]) if found else 0


def root_at(connection: Connection, size: int) -> bytes:
    """Return the root over the first `size` events, which must be sealed."""
    return CompactRange.of(size, SealTiles(connection).node).root()


def prove(connection: Connection, document_id: str, size: int) -> list[ProvenEvent]:
    """Return the document's events among the first `size` sealed ones, each with its proof.

    Raises AlteredSinceSealed for one that is not what was sealed.
    """
    with binary_cursor(connection) as cursor:
        rows = [StoredRow(*row) for row in cursor.execute(_OF_DOCUMENT, (document_id,))]
    tiles = SealTiles(connection)
    proven = []
    for row in rows:
        index = size_until(connection, row.position) - 1
        if index >= size:
            continue
        if tiles.node(0, index) != row.leaf():
            raise AlteredSinceSealed(
                f"Event {row.version} of document '{document_id}' is not what was sealed as "
                f"number {index} of the log; 'docledger verify' says more."
            )
        proven.append(ProvenEvent(row, index, inclusion_proof(index, size, tiles.node)))
    return proven


class Sealer:
    """Seals what is new every `every_seconds`; of all that run, one is at work at a time."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        every_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._connect = connect
        self._every_seconds = every_seconds
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Seal until told to stop; what fails is tried again the next time."""
        while not stop.wait(self._every_seconds):
            try:
                with self._connect() as connection:
                    connection.autocommit = True
                    while not stop.is_set() and seal_batch(connection, self._clock()) is not None:
                        pass
            except (psycopg.Error, DocledgerError) as error:
                _log.warning("the log could not be sealed", cause=cause(error))


def _one(connection: Connection, query: str, *parameters: int) -> tuple[Any, ...] | None:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query.encode(), parameters).fetchone()
