"""Transactions whose statements are sent without a wait for the answer to each.

psycopg's own `transaction` waits in a pipeline for BEGIN, then for its block, then for COMMIT:
three round trips, where one for all of it is enough if nothing that it answers is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection

_BEGIN, _COMMIT = b"BEGIN", b"COMMIT"


@contextmanager
def pipelined(connection: Connection) -> Iterator[None]:
    """Send statements as they come, and wait for all of their answers in the end.

    `connection` is in autocommit mode. Whatever is raised, the end raising what the database
    refused in the block, no transaction stays open.
    """
    try:
        with connection.pipeline():
            yield
    except BaseException:
        if not connection.closed:
            connection.rollback()
        raise


@contextmanager
def unawaited_transaction(connection: Connection) -> Iterator[None]:
    """Make the block a transaction, in one of `pipelined`, which rolls it back if anything fails.

    It has been committed when that block has come to its end, not when this one has.
    """
    connection.execute(_BEGIN)
    yield
    connection.execute(_COMMIT)
