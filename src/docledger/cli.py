"""The command line. Errors become exit codes here and nowhere else.

1  a document failed, or a difference was found
2  wrong use
3  could not run

What a command needs is imported when it runs, so that each starts as fast as it can.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn, Optional

import psycopg
import typer
from eventsourcing.persistence import PersistenceError
from typer.exceptions import Abort, TyperException

from docledger.commands.file_search import NothingToProcess
from docledger.logs import configure_logs
from docledger.settings import Settings, SettingsError
from domain.errors import DocledgerError, InvalidValue, Refused
from postgres import rights
from postgres.migration_files import NoSuchMigration

_Denied = psycopg.errors.InsufficientPrivilege

FAILED, WRONG_USE, COULD_NOT_RUN, INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    name="docledger",
    help="Takes documents through processing stages and can always say what happened to them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
migrate = typer.Typer(help="Move the database's schema up and down.", no_args_is_help=True)
projections = typer.Typer(help="Look after the read models.", no_args_is_help=True)
stages = typer.Typer(help="The stages of new workflows.", no_args_is_help=True)
events = typer.Typer(help="Move the log between databases.", no_args_is_help=True)
storage = typer.Typer(help="Look after the storage of files.", no_args_is_help=True)
app.add_typer(migrate, name="migrate")
app.add_typer(projections, name="projections")
app.add_typer(events, name="events")
app.add_typer(stages, name="stages")
app.add_typer(storage, name="storage")

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")
]
Supervised = Annotated[bool, typer.Option("--supervised", hidden=True)]
Host = Annotated[Optional[str], typer.Option(help="The address to listen on.")]  # noqa: UP045
Port = Annotated[
    Optional[int],  # noqa: UP045  (typer reads these annotations)
    typer.Option(min=0, max=65_535, help="The port to listen on; 0 takes a free one."),
]


def _settings(role: str, **given: object) -> Settings:
    settings = Settings.load(**given)
    configure_logs(settings.log_level, settings.log_format, role)
    return settings


@app.command()
def up(host: Host = None, port: Port = None) -> None:
    """Migrate, then run API, projector, dispatcher and worker until told to stop."""
    from docledger import roles

    roles.up(_settings("up", host=host, port=port))


@app.command()
def serve(
    host: Host = None,
    port: Port = None,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    supervised: Supervised = False,
) -> None:
    """Run the API alone."""
    from docledger import roles

    roles.serve(_settings("serve", host=host, port=port), fd, supervised=supervised)


@app.command()
def project(supervised: Supervised = False) -> None:
    """Run the projector alone: events into the tables and the uploads tree."""
    from docledger import roles

    roles.project(_settings("project"), supervised=supervised)


@app.command()
def work(supervised: Supervised = False) -> None:
    """Run the dispatcher and a worker alone."""
    from docledger import roles

    roles.work(_settings("work"), supervised=supervised)


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
    from docledger.commands import documents as operations

    settings = _settings("process")
    if not operations.process(settings, paths, realm, follow_links=follow_links, as_json=json):
        raise typer.Exit(FAILED)


@migrate.command("up")
def migrate_up(
    to: Annotated[int | None, typer.Option(help="The last step to apply.")] = None,
) -> None:
    """Apply every step that is not applied yet."""
    from docledger.commands import documents as operations

    operations.migrate_up(_settings("migrate"), to)


@migrate.command("down")
def migrate_down(
    to: Annotated[int | None, typer.Option(help="The last step to keep; 0 undoes all.")] = None,
    delete_events: Annotated[
        bool, typer.Option("--delete-events", help="Drop a log that is not empty.")
    ] = False,
) -> None:
    """Undo the last step, or all steps after one."""
    from docledger.commands import documents as operations

    operations.migrate_down(_settings("migrate"), to, delete_events=delete_events)


@migrate.command("status")
def migrate_status(json: AsJson = False) -> None:
    """List the steps and whether they are applied."""
    from docledger.commands import documents as operations

    operations.migrate_status(_settings("migrate"), as_json=json)


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(help="What to look for.")],
    realm: Annotated[str | None, typer.Option(help="Look in this realm only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 10,
    json: AsJson = False,
) -> None:
    """Search the chunks of every document."""
    from docledger.commands import documents as operations

    operations.search(_settings("search"), " ".join(words), realm, limit, as_json=json)


@projections.command("list")
def projections_list(json: AsJson = False) -> None:
    """Show how far each consumer of the log is, and which documents are parked."""
    from docledger.commands import documents as operations

    operations.projections(_settings("projections"), as_json=json)


@projections.command("retry")
def projections_retry(document_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Apply a parked document's events again."""
    from docledger.commands import documents as operations

    operations.retry(_settings("projections"), document_id)


