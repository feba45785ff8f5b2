"""How results are shown to people; scripts read the JSON of the same facts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.json_types import JsonMapping, JsonObject
from eventstore.recorded import RecordedEvent
from stages.search_store import SearchPage

_NUMBERS = ("position", "lag")
_LEAST_WIDTH, _PIPED_WIDTH = 60, 120


def console() -> Console:
    """Return a console as wide as the terminal or `COLUMNS` says; a pipe has room for more."""
    found = Console()
    if not found.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        return Console(width=_PIPED_WIDTH)
    return found if found.width >= _LEAST_WIDTH else Console(width=_LEAST_WIDTH)


def print_json(document: object) -> None:
    """Print one JSON document on standard output."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
    print()


def event(recorded: RecordedEvent) -> JsonObject:
    """Return an event as `GET …/history` shows it."""
    from api.render import event_json

    return event_json(recorded)


def search_page(found: SearchPage) -> JsonObject:
    """Return what was found as `GET /v1/search` shows it."""
    from api.routes.search import page_json

    return page_json(found, include_facts=False)


def hits(console: Console, page: SearchPage) -> None:
    """Print what was found, best first, and what was not looked for."""
    for one in page.hits:
        path = " › ".join(filter(None, (one.title, *one.heading_path)))
        console.print(Text(one.document_id, "dim"), Text(path, "bold"))
        snippet = Text(one.snippet)
        for start, end in one.highlights:
            snippet.stylize("bold yellow", start, end)
        console.print(snippet, "")
    if not page.hits:
        console.print("nothing found")
    if page.understood.ignored:
        console.print(Text(f"left out: {', '.join(page.understood.ignored)}", "dim"))
    if page.ranked.order:
        console.print(Text(f"of more, only some were ranked: {page.ranked.order}", "dim"))


def projections(console: Console, found: Sequence[JsonMapping]) -> None:
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


def status(console: Console, found: JsonMapping) -> None:
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
    searched = found["search"]
    if searched["indexed"] < searched["documents"]:
        told = f"search: {searched['indexed']:,} of {searched['documents']:,} documents indexed"
        console.print(Text(f"{told}; the others are found as they were before", "yellow"))
    storage = found["storage"]
    console.print(Text(f"storage at {storage['location']}: {_storage(storage)}"), soft_wrap=True)
    for name, size in found["sizes"].items():
        console.print(f"  {name:<32} {size:>16,} bytes")


def _storage(found: JsonMapping) -> str:
    return {
        "adopted": f"this database's, id {found['id']}",
        "shared": "another database has it too, so nothing is swept; if that database is no longer "
        "used, run 'docledger storage adopt'",
        "other": "not this database's; roles refuse to start",
        "none": "not adopted; run 'docledger migrate up'",
        "unreachable": "cannot be reached just now",
    }.get(found["state"], str(found["state"]))
