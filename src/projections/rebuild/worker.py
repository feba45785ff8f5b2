"""One process of a rebuild: takes shards of the log and fills the new tables with their rows."""

from __future__ import annotations

import contextlib
import gc
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe

import psycopg
from psycopg import Connection

from projections.rebuild.catalog import Layout
from projections.rebuild.filler import Filler
from projections.rebuild.log import DocumentEvents, Shard, ShardedLog
from projections.rebuild.rows import Folds
from projections.rebuild.statements import SESSION_SETTINGS, SET_APPLICATION_NAME

Connect = Callable[[], Connection]

APPLICATION_NAME = "docledger rebuild worker"
"""What every connection is called that is of no use once the rebuild's own is gone."""

# Next to nothing of what a fold makes refers to itself: collecting it often finds nothing.
_COLLECTED_EVERY = 50_000


def prepare(connection: Connection, name: str = APPLICATION_NAME) -> None:
    """Set a connection up for work on tables that nobody else uses."""
    connection.autocommit = True
    connection.execute(SESSION_SETTINGS)
    connection.execute(SET_APPLICATION_NAME, (name,))


@dataclass(frozen=True)
class Work:
    """What every worker of a rebuild is told; it can be pickled."""

    connect: Connect
    log: ShardedLog
    schema: str
    layouts: Mapping[str, Layout]
    until: int
    folds: Folds


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a shard."""

    events: int
    documents: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a worker gave up, without any content."""

    reason: str


def main(fd: int) -> None:
    """Work for whoever holds the other end of this socket.

    The log comes first, which takes most of this process's imports along, then the task and shards.
    """
    with contextlib.suppress(EOFError, ConnectionResetError), Pipe(fd) as pipe:
        pipe.recv()
        work(pipe, pipe.recv())


def work(pipe: Pipe, task: Work) -> None:
    """Fill the tables with the shards that come through the pipe, until None comes."""
    # Ctrl-C reaches the whole group of processes; whoever started this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(_COLLECTED_EVERY)
    try:
        with task.connect() as connection, task.log.open() as reader:
            prepare(connection)
            filler = Filler(connection, task.log, task.schema, task.layouts, task.folds, task.until)
            while (shard := pipe.recv()) is not None:
                pipe.send(_fill(reader, filler, shard))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # whoever started this process is gone
    except Exception as error:
        with contextlib.suppress(OSError):
            pipe.send(Failed(_named(error)))


def _named(error: Exception) -> str:
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return f"{type(error).__name__} ({error.sqlstate}): {error.diag.message_primary}"
    return type(error).__name__


def _fill(reader: DocumentEvents, filler: Filler, shard: Shard) -> Done:
    """Write the rows of all documents of the shard."""
    events = documents = 0
    for document_id, recorded in reader.documents(*shard, filler.until):
        events += filler.add(document_id, recorded)
        documents += 1
    filler.flush()
    return Done(events, documents)
