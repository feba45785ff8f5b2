"""The composition root: builds every concrete part, each once and only when asked for."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog
import uuid_utils

from docledger import overview
from docledger.adoption import Adoption
from docledger.overview import DocumentProgress
from docledger.rebuild_process import RebuildProcesses
from docledger.settings import Settings, runtime_folder
from docledger.stopping import GraceOfDatabase
from docledger.version import version
from domain.commands import Context
from domain.errors import DocledgerError
from domain.json_types import JsonObject
from domain.pipeline import StageDependency
from domain.pipeline_findings import Finding, findings
from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from eventstore.history import History
from files.canonical import stored_canonical_checksum
from files.imported_contents import ImportedContents
from files.storage import Storage, open_storage
from files.tree_projector import TRACKING_NAME as TREE
from postgres import connections
from postgres.connections import AsyncConnection, Connection, Session, conninfo
from postgres.embedded.server import EmbeddedPostgres
from postgres.embedded.watch import ServerWatch
from postgres.migrate import Migrator
from postgres.pools import AsyncConnectionPool, async_connection_pool, connection_pool
from postgres.tracking import read_position
from projections import fold
from projections.live.projector import Pace, Projector
from projections.time_travel import TimeTravel
from stages.postgres_search import PostgresSearchStore
from stages.registry import Registry, discover
from stages.search.filler import SearchFiller

if TYPE_CHECKING:
    from fastapi import FastAPI

    from api.metrics import Metrics

log = structlog.get_logger(__name__)

_SESSION: Session = {**connections.SESSION, "idle_in_transaction_session_timeout": "60s"}
# A server that answers ends a request's statement itself, ahead of the client's deadline: so it is
# known that a command was not carried out, and nothing goes on working for a client that left.
_STATEMENT_SHARE, _LOCK_SHARE = 0.9, 0.5

_READ_CONNECTION_SECONDS = 5.0


class NotMigrated(DocledgerError):
    """The database's schema is not that of this docledger; run 'docledger migrate up'."""


def new_id() -> str:
    """Return a new UUIDv7, as text."""
    return str(uuid_utils.uuid7())


def now() -> datetime:
    """Return the time, aware UTC."""
    return datetime.now(UTC)


def process_name() -> str:
    """Return what tells this process from every other, on any host."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}"


def _application_name(purpose: str) -> str:
    """Return the name by which pg_stat_activity shows this process's connections."""
    return f"docledger {purpose} {process_name()}"


