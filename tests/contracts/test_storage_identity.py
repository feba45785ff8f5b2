"""What the object with a storage's id must do, in every kind of storage."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from domain.storage_errors import PathRefused
from files.identity import MARKER, Marker, MarkerUnreadable
from files.storage import Storage, local_storage, object_storage, open_storage
from files.sweep import SweepResult
from s3_server import S3Server
from verification.tree_reader import LocalTreeReader, ObjectTreeReader, TreeReader

ONE, OTHER = Marker("0193-one"), Marker("0193-other", is_shared=True)


class Case:
    """A storage, how its tree is read, and what its root may be made to hold."""

    def __init__(self, storage: Storage, tree: TreeReader) -> None:
        self.storage = storage
        self.tree = tree

    def put_marker(self, content: bytes) -> None:
        """Have the object hold anything."""
        root = Path(self.storage.location)
        if root.is_dir():
            (root / MARKER).write_bytes(content)
        else:
            obstore.put(self.storage.tree._store, MARKER, content)  # type: ignore[attr-defined]


@pytest.fixture(params=["local", "memory", "s3"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "local":
        yield Case(local_storage(tmp_path), LocalTreeReader(tmp_path))
        return
    if request.param == "memory":
        storage = object_storage(MemoryStore(), "memory:")
    else:
        server: S3Server = request.getfixturevalue("s3_server")
        prefix = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
        storage = open_storage(f"{server.url}/{prefix}", server.options)
    yield Case(storage, ObjectTreeReader(storage.tree._store))  # type: ignore[attr-defined]


def test_it_is_read_as_it_was_written(case: Case) -> None:
    identity = case.storage.identity
    assert identity.read() is None

    assert identity.create(ONE)
    assert identity.read() == ONE
    assert not identity.create(OTHER)
    assert identity.read() == ONE

    identity.replace(OTHER)
    assert identity.read() == OTHER
    identity.remove()
    assert identity.read() is None
    identity.remove()


def test_one_of_many_that_create_it_at_once_is_first(case: Case) -> None:
    markers = [Marker(f"0193-{number:04}") for number in range(16)]
    with ThreadPoolExecutor(16) as threads:
        created = list(threads.map(case.storage.identity.create, markers))

    assert created.count(True) == 1
    assert case.storage.identity.read() == markers[created.index(True)]


@pytest.mark.parametrize("content", [b"", b"no id\n", b"\xff" * 40, b"0193-one", b"0193-one\nx\n"])
def test_what_is_no_id_is_told(case: Case, content: bytes) -> None:
    case.put_marker(content)
    with pytest.raises(MarkerUnreadable, match="storage adopt"):
        case.storage.identity.read()
    case.storage.identity.replace(ONE)
    assert case.storage.identity.read() == ONE


def test_no_listing_shows_it_and_no_document_can_have_it(case: Case) -> None:
    storage = case.storage
    storage.identity.create(ONE)

    assert list(case.tree.folders()) == []
    time.sleep(0.01)
    assert storage.blobs.sweep(lambda: nullcontext(iter(())), -3600) == SweepResult()
    storage.tree.sweep(-3600)
    storage.tree.remove("document")
    for path in (MARKER, f"./{MARKER}", f"{MARKER}/"):
        with pytest.raises(PathRefused):
            storage.stored_files.adopt(path)

    assert storage.identity.read() == ONE
