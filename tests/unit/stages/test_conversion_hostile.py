"""No document ends the process that works on it: it is completed, or refused in words.

`tests/faults/conversion_campaign.py` takes larger ones, and more, through all stages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stages.errors import OutOfMemory, StageError, UnconvertibleDocument
from stages.sandbox import Sandbox
from unit.stages.hostile import HOSTILE
from unit.stages.making import SAMPLES
from unit.stages.mutations import mutated
from unit.stages.staging import STAGES, through_stages

_BYTES = 60_000
_SECONDS = 120
_MUTATIONS = 60


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(1, 1 << 30, file_limit_bytes=64 << 20) as sandbox:
        yield sandbox


def ended(
    sandbox: Sandbox, folder: Path, name: str, content: bytes, *, stages: Sequence[str] = STAGES[:1]
) -> tuple[list[Path], StageError | None]:
    """Return what the stages made and why one of them refused."""
    try:
        made = through_stages(sandbox, folder, name, content, _SECONDS, stages=stages)
    except StageError as error:
        return [], error
    return [file.path for file in made[1:]], None


def assert_in_one_of_two_ways(made: list[Path], refusal: StageError | None) -> None:
    """Check that it was completed with text, or refused for good in words."""
    if refusal is None:
        assert made[0].read_text(encoding="utf-8").strip()
    else:
        assert isinstance(refusal, UnconvertibleDocument | OutOfMemory)
        assert len(str(refusal)) > 20


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 120


@pytest.mark.parametrize("case", HOSTILE)
def test_it_ends_in_one_of_two_ways(case: str, sandbox: Sandbox, tmp_path: Path) -> None:
    name, make = HOSTILE[case]
    worker = sandbox.children[0].process_id
    assert_in_one_of_two_ways(*ended(sandbox, tmp_path, name, make(_BYTES)))
    assert sandbox.children[0].process_id == worker or worker is None


@pytest.mark.parametrize("first", range(0, _MUTATIONS, 20))
def test_so_does_a_sample_that_was_damaged(first: int, sandbox: Sandbox, tmp_path: Path) -> None:
    for seed in range(first, first + 20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        assert_in_one_of_two_ways(*ended(sandbox, folder, *mutated(seed), stages=STAGES))


def test_the_worker_still_works_after_all_of_them(sandbox: Sandbox, tmp_path: Path) -> None:
    content = (SAMPLES / "signal-code.html").read_bytes()
    made, refusal = ended(sandbox, tmp_path, "signal-code.html", content)
    assert refusal is None
    assert "def flashes" in made[0].read_text(encoding="utf-8")


def test_no_file_of_the_machine_gets_into_a_document(sandbox: Sandbox, tmp_path: Path) -> None:
    name, make = HOSTILE["file read through xml"]
    host = Path("/etc/hostname").read_text(encoding="utf-8").strip()
    made, refusal = ended(sandbox, tmp_path, name, make(0))
    assert host not in f"{refusal}"
    assert all(host not in path.read_text(encoding="utf-8") for path in made)
