"""The library's datastore and factory for a whole connection string.

The library takes database name, host, port, user and password only, so that the rest of a URL
(`sslmode`, a socket's folder, options) would be lost.
"""

from __future__ import annotations

from eventsourcing.persistence import BaseInfrastructureFactory
from eventsourcing.postgres import ConnectionPool, PostgresDatastore, PostgresFactory
from eventsourcing.utils import Environment
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row

_DEFAULTS: dict[str, str | int] = {
    # A host that died must not keep the append lock for longer than this.
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "connect_timeout": 10,
    "application_name": "docledger log",
}
_SESSION = "-c TimeZone=UTC -c lock_timeout=10s -c statement_timeout=60s"


class DsnDatastore(PostgresDatastore):
    """A pool of connections to `dsn`, at most `pool_size` of them."""

    def __init__(self, dsn: str, *, pool_size: int = 4, timeout_seconds: float = 10.0) -> None:
        self.idle_in_transaction_session_timeout = 5.0
        self.pre_ping = False
        self.pool_open_timeout = None
        self.single_row_tracking = True
        self.lock_timeout = 0
        self.schema = "public"
        self.originator_id_type = "text"
        self.enable_db_functions = False
        self.db_type_names = set()
        self.psycopg_type_adapters = {}
        self.psycopg_python_types = {}
        given = conninfo_to_dict(dsn)
        options = f"{given.pop('options', None) or ''} {_SESSION}".strip()
        self.pool = ConnectionPool(
            get_password_func=None,
            connection_class=Connection[DictRow],
            kwargs={**_DEFAULTS, **given, "options": options, "row_factory": dict_row},
            min_size=1,
            max_size=pool_size,
            open=False,
            configure=self.after_connect_func(),
            timeout=timeout_seconds,
        )

    def register_type_adapters(self) -> None:
        """Do nothing: events are sent as plain arrays, so no composite type is needed."""


class DsnFactory(PostgresFactory):
    """The library's factory with `datastore` given instead of read from the environment."""

    def __init__(self, env: Environment, datastore: DsnDatastore) -> None:
        BaseInfrastructureFactory.__init__(self, env)
        self.datastore = datastore
