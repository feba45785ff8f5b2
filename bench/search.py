"""How long does a search take among many chunks, beside one hand-written query?

    python bench/search.py DSN [--sizes 10000 100000 1000000] [--rounds 3] [--seconds 5]
        [--old CHECKOUT]

For each size the same chunks of 120 words are put into docledger's search store and into a plain
table with a generated `tsvector` of English and a GIN index, in a database of their own on the
server of DSN. `docledger serve` and a FastAPI app with one route and one query, which ranks and
shows as PostgreSQL's manual does, are asked the same mix of questions by wrk, in turn. Then both
are asked for a word that every chunk has, and 32 clients ask docledger for it while one client
reports on stages. With --old, documents are stored by that checkout's program and by this one's, in
turn.

Prints one JSON line: milliseconds of both and their ratios, bytes on disk, what ingesting costs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from harness.databases import own_database, rows, settle
from harness.figures import emit, interleaved, significant, spread
from harness.in_process import adopt
from harness.ledger import Ledger
from harness.load import Load, measured
from harness.processes import BENCH, ROOT, Running, end_in_good_order, free_port, postmaster
from harness.requests import reports, walk
from postgres.migrate import Migrator
from search_parts import bare
from search_parts.corpus import CHUNKS_A_DOCUMENT, EVERYWHERE, documents, questions, serial
from stages.postgres_search import INDEX_VERSION
from stages.search.prepared import prepared

_REPORTED = 2_000  # documents that are reported on while searches run
_SEARCHING = 32
_DISTINCT = 20_000
_SIZES = """
    SELECT pg_table_size('search_chunks'), pg_indexes_size('search_chunks'),
        pg_table_size('chunks'), pg_indexes_size('chunks')
