"""`docledger verify`: checks everything, shows how it gets on and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from docledger.bootstrap import Docledger, now
from docledger.commands.reports import console, print_json
from docledger.commands.seal import read_note, signing_key
from docledger.settings import Settings
from domain.json_types import JsonObject
from eventstore.seals.checkpoint import PublicKey, SignedNote
from verification.difference import Difference
from verification.ledger import Findings, LedgerParts, Verification
from verification.repair import Repair

_SHOWN = 200


def verify(
    settings: Settings,
    *,
    repair: bool,
    seals: Sequence[Path],
    public_key: str | None,
    as_json: bool,
) -> bool:
    """Check everything and print what was found; return True if all of it is in order now."""
    notes = [read_note(path) for path in seals]
    repaired: list[Difference] = []
    with Docledger(settings) as docledger:
        docledger.require_schema()
        parts = ledger_parts(docledger)
        with _Bars(hidden=as_json) as bars, Verification(parts, bars) as verification:
            findings = verification.check([note.checkpoint for note in notes])
            findings.add(_unsigned(settings, notes, public_key))
            if repair and findings.differences:
                repaired = Repair(parts, verification, now).repair(findings)
    in_order = len(findings.differences) + findings.omitted == len(repaired)
    if as_json:
        _print_json(findings, repaired if repair else None, ok=in_order)
    else:
        _print(console(), findings, notes, repaired if repair else None)
    return in_order


def ledger_parts(docledger: Docledger) -> LedgerParts:
    """Return what a check of the whole ledger looks at."""
    return LedgerParts(
        connect=docledger.connect,
        history=docledger.history,
        storage=docledger.storage,
        storage_location=docledger.settings.storage_location,
        search_store=docledger.search_store,
        search_filler=docledger.search_filler,
    )


def _unsigned(
    settings: Settings, notes: Sequence[SignedNote], public_key: str | None
) -> list[Difference]:
    """Return the notes that are not signed by the key given, or else by this home's own."""
    if not notes:
        return []
    own = PublicKey(signing_key(settings).public_key())
    key = PublicKey.parse(public_key) if public_key else own
    return [
        Difference(None, "seal", f"the seal of {note.checkpoint.at} is not signed by {key.name}")
        for note in notes
        if not key.has_signed(note)
    ]


def _print_json(findings: Findings, repaired: Sequence[Difference] | None, *, ok: bool) -> None:
    found: JsonObject = {
        "ok": ok,
        "position": findings.position,
        "differences": [_difference(d, repaired) for d in findings.differences],
    }
    if findings.omitted:
        found["omitted"] = findings.omitted
    print_json(found)


def _difference(difference: Difference, repaired: Sequence[Difference] | None) -> JsonObject:
    told: JsonObject = {
        "documentId": difference.document_id,
        "kind": difference.kind,
        "detail": difference.detail,
    }
    if repaired is not None:
        told["repaired"] = difference in repaired
    return told


def _print(
    console: Console,
    findings: Findings,
    notes: Sequence[SignedNote],
    repaired: Sequence[Difference] | None,
) -> None:
    if findings.differences:
        console.print(_table(findings.differences[:_SHOWN], repaired))
    looked_at = ", ".join(f"{count:,} {what}" for what, count in findings.counts.items())
    count = len(findings.differences) + findings.omitted
    if count > _SHOWN:
        console.print(f"and {count - _SHOWN:,} more; --json lists them")
    console.print(f"{looked_at}; {findings.sealed_events:,} events sealed", highlight=False)
    if findings.folders_behind:
        console.print(f"{findings.folders_behind:,} folders are still to be brought up to date")
    if findings.search_behind:
        console.print(f"{findings.search_behind:,} documents are still to be indexed")
    for note in notes:
        said = f"seal of {note.checkpoint.at} over {note.checkpoint.size:,} events: "
        console.print(said + ("looked at" if count else "holds"), highlight=False)
    if not count:
        console.print("[green]everything is as the log says[/]")
    elif repaired is not None:
        console.print(f"{count:,} differences, {len(repaired):,} of them repaired")
    else:
        remedy = "--repair repairs rows, folders and the search store"
        console.print(f"[bold red]{count:,} differences[/]; {remedy}", soft_wrap=True)


def _table(differences: Sequence[Difference], repaired: Sequence[Difference] | None) -> Table:
    table = Table("document", "kind", "detail", box=None, pad_edge=False)
    if repaired is not None:
        table.add_column("repaired")
    for difference in differences:
        cells = [difference.document_id or "-", difference.kind, difference.detail]
        if repaired is not None:
            cells.append("yes" if difference in repaired else "no")
        table.add_row(*cells)
    return table


class _Bars:
    """A bar for each part of the check, on standard error."""

    def __init__(self, *, hidden: bool) -> None:
        shown = Console(stderr=True)
        self._progress = Progress(
            TextColumn("[bold]{task.description:<12}"),
            BarColumn(bar_width=40),
            TextColumn("{task.completed:,.0f}"),
            TimeElapsedColumn(),
            console=shown,
            disable=hidden or not shown.is_terminal,
        )
        self._part: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end_part()
        self._progress.stop()

    def begin(self, part: str, total: int | None) -> None:
        """Show a bar more."""
        self._end_part()
        self._part = self._progress.add_task(part, total=total)

    def advance(self, done: int) -> None:
        """Move the bar."""
        if self._part is not None:
            self._progress.update(self._part, completed=done)

    def _end_part(self) -> None:
        if self._part is not None:
            done = self._progress.tasks[self._part].completed
            self._progress.update(self._part, total=done or 1, completed=done or 1)
