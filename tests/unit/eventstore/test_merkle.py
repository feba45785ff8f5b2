"""Trees against the definition of RFC 6962, written down as it stands there."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.merkle import (
    EMPTY_ROOT,
    CompactRange,
    Node,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
)
from unit.eventstore.merkle_proofs import consistency_proof, is_consistent, root_by_inclusion

# The entries and roots of the reference implementation's tests (certificate-transparency-go).
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
SIZES = st.integers(1, 300)


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def node_of(hashes: list[bytes]) -> Node:
    def node(level: int, index: int) -> bytes:
        return tree_hash(hashes[index << level : (index + 1) << level])

    return node


def tree_hash(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + tree_hash(hashes[:k]) + tree_hash(hashes[k:])).digest()


def audit_path(m: int, hashes: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(hashes) == 1:
        return []
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m < k:
        return [*audit_path(m, hashes[:k]), tree_hash(hashes[k:])]
    return [*audit_path(m - k, hashes[k:]), tree_hash(hashes[:k])]


def subproof(m: int, hashes: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2."""
    if m == len(hashes):
        return [] if whole else [tree_hash(hashes)]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m <= k:
        return [*subproof(m, hashes[:k], whole=whole), tree_hash(hashes[k:])]
    return [*subproof(m - k, hashes[k:], whole=False), tree_hash(hashes[:k])]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_implementation(size: int) -> None:
    hashes = [leaf_hash(entry) for entry in ENTRIES]
    assert root(size, node_of(hashes)).hex() == ROOTS[size - 1]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root(0, node_of([])) == EMPTY_ROOT == hashlib.sha256(b"").digest()


def test_a_leaf_never_passes_for_a_node() -> None:
    one, other = leaves(2)
    assert leaf_hash(one + other) != node_hash(one, other)


@given(SIZES, st.integers(0, 300))
def test_a_range_goes_on_from_any_size(size: int, begun: int) -> None:
    hashes = leaves(size)
    compact = CompactRange.of(min(begun, size), node_of(hashes))
    for leaf in hashes[compact.size :]:
        compact.append(leaf)
    assert (compact.size, compact.root()) == (size, tree_hash(hashes))


@given(SIZES, st.data())
def test_a_proof_of_inclusion_leads_to_the_root_and_to_no_other(
    size: int, data: st.DataObject
) -> None:
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, node_of(hashes))
    assert proof == audit_path(index, hashes)
    assert root_by_inclusion(hashes[index], index, size, proof) == tree_hash(hashes)
    assert root_by_inclusion(leaf_hash(b"x"), index, size, proof) != tree_hash(hashes)
    assert root_by_inclusion(hashes[index], index, size, [*proof, EMPTY_ROOT]) is None
    assert not proof or root_by_inclusion(hashes[index], index, size, proof[1:]) is None
    other = data.draw(st.integers(0, size - 1))
    if other != index:
        assert root_by_inclusion(hashes[index], other, size, proof) != tree_hash(hashes)


@given(SIZES, st.data())
def test_a_proof_of_consistency_joins_two_roots_and_no_others(
    size: int, data: st.DataObject
) -> None:
    hashes = leaves(size)
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(old, size, node_of(hashes))
    assert proof == subproof(old, hashes, whole=True)
    roots = tree_hash(hashes[:old]), tree_hash(hashes)
    assert is_consistent(old, size, *roots, proof)
    assert not is_consistent(old, size, EMPTY_ROOT, roots[1], proof)
    assert not is_consistent(old, size, roots[0], EMPTY_ROOT, proof)
    assert not is_consistent(old, size, *roots, [*proof, EMPTY_ROOT])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3)])
def test_there_is_no_proof_for_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(index, size, node_of(leaves(3)))
