"""What is known of documents: `show`, `history`, `search`, `prove`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from docledger.command_line.options import AsJson, settings_of

app = typer.Typer()


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(help="What to look for.")],
    realm: Annotated[str | None, typer.Option(help="Look in this realm only.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 10,
    json: AsJson = False,
) -> None:
    """Search the chunks of every document."""
    from docledger.commands import documents

    documents.search(settings_of("search"), " ".join(words), realm, limit, as_json=json)


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

    history_command.history(settings_of("history"), document_id, follow=follow, as_json=json)


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
    from docledger.commands import documents
    from docledger.commands import history as history_command

    if as_of is not None:
        history_command.show_as_of(settings_of("show"), document_id, as_of, as_json=json)
    else:
        documents.show(settings_of("show"), document_id, as_json=json)


@app.command()
def prove(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    seal: Annotated[
        Path | None, typer.Option(help="Prove it to the holder of this seal; unset: a new one.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Prove that a document's history is in the sealed log."""
    from docledger.commands import seal as seal_command

    seal_command.show_proof(settings_of("prove"), document_id, kept_seal=seal, as_json=json)
