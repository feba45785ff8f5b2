"""The whole ledger: `verify`, `seal`, `rebuild`, `import-documents`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from docledger.command_line.options import FAILED, AsJson, Supervised, settings_of

app = typer.Typer()


@app.command()
def verify(
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Repair rows, folders and search store where they differ."),
    ] = False,
    seal: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(help="A seal that was kept elsewhere; may be given more than once."),
    ] = None,
    public_key: Annotated[
        str | None, typer.Option(help="The key that signed it; unset: this home's own.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Check log, tables, files and search store against one another and against seals.

    Exits with 1 if they differ, with --repair if a difference is left.
    """
    from docledger.commands import verify as verify_command

    settings = settings_of("verify")
    seals = seal or []
    if not verify_command.verify(
        settings, repair=repair, seals=seals, public_key=public_key, as_json=json
    ):
        raise typer.Exit(FAILED)


@app.command()
def seal(
    until: Annotated[
        int | None, typer.Option(min=1, help="The last position to seal; unset: the log's last.")
    ] = None,
    public_key: Annotated[
        bool, typer.Option("--public-key", help="Print the key that seals are checked with.")
    ] = False,
) -> None:
    """Print a signed seal of the log, to be kept elsewhere."""
    from docledger.commands import seal as seal_command

    seal_command.seal(settings_of("seal"), until=until, public_key=public_key)


@app.command()
def rebuild(
    table: Annotated[
        str | None, typer.Option(metavar="NAME", help="Rebuild this table alone.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes to use; unset: one a core.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, row by row; change nothing.")
    ] = False,
    until: Annotated[
        str | None,
        typer.Option(metavar="POSITION-or-TIME", help="As of then, into the schema of --into."),
    ] = None,
    into: Annotated[
        str | None, typer.Option(metavar="SCHEMA", help="A new schema, for analysis.")
    ] = None,
    search: Annotated[
        bool, typer.Option("--search", help="Fill the search store again from stored chunks.")
    ] = False,
    rebuild_id: Annotated[str | None, typer.Option("--id", hidden=True)] = None,
    supervised: Supervised = False,
    json: AsJson = False,
) -> None:
    """Rebuild the read models beside the live ones, then swap; or fill the search store again."""
    from docledger.commands import rebuild as rebuild_command

    if (until is None) != (into is None) or (until and (dry_run or table)):
        raise typer.BadParameter("--until and --into go together, and without --dry-run or --table")
    if search and (table or dry_run or until):
        raise typer.BadParameter("--search goes without --table, --dry-run and --until")
    with rebuild_command.failure_as_json(wanted=supervised):
        settings = settings_of("rebuild")
        rebuild_command.end_in_good_order(supervised=supervised)
        if search:
            rebuild_command.search(settings, rebuild_id=rebuild_id, as_json=json)
        elif until is not None and into is not None:
            rebuild_command.materialise(
                settings, until=until, into=into, workers=workers, as_json=json
            )
        elif not dry_run:
            rebuild_command.rebuild(
                settings, table=table, workers=workers, rebuild_id=rebuild_id, as_json=json
            )
        elif not rebuild_command.dry_run(settings, table=table, workers=workers, as_json=json):
            raise typer.Exit(FAILED)


@app.command("import-documents")
def import_documents(
    path: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Documents from a .csv or .jsonl file."),
    ] = None,
    with_state: Annotated[
        bool, typer.Option("--with-state", help="Bring statuses and files from old tables.")
    ] = False,
    state_schema: Annotated[
        str, typer.Option(help="The schema that the old tables are in.")
    ] = "docledger_legacy",
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back what has not been touched since.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Give every document that has none its workflow and its pending stages, as events."""
    from docledger.commands import import_documents as import_command
    from importing.legacy_state import LegacyState

    if undo + with_state + (path is not None) > 1:
        raise typer.BadParameter("--undo, --with-state and --from do not go together")
    settings = settings_of("import")
    if undo:
        import_command.undo(settings, as_json=json)
        return
    state = LegacyState(state_schema) if with_state else None
    if not import_command.import_documents(settings, path=path, state=state, as_json=json):
        raise typer.Exit(FAILED)
