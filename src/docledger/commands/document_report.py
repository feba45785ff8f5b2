"""Documents as a terminal shows them, from 60 columns on; nothing is cut but titles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath

from rich.console import Console
from rich.text import Text

from docledger.commands.progress import MARKS
from domain.file_names import document_folder
from domain.json_types import JsonMapping

_ROOMY_WIDTH = 100
_INDENT = 4
_UNKNOWN_MARK = ("?", "")
_MARKS_OF_WORKFLOWS: Mapping[str, str] = {
    "running": "in_progress",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "skipped",
}


def overview(console: Console, found: Sequence[JsonMapping], titles: Mapping[str, str]) -> None:
    """Print a line a document, beneath it why it failed, and how many ended how."""
    for document in found:
        _line(console, document, titles.get(document["id"]) or document["title"])
        for reason in _reasons(document):
            _print(console, reason, _INDENT)
    if found:
        _print(console, Text("'docledger show ID' prints a document's stages and files.", "dim"))
    ends = Counter(_status(document) for document in found)
    counts = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    _print(console, Text.assemble((f"{len(found)} documents: ", "bold"), counts))


def detail(console: Console, document: JsonMapping, title: str, location: str) -> None:
    """Print the document's stages, with the files of each beneath it."""
    _print(console, Text(title, "bold"))
    _print(console, Text(f"{document['id']}  workflow {_status(document)}"))
    folder = f"{location}/documents/{document_folder(document['id'])}/stages"
    _print(console, Text(folder, "dim"))
    for stage in document["stages"]:
        _stage(console, stage)
        for file in document["outputFiles"]:
            if file["stageName"] == stage["stageName"]:
                _print(console, _file(file), _INDENT)


def _line(console: Console, document: JsonMapping, title: str) -> None:
    status = _status(document)
    ends = Text.assemble(f"  {document['id']}", f"  {_seconds(document['stages']):>8}")
    if console.width >= _ROOMY_WIDTH:
        ends.append(f"  {status:<9}")
    mark, style = MARKS.get(_MARKS_OF_WORKFLOWS.get(status, "pending"), _UNKNOWN_MARK)
    start = Text(f"{mark} ", style)
    shown = Text(title)
    shown.truncate(
        max(8, console.width - start.cell_len - ends.cell_len), overflow="ellipsis", pad=True
    )
    ends.rstrip()
    _print(console, start + shown + ends)


def _reasons(document: JsonMapping) -> Iterator[Text]:
    for stage in document["stages"]:
        if stage["status"] == "failed" and stage["errorMessage"]:
            yield Text.assemble(
                (f"{stage['stageName']}: ", "bold red"), (stage["errorMessage"], "red")
            )


def _stage(console: Console, stage: JsonMapping) -> None:
    sign, style = MARKS.get(stage["status"], _UNKNOWN_MARK)
    line = Text.assemble(
        (f"{sign} ", style),
        f"{stage['stageName']:<19}  ",
        (f"{stage['status']:<11}", style),
        f"  {_seconds([stage]):>8}",
    )
    if stage["attempt"] > 1:
        line.append(f"  attempt {stage['attempt']}")
    line.rstrip()
    _print(console, line)
    if stage["errorMessage"] and stage["status"] != "completed":
        _print(console, Text(stage["errorMessage"], "red"), _INDENT)


def _file(file: JsonMapping) -> Text:
    said = [PurePosixPath(file["filePath"]).name, f"{file['fileSize']:,} bytes"]
    if file["checksum"]:
        said.append(f"sha-256 {file['checksum'][:8]}")
    return Text("  ".join(said))


def _status(document: JsonMapping) -> str:
    workflow: JsonMapping = document["processingWorkflow"] or {}
    return str(workflow.get("status", "not started"))


def _seconds(stages: Sequence[JsonMapping]) -> str:
    took = [
        (datetime.fromisoformat(s["completedAt"]) - datetime.fromisoformat(s["startedAt"]))
        for s in stages
        if s["startedAt"] and s["completedAt"]
    ]
    return f"{sum(one.total_seconds() for one in took):.2f} s" if took else ""


def _print(console: Console, text: Text, indent: int = 0) -> None:
    for line in text.wrap(console, console.width - indent, overflow="fold"):
        line.rstrip()
        console.print(Text(" " * indent) + line, highlight=False)
