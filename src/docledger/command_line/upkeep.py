"""Groups of commands: `migrate`, `projections`, `stages`, `events`, `storage`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from docledger.command_line.options import FAILED, AsJson, settings_of

migrate = typer.Typer(help="Move the database's schema up and down.", no_args_is_help=True)
projections = typer.Typer(help="Look after the read models.", no_args_is_help=True)
stages = typer.Typer(help="The stages of new workflows.", no_args_is_help=True)
events = typer.Typer(help="Move the log between databases.", no_args_is_help=True)
storage = typer.Typer(help="Look after the storage of files.", no_args_is_help=True)


@migrate.command("up")
def migrate_up(
    to: Annotated[int | None, typer.Option(help="The last step to apply.")] = None,
) -> None:
    """Apply every step that is not applied yet."""
    from docledger.commands import database

    database.migrate_up(settings_of("migrate"), to)


@migrate.command("down")
def migrate_down(
    to: Annotated[int | None, typer.Option(help="The last step to keep; 0 undoes all.")] = None,
    delete_events: Annotated[
        bool, typer.Option("--delete-events", help="Drop a log that is not empty.")
    ] = False,
) -> None:
    """Undo the last step, or all steps after one."""
    from docledger.commands import database

    database.migrate_down(settings_of("migrate"), to, delete_events=delete_events)


@migrate.command("status")
def migrate_status(json: AsJson = False) -> None:
    """List the steps and whether they are applied."""
    from docledger.commands import database

    database.migrate_status(settings_of("migrate"), as_json=json)


@projections.command("list")
def projections_list(json: AsJson = False) -> None:
    """Show how far each consumer of the log is, and which documents are parked."""
    from docledger.commands import status as status_command

    status_command.projections(settings_of("projections"), as_json=json)


@projections.command("retry")
def projections_retry(document_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Apply a parked document's events again."""
    from docledger.commands import status as status_command

    status_command.retry(settings_of("projections"), document_id)


@stages.command("list")
def stages_list(json: AsJson = False) -> None:
    """List the stages, what each waits for, and how many workers can run it."""
    from docledger.commands import stages as stages_command

    stages_command.list_stages(settings_of("stages"), as_json=json)


@stages.command("check")
def stages_check(json: AsJson = False) -> None:
    """Say what is wrong with the stages or their executors; exit 1 if anything is."""
    from docledger.commands import stages as stages_command

    if not stages_command.check(settings_of("stages"), as_json=json):
        raise typer.Exit(FAILED)


@stages.command("add")
def stages_add(
    name: Annotated[str, typer.Argument(help="a-z, 0-9 and '-'; as its entry point is called.")],
    after: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="STAGE", help="It waits for this one; may be given more than once."),
    ] = None,
    after_unless_skipped: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="STAGE", help="It waits for this one unless that was skipped."),
    ] = None,
    optional: Annotated[bool, typer.Option("--optional", help="It may be skipped.")] = False,
    order: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Its place among the stages; unset: the last."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Add a stage to the workflows that start from now on."""
    from docledger.commands import stages as stages_command

    stage = stages_command.NewStage(name, after or [], after_unless_skipped or [], optional, order)
    stages_command.add(settings_of("stages"), stage, as_json=json)


@events.command("export")
def events_export(
    document_ids: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(metavar="[ID]...", help="Only these documents; none: the whole log."),
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Only events after this position.")] = 0,
    output: Annotated[
        Path | None, typer.Option(help="The file to write; unset: standard output.")
    ] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave out titles, contents and sealed parts.")
    ] = False,
) -> None:
    """Write events as JSON Lines, exactly as they are stored."""
    from docledger.commands import events as events_command

    events_command.export(
        settings_of("export"),
        document_ids or [],
        after=after,
        output=output,
        with_keys=not without_keys,
    )


@events.command("import")
def events_import(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An export; - is standard input.")],
    append: Annotated[
        bool, typer.Option("--append", help="Let them follow a log that has events already.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Take in what an export wrote, all of it or nothing."""
    from docledger.commands import events as events_command

    events_command.import_(settings_of("import"), path, append=append, as_json=json)


@storage.command("adopt")
def storage_adopt(
    force: Annotated[
        bool, typer.Option("--force", help="Adopt it although content that the log names is lost.")
    ] = False,
) -> None:
    """Make the storage this database's alone, after a move or a restore; gives it a new id."""
    from docledger.commands import database

    database.adopt_storage(settings_of("storage"), force=force)
