"""`docledger status` and `docledger projections`: what runs and how far it is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg
from eventsourcing.persistence import PersistenceError

from docledger.bootstrap import Docledger
from docledger.commands import answers, reports
from docledger.settings import Settings
from docledger.version import version
from domain.errors import DocledgerError
from domain.json_types import JsonObject
from postgres.embedded.server import EmbeddedPostgres
from postgres.migration_files import DatabaseUnreachable

_NOTHING_RUNS: JsonObject = {
    "running": {"database": False, "serve": 0, "project": 0, "work": 0},
    "position": None,
    "lag": None,
    "parked": [],
    "sizes": {},
    "workers": [],
    "waiting": [],
    "pipeline": [],
}


class HomeUnusable(DocledgerError):
    """The home cannot be made."""


def status(settings: Settings, *, as_json: bool) -> bool:
    """Print what runs and how far it is; return False if the database does not run.

    An embedded server that is down is not started.
    """
    require_home(settings.home)
    found = _status(settings)
    if as_json:
        reports.print_json(found)
    else:
        reports.status(reports.console(), found)
    return bool(found["running"]["database"])


def _status(settings: Settings) -> JsonObject:
    if settings.uses_embedded_postgres and not EmbeddedPostgres(settings.home).status().running:
        return _nothing_runs(settings)
    try:
        with Docledger(settings) as docledger:
            docledger.require_schema()
            return docledger.status()
    except (DatabaseUnreachable, psycopg.OperationalError, PersistenceError) as error:
        print(f"docledger: {' '.join(str(error).split())}", file=sys.stderr)
        return _nothing_runs(settings)


def _nothing_runs(settings: Settings) -> JsonObject:
    storage = {"location": settings.storage_location, "id": None, "state": "unknown"}
    return {"version": version(), **_NOTHING_RUNS, "storage": storage}


def require_home(home: Path) -> None:
    """Raise HomeUnusable for a home that is none and cannot be made."""
    nearest = next(folder for folder in (home, *home.parents) if os.access(folder, os.F_OK))
    if not nearest.is_dir():
        why = f"{nearest} is a file"
    elif not os.access(nearest, os.R_OK | os.X_OK):
        why = f"{nearest} cannot be entered"
    else:
        return
    raise HomeUnusable(f"{home} cannot be used: {why}; set DOCLEDGER_HOME to a folder that can.")


def projections(settings: Settings, *, as_json: bool) -> None:
    """Print how far each consumer of the log is, and which documents are parked."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        found = answers.projections(docledger)
    if as_json:
        reports.print_json({"items": found, "nextCursor": None})
    else:
        reports.projections(reports.console(), found)


def retry(settings: Settings, document_id: str) -> None:
    """Apply a parked document's events again."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        docledger.projector().retry(document_id)
    print(f"{document_id}: its events are applied")
