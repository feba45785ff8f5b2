"""Files when processes are killed, race each other, or find no room: all with real processes."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from domain.storage_errors import StorageFull, StorageUnavailable
from files.layout import blob_path
from files.local_blobs import LocalBlobStore
from files.tree import UploadsTree

SOURCES = str(Path(__file__).parents[2] / "src")
KILLS = 12


def _nothing() -> nullcontext[Iterator[str]]:
    """A log that names nothing."""
    return nullcontext(iter(()))


PRELUDE = """
import random, resource, sys, time
from contextlib import nullcontext
from pathlib import Path
from domain.storage_errors import StorageFull
from files.layout import blob_path
from files.local_blobs import LocalBlobStore
from files.tree import UploadsTree

def content(number):
    return random.Random(number).randbytes(200_000 + number)

root = Path(sys.argv[1])
blobs = LocalBlobStore(root)
tree = UploadsTree(root, blobs)
"""

PUT_FOR_EVER = """
for number in range(int(sys.argv[2]), 10**9):
    raw = content(number)
    blob = blobs.put_stream(raw[i:i + 50_000] for i in range(0, len(raw), 50_000))
    print(blob.checksum, flush=True)
"""

RECONCILE_FOR_EVER = """
names = ["original/a.pdf", "stages/x/a.md", "stages/y/a.json", "stages/z/deep/a.txt"]
sums = [blobs.put_stream([b"%d" % n]).checksum for n in range(5)]
choose = random.Random(int(sys.argv[2]))
print("ready", flush=True)
while True:
    wanted = choose.sample(names, choose.randrange(5))
    tree.reconcile("doc", {f"documents/doc/{name}": choose.choice(sums) for name in wanted})
