"""The five executors in a bare process pool: no log, no leases, no limits, nothing kept.

    python pool.py DSN PROCESSES < paths

Each child takes a file through the stages, one after the other, as long as none fails; the ingestor
fills the search store of the database at DSN. Prints a line of JSON: how many files were completed.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

from domain.media_types import media_type_of
from stages.errors import StageError
from stages.executor import InputFile, StageOutcome, StageTask
from stages.postgres_search import PostgresSearchStore
from stages.registry import Registry, discover
from stages.running import run_executor

STAGES = ("markdown-conversion", "markdown-optimizer", "chunker", "fact-generator", "ingestor")
_DSN = sys.argv[1] if len(sys.argv) > 1 else ""


def main() -> None:
    files = [line.rstrip("\n") for line in sys.stdin]
    with multiprocessing.Pool(int(sys.argv[2])) as pool:
        completed = sum(pool.imap_unordered(_process, enumerate(files)))
    print(json.dumps({"files": len(files), "completed": completed}))


@cache
def _connection() -> psycopg.Connection[Any]:
    return psycopg.connect(_DSN, autocommit=True)


@contextmanager
def _lent() -> Iterator[psycopg.Connection[Any]]:
    yield _connection()


@cache
def _executors() -> Registry:
    return discover(search_store=PostgresSearchStore(_lent))


def _process(numbered: tuple[int, str]) -> bool:
    number, name = numbered
    document_id, path = f"document-{number}", Path(name)
    _connection().execute(
        "INSERT INTO documents (id, title, created_at, updated_at) VALUES (%s, %s, now(), now())",
        (document_id, path.stem),
    )
    with tempfile.TemporaryDirectory() as folder:
        made = [_input(path, None, "original", path.name)]
        for stage in STAGES:
            try:
                outcome = _run(stage, document_id, Path(folder) / stage, made)
            except StageError:
                return False
            made += [_input(f.path, stage, f.file_type or "", f.path.name) for f in outcome.files]
    return True


def _run(stage: str, document_id: str, folder: Path, made: list[InputFile]) -> StageOutcome:
    folder.mkdir()
    executor = _executors().of(stage)
    inputs = [file for file in made if not executor.reads or file.file_type in executor.reads]
    task = StageTask(
        document_id=document_id,
        realm_id=None,
        stage_name=stage,
        attempt=1,
        inputs=tuple(inputs),
        options={},
        work_dir=folder,
        document_version=1,
    )
    return run_executor(executor, task)


def _input(path: Path, stage: str | None, file_type: str, name: str) -> InputFile:
    content = path.read_bytes()
    checksum = sha256(content).hexdigest()
    return InputFile(stage, file_type, path, name, media_type_of(name), checksum, len(content))


if __name__ == "__main__":
    main()
