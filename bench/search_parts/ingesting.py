"""Store documents as an ingestor does, by the program on PYTHONPATH: ingesting.py DSN FIRST COUNT.

Prints the seconds that it took and the processor time of this process.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from search_parts.corpus import documents
from stages.postgres_search import PostgresSearchStore
from stages.shapes import Chunk


def main() -> None:
    """Fill, and print one line."""
    dsn, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    made = list(documents((first + count) * 10))[first:]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        with connection.cursor().copy("COPY documents (id) FROM STDIN") as copy:
            for document_id, _ in made:
                copy.write_row((document_id,))
    with ConnectionPool(dsn, min_size=1, max_size=1, open=True) as pool:
        replace = _replacing(PostgresSearchStore(pool.connection))
        replace(*made[0])
        started, before = time.perf_counter(), _own_seconds()
        for document_id, chunks in made:
            replace(document_id, chunks)
        took = time.perf_counter() - started
    print(json.dumps({"seconds": took, "own_cpu": _own_seconds() - before}))


def _replacing(store: Any) -> Callable[[str, Sequence[Chunk]], object]:
    """Return what stores a document, whichever version of the program it is."""
    try:
        from stages.search_store import IndexedFrom
    except ImportError:
        return lambda document_id, chunks: store.replace(document_id, None, chunks, [])
    made_from = IndexedFrom("0" * 64, None)
    return lambda document_id, chunks: store.replace(document_id, chunks, [], made_from)


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
