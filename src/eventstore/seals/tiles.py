"""The hashes of the log's Merkle tree, stored 256 side by side.

Tile (0, i) holds the hashes of leaves 256 * i onwards, tile (t + 1, i) the roots of the full tiles
(t, 256 * i) onwards. Every other node is computed from these, so that n leaves cost 32 * n bytes
and a proof reads a few tiles.
"""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import Connection
from psycopg.rows import tuple_row

from domain.errors import DocledgerError
from eventstore.merkle import HASH_BYTES, node_hash

TILE_HEIGHT = 8
TILE_HASHES = 1 << TILE_HEIGHT

_SELECT = "SELECT hashes FROM log_seal_tiles WHERE level = %s AND index = %s"
_SELECT_LEAVES = """
    SELECT index, hashes FROM log_seal_tiles
    WHERE level = 0 AND index BETWEEN %s AND %s ORDER BY index
"""
_UPSERT = """
    INSERT INTO log_seal_tiles (level, index, hashes) VALUES (%s, %s, %s)
    ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes
"""


class SealsDamaged(DocledgerError):
    """Hashes of the sealed log are missing; 'docledger verify' says more."""


class SealTiles:
    """The stored tiles, each read once, with those that are about to be written on top."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._changed: set[tuple[int, int]] = set()

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete node; raises SealsDamaged if its tile is not whole."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        first = index << height
        at = first % TILE_HASHES
        hashes = self._tile(tile_level, first // TILE_HASHES)
        return self._over(hashes, at, 1 << height)

    def append(self, size: int, leaves: Iterable[bytes]) -> None:
        """Add leaves behind the first `size`; nothing is written yet."""
        for index, leaf in enumerate(leaves, start=size):
            self._put(0, index, leaf)

    def save(self) -> None:
        """Write the tiles that changed."""
        rows = [(*key, self._tiles[key]) for key in sorted(self._changed)]
        if rows:
            with self._connection.cursor() as cursor:
                cursor.executemany(_UPSERT, rows)
        self._changed.clear()

    def tile_root(self, level: int, index: int) -> bytes:
        """Return the root of a full tile."""
        return self._over(self._tile(level, index), 0, TILE_HASHES)

    def stored(self, level: int, index: int) -> bytes:
        """Return the tile's hashes, one after the other; none if it is not there."""
        return self._tiles.get((level, index)) or self._read(level, index)

    def _put(self, level: int, index: int, hashed: bytes) -> None:
        key = level, index // TILE_HASHES
        at = index % TILE_HASHES
        tile = self._tile(*key) if at else b""
        if len(tile) != at * HASH_BYTES:
            raise SealsDamaged
        self._tiles[key] = tile + hashed
        self._changed.add(key)
        if at == TILE_HASHES - 1:
            self._put(level + 1, key[1], self._over(self._tiles[key], 0, TILE_HASHES))

    def _tile(self, level: int, index: int) -> bytes:
        key = level, index
        if key not in self._tiles:
            self._tiles[key] = self._read(level, index)
        return self._tiles[key]

    def _read(self, level: int, index: int) -> bytes:
        with self._connection.cursor(row_factory=tuple_row, binary=True) as cursor:
            row = cursor.execute(_SELECT, (level, index)).fetchone()
        return bytes(row[0]) if row else b""

    def _over(self, hashes: bytes, first: int, count: int) -> bytes:
        """Return the root over `count` hashes, a power of two, of a tile."""
        end = (first + count) * HASH_BYTES
        if len(hashes) < end:
            raise SealsDamaged
        row = split_hashes(hashes[first * HASH_BYTES : end])
        while len(row) > 1:
            row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
        return row[0]


def read_leaves(connection: Connection, start: int, end: int) -> list[bytes] | None:
    """Return the stored hashes of leaves `start` to `end`, None if not all are there."""
    first = start // TILE_HASHES
    last = (end - 1) // TILE_HASHES
    with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
        tiles: dict[int, bytes] = dict(cursor.execute(_SELECT_LEAVES, (first, last)).fetchall())
    leaves: list[bytes] = []
    for index in range(first, last + 1):
        tile = bytes(tiles.get(index, b""))
        from_ = max(start - index * TILE_HASHES, 0)
        to = min(end - index * TILE_HASHES, TILE_HASHES)
        if len(tile) < to * HASH_BYTES:
            return None
        leaves += split_hashes(tile[from_ * HASH_BYTES : to * HASH_BYTES])
    return leaves


def split_hashes(hashes: bytes) -> list[bytes]:
    """Return the hashes that stand one after the other."""
    return [hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]
