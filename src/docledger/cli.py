"""The command line. Errors become exit codes here and nowhere else.

1  a document failed, or a difference was found
2  wrong use
3  could not run

The commands are in `command_line`, what they do is in `commands`.
"""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import psycopg
import typer
from eventsourcing.persistence import PersistenceError
from typer.exceptions import Abort, TyperException

from docledger.command_line import documents, ledger, running, upkeep
from docledger.command_line.options import FAILED
from docledger.commands.file_search import NothingToProcess
from docledger.settings import SettingsError
from docledger.version import version
from domain.errors import DocledgerError, InvalidValue, Refused
from postgres import rights
from postgres.migration_files import NoSuchMigration

_Denied = psycopg.errors.InsufficientPrivilege

WRONG_USE, COULD_NOT_RUN, INTERRUPTED = 2, 3, 130

app = typer.Typer(
    name="docledger",
    help="Takes documents through processing stages and can always say what happened to them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for group in (running.app, documents.app, ledger.app):
    app.add_typer(group)
app.add_typer(upkeep.migrate, name="migrate")
app.add_typer(upkeep.projections, name="projections")
app.add_typer(upkeep.stages, name="stages")
app.add_typer(upkeep.events, name="events")
app.add_typer(upkeep.storage, name="storage")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"docledger {version()}")
        raise typer.Exit


@app.callback()
def docledger(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Take documents through processing stages; always able to say what happened to them."""


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
