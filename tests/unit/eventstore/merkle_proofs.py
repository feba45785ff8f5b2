"""Proofs and their checks as other programs make them (RFC 9162), to hold our trees against."""

from __future__ import annotations

from collections.abc import Sequence

from eventstore.merkle import EMPTY_ROOT, CompactRange, Node, node_hash, peaks


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """Return the hashes that show the first `old` leaves to be the beginning of the `new`."""
    if not 0 <= old <= new:
        raise ValueError(f"{old} leaves are not the beginning of {new}")
    if old in (0, new):
        return []
    proof = []
    start, end = 0, new
    while start < old < end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_root(middle, end, node))
            end = middle
        else:
            proof.append(_range_root(start, middle, node))
            start = middle
    if start:
        proof.append(_range_root(start, end, node))
    return proof[::-1]


def root_by_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Return the root that the proof leads to, None if it has the wrong length (RFC 9162 2.1.3)."""
    at, last = index, size - 1
    found = leaf
    for sibling in proof:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return found if last == 0 <= index < size else None


def is_consistent(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether the proof joins both roots (RFC 9162, 2.1.4.2)."""
    if old == new or old == 0:
        return not proof and (old_root == new_root if old else old_root == EMPTY_ROOT)
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path or not 0 < old < new:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    found_old = found_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            found_old = node_hash(sibling, found_old)
            found_new = node_hash(sibling, found_new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found_new = node_hash(found_new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and (found_old, found_new) == (old_root, new_root)


def _range_root(start: int, end: int, node: Node) -> bytes:
    """Return the root over leaves of which the first begins a node as great as all of them."""
    covering = [node(level, index) for level, index in peaks(start, end)]
    return CompactRange(end - start, covering).root()


def _split(count: int) -> int:
    """Return the greatest power of two smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1
