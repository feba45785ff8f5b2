"""A listing of objects is ascending whatever order the store has: a sweep decides by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore

from files import object_files
from files.layout import LIVE, blob_path
from files.object_files import ObjectBlobFiles


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def checksums(store: MemoryStore) -> list[str]:
    """Forty blobs in the store, in order."""
    names = sorted(hashlib.sha256(b"%d" % number).hexdigest() for number in range(40))
    for name in names:
        obstore.put(store, blob_path(name), b"")
    return names


def listed_as(monkeypatch: pytest.MonkeyPatch, order: list[str]) -> None:
    """Have a listing of all blobs come in this order; parts of it stay as they are."""
    plain = obstore.list

    def listing(store: MemoryStore, prefix: str, **keywords: Any) -> Iterator[Any]:
        if prefix == "blobs/sha256":
            return iter([[{"path": blob_path(name)}] for name in order])
        return iter(plain(store, prefix, **keywords))

    monkeypatch.setattr(object_files, "_PAGE", 8)
    monkeypatch.setattr(obstore, "list", listing)


def test_in_order(store: MemoryStore, checksums: list[str]) -> None:
    assert list(ObjectBlobFiles(store).checksums(LIVE)) == checksums


def test_a_first_page_out_of_order(
    store: MemoryStore, checksums: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed_as(monkeypatch, [*checksums[7::-1], *checksums[8:]])
    assert list(ObjectBlobFiles(store).checksums(LIVE)) == checksums


def test_a_later_page_out_of_order(
    store: MemoryStore, checksums: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed_as(monkeypatch, [*checksums[:10], *checksums[:9:-1]])
    found = list(ObjectBlobFiles(store).checksums(LIVE))
    assert found == sorted(set(found))
    assert found[:10] == checksums[:10]
    assert set(found) <= set(checksums)
