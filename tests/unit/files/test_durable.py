"""What a local disk is asked to make durable, and how often."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from files import durable
from files.durable import DurableFolders
from files.layout import blob_path
from files.local_blobs import LocalBlobStore


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    folders: list[Path] = []
    real = durable.sync_folder

    def counted(folder: Path) -> None:
        folders.append(folder)
        real(folder)

    monkeypatch.setattr(durable, "sync_folder", counted)
    return folders


def _age(folder: Path, seconds: float) -> None:
    at = time.time() - seconds
    os.utime(folder, (at, at))


def test_a_folder_in_which_nothing_changed_is_synced_once(
    tmp_path: Path, synced: list[Path]
) -> None:
    folders = DurableFolders(tmp_path)
    _age(tmp_path, 10)
    for _ in range(3):
        folders.sync(tmp_path)
    assert synced == [tmp_path]


def test_a_folder_is_synced_again_after_a_change(tmp_path: Path, synced: list[Path]) -> None:
    folders = DurableFolders(tmp_path)
    _age(tmp_path, 10)
    folders.sync(tmp_path)
    (tmp_path / "new").touch()
    folders.sync(tmp_path)
    assert synced == [tmp_path, tmp_path]


def test_a_folder_that_changed_just_now_is_not_taken_for_known(
    tmp_path: Path, synced: list[Path]
) -> None:
    folders = DurableFolders(tmp_path)
    (tmp_path / "new").touch()
    for _ in range(3):
        folders.sync(tmp_path)
    assert synced == [tmp_path] * 3


def test_content_that_is_there_is_made_young_and_not_written_again(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    blob = store.put_stream([b"content"])
    path, incoming = tmp_path / blob_path(blob.checksum), tmp_path / "blobs" / "incoming"
    _age(path, 1000)
    _age(incoming, 1000)

    assert LocalBlobStore(tmp_path).put_stream([b"content"]) == blob
    assert path.stat().st_mtime > time.time() - 500
    assert incoming.stat().st_mtime < time.time() - 500


def test_content_that_is_there_but_cut_short_is_written_again(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    blob = store.put_stream([b"content"])
    path = tmp_path / blob_path(blob.checksum)
    path.chmod(0o644)
    path.write_bytes(b"cont")

    assert store.put_stream([b"content"]) == blob
    assert path.read_bytes() == b"content"
