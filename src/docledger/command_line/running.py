"""`docledger up` and the roles that it runs; `process`, `rerun`, `status`, `stop`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from docledger.command_line.options import FAILED, AsJson, Host, Port, Supervised, settings_of

app = typer.Typer()


@app.command()
def up(host: Host = None, port: Port = None) -> None:
    """Migrate, then run API, projector, dispatcher and worker until told to stop."""
    from docledger import roles

    roles.up(settings_of("up", host=host, port=port))


@app.command()
def serve(
    host: Host = None,
    port: Port = None,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    supervised: Supervised = False,
) -> None:
    """Run the API alone."""
    from docledger import roles

    roles.serve(settings_of("serve", host=host, port=port), fd, supervised=supervised)


@app.command()
def project(supervised: Supervised = False) -> None:
    """Run the projector alone: events into the tables and the uploads tree."""
    from docledger import roles

    roles.project(settings_of("project"), supervised=supervised)


@app.command()
def work(supervised: Supervised = False) -> None:
    """Run the dispatcher and a worker alone."""
    from docledger import roles

    roles.work(settings_of("work"), supervised=supervised)


@app.command()
def process(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders with files.")],
    realm: Annotated[str | None, typer.Option(help="The realm to put the documents in.")] = None,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Follow links that are in folders.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Take files through all stages, showing how they get on; exit 1 if one failed."""
    from docledger.commands import process as process_command

    settings = settings_of("process")
    if not process_command.process(settings, paths, realm, follow_links=follow_links, as_json=json):
        raise typer.Exit(FAILED)


@app.command()
def rerun(
    stage: Annotated[str, typer.Option(metavar="STAGE", help="The stage to run again.")],
    executor: Annotated[
        str,
        typer.Option(
            metavar="STAGE/VERSION", help="Only documents whose output this executor made."
        ),
    ],
    limit: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="At most so many documents; unset: all."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many documents that are; run nothing.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Make outputs again that an older executor made, and what is downstream of changed ones.

    Old outputs stay until new ones are complete. Exit 1 if a document failed.
    """
    from docledger.commands.reruns import command

    settings = settings_of("rerun")
    if not command.rerun(settings, stage, executor, limit=limit, dry_run=dry_run, as_json=json):
        raise typer.Exit(FAILED)


@app.command()
def status(json: AsJson = False) -> None:
    """Show what runs, how far the read models are, what is parked, and sizes.

    Exit 1 if the database does not run.
    """
    from docledger.commands import status as status_command

    if not status_command.status(settings_of("status"), as_json=json):
        raise typer.Exit(FAILED)


@app.command()
def stop() -> None:
    """Stop an embedded server that was left behind."""
    from docledger.commands import database

    database.stop(settings_of("stop"))
