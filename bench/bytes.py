"""How many bytes does a document leave in the database that went through five stages?

    python bench/bytes.py DSN [--documents 4000] [--dbos-documents 400]

All rows and indexes, as they lie there after VACUUM, less what the empty schema takes: docledger's
log and read models for registration, start and completion of five stages without files; DBOS's
tables for a workflow of five steps that do nothing; plain tables of documents, workflows and
stages, each status written by an UPDATE. Everywhere some documents are on their way at a time, and
the next follow when those are through. Beside them stands the least that is possible: a log with
the library's columns whose events say nothing, and of the read models the requirement's tables with
the requirement's indexes, every page as full as PostgreSQL makes it. Prints one JSON line, with the
share of each table.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from harness.databases import execute, own_database, table_bytes
from harness.figures import emit, significant
from harness.in_process import completions, opened, registrations, send
from harness.ledger import Ledger
from harness.load import WrongAnswers
from harness.processes import BENCH, ROOT, end_in_good_order
from peers import plain_tables
from peers.serving import STAGES

OTHER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
_AT_A_TIME = 100

LEAST = """
    CREATE SCHEMA least
    CREATE TABLE docledger_events (
        originator_id text COLLATE "C" NOT NULL, originator_version bigint NOT NULL,
        topic text NOT NULL, state bytea NOT NULL, notification_id bigint NOT NULL UNIQUE,
        PRIMARY KEY (originator_id, originator_version))
    CREATE TABLE documents (LIKE public.documents, PRIMARY KEY (id))
    CREATE TABLE documents_processing_stages (LIKE public.documents_processing_stages,
        PRIMARY KEY (id), UNIQUE (document_id, stage_name))
    CREATE INDEX ON documents_processing_stages (document_id)
    CREATE INDEX ON documents_processing_stages (stage_name, status)
    CREATE TABLE processing_workflows (LIKE public.processing_workflows, PRIMARY KEY (id))
    CREATE INDEX ON processing_workflows (current_stage, workflow_type);

    INSERT INTO least.docledger_events
        SELECT originator_id, originator_version, topic, '', notification_id
        FROM public.docledger_events ORDER BY originator_id, originator_version;
    INSERT INTO least.documents SELECT * FROM public.documents ORDER BY id;
    INSERT INTO least.documents_processing_stages
        SELECT * FROM public.documents_processing_stages ORDER BY id;
    INSERT INTO least.processing_workflows SELECT * FROM public.processing_workflows ORDER BY id
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--documents", type=int, default=4000)
    parser.add_argument("--dbos-documents", type=int, default=400)
    given = parser.parse_args()
    end_in_good_order()
    figures: dict[str, Any] = {}
    with own_database(given.dsn, "bench_docledger") as dsn:
        figures["docledger"] = docledger(dsn, given.documents)
        figures["least"] = least(dsn, given.documents)
    with own_database(given.dsn, "bench_plain_tables") as dsn:
        figures["plain_tables"] = plain(dsn, given.documents)
    if OTHER_PYTHON.exists():
        with own_database(given.dsn, "bench_dbos") as dsn:
            figures["dbos"] = dbos(dsn, given.dbos_documents)
    emit({"documents": given.documents, "dbos_documents": given.dbos_documents, **figures})


def docledger(dsn: str, documents: int) -> dict[str, Any]:
    """Take documents through all stages and return the bytes of each."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        ledger = Ledger(dsn, Path(home))
        ledger.run("migrate", "up")
        before = vacuumed(dsn)
        with opened(ledger) as parts, ledger.start("project"):
            for first in range(0, documents, _AT_A_TIME):
                wave = range(first, min(first + _AT_A_TIME, documents))
                send(parts, registrations(parts, wave))
                send(parts, completions(parts, wave))
            ledger.catch_up()
        after, events = vacuumed(dsn), ledger.events()
        ledger.check()
    return share(before, after, documents) | {"events": significant(events / documents)}


def least(dsn: str, documents: int) -> dict[str, Any]:
    """Store the same documents as tightly as they can be, and return the bytes of each."""
    before = vacuumed(dsn)
    for statement in LEAST.split(";"):
        execute(dsn, statement)
    return share(before, vacuumed(dsn), documents)


def plain(dsn: str, documents: int) -> dict[str, Any]:
    """Update plain tables as status reports do, and return the bytes of each document."""
    plain_tables.load(dsn, 0)
    before = vacuumed(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(plain_tables.DOCUMENTS.encode(), (documents,))
        for statement in plain_tables.ROWS.split(";")[:2]:
            connection.execute(statement.encode())
        names = [f"doc-{number:08}" for number in range(1, documents + 1)]
        for first in range(0, documents, _AT_A_TIME):
            batch = names[first : first + _AT_A_TIME]
            for stage in STAGES:
                for status in ("started", "completed"):
                    for name in batch:
                        connection.execute(plain_tables.REPORT.encode(), (status, name, stage))
                        connection.execute(plain_tables.MOVE.encode(), (stage, name))
    return share(before, vacuumed(dsn), documents)


def dbos(dsn: str, documents: int) -> dict[str, Any]:
    """Run a workflow a document and return the bytes of each."""
    one = _dbos_pipeline(dsn, 1)
    before = vacuumed(dsn)
    more = _dbos_pipeline(dsn, documents)
    if not one < more:
        raise WrongAnswers("DBOS has run nothing")
    return share(before, vacuumed(dsn), more - one)


def _dbos_pipeline(dsn: str, documents: int) -> int:
    """Run the workflows and return how many there are in the database."""
    command = [str(OTHER_PYTHON), "-m", "peers.dbos_pipeline", dsn, str(documents), "--lone", "1"]
    environment = {**os.environ, "PYTHONPATH": str(BENCH)}
    subprocess.run(command, cwd=BENCH, env=environment, check=True, stdout=subprocess.DEVNULL)
    with psycopg.connect(dsn) as connection:
        query = b"SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'"
        return int(connection.execute(query).fetchall()[0][0])


def vacuumed(dsn: str) -> dict[str, int]:
    """Return the bytes of each table after a VACUUM."""
    execute(dsn, "VACUUM (ANALYZE)")
    return table_bytes(dsn)


def share(before: Mapping[str, int], after: Mapping[str, int], documents: int) -> dict[str, Any]:
    """Return the bytes a document, all together and of each table that grew."""
    grown = {name: size - before.get(name, 0) for name, size in after.items()}
    return {
        "bytes": significant(sum(grown.values()) / documents),
        "tables": {n: significant(size / documents) for n, size in grown.items() if size > 0},
    }


if __name__ == "__main__":
    main()