"""


def _start(script: str, root: Path, *arguments: object, prefix: Iterable[str] = ()) -> _Process:
    command = [*prefix, sys.executable, "-c", PRELUDE + textwrap.dedent(script), str(root)]
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCES},
    )


_Process = subprocess.Popen[str]


def _kill(process: _Process) -> list[str]:
    """Kill without warning; gives the lines that the process had printed whole."""
    process.kill()
    printed, complaint = process.communicate()
    assert complaint == ""
    return printed.splitlines()


def _finish(process: _Process) -> list[str]:
    printed, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")
    return printed.splitlines()


def _damaged(root: Path) -> list[str]:
    """Names of blobs that are not what they are called."""
    paths = [path for path in (root / "blobs/sha256").rglob("*") if path.is_file()]
    return [p.name for p in paths if hashlib.sha256(p.read_bytes()).hexdigest() != p.name]


def _uploads(root: Path) -> list[Path]:
    return list((root / "blobs/incoming").iterdir())


def test_killed_uploads_leave_whole_blobs_and_what_the_sweep_removes(tmp_path: Path) -> None:
    moments = random.Random(20261124)
    acknowledged: set[str] = set()
    for kill in range(KILLS):
        process = _start(PUT_FOR_EVER, tmp_path, kill * 10_000)
        assert process.stdout is not None
        acknowledged.add(process.stdout.readline().strip())
        time.sleep(moments.uniform(0, 0.03))
        acknowledged.update(line for line in _kill(process) if len(line) == 64)
    assert _damaged(tmp_path) == []
    assert all((tmp_path / blob_path(checksum)).exists() for checksum in acknowledged)
    left = len(_uploads(tmp_path))
    assert left <= KILLS
    store = LocalBlobStore(tmp_path, clock=lambda: time.time() + 3600)
    result = store.sweep(lambda: nullcontext(iter(sorted(acknowledged))), 60)
    assert result.uploads == left
    assert _uploads(tmp_path) == []
    assert all(store.exists(checksum) for checksum in acknowledged)


def test_two_processes_put_the_same_content(tmp_path: Path) -> None:
    script = """
    for number in range(60):
        print(blobs.put_stream([content(number)]).checksum)
    """
    processes = [_start(script, tmp_path) for _ in range(2)]
    printed = [_finish(process) for process in processes]
    assert printed[0] == printed[1]
    assert len({path.name for path in (tmp_path / "blobs/sha256").glob("*/*/*")}) == 60
    assert _damaged(tmp_path) == []
    assert _uploads(tmp_path) == []


def test_what_was_put_just_now_is_never_swept(tmp_path: Path) -> None:
    script = """
    choose = random.Random(7)
    until = time.monotonic() + 3
    while time.monotonic() < until:
        blob = blobs.put_stream([b"one of %d" % choose.randrange(3)])
        put_at = time.monotonic()
        is_there = (root / blob_path(blob.checksum)).exists()
        assert is_there or time.monotonic() - put_at > 0.15
        time.sleep(choose.choice([0.0, 0.001, 0.2, 0.2005, 0.201]))
    """
    process = _start(script, tmp_path)
    store = LocalBlobStore(tmp_path)
    while process.poll() is None:
        store.sweep(_nothing, 0.2)
    _finish(process)


def test_content_is_synced_before_its_name_and_its_name_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalBlobStore(tmp_path)
    steps: list[str] = []
    sync, rename = os.fsync, Path.replace

    def synced(fd: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{fd}').readlink().parent.name}")
        sync(fd)

    def renamed(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    checksum = store.put_stream([b"content"]).checksum
    first = checksum[:2]
    assert steps[-3:] == ["sync incoming", "rename", f"sync {first}"]
    assert "sync blobs" in steps  # the folder sha256, for the new entry `first`
    assert "sync sha256" in steps  # the folder `first`, for the one in it


def test_a_limit_on_file_size_leaves_nothing_behind(tmp_path: Path) -> None:
    script = """
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    small = blobs.put_stream([b"x" * 90_000])
    for chunks in ([b"y" * 60_000] * 2, [b"z" * 101_000]):
        try:
            blobs.put_stream(chunks)
        except StorageFull:
            print("full")
    blobs.verify(small.checksum)
    """
    assert _finish(_start(script, tmp_path)) == ["full", "full"]
    assert _uploads(tmp_path) == []
    assert len(list((tmp_path / "blobs/sha256").glob("*/*/*"))) == 1


def test_a_full_disk_is_refused_until_there_is_room(tmp_path: Path) -> None:
    mount = f'mount -t tmpfs -o size=1m tmpfs {tmp_path} && exec "$@"'
    prefix = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("no mounts of one's own here; the limit on file size stands in for it")
    script = """
    blobs.put_stream([b"a" * 700_000])
    for _ in range(3):
        try:
            blobs.put_stream([b"b" * 100_000] * 6)
        except StorageFull as error:
            print("full")
    print(len(list((root / "blobs/incoming").iterdir())))
    for _ in range(2):
        blobs.sweep(lambda: nullcontext(iter(())), -60)
    blobs.verify(blobs.put_stream([b"b" * 100_000] * 6).checksum)
    """
    printed = _finish(_start(script, tmp_path, prefix=prefix))
    assert printed == ["full", "full", "full", "0"]


@pytest.mark.parametrize("call", ["fsync", "fchmod", "mkdir", "replace"])
def test_failure_at_any_step_of_a_commit_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store = LocalBlobStore(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if call in ("fsync", "fchmod") else Path, call, full)
        with pytest.raises(StorageFull):
            store.put_stream([b"content"])
    assert _uploads(tmp_path) == []
    assert list((tmp_path / "blobs/sha256").glob("*/*/*")) == []
    store.verify(store.put_stream([b"content"]).checksum)


def test_an_upload_that_was_swept_away_is_refused(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    writer = store.begin()
    writer.write(b"a slow upload")
    assert store.sweep(_nothing, -60).uploads == 1
    with pytest.raises(StorageUnavailable):
        writer.commit()


def test_killed_and_racing_reconcilers_leave_a_tree_that_can_be_mended(tmp_path: Path) -> None:
    moments = random.Random(7)
    for kill in range(KILLS // 2):
        processes = [_start(RECONCILE_FOR_EVER, tmp_path, kill * 2 + n) for n in range(2)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0, 0.1))
        for process in processes:
            _kill(process)
        _assert_mended(tmp_path, kill)


def _assert_mended(root: Path, number: int) -> None:
    blobs = LocalBlobStore(root)
    tree = UploadsTree(root, blobs)
    path, raw = f"documents/doc/stages/x/{number}.md", b"after kill %d" % number
    tree.reconcile("doc", {path: blobs.put_stream([raw]).checksum})
    tree.sweep(-60)
    held = [file for file in (root / "documents").rglob("*") if file.is_file()]
    assert [file.relative_to(root).as_posix() for file in held] == [path]
    assert (root / path).read_bytes() == raw
    assert list((root / ".tree/tmp").iterdir()) == []
    assert _damaged(root) == []
