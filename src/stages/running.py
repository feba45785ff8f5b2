"""Run one executor on one task, wherever that is, so that only what the port allows comes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stages.errors import ExecutorFailed, OutOfMemory, StageError
from stages.executor import Executor, ProducedFile, StageOutcome, StageTask


def run_executor(executor: Executor, task: StageTask) -> StageOutcome:
    """Execute the task in this process; the outcome's files lack nothing and are where they may be.

    Raises StageError and nothing else. What an executor's own fault says is not passed on, since
    it may quote the document: only its kind is.
    """
    try:
        outcome = executor.run(task)
    except StageError:
        raise
    except MemoryError as error:
        raise OutOfMemory from error
    except Exception as error:
        raise ExecutorFailed(
            f"The executor of stage '{task.stage_name}' failed with {type(error).__name__} in "
            f"{_place(error)}; the document may be damaged in a way that it does not know."
        ) from error
    has_files = outcome.files or outcome.extracted
    return checked(outcome, executor, task.work_dir) if has_files else outcome


def checked(outcome: StageOutcome, executor: Executor, work_dir: Path) -> StageOutcome:
    """Fill in what the executor declares; raise ExecutorFailed for a file outside of work_dir."""
    return replace(
        outcome,
        files=tuple(_complete(file, executor, work_dir) for file in outcome.files),
        extracted=tuple(
            replace(each, path=_inside(each.path, executor, work_dir)) for each in outcome.extracted
        ),
    )


def _complete(file: ProducedFile, executor: Executor, work_dir: Path) -> ProducedFile:
    return replace(
        file,
        path=_inside(file.path, executor, work_dir),
        file_type=file.file_type or executor.file_type,
        suffix=file.suffix or executor.suffix,
        mime_type=file.mime_type or executor.mime_type,
    )


def _inside(named: Path, executor: Executor, work_dir: Path) -> Path:
    path = work_dir / named
    inside = path.resolve().is_relative_to(work_dir.resolve())
    if not inside or path.is_symlink() or not path.is_file():
        raise ExecutorFailed(
            f"The executor of stage '{executor.stage_name}' named a file that is not in its "
            "working folder."
        )
    return path


def _place(error: BaseException) -> str:
    """Name the module and line where the error arose; text of the error itself is not safe."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    module = trace.tb_frame.f_globals.get("__name__", "an unknown module")
    return f"{module}:{trace.tb_lineno}"
