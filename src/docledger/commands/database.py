"""`docledger migrate`, `docledger storage` and `docledger stop`: schema, storage and server."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from docledger.adoption import OtherStorage
from docledger.bootstrap import Docledger
from docledger.commands import reports
from docledger.commands.status import require_home
from docledger.settings import Settings
from domain.storage_errors import StorageUnavailable
from files.storage import Storage
from postgres.embedded.server import EmbeddedPostgres


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
        reports.print_json({"items": [{name: getattr(s, name) for name in fields} for s in steps]})
        return
    for step in steps:
        print(f"{step.number:04d} {step.state:<8} {step.name}")


def adopt_storage(settings: Settings, *, force: bool) -> None:
    """Make the storage that is set this database's alone."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        found = docledger.adoption.adopt(force=force)
        print(f"adopted the storage at {settings.storage_location}. {found}.")


def stop(settings: Settings) -> None:
    """Stop the embedded server, in use or not."""
    require_home(settings.home)
    if not settings.uses_embedded_postgres:
        print("DOCLEDGER_DATABASE_URL names a server of your own; it is left alone")
        return
    stopped = EmbeddedPostgres(settings.home).stop()
    print("stopped" if stopped else "nothing to stop")
