"""What every blob store must do, run on each of them."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore, ObjectStore

from domain.storage_errors import BlobCorrupt, BlobNotFound, StorageUnavailable, UploadFinished
from files.blobs import Blob, BlobStore
from files.layout import TRASH, blob_path
from files.local_blobs import LocalBlobStore
from files.object_blobs import ObjectBlobStore
from files.storage import open_storage
from files.sweep import NamedChecksums, SweepOutOfOrder, SweepResult
from s3_server import S3Server

MAKERS = ["local", "obstore-local", "obstore-memory", "s3"]
HOUR = 3600.0


class Case:
    """A store, its clock moved at will, and a way to damage what it holds."""

    def __init__(self, make: Callable[[Callable[[], float]], BlobStore]) -> None:
        self.ahead_seconds = 0.0
        self.store = make(lambda: time.time() + self.ahead_seconds)
        self.tick_seconds = 0.1  # how exactly the store keeps times, with room to spare
        self.plant: Callable[[str, bytes], None]
        self.paths: Callable[[], list[str]]

    def damage(self, checksum: str, content: bytes) -> None:
        """Put other content where a blob is."""
        self.plant(blob_path(checksum), content)

    def held(self) -> set[tuple[str, str]]:
        """Return each checksum that is held, and the area that it is in."""
        parts = [path.split("/") for path in self.paths()]
        return {(p[4], p[1]) for p in parts if len(p) == 5 and len(p[4]) == 64}


@pytest.fixture(params=MAKERS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    if request.param == "local":
        return _local_case(tmp_path)
    if request.param == "s3":
        prefix = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
        server: S3Server = request.getfixturevalue("s3_server")
        storage = open_storage(f"{server.url}/{prefix}", server.options)
        assert isinstance(storage.blobs, ObjectBlobStore)
        case = _object_case(storage.blobs._store)
        case.tick_seconds = 1.1
        return case
    is_local = request.param == "obstore-local"
    return _object_case(LocalStore(tmp_path) if is_local else MemoryStore())


def _local_case(root: Path) -> Case:
    case = Case(lambda clock: LocalBlobStore(root, clock))

    def plant(path: str, content: bytes) -> None:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            file.chmod(0o644)
        file.write_bytes(content)

    case.plant = plant
    case.paths = lambda: [
        path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()
    ]
    return case


def _object_case(backend: ObjectStore) -> Case:
    case = Case(lambda clock: ObjectBlobStore(backend, clock))

    def plant(path: str, content: bytes) -> None:
        obstore.put(backend, path, content)

    case.plant = plant
    case.paths = lambda: [found["path"] for page in obstore.list(backend) for found in page]
    return case


@pytest.fixture
def store(case: Case) -> BlobStore:
    return case.store


def _read(store: BlobStore, checksum: str, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join(store.open(checksum, offset, length))


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _naming(*checksums: str) -> NamedChecksums:
    """A log that names these."""
    return lambda: nullcontext(iter(sorted(checksums)))


_NONE = _naming()


def _sweep_later(case: Case, named: NamedChecksums = _NONE) -> SweepResult:
    """Sweep when all that the store holds has become old."""
    case.ahead_seconds += HOUR
    return case.store.sweep(named, 60)


@pytest.mark.parametrize("content", [b"", b"x", b"\0\xff" * 700_001], ids=["empty", "one", "large"])
def test_what_was_put_is_read_back(store: BlobStore, content: bytes) -> None:
    blob = store.put_stream(iter([content[:5], b"", content[5:]]))
    assert blob == Blob(_checksum(content), len(content))
    assert store.exists(blob.checksum)
    assert store.size(blob.checksum) == len(content)
    assert _read(store, blob.checksum) == content
    store.verify(blob.checksum)


def test_a_file_is_put_as_it_is(store: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"abc" * 500_000)
    blob = store.put_file(source)
    source.write_bytes(b"changed")
    assert _read(store, blob.checksum) == b"abc" * 500_000


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        (0, 4, b"0123"),
        (3, 4, b"3456"),
        (8, 50, b"89"),
        (9, None, b"9"),
        (10, None, b""),
        (11, 5, b""),
        (0, 0, b""),
    ],
)
def test_ranges_are_cut_to_the_content(
    store: BlobStore, offset: int, length: int | None, expected: bytes
) -> None:
    blob = store.put_stream([b"0123456789"])
    assert _read(store, blob.checksum, offset, length) == expected


def test_a_long_range_comes_whole(store: BlobStore) -> None:
    content = bytes(range(256)) * 20_000
    blob = store.put_stream([content])
    assert _read(store, blob.checksum, 1000, 4_000_000) == content[1000:4_001_000]


def test_an_upload_can_be_written_from_threads_piece_by_piece(store: BlobStore) -> None:
    writer = store.begin()
    with ThreadPoolExecutor(4) as pool:
        for number in range(20):
            pool.submit(writer.write, bytes([number]) * 100_000).result()
        blob = pool.submit(writer.commit).result()
    assert writer.size_bytes == blob.size_bytes == 2_000_000
    assert _read(store, blob.checksum, 1_900_000) == bytes([19]) * 100_000


def test_a_finished_upload_takes_no_more(store: BlobStore) -> None:
    writer = store.begin()
    writer.write(b"x")
    blob = writer.commit()
    writer.abort()
    assert store.exists(blob.checksum)
    with pytest.raises(UploadFinished):
        writer.write(b"y")
    with pytest.raises(UploadFinished):
        writer.commit()


def test_an_aborted_upload_leaves_nothing(case: Case) -> None:
    with case.store.begin() as writer:
        writer.write(b"never")
    assert not case.store.exists(_checksum(b"never"))
    assert _sweep_later(case) == SweepResult()


def test_a_stream_that_fails_leaves_nothing(case: Case) -> None:
    def failing() -> Iterator[bytes]:
        yield b"begun"
        raise LookupError

    with pytest.raises(LookupError):
        case.store.put_stream(failing())
    assert not case.store.exists(_checksum(b"begun"))
    assert _sweep_later(case) == SweepResult()


@pytest.mark.parametrize("checksum", ["0" * 64, "../../etc/passwd", "A" * 64, "", "0" * 63])
def test_what_is_not_there_is_not_found(store: BlobStore, checksum: str) -> None:
    for ask in (store.open, store.size, store.verify):
        with pytest.raises(BlobNotFound):
            ask(checksum)
    with pytest.raises(BlobNotFound), store.local_path(checksum):
        pass


def test_absence_is_no_error_when_asked_for(store: BlobStore) -> None:
    assert not store.exists("0" * 64)
    assert not store.touch("0" * 64)


def test_a_blob_can_be_lent_as_a_file(store: BlobStore) -> None:
    blob = store.put_stream([b"input"])
    with store.local_path(blob.checksum) as path:
        assert path.read_bytes() == b"input"


def test_changed_content_is_found_out(case: Case) -> None:
    blob = case.store.put_stream([b"content"])
    case.damage(blob.checksum, b"CONTENT")
    with pytest.raises(BlobCorrupt):
        case.store.verify(blob.checksum)


def test_putting_heals_a_blob_of_the_wrong_size(case: Case) -> None:
    blob = case.store.put_stream([b"content"])
    case.damage(blob.checksum, b"cont")
    assert case.store.put_stream([b"content"]) == blob
    case.store.verify(blob.checksum)


def test_equal_content_is_one_blob(case: Case) -> None:
    with ThreadPoolExecutor(8) as pool:
        blobs = set(pool.map(case.store.put_stream, [[b"same" * 50_000]] * 16))
    assert len(blobs) == 1
    assert _sweep_later(case).trashed == 1


def test_what_no_event_names_goes_to_the_trash_and_then_for_good(case: Case) -> None:
    kept = case.store.put_stream([b"named by an event"])
    lost = case.store.put_stream([b"named by none"])
    named = _naming(kept.checksum)

    assert _sweep_later(case, named) == SweepResult(trashed=1, trashed_bytes=lost.size_bytes)
    assert case.held() == {(kept.checksum, "sha256"), (lost.checksum, TRASH)}
    case.ahead_seconds = 0
    assert case.store.sweep(named, 60) == SweepResult()
    assert _sweep_later(case, named) == SweepResult(deleted=1, deleted_bytes=lost.size_bytes)

    assert case.held() == {(kept.checksum, "sha256")}
    assert _read(case.store, kept.checksum) == b"named by an event"
    assert not case.store.exists(lost.checksum)


def test_many_are_told_apart_whatever_their_names_are(case: Case) -> None:
    blobs = [case.store.put_stream([b"%d" % number]).checksum for number in range(60)]
    absent = [_checksum(b"absent %d" % number) for number in range(60)]

    assert _sweep_later(case, _naming(*blobs[::3], *absent)).trashed == 40

    assert case.held() == {
        (checksum, TRASH if number % 3 else "sha256") for number, checksum in enumerate(blobs)
    }


def test_the_sweep_leaves_what_is_young(case: Case) -> None:
    blob = case.store.put_stream([b"its event is on the way"])
    assert case.store.sweep(_NONE, 60) == SweepResult()
    assert case.held() == {(blob.checksum, "sha256")}


def _readers() -> dict[str, Callable[[BlobStore, Blob], object]]:
    def lend(store: BlobStore, blob: Blob) -> None:
        with store.local_path(blob.checksum) as path:
            assert path.stat().st_size == blob.size_bytes

    return {
        "exists": lambda store, blob: store.exists(blob.checksum),
        "size": lambda store, blob: store.size(blob.checksum),
        "open": lambda store, blob: list(store.open(blob.checksum)),
        "range": lambda store, blob: list(store.open(blob.checksum, 1, 2)),
        "local_path": lend,
        "verify": lambda store, blob: store.verify(blob.checksum),
        "touch": lambda store, blob: store.touch(blob.checksum),
        "put": lambda store, _: store.put_stream([b"in ", b"the trash"]),
        "put whole": lambda store, _: store.put_stream([b"in the trash"]),
    }


@pytest.mark.parametrize("reader", _readers())
def test_whoever_asks_for_content_in_the_trash_has_it_back(case: Case, reader: str) -> None:
    blob = case.store.put_stream([b"in the trash"])
    assert _sweep_later(case).trashed == 1
    case.ahead_seconds = 0

    assert _readers()[reader](case.store, blob) is not False

    assert (blob.checksum, "sha256") in case.held()
    assert case.store.sweep(_NONE, 60) == SweepResult()  # young again
    assert _read(case.store, blob.checksum) == b"in the trash"


def test_content_in_the_trash_that_an_event_names_comes_back(case: Case) -> None:
    blob = case.store.put_stream([b"named late"])
    assert _sweep_later(case).trashed == 1

    assert _sweep_later(case, _naming(blob.checksum)) == SweepResult(restored=1)

    assert case.held() == {(blob.checksum, "sha256")}
    case.store.verify(blob.checksum)


@pytest.mark.parametrize("renew", ["put", "touch"])
def test_a_blob_renewed_while_the_log_is_read_is_kept(case: Case, renew: str) -> None:
    blob = case.store.put_stream([b"old but wanted again"])
    time.sleep(2 * case.tick_seconds)

    @contextmanager
    def named() -> Iterator[Iterator[str]]:
        if renew == "put":
            case.store.put_stream([b"old but wanted again"])
        else:
            assert case.store.touch(blob.checksum)
        yield iter(())

    assert case.store.sweep(named, case.tick_seconds) == SweepResult()
    assert case.held() == {(blob.checksum, "sha256")}


@pytest.mark.parametrize("moment", ["copy", "delete", "rename", "utime"])
def test_an_upload_at_any_step_of_the_removal_loses_nothing(
    case: Case, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload ends while the sweep removes the same content; its event is appended later."""
    content = b"swept and uploaded at once"
    blob = case.store.put_stream([content])
    room: Any = {"rename": Path, "utime": os}.get(moment, obstore)
    step = getattr(room, moment)
    uploads: list[threading.Thread] = []

    def upload_first(*arguments: Any, **keywords: Any) -> Any:
        if not uploads:
            uploads.append(threading.Thread(target=case.store.put_stream, args=([content],)))
            uploads[0].start()
            uploads[0].join(0.3)  # a local one waits for the sweep's lock
        return step(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(room, moment, upload_first)
        _sweep_later(case)
    for upload in uploads:
        upload.join()

    case.store.sweep(_naming(blob.checksum), -HOUR)  # the event is there now
    assert (blob.checksum, "sha256") in case.held()
    assert _read(case.store, blob.checksum) == content


def test_a_log_out_of_order_ends_the_sweep_with_nothing_lost(case: Case) -> None:
    blobs = sorted(case.store.put_stream([b"%d" % number]).checksum for number in range(9))
    disordered = [blobs[4], blobs[0], *blobs[5:]]

    case.ahead_seconds = HOUR
    with pytest.raises(SweepOutOfOrder):
        case.store.sweep(lambda: nullcontext(iter(disordered)), 60)

    assert {checksum for checksum, area in case.held() if area == TRASH} <= set(blobs[:4])


def test_what_is_no_blob_is_passed_over(case: Case) -> None:
    blob = case.store.put_stream([b"content"])
    for stray in ("notes.txt", "f" * 64, "A" * 64):
        case.plant(f"blobs/sha256/00/00/{stray}", b"stray")
    case.plant("blobs/sha256/stray", b"stray")
    case.plant("blobs/trash/00/stray", b"stray")

    assert _sweep_later(case, _naming(blob.checksum)) == SweepResult()


def test_one_that_cannot_be_moved_keeps_no_other(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = sorted(case.store.put_stream([b"%d" % number]).checksum for number in range(4))
    files: Any = case.store._files  # type: ignore[attr-defined]
    trash = files.trash

    def stuck(checksum: str, before: float) -> int | None:
        if checksum == blobs[1]:
            raise StorageUnavailable
        return trash(checksum, before)  # type: ignore[no-any-return]

    monkeypatch.setattr(files, "trash", stuck)
    assert (_sweep_later(case).trashed, case.held()) == (
        3,
        {(checksum, "sha256" if checksum == blobs[1] else TRASH) for checksum in blobs},
    )
