"""What every blob store must do, run on each of them."""

from __future__ import annotations

import hashlib
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore, ObjectStore

from domain.storage_errors import BlobCorrupt, BlobNotFound, UploadFinished
from files.blobs import Blob, BlobStore, blob_path
from files.local_blobs import LocalBlobStore
from files.object_blobs import ObjectBlobStore
from files.storage import open_storage

MAKERS = ["local", "obstore-local", "obstore-memory", "s3"]
HOUR = 3600.0


class Case:
    """A store, its clock moved at will, and a way to damage what it holds."""

    def __init__(self, make: Callable[[Callable[[], float]], BlobStore]) -> None:
        self.ahead_seconds = 0.0
        self.store = make(lambda: time.time() + self.ahead_seconds)
        self.tick_seconds = 0.1  # how exactly the store keeps times, with room to spare
        self.damage: Callable[[str, bytes], None]


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/bucket", method="PUT")).close()
    yield endpoint
    server.stop()


def _s3_options(endpoint: str) -> dict[str, object]:
    return {
        "endpoint": endpoint,
        "access_key_id": "key",
        "secret_access_key": "secret",
        "region": "us-east-1",
        "client_options": {"allow_http": True},
    }


@pytest.fixture(params=MAKERS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    if request.param == "local":
        return _local_case(tmp_path)
    if request.param == "s3":
        prefix = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
        options = _s3_options(request.getfixturevalue("s3_endpoint"))
        storage = open_storage(f"s3://bucket/{prefix}", options)
        assert isinstance(storage.blobs, ObjectBlobStore)
        case = _object_case(storage.blobs._store)
        case.tick_seconds = 1.1
        return case
    is_local = request.param == "obstore-local"
    return _object_case(LocalStore(tmp_path) if is_local else MemoryStore())


def _local_case(root: Path) -> Case:
    case = Case(lambda clock: LocalBlobStore(root, clock))

    def damage(checksum: str, content: bytes) -> None:
        path = root / blob_path(checksum)
        path.chmod(0o644)
        path.write_bytes(content)

    case.damage = damage
    return case


def _object_case(backend: ObjectStore) -> Case:
    case = Case(lambda clock: ObjectBlobStore(backend, clock))

    def damage(checksum: str, content: bytes) -> None:
        obstore.put(backend, blob_path(checksum), content)

    case.damage = damage
    return case


@pytest.fixture
def store(case: Case) -> BlobStore:
    return case.store


def _read(store: BlobStore, checksum: str, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join(store.open(checksum, offset, length))


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _none(_: Iterable[str]) -> set[str]:
    return set()


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
    case.ahead_seconds = HOUR
    assert case.store.sweep(_none, 1).uploads == 0


def test_a_stream_that_fails_leaves_nothing(case: Case) -> None:
    def failing() -> Iterator[bytes]:
        yield b"begun"
        raise LookupError

    with pytest.raises(LookupError):
        case.store.put_stream(failing())
    assert not case.store.exists(_checksum(b"begun"))
    case.ahead_seconds = HOUR
    assert case.store.sweep(_none, 1).uploads == 0


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
    case.ahead_seconds = HOUR
    assert case.store.sweep(_none, 1).blobs == 1


def test_the_sweep_takes_what_no_event_names(case: Case) -> None:
    kept = case.store.put_stream([b"named by an event"])
    lost = case.store.put_stream([b"named by none"])
    asked: set[str] = set()

    def referenced(checksums: Iterable[str]) -> set[str]:
        asked.update(checksums)
        return {kept.checksum}

    case.ahead_seconds = HOUR
    result = case.store.sweep(referenced, 60)
    assert asked == {kept.checksum, lost.checksum}
    assert (result.blobs, result.blob_bytes) == (1, len(b"named by none"))
    assert _read(case.store, kept.checksum) == b"named by an event"
    assert not case.store.exists(lost.checksum)


def test_the_sweep_leaves_what_is_young(case: Case) -> None:
    blob = case.store.put_stream([b"its event is on the way"])
    assert case.store.sweep(_none, 60).blobs == 0
    assert case.store.exists(blob.checksum)


@pytest.mark.parametrize("renew", ["put", "touch"])
def test_a_blob_renewed_while_the_sweep_looks_is_kept(case: Case, renew: str) -> None:
    blob = case.store.put_stream([b"old but wanted again"])
    time.sleep(2 * case.tick_seconds)

    def referenced(_: Iterable[str]) -> set[str]:
        if renew == "put":
            case.store.put_stream([b"old but wanted again"])
        else:
            assert case.store.touch(blob.checksum)
        return set()

    assert case.store.sweep(referenced, case.tick_seconds).blobs == 0
    assert case.store.exists(blob.checksum)
