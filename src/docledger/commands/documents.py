"""What the one-shot commands do."""

from __future__ import annotations

import json as jsonlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
from eventsourcing.persistence import PersistenceError
from rich.console import Console

from docledger.adoption import OtherStorage
from docledger.bootstrap import Docledger, new_id
from docledger.commands import reports
from docledger.commands.file_search import find_files
from docledger.commands.process import Parts, follow, register
from docledger.commands.progress import Bars, Lines, Silence, Watching
from docledger.settings import Settings
from docledger.supervisor import Role, Supervisor
from domain.errors import DocledgerError, DocumentNotFound
from domain.storage_errors import StorageUnavailable
from files.storage import Storage
from postgres.embedded.server import EmbeddedPostgres
from postgres.migration_files import DatabaseUnreachable

_TREE_SECONDS = 30.0
_ACTOR = "command line"
_NOTHING_RUNS: dict[str, Any] = {
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


def process(
    settings: Settings,
    paths: Sequence[Path],
    realm_id: str | None,
    *,
    follow_links: bool,
    as_json: bool,
) -> bool:
    """Run the workflows of these files to their end, telling what is passed over.

    Returns False if a document failed or a file could not be read.
    """
    console = reports.console()
    found = find_files(paths, follow_links=follow_links)
    with Docledger(settings) as docledger, ExitStack() as stack:
        docledger.migrator.up()
        docledger.adoption.adopt_if_fits()
        supervisor = Supervisor(
            [Role("project", ["project"]), Role("work", ["work"])],
            shutdown_seconds=settings.shutdown_seconds,
        )
        stack.enter_context(supervisor)
        parts = _parts(docledger, supervisor.gave_up)
        titles: dict[str, str] = {}
        with _watching(console, titles, as_json=as_json) as watching:
            register(parts, found, realm_id, titles, watching)
            ended = follow(parts, titles, watching)
        for stage_name in sorted({s.missing_executor for s in ended if s.missing_executor}):
            print(
                f"docledger: stage '{stage_name}' has no executor here, so its documents wait; "
                "install the package that brings it and run docledger work or up",
                file=sys.stderr,
            )
        docledger.wait_for_tree(_TREE_SECONDS)
        documents = docledger.documents([standing.document_id for standing in ended])
    if as_json:
        _print_json({"documents": documents})
    else:
        reports.documents(console, documents, titles, docledger.storage.location)
    for line in found.lines():
        print(f"docledger: {line}", file=sys.stderr)
    return found.is_complete and all(standing.workflow_status == "completed" for standing in ended)


def _parts(docledger: Docledger, gave_up: Callable[[], str | None]) -> Parts:
    return Parts(
        put=docledger.storage.blobs.put_stream,
        submit=docledger.commands.submit,
        context=lambda: docledger.context(_ACTOR),
        new_id=new_id,
        pipeline=docledger.pipeline,
        standings=docledger.standings,
        gave_up=gave_up,
    )


def _watching(console: Console, titles: dict[str, str], *, as_json: bool) -> Watching:
    if as_json:
        return Silence()
    return Bars(console, titles) if console.is_terminal else Lines(console)


def migrate_up(settings: Settings, to: int | None) -> None:
    """Apply the steps that are not applied, up to `to`."""
    with Docledger(settings) as docledger:
        done = docledger.migrator.up(to)
        print("\n".join(f"applied {step}" for step in done) or "nothing to apply")
        if all(step.state == "applied" for step in docledger.migrator.status()):
            _adopt_storage(docledger)


def _adopt_storage(docledger: Docledger) -> None:
    """Adopt the storage; where the database has one, another is only told of.

    Schemas are also migrated from machines that the storage cannot be reached from.
    """
    try:
        if docledger.adoption.adopt_if_fits():
            print(f"adopted the storage at {docledger.settings.storage_location}")
    except (OtherStorage, StorageUnavailable) as error:
        if not docledger.adoption.has_one():
            raise
        print(f"docledger: {error}", file=sys.stderr)


def migrate_down(settings: Settings, to: int | None, *, delete_events: bool) -> None:
    """Undo the last step, or all after `to`."""
    with Docledger(settings) as docledger, docledger.adoption.given_up():
        document_ids = docledger.logged_documents() if delete_events else []
        # Opened first: a storage that cannot be reached is found out before the log is gone.
        storage = docledger.storage if document_ids else None
        done = docledger.migrator.down(to, delete_events=delete_events)
        print("\n".join(f"undid {step}" for step in done) or "nothing to undo")
        if storage is not None and any(step.drops_log for step in done):
            _remove_folders(storage, document_ids, settings.sweep_age_seconds)


def _remove_folders(
    storage: Storage, document_ids: Sequence[str], sweep_age_seconds: float
) -> None:
    """Remove the documents' folders from the uploads tree; contents are left to the sweeper.

    Other folders are not docledger's, so they stay.
    """
    for document_id in document_ids:
        storage.tree.remove(document_id)
    storage.tree.sync()
    hours = sweep_age_seconds / 3600
    print(
        f"removed the folders of {len(document_ids):,} documents; their contents stay in "
        f"{storage.location}/blobs until a service that runs sweeps what no event "
        f"names and is older than {hours:g} h"
    )


def migrate_status(settings: Settings, *, as_json: bool) -> None:
    """List every step and how it stands."""
    with Docledger(settings) as docledger:
        steps = docledger.migrator.status()
    if as_json:
        fields = ("number", "name", "state")
        _print_json({"items": [{name: getattr(s, name) for name in fields} for s in steps]})
        return
    for step in steps:
        print(f"{step.number:04d} {step.state:<8} {step.name}")


def search(
    settings: Settings, words: str, realm_id: str | None, limit: int, *, as_json: bool
) -> None:
    """Print the chunks that the words are found in, best first."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        page = docledger.search_store.search(words, realm_id=realm_id, limit=limit)
    if as_json:
        items = [reports.hit(found) for found in page.hits]
        _print_json({"items": items, "nextCursor": page.next_cursor})
    else:
        reports.hits(reports.console(), page.hits)


def retry(settings: Settings, document_id: str) -> None:
    """Apply a parked document's events again."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        docledger.projector().retry(document_id)
    print(f"{document_id}: its events are applied")


def show(settings: Settings, document_id: str, *, as_json: bool) -> None:
    """Print the document's workflow, stages and files."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        found = docledger.documents([document_id])
        location = docledger.storage.location
    if not found:
        raise DocumentNotFound(f"There is no document '{document_id}'.")
    if as_json:
        _print_json(found[0])
    else:
        reports.documents(reports.console(), found, {}, location)


def projections(settings: Settings, *, as_json: bool) -> None:
    """Print how far each consumer of the log is, and which documents are parked."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        found = docledger.projections()
    if as_json:
        _print_json({"items": found, "nextCursor": None})
    else:
        reports.projections(reports.console(), found)


def status(settings: Settings, *, as_json: bool) -> bool:
    """Print what runs and how far it is; return False if the database does not run.

    An embedded server that is down is not started.
    """
    require_home(settings.home)
    found = _status(settings)
    if as_json:
        _print_json(found)
    else:
        reports.status(reports.console(), found)
    return bool(found["running"]["database"])


def _status(settings: Settings) -> dict[str, Any]:
    if settings.uses_embedded_postgres and not EmbeddedPostgres(settings.home).status().running:
        return _nothing_runs(settings)
    try:
        with Docledger(settings) as docledger:
            docledger.require_schema()
            return docledger.status()
    except (DatabaseUnreachable, psycopg.OperationalError, PersistenceError) as error:
        print(f"docledger: {' '.join(str(error).split())}", file=sys.stderr)
        return _nothing_runs(settings)


def _nothing_runs(settings: Settings) -> dict[str, Any]:
    storage = {"location": settings.storage_location, "id": None, "state": "unknown"}
    return {**_NOTHING_RUNS, "storage": storage}


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


def adopt_storage(settings: Settings, *, force: bool) -> None:
    """Make the storage that is set this database's alone."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        found = docledger.adoption.adopt(force=force)
        print(f"adopted the storage at {settings.storage_location}. {found}.")


def stop(settings: Settings) -> None:
    """Stop the embedded server, whoever uses it."""
    require_home(settings.home)
    if not settings.uses_embedded_postgres:
        print("DOCLEDGER_DATABASE_URL names a server of your own; it is left alone")
        return
    stopped = EmbeddedPostgres(settings.home).stop()
    print("stopped" if stopped else "nothing to stop")


def _print_json(document: Any) -> None:
    jsonlib.dump(document, sys.stdout, ensure_ascii=False, indent=2)
    print()


def wait_until(reached: Callable[[], bool], seconds: float) -> bool:
    """Wait for something to become true; return whether it did in time."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
