from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore

from domain.storage_errors import BlobNotFound, PathRefused, StorageFull
from files.storage import Storage, local_storage, object_storage, open_storage

ORIGINAL = "documents/doc-1/original/report.pdf"
MARKDOWN = "documents/doc-1/stages/markdown-conversion/report.md"
CHUNKS = "documents/doc-1/stages/chunker/report.chunks.json"


@pytest.fixture(params=["local", "object"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return local_storage(tmp_path)
    return object_storage(LocalStore(tmp_path), "memory")


@pytest.fixture
def local(tmp_path: Path) -> Storage:
    return local_storage(tmp_path)


def _files(root: Path) -> dict[str, bytes]:
    paths = [path for path in (root / "documents").rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def _put(storage: Storage, contents: Mapping[str, bytes]) -> dict[str, str]:
    return {path: storage.blobs.put_stream([raw]).checksum for path, raw in contents.items()}


def test_the_folder_becomes_what_is_wanted(storage: Storage, tmp_path: Path) -> None:
    first = {ORIGINAL: b"original", MARKDOWN: b"old text", CHUNKS: b"[]"}
    then = {ORIGINAL: b"original", MARKDOWN: b"new text"}
    for contents in (first, first, then, then, first):
        storage.tree.reconcile("doc-1", _put(storage, contents))
        storage.tree.sync()
        assert _files(tmp_path) == contents


def test_other_documents_are_left_alone(storage: Storage, tmp_path: Path) -> None:
    other = "documents/doc-10/original/report.pdf"
    storage.tree.reconcile("doc-10", _put(storage, {other: b"other"}))
    storage.tree.reconcile("doc-1", _put(storage, {ORIGINAL: b"mine"}))
    storage.tree.remove("doc-1")
    storage.tree.remove("doc-1")
    assert _files(tmp_path) == {other: b"other"}


def test_wanting_nothing_removes_the_folder(storage: Storage, tmp_path: Path) -> None:
    storage.tree.reconcile("doc-1", _put(storage, {ORIGINAL: b"mine"}))
    storage.tree.reconcile("doc-1", {})
    assert _files(tmp_path) == {}


@pytest.mark.parametrize(
    "path",
    [
        "documents/doc-1/../doc-2/original/x",
        "documents/doc-2/original/x",
        "documents/doc-1",
        "documents/doc-1/",
        "documents/doc-1//x",
        "documents/doc-1/original/..",
        "/etc/passwd",
        "blobs/sha256/ab/cd/x",
        "documents/doc-1/a\0b",
        "documents/doc-1/" + "x" * 256,
    ],
)
def test_paths_outside_are_refused(storage: Storage, tmp_path: Path, path: str) -> None:
    contents = {ORIGINAL: b"mine"}
    storage.tree.reconcile("doc-1", _put(storage, contents))
    with pytest.raises(PathRefused):
        storage.tree.reconcile("doc-1", _put(storage, {path: b"evil"}))
    assert _files(tmp_path) == contents


def test_a_path_through_a_file_is_refused(storage: Storage) -> None:
    with pytest.raises(PathRefused):
        storage.tree.reconcile("doc-1", _put(storage, {ORIGINAL: b"a", ORIGINAL + "/x": b"b"}))
    with pytest.raises(PathRefused):
        storage.tree.reconcile("doc-1", _put(storage, {ORIGINAL + "/x": b"b", ORIGINAL: b"a"}))


def test_missing_content_does_not_keep_the_rest_back(storage: Storage, tmp_path: Path) -> None:
    wanted = _put(storage, {ORIGINAL: b"original", CHUNKS: b"[]"})
    with pytest.raises(BlobNotFound):
        storage.tree.reconcile("doc-1", {MARKDOWN: "0" * 64, **wanted})
    assert _files(tmp_path) == {ORIGINAL: b"original", CHUNKS: b"[]"}


def test_files_are_read_only_links_to_the_blobs(local: Storage, tmp_path: Path) -> None:
    wanted = _put(local, {ORIGINAL: b"original"})
    local.tree.reconcile("doc-1", wanted)
    with local.blobs.local_path(wanted[ORIGINAL]) as blob:
        assert (tmp_path / ORIGINAL).samefile(blob)
    assert (tmp_path / ORIGINAL).stat().st_mode & 0o777 == 0o444


def test_where_links_fail_there_are_read_only_copies(
    local: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    wanted = _put(local, {ORIGINAL: b"original", MARKDOWN: b"text"})
    local.tree.reconcile("doc-1", wanted)
    kept = (tmp_path / ORIGINAL).stat()
    local.tree.reconcile("doc-1", {**wanted, **_put(local, {MARKDOWN: b"TEXT"})})
    assert _files(tmp_path) == {ORIGINAL: b"original", MARKDOWN: b"TEXT"}
    assert kept.st_mode & 0o777 == 0o444
    assert (tmp_path / ORIGINAL).stat().st_ino == kept.st_ino


@pytest.mark.parametrize("planted", ["document", "stages", "file", "tree"])
def test_planted_links_are_never_followed(
    local: Storage, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, planted: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "precious").write_bytes(b"precious")
    contents = {ORIGINAL: b"original", MARKDOWN: b"text"}
    document = tmp_path / "documents" / "doc-1"
    if planted == "document":
        document.parent.mkdir(parents=True)
        document.symlink_to(outside)
    elif planted == "stages":
        document.mkdir(parents=True)
        (document / "stages").symlink_to(outside)
    elif planted == "file":
        (tmp_path / ORIGINAL).parent.mkdir(parents=True)
        (tmp_path / ORIGINAL).symlink_to(outside / "precious")
    else:
        document.mkdir(parents=True)
        (document / "elsewhere").symlink_to(outside)
    local.tree.reconcile("doc-1", _put(local, contents))
    assert _files(tmp_path) == contents
    assert not any(path.is_symlink() for path in document.rglob("*"))
    assert [path.name for path in outside.iterdir()] == ["precious"]
    assert (outside / "precious").read_bytes() == b"precious"


def test_a_planted_link_is_removed_with_the_document(
    local: Storage, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "precious").write_bytes(b"precious")
    local.tree.reconcile("doc-1", _put(local, {ORIGINAL: b"original"}))
    (tmp_path / "documents/doc-1/stages").symlink_to(outside)
    local.tree.remove("doc-1")
    assert (outside / "precious").exists()
    assert not (tmp_path / "documents/doc-1").exists()


def test_what_stands_in_the_way_is_replaced(local: Storage, tmp_path: Path) -> None:
    (tmp_path / ORIGINAL / "folder").mkdir(parents=True)
    (tmp_path / "documents/doc-1/stages").write_bytes(b"a file")
    contents = {ORIGINAL: b"original", MARKDOWN: b"text"}
    local.tree.reconcile("doc-1", _put(local, contents))
    assert _files(tmp_path) == contents


def test_a_file_that_somebody_changed_is_restored(local: Storage, tmp_path: Path) -> None:
    wanted = _put(local, {ORIGINAL: b"original"})
    local.tree.reconcile("doc-1", wanted)
    (tmp_path / ORIGINAL).unlink()
    (tmp_path / ORIGINAL).write_bytes(b"ORIGINAL")
    local.tree.reconcile("doc-1", wanted)
    assert _files(tmp_path) == {ORIGINAL: b"original"}


def test_a_reader_never_sees_a_file_missing_or_half(local: Storage, tmp_path: Path) -> None:
    contents = [bytes([number]) * 300_000 for number in (1, 2)]
    wanted = [_put(local, {ORIGINAL: content}) for content in contents]
    local.tree.reconcile("doc-1", wanted[0])
    seen: set[bytes] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add((tmp_path / ORIGINAL).read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        local.tree.reconcile("doc-1", wanted[number % 2])
    stop.set()
    reader.join()
    assert seen <= set(contents)


def test_no_temporary_file_is_left(local: Storage, tmp_path: Path) -> None:
    wanted = _put(local, {ORIGINAL: b"same", MARKDOWN: b"same"})
    for _ in range(3):
        local.tree.reconcile("doc-1", wanted)
        local.tree.remove("doc-1")
    assert list((tmp_path / ".tree/tmp").iterdir()) == []


def test_the_sweep_removes_what_the_killed_left(local: Storage, tmp_path: Path) -> None:
    local.tree.reconcile("doc-1", _put(local, {ORIGINAL: b"x"}))
    (tmp_path / ".tree/tmp/left").write_bytes(b"half")
    assert local.tree.sweep(60) == 0
    time.sleep(0.05)
    assert local.tree.sweep(0.01) == 1
    assert _files(tmp_path) == {ORIGINAL: b"x"}


def test_one_at_a_time_may_hold_the_tree(local: Storage) -> None:
    with local.tree.exclusive() as first:
        assert first
        with local.tree.exclusive() as second:
            assert not second
    with local.tree.exclusive() as again:
        assert again


def test_a_full_disk_is_reported_and_leaves_nothing_half(
    local: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    wanted = _put(local, {ORIGINAL: b"original"})
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", full)
        with pytest.raises(StorageFull):
            local.tree.reconcile("doc-1", wanted)
    assert _files(tmp_path) == {}
    local.tree.reconcile("doc-1", wanted)
    assert _files(tmp_path) == {ORIGINAL: b"original"}


def test_a_tree_that_was_deleted_comes_back(local: Storage, tmp_path: Path) -> None:
    wanted = _put(local, {ORIGINAL: b"original"})
    local.tree.reconcile("doc-1", wanted)
    (tmp_path / "documents").rename(tmp_path / "gone")
    local.tree.reconcile("doc-1", wanted)
    assert _files(tmp_path) == {ORIGINAL: b"original"}


def test_a_file_url_opens_both_sides_of_the_storage(tmp_path: Path) -> None:
    storage = open_storage(f"file://{tmp_path}/my%20uploads")
    storage.tree.reconcile("doc-1", _put(storage, {ORIGINAL: b"original"}))
    assert _files(tmp_path / "my uploads") == {ORIGINAL: b"original"}
