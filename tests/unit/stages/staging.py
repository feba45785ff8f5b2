"""Takes a document through the stages that run in the sandbox, as a worker would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from stages.executor import InputFile
from stages.registry import discover
from stages.sandbox import Sandbox
from unit.stages.making import input_file, task_of

STAGES = ("markdown-conversion", "markdown-optimizer", "chunker", "fact-generator")
Case = Callable[[], tuple[str, bytes]]
"""Makes a document: its name and its content."""


def through_stages(
    sandbox: Sandbox,
    folder: Path,
    name: str,
    content: bytes,
    seconds: float,
    *,
    stages: Sequence[str] = STAGES,
) -> list[InputFile]:
    """Return the original and what each stage made; raises the StageError of one that failed."""
    path = folder / "content"
    path.write_bytes(content)
    made = [input_file(path, name=name)]
    executors = discover(search_store=None)
    for stage in stages:
        reads = executors.of(stage).reads
        inputs = [file for file in made if not reads or file.file_type in reads]
        outcome = sandbox.run(task_of(stage, folder / stage, *inputs), seconds)
        for file in outcome.files:
            kind = file.file_type or ""
            made.append(input_file(file.path, file_type=kind, stage_name=stage))
    return made
