"""No document ends the process that converts it: it is completed, or refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.errors import OutOfMemory, StageError, UnconvertibleDocument
from stages.sandbox import Sandbox
from unit.stages.hostile import HOSTILE
from unit.stages.making import SAMPLES, input_file, task_of

_BYTES = 60_000
_SECONDS = 60
_MODULES = ("stages.conversion.text.html", "stages.conversion.text.mail")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(1, 1 << 30, file_limit_bytes=64 << 20, preload=_MODULES) as sandbox:
        yield sandbox


def convert(sandbox: Sandbox, folder: Path, content: bytes, name: str) -> str:
    path = folder / "content"
    path.write_bytes(content)
    task = task_of("markdown-conversion", folder / "work", input_file(path, name=name))
    outcome = sandbox.run(task, _SECONDS)
    return outcome.files[0].path.read_text(encoding="utf-8")


def ended(
    sandbox: Sandbox, folder: Path, content: bytes, name: str
) -> tuple[str, StageError | None]:
    try:
        return convert(sandbox, folder, content, name), None
    except StageError as error:
        return "", error


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("case", HOSTILE)
def test_it_ends_in_one_of_two_ways(case: str, sandbox: Sandbox, tmp_path: Path) -> None:
    name, make = HOSTILE[case]
    markdown, refusal = ended(sandbox, tmp_path, make(_BYTES), name)
    assert markdown.strip() or isinstance(refusal, UnconvertibleDocument | OutOfMemory)
    assert refusal is None or len(str(refusal)) > 20
    assert sandbox.children[0].process_id is not None


def test_the_worker_still_works_after_all_of_them(sandbox: Sandbox, tmp_path: Path) -> None:
    content = (SAMPLES / "signal-code.html").read_bytes()
    assert "def flashes" in convert(sandbox, tmp_path, content, "signal-code.html")


def test_no_file_of_the_machine_gets_into_a_document(sandbox: Sandbox, tmp_path: Path) -> None:
    name, make = HOSTILE["file read through xml"]
    host = Path("/etc/hostname").read_text(encoding="utf-8").strip()
    markdown, refusal = ended(sandbox, tmp_path, make(0), name)
    assert host not in f"{markdown}{refusal}"
