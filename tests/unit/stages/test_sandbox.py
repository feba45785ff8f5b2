"""Children are killed, limited and replaced, and take nobody with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from stages.errors import (
    ExecutorFailed,
    ExecutorMissing,
    OptionsInvalid,
    OutOfMemory,
    StageCancelled,
    StageCrashed,
    StageError,
    StageTimedOut,
    UnconvertibleDocument,
)
from stages.executor import StageOutcome
from stages.sandbox import Sandbox
from unit.stages.making import SAMPLES, input_file, task_of
from unit.stages.sandboxed import load

_MEMORY = 512 << 20


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(2, _MEMORY, file_limit_bytes=8 << 20, preload=(), load=load) as sandbox:
        yield sandbox


def run(
    sandbox: Sandbox,
    stage_name: str,
    folder: Path,
    *,
    timeout_seconds: float = 30,
    cancelled: threading.Event | None = None,
    **options: object,
) -> StageOutcome:
    task = task_of(stage_name, folder, options=options)
    return sandbox.run(task, timeout_seconds, cancelled)


def eventually(check: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


def gone(process_id: int) -> bool:
    try:
        return psutil.Process(process_id).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_an_outcome_comes_back_whole(sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = run(sandbox, "work", tmp_path)
    (file,) = outcome.files
    assert file.path.read_text(encoding="utf-8") == "done"
    assert (file.file_type, file.suffix, file.mime_type) == ("result", ".txt", "text/plain")
    assert outcome.metadata["process_id"] != os.getpid()


def test_a_child_serves_many_tasks(sandbox: Sandbox, tmp_path: Path) -> None:
    ids = {run(sandbox, "work", tmp_path / f"{n}").metadata["process_id"] for n in range(5)}
    assert len(ids) == 1


@pytest.mark.parametrize("stage_name", ["work", "spin", "hold-lock"])
def test_what_takes_too_long_is_killed(sandbox: Sandbox, tmp_path: Path, stage_name: str) -> None:
    pid_file = tmp_path / "pid"
    started = time.monotonic()
    with pytest.raises(StageTimedOut, match=r"0\.5 s"):
        run(
            sandbox,
            stage_name,
            tmp_path,
            timeout_seconds=0.5,
            seconds=60,
            processIdFile=str(pid_file),
        )
    assert time.monotonic() - started < 10
    assert gone(int(pid_file.read_text(encoding="utf-8")))
    assert run(sandbox, "work", tmp_path / "next").files


@pytest.mark.parametrize("stage_name", ["work", "hold-lock"])
def test_what_is_cancelled_is_killed(sandbox: Sandbox, tmp_path: Path, stage_name: str) -> None:
    pid_file = tmp_path / "pid"
    cancelled = threading.Event()

    def cancel_when_running() -> None:
        eventually(pid_file.exists)
        cancelled.set()

    canceller = threading.Thread(target=cancel_when_running)
    canceller.start()
    with pytest.raises(StageCancelled):
        run(
            sandbox,
            stage_name,
            tmp_path,
            cancelled=cancelled,
            seconds=60,
            processIdFile=str(pid_file),
        )
    canceller.join()
    assert gone(int(pid_file.read_text(encoding="utf-8")))
    assert run(sandbox, "work", tmp_path / "next").files


def test_what_was_cancelled_before_never_begins(sandbox: Sandbox, tmp_path: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(StageCancelled):
        run(sandbox, "work", tmp_path, cancelled=cancelled)
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize(
    ("stage_name", "error", "message"),
    [
        ("segfault", StageCrashed, "SIGSEGV"),
        ("kill-itself", StageCrashed, "SIGKILL"),
        ("leave", StageCrashed, "exit code 7"),
        ("fill-memory", OutOfMemory, "memory"),
        ("fill-memory-natively", OutOfMemory, "512 MiB"),
        ("refuse", UnconvertibleDocument, "light it"),
        ("fail", ExecutorFailed, "ValueError in unit.stages.sandboxed"),
        ("escape", ExecutorFailed, "not in its working folder"),
        ("link-out", ExecutorFailed, "not in its working folder"),
        ("odd-metadata", ExecutorFailed, "JSON"),
        ("write-too-much", ExecutorFailed, "OSError"),
        ("nobody", ExecutorMissing, "No executor"),
    ],
)
def test_what_goes_wrong_is_that_tasks_error_alone(
    sandbox: Sandbox, tmp_path: Path, stage_name: str, error: type[StageError], message: str
) -> None:
    neighbour = ThreadPoolExecutor(1).submit(
        run, sandbox, "work", tmp_path / "neighbour", seconds=0.5
    )
    with pytest.raises(error, match=message) as caught:
        run(sandbox, stage_name, tmp_path / "own")
    assert "secret" not in str(caught.value)
    assert neighbour.result().files
    assert run(sandbox, "work", tmp_path / "next").files


def test_options_are_checked_where_the_executor_is(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(OptionsInvalid, match="wind"):
        run(sandbox, "work", tmp_path, wind=3)


def test_noise_goes_nowhere(
    sandbox: Sandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(sandbox, "shout", tmp_path).files
    assert capfd.readouterr() == ("", "")


def test_a_child_that_dies_while_idle_is_replaced(sandbox: Sandbox, tmp_path: Path) -> None:
    for number in range(5):
        first = run(sandbox, "work", tmp_path / f"{number}a").metadata["process_id"]
        os.kill(first, signal.SIGKILL)
        second = run(sandbox, "work", tmp_path / f"{number}b").metadata["process_id"]
        assert first != second


def test_slots_are_the_most_that_run_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        futures = [
            threads.submit(run, sandbox, "work", tmp_path / f"{n}", seconds=0.3) for n in range(4)
        ]
        ids = {future.result().metadata["process_id"] for future in futures}
    assert len(ids) == 2
    assert time.monotonic() - started >= 0.6


def test_closing_ends_what_runs(tmp_path: Path) -> None:
    sandbox = Sandbox(1, _MEMORY, preload=(), load=load)
    pid_file = tmp_path / "pid"
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(
            run, sandbox, "work", tmp_path, seconds=60, processIdFile=str(pid_file)
        )
        eventually(pid_file.exists)
        sandbox.close()
        with pytest.raises(StageCancelled):
            future.result(timeout=10)
    assert gone(int(pid_file.read_text(encoding="utf-8")))
    with pytest.raises(StageCancelled):
        run(sandbox, "work", tmp_path)


@pytest.mark.parametrize("stage_name", ["work", "hold-lock"])
def test_children_die_with_a_parent_that_is_killed(tmp_path: Path, stage_name: str) -> None:
    tests = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{tests.parent / 'src'}:{tests}"}
    parent = subprocess.Popen(
        [sys.executable, "-m", "unit.stages.orphaning", stage_name, tmp_path], env=environment
    )
    try:
        eventually((tmp_path / "children").exists, 30)
        eventually((tmp_path / "busy.pid").exists, 30)
        children = [int(n) for n in (tmp_path / "children").read_text("utf-8").split()]
        server = psutil.Process(children[0]).ppid()
        assert len(children) == 2
        assert not any(map(gone, [*children, server]))
    finally:
        parent.kill()
        parent.wait()
    eventually(lambda: all(map(gone, [*children, server])))


def test_installed_executors_run_in_the_sandbox(tmp_path: Path) -> None:
    source = input_file(SAMPLES / "harbour-bulletin.pdf")
    with Sandbox(1, 1 << 30) as sandbox:
        task = task_of("markdown-conversion", tmp_path, source)
        (file,) = sandbox.run(task, 60).files
    assert file.path.read_text(encoding="utf-8").startswith("# Harbour Bulletin")
    assert file.file_type == "markdown"
    assert file.suffix == ".md"
