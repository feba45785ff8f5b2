"""What does it cost to find the stored content that no event names?

    python bench/sweep.py DSN [--documents 10000] [--blobs 0] [--once] [--folder FOLDER]

Fills a log with the 18 events of so many documents that went through five stages, and a folder
with a blob for each content that they name and one in a hundred more that none names. The sweep
then runs over both; it has to find exactly those. Beside it runs the way that was taken before:
for each 500 blobs a regular expression over the whole log. `--once` leaves that out.

`--blobs` bounds the number of contents, which the documents then share: 611112 documents and
1000000 blobs make 11 million events. Prints one JSON line: CPU seconds, user and system, of this
process and of the database's server together, and the greatest memory of this process.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from msgspec.structs import replace

from domain.events import DocumentRegistered, Event, OutputFileRegistered, StageCompleted
from domain.values import FileReference
from eventstore.application import WorkflowApplication
from eventstore.named_blobs import named_checksums
from files.durable import file_lock
from files.layout import blob_path
from files.local_blobs import LocalBlobStore
from harness.databases import execute, own_database, settle, value
from harness.figures import emit, significant
from harness.load import WrongAnswers
from harness.processes import cpu_seconds, end_in_good_order, peak_megabytes, postmaster
from postgres.migrate import Migrator
from verify import life

CONTENTS = 6  # that one document names: its original and a file of each stage
ORPHANS = 100  # one in so many blobs is named by no event
OLD = 1000.0
BATCH = 500
_PAGE_DOCUMENTS = 20_000

_FILL = """
    INSERT INTO docledger_events (originator_id, originator_version, topic, state)
    SELECT 'document-' || d, version, topic, convert_to(replace(replace(state,
            '#own#', encode(sha256(convert_to('content ' || (d * %(contents)s + own)
                %% %(distinct)s, 'UTF8')), 'hex')),
            '#input#', encode(sha256(convert_to('content ' || (d * %(contents)s + input)
                %% %(distinct)s, 'UTF8')), 'hex')), 'UTF8')
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS d, template
    ORDER BY d, version
"""
_OLD_QUERY = """
    SELECT DISTINCT named.checksum FROM (
        SELECT substring(convert_from(state, 'UTF8') FROM '"checksum":"([0-9a-f]{64})"') AS checksum
        FROM docledger_events WHERE topic IN (
            'DocumentRegistered', 'OriginalStored', 'OutputFileRegistered')
    ) AS named
    WHERE named.checksum = ANY (%s)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dsn")
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--blobs", type=int, default=0)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args()
    end_in_good_order()
    folder = Path(tempfile.mkdtemp(prefix="docledger-bench-sweep-", dir=given.folder))
    try:
        with own_database(given.dsn, "bench_sweep") as dsn:
            Migrator(dsn).up()
            named = given.documents * CONTENTS
            if given.blobs:
                named = min(named, given.blobs - given.blobs // ORPHANS)
            fill_log(dsn, given.documents, named)
            orphans = fill_folder(folder, named)
            emit(measured(dsn, folder, orphans, once=given.once))
    finally:
        shutil.rmtree(folder)


def checksum_of(number: int) -> str:
    """Return the checksum of one of the contents."""
    return hashlib.sha256(b"content %d" % number).hexdigest()


def template(dsn: str) -> Iterator[tuple[int, str, str, int, int]]:
    """Yield a document's events as stored: version, topic, state, content, content it came from."""
    made = 0
    with closing(WorkflowApplication(dsn)) as application:
        for event in life():
            own, source = made, max(made - 1, 0)
            if isinstance(event, OutputFileRegistered):
                own = made = made + 1
            stored = application.event_mapper.to_stored_event(_marked(event))
            version = stored.originator_version
            yield version, stored.topic, stored.state.decode(), own, source


def _marked(event: Event) -> Event:
    """Return the event with marks in place of the checksums of its content and its input."""
    if isinstance(event, DocumentRegistered | OutputFileRegistered):
        return replace(event, checksum="#own#")
    if isinstance(event, StageCompleted):
        return replace(event, inputs=(FileReference(file_type="input", checksum="#input#"),))
    return event


def fill_log(dsn: str, documents: int, distinct: int) -> None:
    """Write the documents' events by the server itself."""
    rows = list(template(dsn))
    execute(dsn, "ALTER TABLE docledger_events DROP CONSTRAINT docledger_events_begins_with_time")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "CREATE TEMP TABLE template (version int, topic text, state text, own int, input int)"
        )
        connection.cursor().executemany("INSERT INTO template VALUES (%s, %s, %s, %s, %s)", rows)
        for first in range(0, documents, _PAGE_DOCUMENTS):
            last = min(first + _PAGE_DOCUMENTS, documents) - 1
            fields = {"contents": CONTENTS, "distinct": distinct, "first": first, "last": last}
            connection.execute(_FILL, fields)
    settle(dsn)


