"""`docledger events export` and `import`: a log out of one database, into another."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rich.console import Console

from docledger.bootstrap import Docledger
from docledger.settings import Settings
from domain.errors import DocumentNotFound, InvalidValue
from domain.storage_errors import BlobNotFound
from eventstore.transfer.incoming import Imported, import_events
from eventstore.transfer.outgoing import export_events
from verification.blobs import named_blobs

_SHOWN = 20
_EVERY_EVENTS = 10_000


def export(
    settings: Settings,
    document_ids: Sequence[str],
    *,
    after: int,
    output: Path | None,
    with_keys: bool,
) -> None:
    """Write the whole log, or these documents', to a file or to standard output."""
    if output is not None and not output.parent.is_dir():
        raise InvalidValue(f"There is no folder {output.parent}.", field="output")
    with Docledger(settings) as docledger:
        docledger.require_schema()
        for document_id in document_ids:
            if docledger.history.position_of(document_id) is None:
                raise DocumentNotFound(f"There is no document '{document_id}'.")
        with docledger.connect("export") as connection:
            connection.autocommit = True
            ids = sorted(set(document_ids)) or None
            lines = export_events(connection, ids, after=after, with_keys=with_keys)
            header = _write(lines, output)
        location = docledger.storage.location
    print(
        f"{header['events']} events, {header['documents']} rows of documents, "
        f"{header['keys']} keys. Contents are files and not in it: copy {location}/blobs as well.",
        file=sys.stderr,
    )


def _write(lines: Iterator[bytes], output: Path | None) -> dict[str, int]:
    first = next(lines)
    with _written(output) as file:
        file.write(first)
        file.writelines(lines)
    header: dict[str, int] = json.loads(first)
    return header


@contextmanager
def _written(output: Path | None) -> Iterator[BinaryIO]:
    """Lend a file that is there under its name only once it is whole; keys make it private."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = output.with_name(f"{output.name}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def import_(settings: Settings, path: Path, *, append: bool, as_json: bool) -> None:
    """Take an export in, all or nothing, then name the contents that are not here."""
    if str(path) != "-" and not path.is_file():
        raise InvalidValue(f"There is no file {path}.", field="path")
    with Docledger(settings) as docledger:
        docledger.require_schema()
        with docledger.connect("import") as connection, _opened(path) as lines:
            connection.autocommit = True
            imported = import_events(connection, lines, append=append, advance=_progress(as_json))
            missing = list(_missing(docledger))
    if as_json:
        fields = ("documents", "events", "kept_positions")
        found = {name: getattr(imported, name) for name in fields}
        print(json.dumps({**_camel(found), "missingContents": missing}, indent=2))
    else:
        _print(imported, missing)


def _camel(found: dict[str, object]) -> dict[str, object]:
    return {"keptPositions" if k == "kept_positions" else k: v for k, v in found.items()}


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[bytes]]:
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    with path.open("rb") as file:
        yield file


def _progress(hidden: bool) -> Callable[[int, int], None]:
    console = Console(stderr=True, quiet=hidden)
    told = 0

    def advance(done: int, total: int) -> None:
        nonlocal told
        if done - told >= _EVERY_EVENTS:
            told = done
            console.print(f"{done:,} of {total:,} events read")

    return advance


def _missing(docledger: Docledger) -> Iterator[str]:
    """Yield the checksums of contents that the log names and the storage does not hold."""
    with docledger.connect("import") as connection:
        connection.autocommit = True
        for checksum, _ in named_blobs(connection):
            try:
                docledger.storage.blobs.size(checksum)
            except BlobNotFound:
                yield checksum


def _print(imported: Imported, missing: Sequence[str]) -> None:
    where = "at the positions they had" if imported.kept_positions else "at new positions"
    print(f"imported {imported.events} events of {imported.documents} documents, {where}")
    print("the read models follow as soon as a projector runs: docledger up, or docledger project")
    if missing:
        print(f"{len(missing)} contents are not in this storage; copy the other one's blobs:")
        for checksum in missing[:_SHOWN]:
            print(f"  sha256 {checksum}")
        if len(missing) > _SHOWN:
            print(f"  and {len(missing) - _SHOWN} more; --json and docledger verify name them all")