class Docledger:
    """The parts of one process. Leaving the context closes what was built, newest first.

    What others build over these parts is closed with them if it is entered in `closing`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.closing = ExitStack()
        self._metrics: Metrics | None = None
        self._answers_requests = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.close()

    @cached_property
    def database_url(self) -> str:
        """The database's address; the embedded server is started if none was named."""
        if self.settings.database_url is not None:
            return self.settings.database_url
        embedded = EmbeddedPostgres(self.settings.home, runtime_folder=runtime_folder())
        url = embedded.start()
        self.closing.callback(embedded.release)
        self.closing.enter_context(ServerWatch(embedded))
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

    def _conninfo(self, purpose: str) -> str:
        return conninfo(self.database_url, _application_name(purpose))

    def connect(self, purpose: str = "docledger") -> Connection:
        """Open a connection for `purpose`, which pg_stat_activity shows."""
        return self.connecting(purpose)()

    def connecting(self, purpose: str) -> Callable[[], Connection]:
        """Return what opens such connections, in this process or in another that it is sent to."""
        return partial(connections.connect, self._conninfo(purpose), _SESSION)

    def grace(self, stop: threading.Event) -> GraceOfDatabase:
        """Return what gives up a database that answers nothing once `stop` is set."""
        return GraceOfDatabase(self.connecting("stop"), stop)

    @cached_property
    def application(self) -> WorkflowApplication:
        """The log."""
        seconds = self.settings.database_seconds
        for_requests: dict[str, float] = {
            "statement_seconds": seconds * _STATEMENT_SHARE,
            "lock_seconds": seconds * _LOCK_SHARE,
        }
        application = WorkflowApplication(
            self.database_url,
            pool_size=self.settings.pool_connections,
            **(for_requests if self._answers_requests else {}),
        )
        self.closing.callback(application.close)
        return application

    @cached_property
    def history(self) -> History:
        """The log, for reading."""
        return History(self.application)

    @cached_property
    def commands(self) -> GroupCommit:
        """The log, for writing."""
        commands = GroupCommit(
            self.application,
            fold,
            most_commands=self.settings.commit_batch_commands,
            cache_size=self.settings.remembered_documents,
            patience_seconds=self.settings.database_seconds,
            observe=self._observe_append,
        )
        self.closing.callback(commands.close)
        return commands

    @cached_property
    def worker_commands(self) -> GroupCommit:
        """The log, for workers: they look at documents, never at the rows of read models."""
        commands = GroupCommit(
            self.application,
            most_commands=self.settings.commit_batch_commands,
            cache_size=self.settings.remembered_documents,
        )
        self.closing.callback(commands.close)
        return commands

    def _observe_append(self, commands: int, events: int, seconds: float) -> None:
        if self._metrics is not None:
            self._metrics.observe_append(commands, events, seconds)

    @cached_property
    def storage(self) -> Storage:
        """Where files are."""
        return open_storage(self.settings.storage_location)

    @cached_property
    def imported_contents(self) -> ImportedContents:
        """Where contents of files are found that an import listed."""
        return ImportedContents(self.storage.blobs, self.storage.stored_files)

    @cached_property
    def adoption(self) -> Adoption:
        """Tells whether the storage is the database's, and makes it so."""
        return Adoption(
            self.connecting("storage"),
            lambda: self.storage,
            self.settings.storage_location,
            clock=now,
            new_id=new_id,
        )

    @cached_property
    def executors(self) -> Registry:
        """The executors that are installed, by the stage they run."""
        return discover(search_store=self.search_store)

    @cached_property
    def search_store(self) -> PostgresSearchStore:
        """Where ingested chunks are found."""
        session = self._request_session if self._answers_requests else _SESSION
        pool = connection_pool(
            self._conninfo("search"),
            # For common words the planner would read the table until enough of them met.
            {**session, "enable_seqscan": "off"},
            max_size=4,
            timeout_seconds=_READ_CONNECTION_SECONDS,
        )
        pool.open()
        self.closing.callback(pool.close)
        return PostgresSearchStore(pool.connection)

    @cached_property
    def search_filler(self) -> SearchFiller:
        """Fills the search store from stored chunks."""
        return SearchFiller(self.search_store, self.storage.blobs)

    def api(self) -> FastAPI:
        """Return the API over this process's parts."""
        from api.app import create_app
        from api.metrics import Metrics
        from api.ports import Limits, Ports

        self._answers_requests = True
        metrics = self._metrics = Metrics()
        limits = Limits(
            upload_bytes=self.settings.max_upload_bytes,
            min_position_wait_seconds=self.settings.read_wait_seconds,
            clock_tolerance_seconds=self.settings.clock_tolerance_seconds,
            database_seconds=self.settings.database_seconds,
        )
        ports = Ports(
            commands=self.commands,
            history=self.history,
            past=TimeTravel(self.history),
            blobs=self.storage.blobs,
            stored_files=self.storage.stored_files,
            imported_contents=self.imported_contents,
            canonical_checksum=partial(stored_canonical_checksum, self.storage.blobs),
            stage_types=self.executors,
            search=self.search_store,
            database=self.read_pool(self.settings.pool_connections),
            clock=now,
            new_id=new_id,
            limits=limits,
            rebuilds=self.rebuilds,
            version=version(),
        )
        return create_app(ports, metrics)

    @cached_property
    def rebuilds(self) -> RebuildProcesses:
        """Starts rebuilds of the read models."""
        rebuilds = RebuildProcesses(self.connecting("rebuild"))
        self.closing.callback(rebuilds.close)
        return rebuilds

    def projector(self, purpose: str = "project") -> Projector:
        """Return a projector of the read models; its connections are for `purpose`."""
        pace = Pace(
            batch_events=self.settings.projector_batch_events,
            poll_seconds=self.settings.poll_seconds,
        )
        return Projector(self.connecting(purpose), self.history, pace=pace)

    @property
    def _request_session(self) -> Session:
        """The session of a connection that serves requests."""
        seconds = min(
            self.settings.statement_timeout_seconds,
            self.settings.database_seconds * _STATEMENT_SHARE,
        )
        return {**_SESSION, "statement_timeout": round(seconds * 1000)}

    def read_pool(self, size: int) -> AsyncConnectionPool[AsyncConnection]:
        """Return the pool of the API's reads, not opened yet."""
        return async_connection_pool(
            self._conninfo("serve"),
            self._request_session,
            max_size=size,
            timeout_seconds=_READ_CONNECTION_SECONDS,
        )

    def wait_for_tree(self, seconds: float) -> bool:
        """Wait until the uploads tree shows what the log says now; return whether it does."""
        last = self.history.last_position()
        deadline = time.monotonic() + seconds
        with self.connect("tree") as connection:
            connection.autocommit = True
            while read_position(connection, TREE) < last:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.05)
        return True

    def status(self) -> JsonObject:
        """Return what runs, positions, lag, parked documents and sizes in bytes."""
        with self.connect("status") as connection:
            found = overview.status(connection, self.projector("status").status())
        return {
            "version": version(),
            **found,
            "storage": overview.storage(self.adoption.status()),
        }

    def logged_documents(self) -> list[str]:
        """Return the id of every document that the log knows, none if there is no log."""
        with self.connect("documents") as connection:
            return overview.logged_documents(connection)

    def context(self, actor: str) -> Context:
        """Return the context of a command that `actor` gives now."""
        return Context(at=now(), actor=actor, command_id=new_id())

    def pipeline(self) -> tuple[StageDependency, ...]:
        """Return the rows of `stage_dependencies`, checked."""
        with self.connect("pipeline") as connection:
            return overview.pipeline(connection)

    def pipeline_findings(self) -> list[Finding]:
        """Return what is wrong with the rows of `stage_dependencies`."""
        with self.connect("pipeline") as connection:
            return findings(overview.dependencies(connection))

    def standings(self, document_ids: Sequence[str]) -> list[DocumentProgress]:
        """Return how these registered documents stand, as far as the read models know them."""
        with self.connect("progress") as connection:
            return overview.standings(connection, document_ids)

    def extracted(self, document_ids: Sequence[str]) -> dict[str, str]:
        """Return the titles by id of documents that were taken out of these."""
        with self.connect("progress") as connection:
            return overview.extracted(connection, document_ids)
