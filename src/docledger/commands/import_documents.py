"""`docledger import-documents`: documents of others in, with or without state, and out again."""

from __future__ import annotations

import json as jsonlib
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.text import Text

from docledger.bootstrap import Docledger, new_id, now
from docledger.commands.import_progress import ImportProgress
from docledger.commands.reports import console
from docledger.settings import Settings
from domain.commands import Context
from domain.errors import InvalidValue
from domain.json_types import JsonMapping
from eventstore.bulk_append import bulk_append, prepare_bulk_appends
from importing.file import FileReading, documents_of, inserted_batches
from importing.legacy_state import LegacyState, StateImport
from importing.pipeline import (
    ACTOR,
    BATCH_DOCUMENTS,
    CATCH_UP_SECONDS,
    DocumentImport,
    Imported,
    ImportParts,
)
from importing.undo import imported_documents, undone_streams

_COUNT = "SELECT count(*) FROM documents"
_SHOWN = 20


@dataclass
class Report:
    """What a command did: counts by name, and what did not go as asked."""

    counts: JsonMapping
    left: Mapping[str, str] = field(default_factory=dict)
    bad_lines: list[tuple[int, str]] = field(default_factory=list)
    differences: list[dict[str, str]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when nothing is left to be looked at."""
        return not (self.bad_lines or self.differences)


def import_documents(
    settings: Settings, *, path: Path | None, state: LegacyState | None, as_json: bool
) -> bool:
    """Import what is in `documents`, or in the file; return False for bad lines or differences."""
    started = time.monotonic()
    with Docledger(settings) as docledger:
        docledger.require_schema()
        _end_in_good_order()
        parts = _parts(docledger)
        with ImportProgress(hidden=as_json) as progress:
            if path is not None:
                report = _from_file(parts, path, progress)
            else:
                progress.expect(_documents(parts))
                report = _from_table(parts, state, progress)
    _print(report, time.monotonic() - started, as_json=as_json)
    return report.ok


def undo(settings: Settings, *, as_json: bool) -> bool:
    """Take back what imports brought and nobody has touched since."""
    started = time.monotonic()
    with Docledger(settings) as docledger:
        docledger.require_schema()
        _end_in_good_order()
        with ImportProgress(hidden=as_json) as progress:
            report = _undo(_parts(docledger), progress.show_undone)
    _print(report, time.monotonic() - started, as_json=as_json)
    return True


def _parts(docledger: Docledger) -> ImportParts:
    return ImportParts(
        application=docledger.application,
        connect=docledger.connecting("import"),
        projector=docledger.projector(),
        pipeline=docledger.pipeline(),
        new_id=new_id,
        clock=now,
    )


def _end_in_good_order() -> None:
    """Have SIGTERM end the command as Ctrl-C does: after the batch that is under way."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _documents(parts: ImportParts) -> int:
    with closing(parts.connect()) as connection:
        return int(connection.execute(_COUNT).fetchall()[0][0])


def _from_table(parts: ImportParts, state: LegacyState | None, progress: ImportProgress) -> Report:
    if state is None:
        return _report(DocumentImport(parts, progress.show).everything())
    importing = StateImport(parts.connect, parts.pipeline, state)
    importing.check()
    imported = DocumentImport(parts, progress.show, importing.commands).everything()
    progress.say("comparing")
    report = _report(imported)
    report.differences = importing.differences()
    return report


def _from_file(parts: ImportParts, path: Path, progress: ImportProgress) -> Report:
    reading = FileReading()
    try:
        with closing(parts.connect()) as connection:
            connection.autocommit = True
            documents = documents_of(path, reading, parts.clock)
            batches = inserted_batches(connection, documents, reading, BATCH_DOCUMENTS)
            imported = DocumentImport(parts, progress.show).these(batches)
    except OSError as error:
        raise InvalidValue(
            f"--from: {path} cannot be read: {error.strerror}.", field="from"
        ) from error
    report = _report(imported)
    report.bad_lines = sorted(reading.bad)
    report.counts = {"lines": reading.lines, **report.counts}
    return report


def _report(imported: Imported) -> Report:
    counts = {
        "importId": imported.import_id,
        "documents": imported.documents,
        "known": imported.looked_at - imported.documents - len(imported.left),
        "events": imported.events,
        "position": imported.position,
    }
    return Report(counts, imported.left)


def _undo(parts: ImportParts, progress: Callable[[int], None]) -> Report:
    undone, position = 0, 0
    left: dict[str, str] = {}
    with closing(parts.connect()) as reading, closing(parts.connect()) as appending:
        reading.autocommit = appending.autocommit = True
        prepare_bulk_appends(appending)
        for page in imported_documents(reading, ACTOR, BATCH_DOCUMENTS):
            left |= {d.document_id: d.touched for d in page if d.touched is not None}
            context = Context(at=parts.clock(), actor=ACTOR, command_id=parts.new_id())
            untouched = [document for document in page if document.touched is None]
            streams = undone_streams(parts.application.event_mapper, untouched, context)
            appended = bulk_append(appending, streams)
            left |= dict.fromkeys(appended.lost, "somebody touched it just now")
            undone += appended.documents
            position = max(position, appended.last_position)
            progress(undone)
    parts.projector.run_until(position, CATCH_UP_SECONDS)
    return Report({"undone": undone, "position": position}, left)


def _print(report: Report, seconds: float, *, as_json: bool) -> None:
    if as_json:
        jsonlib.dump(
            {
                **report.counts,
                "seconds": round(seconds, 3),
                "left": [{"documentId": i, "reason": why} for i, why in report.left.items()],
                "badLines": [{"line": n, "reason": why} for n, why in report.bad_lines],
                "differences": report.differences,
            },
            sys.stdout,
            ensure_ascii=False,
            indent=2,
        )
        sys.stdout.write("\n")
        return
    _tell(console(), report, seconds)


def _tell(console: Console, report: Report, seconds: float) -> None:
    counts = report.counts
    done = counts.get("documents", counts.get("undone", 0))
    what = "taken back" if "undone" in counts else "imported"
    rate = done / seconds if seconds else 0.0
    console.print(f"{done:,} documents {what} in {seconds:.1f} s ({rate:,.0f} documents/s)")
    if counts.get("known"):
        console.print(f"{counts['known']:,} were in the log already")
    _list(console, "left as they are", [f"{i}: {why}" for i, why in report.left.items()])
    _list(console, "bad lines", [f"line {n}: {why}" for n, why in report.bad_lines])
    found = [f"{d['documentId']}: {d['kind']}: {d['detail']}" for d in report.differences]
    _list(console, "differences", found)


def _list(console: Console, title: str, lines: list[str]) -> None:
    if not lines:
        return
    console.print(f"{len(lines):,} {title}:")
    for line in lines[:_SHOWN]:
        console.print(Text(f"  {line}"), soft_wrap=True)
    if len(lines) > _SHOWN:
        console.print(f"  … and {len(lines) - _SHOWN:,} more; --json lists all")
