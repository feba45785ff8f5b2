"""What plug-ins need is importable from `docledger`, and an executor written on it is one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import docledger
from docledger import Executor, InputFile, Options, ProducedFile, StageOutcome, StageTask


class _Upper:
    stage_name = "upper"
    file_type = "upper_markdown"
    suffix = ".upper.md"
    mime_type = "text/markdown"
    version = "1"
    in_process = False
    reads = ("markdown",)
    options_model = Options

    def run(self, task: StageTask) -> StageOutcome:
        path = task.work_dir / "upper.md"
        path.write_text(task.input_of("markdown").path.read_text().upper())
        return StageOutcome(files=(ProducedFile(path),))


def test_an_executor_needs_no_other_import(tmp_path: Path) -> None:
    source = tmp_path / "a.md"
    source.write_text("one")
    given = InputFile("markdown-conversion", "markdown", source, "a.md", "text/markdown", "0", 3)
    executor: Executor = _Upper()
    task = StageTask("d", None, "upper", 1, (given,), {}, tmp_path)
    assert executor.run(task).files[0].path.read_text() == "ONE"
    missing = StageTask("d", None, "upper", 1, (), {}, tmp_path)
    with pytest.raises(docledger.InputMissing) as raised:
        executor.run(missing)
    assert isinstance(raised.value, docledger.StageError)


def test_every_promised_name_is_there() -> None:
    assert all(hasattr(docledger, name) for name in docledger.__all__)


def test_a_plug_in_loads_neither_server_nor_database() -> None:
    loaded = (
        "import sys, docledger; print(*sorted({'fastapi', 'psycopg', 'typer'} & {*sys.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == ""
