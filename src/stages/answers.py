"""What a child process of the sandbox answers: JSON, which harms nobody who reads it."""

from __future__ import annotations

import json
from pathlib import Path

from domain.json_types import JsonMapping
from stages import errors
from stages.errors import ExecutorFailed, StageError
from stages.executor import ExtractedFile, ProducedFile, StageOutcome, StageTask


def outcome_answer(outcome: StageOutcome, work_dir: Path) -> bytes:
    """Return the answer that tells of an outcome; its files lie in `work_dir`."""
    files = [
        {
            "path": str(file.path.relative_to(work_dir)),
            "metadata": dict(file.metadata),
            "file_type": file.file_type,
            "suffix": file.suffix,
            "mime_type": file.mime_type,
        }
        for file in outcome.files
    ]
    extracted = [
        {
            "path": str(each.path.relative_to(work_dir)),
            "file_name": each.file_name,
            "mime_type": each.mime_type,
        }
        for each in outcome.extracted
    ]
    answer = {"files": files, "metadata": dict(outcome.metadata), "extracted": extracted}
    return json.dumps(answer).encode()


def error_answer(error: StageError) -> bytes:
    """Return the answer that tells of an error."""
    return json.dumps({"error": type(error).__name__, "message": str(error)}).encode()


def read_answer(raw: bytes, task: StageTask) -> StageOutcome:
    """Return the outcome that a child's answer describes, or raise the error that it names."""
    try:
        answer = json.loads(raw)
        if "error" in answer:
            raise _error(answer)
        return StageOutcome(
            files=tuple(_file(each, task.work_dir) for each in answer["files"]),
            metadata=dict(answer["metadata"]),
            extracted=tuple(_extracted(each, task.work_dir) for each in answer["extracted"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExecutorFailed("The stage's process gave an answer that makes no sense.") from error


def _file(answer: JsonMapping, work_dir: Path) -> ProducedFile:
    return ProducedFile(
        path=_path(answer, work_dir),
        metadata=dict(answer["metadata"]),
        file_type=str(answer["file_type"]),
        suffix=str(answer["suffix"]),
        mime_type=str(answer["mime_type"]),
    )


def _extracted(answer: JsonMapping, work_dir: Path) -> ExtractedFile:
    return ExtractedFile(
        _path(answer, work_dir), str(answer["file_name"]), str(answer["mime_type"])
    )


def _path(answer: JsonMapping, work_dir: Path) -> Path:
    path = work_dir / str(answer["path"])
    if not path.resolve().is_relative_to(work_dir.resolve()):
        raise ValueError("outside of the working folder")
    if path.is_symlink() or not path.is_file():
        raise ValueError("no such file")
    return path


def _error(answer: JsonMapping) -> StageError:
    kind = getattr(errors, str(answer["error"]), None)
    if not (isinstance(kind, type) and issubclass(kind, StageError)):
        kind = ExecutorFailed
    return kind(str(answer["message"]))