def fill_folder(root: Path, named: int) -> set[str]:
    """Write old blobs of all contents and of some that no event names; return the latter."""
    LocalBlobStore(root)
    checksums = [checksum_of(number) for number in range(named + max(1, named // (ORPHANS - 1)))]
    for number, checksum in enumerate(sorted(checksums)):
        path = f"{root}/{blob_path(checksum)}"
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o444)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
            fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o444)
        os.write(fd, b"%d" % number)
        os.utime(fd, (OLD, OLD))
        os.close(fd)
    return set(checksums[named:])


def measured(dsn: str, root: Path, orphans: set[str], *, once: bool) -> dict[str, Any]:
    """Let each way find the orphans."""
    found: dict[str, Any] = {
        "events": value(dsn, "SELECT count(*) FROM docledger_events"),
        "blobs": sum(len(files) for _, _, files in os.walk(root / "blobs/sha256")),
        "orphans": len(orphans),
    }
    server = postmaster(dsn)

    def timed(act: Callable[[], set[str]]) -> dict[str, float]:
        own, database, began = own_cpu(), cpu_seconds(server), time.monotonic()
        if act() != orphans:
            raise WrongAnswers("the sweep did not find what no event names, and that alone")
        wall = time.monotonic() - began
        cpu = own_cpu() - own, cpu_seconds(server) - database
        return {
            "cpu_seconds": significant(sum(cpu)),
            "of_which_database": significant(cpu[1]),
            "seconds": significant(wall),
        }

    if not once:
        found["before"] = timed(partial(old_way, dsn, root))
    found["sweep"] = timed(partial(new_way, dsn, root))
    if not once:
        found["ratio"] = significant(found["before"]["cpu_seconds"] / found["sweep"]["cpu_seconds"])
    found["memory_mb"] = round(peak_megabytes(os.getpid()))
    return found


def own_cpu() -> float:
    """Return the CPU time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def new_way(dsn: str, root: Path) -> set[str]:
    """Sweep; return what went to the trash."""
    store = LocalBlobStore(root)
    result = store.sweep(partial(named_checksums, partial(psycopg.connect, dsn)), 3600)
    trashed = {path.name for path in (root / "blobs/trash").glob("*/*/*")}
    if result.trashed != len(trashed):
        raise WrongAnswers(f"{result} was told")
    return trashed


def old_way(dsn: str, root: Path) -> set[str]:
    """Do as was done before, but leave the blobs where they are."""
    before = time.time() - 3600
    lost: set[str] = set()
    with psycopg.connect(dsn, autocommit=True) as connection:
        paths = (root / "blobs/sha256").glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*")
        old = (path for path in paths if path.stat().st_mtime < before)
        while batch := {path.name: path for path in islice(old, BATCH)}:
            rows = connection.execute(_OLD_QUERY, (list(batch),)).fetchall()
            with file_lock(root / "blobs/lock", exclusive=True):
                lost.update(batch.keys() - {name for (name,) in rows})
    return lost


if __name__ == "__main__":
    main()
