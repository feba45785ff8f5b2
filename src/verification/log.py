"""Holds the log as it is stored against its seals, in the order of its positions.

Between two seals events are compared one by one with the hashes that were kept of them, so that
what was altered, taken out or put in is found where it is and not at everything behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from psycopg import Connection
from psycopg.rows import tuple_row

from eventstore.merkle import CompactRange
from eventstore.seals.checkpoint import Checkpoint
from eventstore.seals.tiles import TILE_HASHES, SealsDamaged, SealTiles, read_leaves, split_hashes
from eventstore.stored_log import StoredRow, read_between
from verification.difference import Difference, Kind

_END = """
    SELECT coalesce((SELECT max(notification_id) FROM docledger_events), 0),
           coalesce((SELECT max(position) FROM log_seals), 0),
           coalesce((SELECT max(size) FROM log_seals), 0)
"""
_SEALS = """
    SELECT size, position, root FROM log_seals WHERE size > %s AND size <= %s
    ORDER BY size LIMIT 1000
"""
_TILES_ABOVE = """
    SELECT level, index, hashes FROM log_seal_tiles WHERE (level, index) > (%s, %s)
    ORDER BY level, index LIMIT 64
"""

_NO_TILE = 2**62
_BEFORE_ALL = -(2**63)  # no append gives positions below 1, but somebody else may

Advance = Callable[[int, int], None]
"""Told how many events were looked at, and up to which position."""


@dataclass(frozen=True, slots=True)
class LogEnd:
    """How far the log goes at one moment, and how far it is sealed."""

    position: int
    sealed_position: int
    sealed_size: int

    @property
    def last_position(self) -> int:
        """The last position that there is or ever was, as far as is known."""
        return max(self.position, self.sealed_position)


def log_end(connection: Connection) -> LogEnd:
    """Return how far the log goes now."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_END).fetchone()
    return LogEnd(*row) if row else LogEnd(0, 0, 0)


@dataclass(frozen=True, slots=True)
class _Interval:
    """What was sealed at one go: events after `start` leaves, up to a position."""

    start: int
    after: int
    size: int
    position: int
    root: bytes


