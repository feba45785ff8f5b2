"""How results are shown to people; scripts read the JSON of the same facts."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from docledger.commands.progress import MARKS
from domain.file_names import document_folder
from eventstore.recorded import RecordedEvent
from stages.search_store import SearchHit

_PIPED_WIDTH = 120
_NUMBERS = ("position", "lag")


def console() -> Console:
    """Return a console as wide as the terminal; what is piped or logged is given more room."""
    found = Console()
    return found if found.is_terminal else Console(width=_PIPED_WIDTH)


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
    print()


def documents(
    console: Console,
    found: Sequence[Mapping[str, Any]],
    titles: Mapping[str, str],
    location: str,
) -> None:
    """Print each document's stages and files, then how many ended how."""
    for document in found:
        _document(console, document, titles.get(document["id"]) or document["title"], location)
    ends = [(d["processingWorkflow"] or {}).get("status", "no workflow") for d in found]
    counts = ", ".join(f"{ends.count(end)} {end}" for end in sorted(set(ends)))
    console.print(f"[bold]{len(found)} documents:[/] {counts}")


def _document(console: Console, document: Mapping[str, Any], title: str, location: str) -> None:
    folder = f"{location}/documents/{document_folder(document['id'])}/stages/"
    console.print(Text(title, "bold"), Text(document["id"], "dim"))
    console.print(Text(folder, "dim"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name, width in (("", 1), ("stage", 19), ("status", 11), ("attempt", 7), ("took", 8)):
        table.add_column(name, no_wrap=True, min_width=width)
    table.add_column("file", overflow="ellipsis", no_wrap=True)
    table.add_column("bytes", justify="right", no_wrap=True, min_width=9)
    table.add_column("sha-256", no_wrap=True, min_width=8)
    for stage in document["stages"]:
        _stage_rows(table, stage, [f for f in document["outputFiles"] if _is_of(f, stage)])
    console.print(table)


def _is_of(file: Mapping[str, Any], stage: Mapping[str, Any]) -> bool:
    return bool(file["stageName"] == stage["stageName"])


def _stage_rows(table: Table, stage: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> None:
    sign, style = MARKS.get(stage["status"], ("?", ""))
    cells: list[Text | str] = [
        Text(sign, style),
        stage["stageName"],
        Text(stage["status"], style),
        str(stage["attempt"]),
        _took(stage["startedAt"], stage["completedAt"]),
    ]
    if stage["errorMessage"] and stage["status"] != "completed":
        table.add_row(*cells, Text(stage["errorMessage"], "red"), "", "")
        return
    no_file: Sequence[Mapping[str, Any] | None] = [None]
    for file in files or no_file:
        name, size, checksum = "", "", ""
        if file is not None:
            name, size = PurePosixPath(file["filePath"]).name, f"{file['fileSize']:,}"
            checksum = (file["checksum"] or "")[:8]
        table.add_row(*cells, Text(name), size, checksum)
        cells = ["", "", "", "", ""]


def _took(started_at: str | None, completed_at: str | None) -> str:
    if started_at is None or completed_at is None:
        return ""
    took = datetime.fromisoformat(completed_at) - datetime.fromisoformat(started_at)
    return f"{took.total_seconds():.2f} s"


def event(recorded: RecordedEvent) -> dict[str, Any]:
    """Return an event as `GET …/history` shows it."""
    from api.render import event_json

    return event_json(recorded)


def hit(found: SearchHit) -> dict[str, Any]:
    """Return a hit as `GET /v1/search` shows it."""
    return {
        "documentId": found.document_id,
        "headingPath": list(found.heading_path),
        "snippet": found.snippet,
        "start": found.start,
        "end": found.end,
        "score": found.score,
    }


def hits(console: Console, found: Sequence[SearchHit]) -> None:
    """Print what was found, best first."""
    for one in found:
        console.print(Text(one.document_id, "dim"), Text(" › ".join(one.heading_path), "bold"))
        console.print(Text(one.snippet), "")
    if not found:
        console.print("nothing found")


def projections(console: Console, found: Sequence[Mapping[str, Any]]) -> None:
    """Print position, lag and health of each consumer of the log, then what is parked."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("projection", "position", "lag", "health"):
        table.add_column(name, no_wrap=True, justify="right" if name in _NUMBERS else "left")
    for one in found:
        style = "green" if one["health"] == "ok" else "red"
        numbers = (str(one["position"]), str(one["lag"]))
        table.add_row(one["projection"], *numbers, Text(one["health"], style))
    console.print(table)
    for parked in (document for one in found for document in one["parked"]):
        where = f"{parked['documentId']} at position {parked['position']}"
        console.print(Text(f"parked: {where}: {parked['error']}", "red"))


def status(console: Console, found: Mapping[str, Any]) -> None:
    """Print what runs, how far the read models are, what is parked, and sizes."""
    running = found["running"]
    roles = ", ".join(f"{name} {running[name]}" for name in ("serve", "project", "work"))
    console.print(f"docledger {found['version']}", highlight=False)
    console.print(f"database {'answers' if running['database'] else 'does not run'}; {roles}")
    if not running["database"]:
        return
    lag = found["lag"]
    console.print(
        f"log at position {found['position']}; "
        f"read models {lag['events']} events, {lag['seconds']:.1f} s behind"
    )
    for parked in found["parked"]:
        console.print(Text(f"parked: {parked['documentId']}: {parked['error']}", "red"))
    for finding in found["pipeline"]:
        where = f"{finding['rowId']}: " if finding["rowId"] else ""
        what = "no workflow can start" if finding["fatal"] else "stages"
        console.print(Text(f"{what}: {where}{finding['detail']}", "red"), soft_wrap=True)
    for waiting in found["waiting"]:
        told = f"{waiting['documents']} documents wait for a worker with its executor"
        console.print(Text(f"stage {waiting['stageName']}: {told}", "yellow"), soft_wrap=True)
    storage = found["storage"]
    console.print(Text(f"storage at {storage['location']}: {_storage(storage)}"), soft_wrap=True)
    for name, size in found["sizes"].items():
        console.print(f"  {name:<32} {size:>16,} bytes")


def _storage(found: Mapping[str, Any]) -> str:
    return {
        "adopted": f"this database's, id {found['id']}",
        "shared": "another database has it too, so nothing is swept; if that database is no longer "
        "used, run 'docledger storage adopt'",
        "other": "not this database's; roles refuse to start",
        "none": "not adopted; run 'docledger migrate up'",
        "unreachable": "cannot be reached just now",
    }.get(found["state"], str(found["state"]))
