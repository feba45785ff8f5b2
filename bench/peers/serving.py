"""The command line of a peer behind FastAPI: load DSN DOCUMENTS, or serve DSN PORT."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

STAGES = ("ingest", "ocr", "classify", "extract", "publish")


class StatusReport(BaseModel):
    """What a client says of a stage."""

    status: Literal["started", "completed", "failed"]


class Stage(BaseModel):
    """A stage of a document."""

    stage: str
    status: str
    attempts: int
    updated_at: datetime


class File(BaseModel):
    """A file of a document."""

    id: int
    stage: str
    kind: str
    path: str
    size: int
    sha256: str


class Workflow(BaseModel):
    """How far a document is."""

    status: str
    current_stage: str
    version: int
    updated_at: datetime


class Document(BaseModel):
    """A document with its stages and files."""

    id: str
    filename: str
    created_at: datetime
    workflow: Workflow
    stages: list[Stage]
    files: list[File]


def main(load: Callable[[str, int], None], app: Callable[[str], FastAPI]) -> None:
    """Do what the command line says."""
    action, dsn, number = sys.argv[1:]
    if action == "load":
        load(dsn, int(number))
    else:
        uvicorn.run(
            app(dsn),
            host="127.0.0.1",
            port=int(number),
            loop="uvloop",
            http="httptools",
            access_log=False,
            log_level="warning",
        )
