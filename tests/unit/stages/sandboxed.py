"""Executors that behave badly, looked up by name in the sandbox's children."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from stages.errors import ExecutorMissing, UnconvertibleDocument
from stages.executor import Executor, Options, ProducedFile, StageOutcome, StageTask


class TestOptions(Options):
    """Options of all executors here."""

    seconds: float = 0
    process_id_file: str | None = None


class Behaviour:
    """An executor that does what its function does."""

    file_type = "result"
    suffix = ".txt"
    mime_type = "text/plain"
    version = "1"
    in_process = False
    reads: tuple[str, ...] = ()
    options_model: type[BaseModel] = TestOptions

    def __init__(self, stage_name: str, act: Callable[[StageTask], StageOutcome]) -> None:
        self.stage_name = stage_name
        self._act = act

    def run(self, task: StageTask) -> StageOutcome:
        """Write down which process this is, then act."""
        options = task.options_as(TestOptions)
        if options.process_id_file:
            Path(options.process_id_file).write_text(str(os.getpid()), encoding="utf-8")
        return self._act(task)


def _file(task: StageTask, content: str = "done", **metadata: Any) -> StageOutcome:
    path = task.work_dir / "out.txt"
    path.write_text(content, encoding="utf-8")
    return StageOutcome((ProducedFile(path),), metadata)


def work(task: StageTask) -> StageOutcome:
    """Work for as long as the options say."""
    time.sleep(task.options_as(TestOptions).seconds)
    return _file(task, process_id=os.getpid())


def spin(task: StageTask) -> StageOutcome:
    """Keep the interpreter's lock for ever, as a native library may."""
    pattern = ctypes.pythonapi.PyObject_Length  # called with the lock held
    while True:
        pattern(ctypes.py_object(task.inputs))


def hold_lock(task: StageTask) -> StageOutcome:
    """Sleep with the interpreter's lock held: no thread of this process gets to run."""
    ctypes.PyDLL(None).sleep(600)
    return _file(task)


def segfault(task: StageTask) -> StageOutcome:
    """Read where nothing is."""
    ctypes.string_at(0)
    return _file(task)


def kill_itself(task: StageTask) -> StageOutcome:
    """Die as if the kernel had run out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    return _file(task)


def leave(task: StageTask) -> StageOutcome:
    """Exit without a word."""
    os._exit(7)


def fill_memory(task: StageTask) -> StageOutcome:
    """Take more memory than there may be."""
    held = [bytearray(16 << 20) for _ in range(4096)]
    return _file(task, held=len(held))


def fill_memory_natively(task: StageTask) -> StageOutcome:
    """Die as a Rust library does when it gets no memory."""
    os.write(2, b"memory allocation of 9437184 bytes failed\n")
    os.abort()


def write_too_much(task: StageTask) -> StageOutcome:
    """Write a file larger than files may be."""
    with (task.work_dir / "out.txt").open("wb") as file:
        for _ in range(64):
            file.write(b"\0" * (1 << 20))
    return _file(task)


def shout(task: StageTask) -> StageOutcome:
    """Write to every stream that there is."""
    print("noise")  # noqa: T201
    print("noise", file=sys.stderr)  # noqa: T201
    os.write(1, b"noise\n")
    os.write(2, b"noise\n")
    return _file(task)


def refuse(task: StageTask) -> StageOutcome:
    """Refuse the document."""
    raise UnconvertibleDocument("The lamp is out; light it.")


def fail(task: StageTask) -> StageOutcome:
    """Fail with an error that quotes the document."""
    raise ValueError("secret words of the document")


def escape(task: StageTask) -> StageOutcome:
    """Name a file that lies elsewhere."""
    return StageOutcome((ProducedFile(Path("/etc/hostname")),))


def link_out(task: StageTask) -> StageOutcome:
    """Name a link that leads elsewhere."""
    link = task.work_dir / "out.txt"
    link.symlink_to("/etc/hostname")
    return StageOutcome((ProducedFile(link),))


def odd_metadata(task: StageTask) -> StageOutcome:
    """Give metadata that JSON cannot hold."""
    return _file(task, odd=object())


_BEHAVIOURS = {
    each.__name__.replace("_", "-"): each
    for each in (
        work,
        spin,
        hold_lock,
        segfault,
        kill_itself,
        leave,
        fill_memory,
        fill_memory_natively,
        write_too_much,
        shout,
        refuse,
        fail,
        escape,
        link_out,
        odd_metadata,
    )
}


def load(stage_name: str) -> Executor:
    """Return the executor that behaves as its name says."""
    if stage_name not in _BEHAVIOURS:
        raise ExecutorMissing
    return Behaviour(stage_name, _BEHAVIOURS[stage_name])
