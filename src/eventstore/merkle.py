"""Merkle trees as certificate transparency logs have them (RFC 6962, section 2.1; RFC 9162).

The hash of a leaf and that of two nodes begin with different bytes, so that neither passes for the
other. Node (level, index) is the root over leaves index * 2^level up to (index + 1) * 2^level.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()

Node: TypeAlias = Callable[[int, int], bytes]
"""Gives the hash of the complete node (level, index)."""


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of what stands above two nodes."""
    return hashlib.sha256(b"\1" + left + right).digest()


class CompactRange:
    """The complete nodes that cover the leaves so far: enough to go on, and for the root."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        self.size = size
        self._hashes = list(hashes)

    @staticmethod
    def of(size: int, node: Node) -> CompactRange:
        """Return the range over the first `size` leaves of a tree that is there."""
        return CompactRange(size, [node(level, index) for level, index in peaks(0, size)])

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf."""
        size = self.size
        while size & 1:
            leaf = node_hash(self._hashes.pop(), leaf)
            size >>= 1
        self._hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves."""
        return _joined(self._hashes)


def root(size: int, node: Node) -> bytes:
    """Return the root over the first `size` leaves."""
    return CompactRange.of(size, node).root()


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Return the hashes that lead from leaf `index` to the root over `size` leaves."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_root(middle, end, node))
            end = middle
        else:
            proof.append(_range_root(start, middle, node))
            start = middle
    return proof[::-1]


def peaks(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the nodes that cover leaves `start` to `end`, the greatest possible, in order."""
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


def _range_root(start: int, end: int, node: Node) -> bytes:
    """Return the root over leaves of which the first begins a node as great as all of them."""
    return _joined([node(level, index) for level, index in peaks(start, end)])


def _joined(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    *others, joined = hashes
    for left in reversed(others):
        joined = node_hash(left, joined)
    return joined


def _split(count: int) -> int:
    """Return the greatest power of two smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1