@stages.command("list")
def stages_list(json: AsJson = False) -> None:
    """List the stages, what each waits for, and how many workers can run it."""
    from docledger.commands import stages as stages_command

    stages_command.list_stages(_settings("stages"), as_json=json)


@stages.command("check")
def stages_check(json: AsJson = False) -> None:
    """Say what is wrong with the stages or their executors; exit 1 if anything is."""
    from docledger.commands import stages as stages_command

    if not stages_command.check(_settings("stages"), as_json=json):
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
    stages_command.add(_settings("stages"), stage, as_json=json)


@app.command()
def history(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what happens next, until Ctrl-C.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show everything that happened to a document."""
    from docledger.commands import history as history_command

    history_command.history(_settings("history"), document_id, follow=follow, as_json=json)


@app.command()
def show(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    as_of: Annotated[
        str | None,
        typer.Option(metavar="POSITION|TIME", help="As they were then; a time is RFC 3339."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Show a document's workflow, stages and files."""
    from docledger.commands import documents as operations
    from docledger.commands import history as history_command

    if as_of is not None:
        history_command.show_as_of(_settings("show"), document_id, as_of, as_json=json)
    else:
        operations.show(_settings("show"), document_id, as_json=json)


@app.command()
def status(json: AsJson = False) -> None:
    """Show what runs, how far the read models are, what is parked, and sizes.

    Exit 1 if the database does not run.
    """
    from docledger.commands import documents as operations

    if not operations.status(_settings("status"), as_json=json):
        raise typer.Exit(FAILED)


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

    settings = _settings("verify")
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

    seal_command.seal(_settings("seal"), until=until, public_key=public_key)


@app.command()
def prove(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    seal: Annotated[
        Path | None, typer.Option(help="Prove it to whoever kept this seal; unset: a new one.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Prove that a document's history is in the sealed log."""
    from docledger.commands import seal as seal_command

    seal_command.show_proof(_settings("prove"), document_id, kept_seal=seal, as_json=json)


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
        settings = _settings("rebuild")
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
        bool, typer.Option("--undo", help="Take back what nobody has touched since.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Give every document that has none its workflow and its pending stages, as events."""
    from docledger.commands import import_documents as import_command
    from importing.legacy_state import LegacyState

    if undo + with_state + (path is not None) > 1:
        raise typer.BadParameter("--undo, --with-state and --from do not go together")
    settings = _settings("import")
    if undo:
        import_command.undo(settings, as_json=json)
        return
    state = LegacyState(state_schema) if with_state else None
    if not import_command.import_documents(settings, path=path, state=state, as_json=json):
        raise typer.Exit(FAILED)


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
        _settings("export"),
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

    events_command.import_(_settings("import"), path, append=append, as_json=json)


@storage.command("adopt")
def storage_adopt(
    force: Annotated[
        bool, typer.Option("--force", help="Adopt it although content that the log names is lost.")
    ] = False,
) -> None:
    """Make the storage this database's alone, after a move or a restore; gives it a new id."""
    from docledger.commands import documents as operations

    operations.adopt_storage(_settings("storage"), force=force)


@app.command()
def stop() -> None:
    """Stop an embedded server that was left behind."""
    from docledger.commands import documents as operations

    operations.stop(_settings("stop"))


def main() -> NoReturn:
    """Run the command that the arguments name and exit."""
    try:
        code = app(standalone_mode=False) or 0
    except (Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except TyperException as error:
        # Without a message the help was asked for, and shown.
        if message := _line(error.format_message()):
            print(f"docledger: {message.rstrip('.')}; --help tells more", file=sys.stderr)
        code = WRONG_USE
    except Exception as error:
        code = _code(error)
        if code is None:
            raise
        print(f"docledger: {_told(error)}", file=sys.stderr)
    sys.exit(code)


def _code(error: Exception) -> int | None:
    """Return the exit code for an error that was foreseen, None for a defect."""
    if isinstance(error, SettingsError | NothingToProcess | NoSuchMigration | InvalidValue):
        return WRONG_USE
    if isinstance(error, Refused):
        return FAILED
    if isinstance(error, DocledgerError | psycopg.OperationalError | PersistenceError | _Denied):
        return COULD_NOT_RUN
    return None


def _told(error: Exception) -> str:
    denied = error if isinstance(error, _Denied) else error.__cause__
    if isinstance(denied, _Denied):
        return rights.told(denied)
    if isinstance(error, psycopg.OperationalError | PersistenceError):
        return f"the database cannot be used: {_line(str(error))}"
    return _line(str(error))


def _line(text: str) -> str:
    return " ".join(text.split())