"""
_COLUMNS = """COPY search_chunks (document_id, chunk_index, config, index_version, heading_path,
    body, start_offset, end_offset, token_count, facts, tsv) FROM STDIN"""
_ASK = """
local asked = {{ {asked} }}
local sent = {first}
request = function()
  sent = sent + 1
  return wrk.format('GET', '/v1/search?limit={limit}&q=' .. asked[sent % #asked + 1])
end
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dsn")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--old", type=Path, help="a checkout of an earlier docledger")
    given = parser.parse_args()
    end_in_good_order()
    sizes = {str(size): of_size(given, size) for size in given.sizes}
    first, last = (sizes[str(size)]["everywhere"]["docledger"] for size in _ends(given.sizes))
    figures: dict[str, Any] = {
        "sizes": sizes,
        "everywhere_growth": significant(last["p50_ms"]["median"] / first["p50_ms"]["median"]),
    }
    if given.old:
        figures["ingesting"] = ingesting(given)
    emit(figures)


def _ends(sizes: Sequence[int]) -> tuple[int, int]:
    return min(sizes), max(sizes)


def of_size(given: argparse.Namespace, size: int) -> dict[str, Any]:
    """Return the figures among so many chunks."""
    with own_database(given.dsn, "bench_search") as dsn, tempfile.TemporaryDirectory() as home:
        Migrator(dsn).up()
        ledger = Ledger(dsn, Path(home))
        adopt(dsn, Path(home))
        ledger.load(_REPORTED)
        fill(dsn, size)
        settle(dsn)
        with both(dsn, ledger) as urls:
            ask = partial(asking, given, dsn, urls)
            mix = ask(questions(size))
            everywhere = ask([EVERYWHERE], seconds=max(given.seconds, 20 if size > 500_000 else 0))
            beside = while_searching(given, dsn, ledger, urls["docledger"])
        table, indexes, plain_table, plain_indexes = rows(dsn, _SIZES)[0]
    found = {
        "mix": mix,
        "everywhere": everywhere,
        "reports": beside,
        "bytes": {
            "docledger": {"table": table, "indexes": indexes, "all": table + indexes},
            "bare": {
                "table": plain_table,
                "indexes": plain_indexes,
                "all": plain_table + plain_indexes,
            },
        },
    }
    print(size, json.dumps(found), file=sys.stderr, flush=True)
    return found


def fill(dsn: str, size: int) -> None:
    """Put the chunks into both tables; indexes are made afterwards."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        index = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE indexname = 'idx_search_chunks_tsv'"
        ).fetchone()
        connection.execute("DROP INDEX idx_search_chunks_tsv")
        connection.execute(bare.SCHEMA.encode())
        documents_copied(connection, size)
        chunks_copied(connection, size)
        connection.execute("SET maintenance_work_mem = '1GB'")
        connection.execute(
            "INSERT INTO chunks SELECT document_id, chunk_index,"
            " array_to_string(heading_path, ' '), body FROM search_chunks WHERE index_version = 2"
        )
        connection.execute(bare.INDEX.encode())
        connection.execute((index or [""])[0].encode())


def documents_copied(connection: psycopg.Connection[Any], size: int) -> None:
    """Make the documents that chunks belong to."""
    with connection.cursor().copy("COPY documents (id, title) FROM STDIN") as copy:
        for number in range(size // CHUNKS_A_DOCUMENT):
            copy.write_row((f"found-{number:08}", f"Report {number}"))


def chunks_copied(connection: psycopg.Connection[Any], size: int) -> None:
    """Write the chunks as the store does; past some thousands they are the same but a word."""
    made = [
        (chunk, prepared(chunk, (), None, "en"))
        for _, chunks in documents(min(size, _DISTINCT))
        for chunk in chunks
    ]
    with connection.cursor().copy(_COLUMNS) as copy:
        for number in range(size):
            chunk, (body, lexemes) = made[number % len(made)]
            document = number // CHUNKS_A_DOCUMENT
            before = serial(document % (len(made) // CHUNKS_A_DOCUMENT), chunk.index)
            after = serial(document, chunk.index)
            copy.write_row(
                (
                    f"found-{document:08}",
                    chunk.index,
                    "en",
                    INDEX_VERSION,
                    list(chunk.heading_path),
                    body.replace(before, after),
                    chunk.start,
                    chunk.end,
                    chunk.token_count,
                    "[]",
                    lexemes.replace(f"'{before}'", f"'{after}'"),
                )
            )


@contextlib.contextmanager
def both(dsn: str, ledger: Ledger) -> Iterator[Mapping[str, tuple[Running, str]]]:
    """Serve docledger and the bare route; give processes and URLs."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(BENCH / "search_parts" / "bare.py"), dsn, str(port)]
    with contextlib.ExitStack() as stack:
        process, own = ledger.serve()
        stack.enter_context(process)
        other = stack.enter_context(Running(command, url=f"{url}/healthz"))
        yield {"docledger": (process, own), "bare": (other, url)}


def asking(
    given: argparse.Namespace,
    dsn: str,
    servers: Mapping[str, tuple[Running, str]],
    asked: Sequence[str],
    seconds: float | None = None,
) -> dict[str, Any]:
    """Have one client ask both in turn; return milliseconds, and ratios of each round."""

    def once(side: str) -> dict[str, float]:
        process, url = servers[side]
        load = Load(url, script(asked), 1)
        _, figures = measured([load], seconds or given.seconds, [process], postmaster(dsn))
        return figures

    rounds = interleaved(given.rounds, {side: partial(once, side) for side in servers})
    found: dict[str, Any] = {
        side: {of: spread([each[of] for each in taken]) for of in ("p50_ms", "p99_ms", "refused")}
        for side, taken in rounds.items()
    }
    pairs = list(zip(rounds["docledger"], rounds["bare"], strict=True))
    found["ratio"] = {
        of: spread([one[of] / other[of] for one, other in pairs]) for of in ("p50_ms", "p99_ms")
    }
    return found


def script(asked: Sequence[str], limit: int = 20) -> str:
    """Return the Lua that asks in turn."""
    from urllib.parse import quote

    listed = ", ".join(json.dumps(quote(words)) for words in asked)
    return _ASK.format(asked=listed, first=0, limit=limit)


def while_searching(
    given: argparse.Namespace, dsn: str, ledger: Ledger, server: tuple[Running, str]
) -> dict[str, Any]:
    """Return the p99 of status reports alone, and while clients ask for a word of every chunk."""
    process, url = server
    # A walk begins with documents that no other has reported on.
    shares = 2 * given.rounds
    walks = (Load(url, walk(_REPORTED, n, shares, reports()), 1) for n in range(shares))
    searching = Load(url, script([EVERYWHERE]), _SEARCHING)
    found: dict[str, list[float]] = {"alone": [], "beside": [], "searches": []}
    with ledger.start("project"):
        for _ in range(given.rounds):
            [alone], _ = measured([next(walks)], given.seconds, [process], postmaster(dsn))
            found["alone"].append(alone.p99_ms)
            [one, other], _ = measured(
                [next(walks), searching], given.seconds, [process], postmaster(dsn)
            )
            found["beside"].append(one.p99_ms)
            found["searches"].append(other.per_second)
            ledger.catch_up()
    ratios = [b / a for a, b in zip(found["alone"], found["beside"], strict=True)]
    return {**{name: spread(each) for name, each in found.items()}, "ratio": spread(ratios)}


def ingesting(given: argparse.Namespace, count: int = 300) -> dict[str, Any]:
    """Return the seconds that storing documents takes with each program, and their ratio."""
    checkouts = {"new": ROOT, "old": given.old.resolve()}
    with contextlib.ExitStack() as stack:
        ways = {}
        for side, checkout in checkouts.items():
            dsn = stack.enter_context(own_database(given.dsn, f"bench_search_{side}"))
            home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            Ledger(dsn, Path(home), checkout).run("migrate", "up")
            ways[side] = partial(_stored, dsn, checkout, iter(range(1, 1000)), count)
        rounds = interleaved(given.rounds, ways)
    pairs = zip(rounds["new"], rounds["old"], strict=True)
    return {
        **{side: spread([it["seconds"] for it in taken]) for side, taken in rounds.items()},
        "own_cpu": {s: spread([it["own_cpu"] for it in taken]) for s, taken in rounds.items()},
        "documents": count,
        "chunks": count * CHUNKS_A_DOCUMENT,
        "ratio": spread([new["seconds"] / old["seconds"] for new, old in pairs]),
    }


def _stored(dsn: str, checkout: Path, turns: Iterator[int], count: int) -> dict[str, float]:
    first = next(turns) * count
    python = checkout / ".venv" / "bin" / "python"
    command = [python, BENCH / "search_parts" / "ingesting.py", dsn, str(first), str(count)]
    paths = os.pathsep.join((str(checkout / "src"), str(BENCH)))
    run = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(run.stdout)
    return found


if __name__ == "__main__":
    main()
