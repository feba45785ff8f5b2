"""The library's datastore and factory for a whole connection string.

The library takes database name, host, port, user and password only, so that the rest of a URL
(`sslmode`, a socket's folder, options) would be lost.
"""

from __future__ import annotations

import select
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from eventsourcing.persistence import BaseInfrastructureFactory
from eventsourcing.postgres import ConnectionPool as LibraryPool
from eventsourcing.postgres import PostgresDatastore, PostgresFactory
from eventsourcing.utils import Environment
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from postgres import connections
from postgres.connections import Session, conninfo
from postgres.pools import ConnectionPool

# Plans are cached from when the log was empty, and a scan of the table was the cheapest way. With
# arrays of any length the server would plan each append anew, a third of the time that it takes.
_SESSION: Session = {
    **connections.SESSION,
    "search_path": "public",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}
# The pool's attempts to connect grow twice as far apart each time; beyond this they begin anew, so
# that a server that comes back after an hour is found within seconds.
_RECONNECT_SECONDS = 3.0


class _Kept(threading.local):
    """The connection that this thread keeps, and what gives it back to the pool."""

    is_wanted = False
    connection: Connection[DictRow] | None = None
    opened: ExitStack | None = None


class _Pool(ConnectionPool[Connection[DictRow]], LibraryPool[Connection[DictRow]]):
    """The library's pool with ours of the same name ahead of it."""


class DsnDatastore(PostgresDatastore):
    """A pool of connections to `dsn`, at most `pool_size` of them, in autocommit mode.

    The server ends a statement after `statement_seconds` and its wait for a lock after
    `lock_seconds`. What is done here is one statement at a time; to begin and end a transaction
    around each would take two more round trips, and appends would hold the log's lock for one of
    them.
    """

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int = 4,
        timeout_seconds: float = 5.0,
        statement_seconds: float = 60.0,
        lock_seconds: float = 10.0,
    ) -> None:
        self.idle_in_transaction_session_timeout = 5.0
        self.pre_ping = False
        self._kept = _Kept()
        self.pool_open_timeout = None
        self.single_row_tracking = True
        self.lock_timeout = 0
        self.schema = "public"
        self.originator_id_type = "text"
        self.enable_db_functions = False
        self.db_type_names = set()
        self.psycopg_type_adapters = {}
        self.psycopg_python_types = {}
        self.pool = _Pool(
            conninfo(dsn, "docledger log"),
            get_password_func=None,
            connection_class=connections.Connection[DictRow],
            kwargs={
                "session": {
                    **_SESSION,
                    "statement_timeout": round(statement_seconds * 1000),
                    "lock_timeout": round(lock_seconds * 1000),
                },
                "row_factory": dict_row,
                "autocommit": True,
            },
            min_size=1,
            max_size=pool_size,
            open=False,
            configure=self.after_connect_func(),
            check=_check,
            timeout=timeout_seconds,
            reconnect_timeout=_RECONNECT_SECONDS,
        )

    @contextmanager
    def get_connection(self) -> Iterator[Connection[DictRow]]:
        """Give a connection; a thread that keeps one is given that."""
        kept = self._kept
        if not kept.is_wanted:
            with super().get_connection() as connection:
                yield connection
            return
        if kept.connection is None or _is_closed(kept.connection):
            self._give_back()
            opened = ExitStack()
            kept.connection = opened.enter_context(super().get_connection())
            kept.opened = opened
        try:
            yield kept.connection
        except BaseException:
            # The pool finds out whether it is still of use, and tells the error in its own words.
            if not self._give_back(*sys.exc_info()):
                raise

    @contextmanager
    def keep_connection(self) -> Iterator[None]:
        """Have this thread use one connection for all that it asks for while the block lasts.

        The pool gives its connections out in turn, and the server's process behind each has to
        find its plans and tables again: a lone append takes a twelfth longer.
        """
        self._kept.is_wanted = True
        try:
            yield
        finally:
            self._kept.is_wanted = False
            self._give_back()

    def _give_back(self, *error: Any) -> bool:
        kept = self._kept
        opened, kept.opened, kept.connection = kept.opened, None, None
        return opened is not None and bool(opened.__exit__(*(error or (None, None, None))))

    def register_type_adapters(self) -> None:
        """Do nothing: events are sent as plain arrays, so no composite type is needed."""


class DsnFactory(PostgresFactory):
    """The library's factory with `datastore` given instead of read from the environment."""

    def __init__(self, env: Environment, datastore: DsnDatastore) -> None:
        BaseInfrastructureFactory.__init__(self, env)
        self.datastore = datastore


def _check(connection: Connection[object]) -> None:
    """Raise if the server has closed the connection while it lay in the pool.

    An idle connection has something to read only if it was closed, or if the server said
    something unasked; only then is the server asked, so that this costs no round trip.
    """
    if _has_something_to_say(connection):
        connection.execute("")


def _is_closed(connection: Connection[object]) -> bool:
    try:
        _check(connection)
    except psycopg.Error:
        return True
    return False


def _has_something_to_say(connection: Connection[object]) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
