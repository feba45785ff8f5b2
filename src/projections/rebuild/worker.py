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
from projections.rebuild.log import DocumentEvents, IdRange, ShardedLog
from projections.rebuild.rows import Folds
from projections.rebuild.statements import SESSION_SETTINGS, SET_APPLICATION_NAME

Connect = Callable[[], Connection]

APPLICATION_NAME = "docledger rebuild worker"
"""The name of every connection that is useless once the rebuild's own has ended."""

# Next to nothing of what a fold makes refers to itself: collecting it often finds nothing.
_COLLECTED_EVERY = 50_000


def prepare(connection: Connection, name: str = APPLICATION_NAME) -> None:
    """Set a connection up for work on tables that nothing else uses."""
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
class ShardFilled:
    """How many events and documents a shard had."""

    events: int
    documents: int


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """Why a worker gave up, without any content."""

    reason: str


def main(fd: int) -> None:
    """Work for the process at the other end of this socket.

    The log comes first, which takes most of this process's imports along, then the task and shards.
    """
    with contextlib.suppress(EOFError, ConnectionResetError), Pipe(fd) as pipe:
        pipe.recv()
        work(pipe, pipe.recv())


def work(pipe: Pipe, task: Work) -> None:
    """Fill the tables with the shards that come through the pipe, until None comes."""
    # Ctrl-C reaches the whole group of processes; the process that started this one ends it.
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
        return  # the process that started this one has ended
    except Exception as error:
        with contextlib.suppress(OSError):
            pipe.send(WorkerFailed(_named(error)))


def _named(error: Exception) -> str:
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return f"{type(error).__name__} ({error.sqlstate}): {error.diag.message_primary}"
    return type(error).__name__


def _fill(reader: DocumentEvents, filler: Filler, shard: IdRange) -> ShardFilled:
    """Write the rows of all documents of the shard."""
    events = documents = 0
    for document_id, recorded in reader.documents(*shard, filler.until):
        events += filler.add(document_id, recorded)
        documents += 1
    filler.flush()
    return ShardFilled(events, documents)