class LogCheck:
    """One pass over the log; `events` counts what was read."""

    def __init__(
        self,
        connection: Connection,
        end: LogEnd,
        notes: Iterable[Checkpoint] = (),
        advance: Advance = lambda _events, _position: None,
    ) -> None:
        self._connection = connection
        self._end = end
        self._notes = sorted(notes, key=lambda note: note.size)
        self._advance = advance
        self._as_stored = CompactRange()
        self._as_sealed = CompactRange()
        self._last_at = b""
        self._broken_seals = 0
        self.events = 0

    def differences(self) -> Iterator[Difference]:
        """Yield what is not as it was sealed."""
        sealed_position = _BEFORE_ALL
        for interval in self._intervals():
            rows = []
            for row in self._read(interval.after, interval.position):
                rows.append(row)
                yield from self._out_of_order(row)
            leaves = [row.leaf() for row in rows]
            yield from self._against_notes(leaves)
            yield from self._against_seal(interval, rows, leaves)
            sealed_position = interval.position
        for row in self._read(sealed_position, self._end.last_position):
            yield from self._out_of_order(row)
            yield from self._against_notes((row.leaf(),))
        yield from self._notes_beyond()
        yield from self._tiles_above()

    def _read(self, after: int, until: int) -> Iterator[StoredRow]:
        for row in read_between(self._connection, after, until):
            self.events += 1
            if self.events % 1000 == 0:
                self._advance(self.events, row.position)
            yield row

    def _intervals(self) -> Iterator[_Interval]:
        size, position = 0, _BEFORE_ALL
        while page := self._seals_after(size):
            for next_size, next_position, root in page:
                yield _Interval(size, position, next_size, next_position, bytes(root))
                size, position = next_size, next_position

    def _seals_after(self, size: int) -> list[tuple[int, int, bytes]]:
        with self._connection.cursor(row_factory=tuple_row, binary=True) as cursor:
            return cursor.execute(_SEALS, (size, self._end.sealed_size)).fetchall()

    def _out_of_order(self, row: StoredRow) -> Iterator[Difference]:
        if row.at < self._last_at:
            detail = f"{_named(row)}: its time is before that of the event ahead of it in the log"
            yield Difference(row.document_id, "event-order", detail)
        self._last_at = max(self._last_at, row.at)

    def _against_notes(self, leaves: Iterable[bytes]) -> Iterator[Difference]:
        for leaf in leaves:
            self._as_stored.append(leaf)
            while self._notes and self._notes[0].size == self._as_stored.size:
                note = self._notes.pop(0)
                if note.root != self._as_stored.root():
                    detail = f"the first {note.size} events are not those of the seal of {note.at}"
                    yield Difference(None, "seal", detail)

    def _notes_beyond(self) -> Iterator[Difference]:
        for note in self._notes:
            detail = f"the seal of {note.at} is over {note.size} events; there are {self.events}"
            yield Difference(None, "seal", detail)

    def _against_seal(
        self, interval: _Interval, rows: Sequence[StoredRow], leaves: list[bytes]
    ) -> Iterator[Difference]:
        sealed = read_leaves(self._connection, interval.start, interval.size)
        if sealed is None:
            detail = f"hashes of the events {interval.start} to {interval.size - 1} are missing"
            yield Difference(None, "seal", detail)
            sealed = leaves
        if sealed != leaves:
            yield from _what_changed(interval, rows, leaves, sealed)
        for leaf in sealed:
            self._as_sealed.append(leaf)
        if self._as_sealed.root() != interval.root:
            self._broken_seals += 1
            if self._broken_seals == 1:
                detail = f"the root over the first {interval.size} events is not that of its seal"
                yield Difference(None, "seal", detail)

    def _tiles_above(self) -> Iterator[Difference]:
        """Compare the tiles above the leaves with the roots of those below them."""
        level, index = 0, _NO_TILE
        while page := self._tiles_after(level, index):
            for level, index, hashes in page:
                tiles = SealTiles(self._connection)
                for at, hashed in enumerate(split_hashes(bytes(hashes))):
                    if not _is_root(tiles, level - 1, index * TILE_HASHES + at, hashed):
                        detail = f"hash {at} of tile {index}, level {level}, is not that of a tile"
                        yield Difference(None, "seal", detail)

    def _tiles_after(self, level: int, index: int) -> list[tuple[int, int, bytes]]:
        with self._connection.cursor(row_factory=tuple_row, binary=True) as cursor:
            return cursor.execute(_TILES_ABOVE, (level, index)).fetchall()


def _is_root(tiles: SealTiles, level: int, index: int, hashed: bytes) -> bool:
    try:
        return tiles.tile_root(level, index) == hashed
    except SealsDamaged:
        return False


def _what_changed(
    interval: _Interval, rows: Sequence[StoredRow], leaves: list[bytes], sealed: list[bytes]
) -> Iterator[Difference]:
    matcher = SequenceMatcher(None, sealed, leaves, autojunk=False)
    for _, from_sealed, to_sealed, start, end in matcher.get_opcodes():
        if sealed[from_sealed:to_sealed] == leaves[start:end]:
            continue
        both = min(to_sealed - from_sealed, end - start)
        for row in rows[start : start + both]:
            yield _of(row, "event-altered", "is not what was sealed")
        for row in rows[start + both : end]:
            yield _of(row, "event-inserted", "was not there when the log was sealed")
        for number in range(from_sealed + both, to_sealed):
            ahead = rows[start + both - 1].position if start + both else interval.after
            detail = f"the event sealed as number {interval.start + number} is gone, after {ahead}"
            yield Difference(None, "event-removed", detail)


def _of(row: StoredRow, kind: Kind, what: str) -> Difference:
    return Difference(row.document_id, kind, f"{_named(row)}: {what}")


def _named(row: StoredRow) -> str:
    return f"version {row.version}, {row.topic[:100]}, at position {row.position}"
