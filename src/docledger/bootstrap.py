"""The composition root: builds every concrete part, each once and only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import psycopg
import uuid_utils
from psycopg.conninfo import make_conninfo

from docledger.embedded_postgres import EmbeddedPostgres
from docledger.migrate import Migrator
from docledger.progress import Standing
from docledger.settings import Settings
from domain.commands import Context
from domain.errors import DocledgerError
from domain.pipeline import Pipeline, StageDependency
from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from eventstore.history import History
from files.storage import Storage, open_storage
from projections import fold

_PIPELINE = """
    SELECT stage_name, depends_on_stage, is_required, execution_order
    FROM stage_dependencies ORDER BY execution_order, id
"""
_STANDINGS = """
    SELECT s.document_id, w.status, array_agg(ARRAY[s.stage_name, s.status] ORDER BY d.ord)
    FROM documents_processing_stages s
    JOIN LATERAL (
        SELECT status FROM processing_workflows w WHERE w.document_id = s.document_id
        ORDER BY w.created_at DESC, w.id DESC LIMIT 1
    ) w ON true
    LEFT JOIN (SELECT stage_name, min(execution_order) AS ord FROM stage_dependencies GROUP BY 1) d
        ON d.stage_name = s.stage_name
    WHERE s.document_id = ANY(%s)
    GROUP BY s.document_id, w.status
"""


class NotMigrated(DocledgerError):
    """The database's schema is not that of this docledger; run 'docledger migrate up'."""


def new_id() -> str:
    """Return a new UUIDv7, as text."""
    return str(uuid_utils.uuid7())


def now() -> datetime:
    """Return the time, aware UTC."""
    return datetime.now(UTC)


class Docledger:
    """The parts of one process. Leaving the context closes what was built, newest first."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @cached_property
    def database_url(self) -> str:
        """The database's address; the embedded server is started if none was named."""
        if self.settings.database_url is not None:
            return self.settings.database_url
        embedded = EmbeddedPostgres(self.settings.home)
        url = embedded.start()
        self._stack.callback(embedded.release)
        return url

    @cached_property
    def migrator(self) -> Migrator:
        """Moves the schema up and down."""
        return Migrator(self.database_url, folder=self.settings.migrations_folder)

    def require_schema(self) -> None:
        """Raise NotMigrated unless every step of this program is applied."""
        behind = [step for step in self.migrator.status() if step.state != "applied"]
        if behind:
            raise NotMigrated

    def connect(self, purpose: str = "docledger") -> psycopg.Connection[Any]:
        """Open a connection for `purpose`, which pg_stat_activity shows."""
        return psycopg.connect(
            make_conninfo(
                self.database_url,
                application_name=f"docledger {purpose}",
                keepalives_idle="10",
                keepalives_interval="5",
                keepalives_count="3",
                options="-c TimeZone=UTC -c idle_in_transaction_session_timeout=60s",
            )
        )

    def connecting(self, purpose: str) -> Callable[[], psycopg.Connection[Any]]:
        """Return what opens such connections."""
        return lambda: self.connect(purpose)

    @cached_property
    def application(self) -> WorkflowApplication:
        """The log."""
        application = WorkflowApplication(
            self.database_url, pool_size=self.settings.pool_connections
        )
        self._stack.callback(application.close)
        return application

    @cached_property
    def history(self) -> History:
        """The log, for reading."""
        return History(self.application)

    @cached_property
    def commands(self) -> GroupCommit:
        """The log, for writing."""
        commands = GroupCommit(
            self.application, fold, most_commands=self.settings.commit_batch_commands
        )
        self._stack.callback(commands.close)
        return commands

    @cached_property
    def storage(self) -> Storage:
        """Where files are."""
        return open_storage(self.settings.storage_location)

    def context(self, actor: str) -> Context:
        """Return the context of a command that `actor` gives now."""
        return Context(at=now(), actor=actor, command_id=new_id())

    def pipeline(self) -> tuple[StageDependency, ...]:
        """Return the rows of `stage_dependencies`, checked."""
        with self.connect("pipeline") as connection:
            rows = connection.execute(_PIPELINE).fetchall()
        return Pipeline.of(tuple(row) for row in rows).dependencies

    def standings(self, document_ids: Sequence[str]) -> list[Standing]:
        """Return how these documents stand, as far as the read models know them."""
        with self.connect("progress") as connection:
            rows = connection.execute(_STANDINGS, (list(document_ids),)).fetchall()
        return [
            Standing(document_id, status, tuple((name, state) for name, state in stages))
            for document_id, status, stages in rows
        ]
