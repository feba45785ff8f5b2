"""The eventsourcing application that is docledger's log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from eventsourcing.application import Application, Repository
from eventsourcing.persistence import ApplicationRecorder, EventStore, InfrastructureFactory, Mapper
from eventsourcing.utils import Environment, EnvType

from domain.document_workflow import DocumentWorkflow, evolve
from domain.events import Event
from eventstore.datastore import DsnDatastore, DsnFactory
from eventstore.document_keys import DocumentKeys
from eventstore.mapper import EventMapper
from eventstore.recorder import Append, AppendRecorder


def fold_document(
    state: DocumentWorkflow | None, events: Iterable[Event]
) -> DocumentWorkflow | None:
    """Return the document as it is after these events, in the form that the library asks for."""
    for event in events:
        state = evolve(state or DocumentWorkflow.unborn(event.document_id), event)
    return state


class DocumentRepository(Repository[str]):
    """The library's repository, which folds events by our function: ours cannot fold themselves."""

    def get(self, aggregate_id: str, **options: Any) -> Any:
        """Return the document, at `version` if one is given; raises AggregateNotFoundError."""
        return super().get(aggregate_id, **{"projector_func": fold_document, **options})


class WorkflowApplication(Application[str]):
    """Stores and restores `DocumentWorkflow` aggregates; `repository.get(id)` gives one.

    The name is pinned: it is part of the table's name.
    """

    name = "docledger"

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int = 4,
        statement_seconds: float = 60.0,
        lock_seconds: float = 10.0,
    ) -> None:
        self._datastore = DsnDatastore(
            dsn,
            pool_size=pool_size,
            statement_seconds=statement_seconds,
            lock_seconds=lock_seconds,
        )
        self.keys = DocumentKeys(self._datastore)
        self.event_mapper = EventMapper(self.keys)
        self.append_recorder = AppendRecorder(self._datastore, self.keys, f"{self.name}_events")
        super().__init__()

    def append(self, events: Sequence[Event], append: Append) -> None:
        """Append events of many documents, telling in `append` what came of each.

        It is the library's `save` without what that does for aggregates and subscribers.
        """
        life_of = append.lives.get
        stored = [self.event_mapper.stored_event(e, life_of(e.document_id)) for e in events]
        self.append_recorder.insert_events(stored, append=append)

    def keep_connection(self) -> AbstractContextManager[None]:
        """Have this thread use one connection for all that it asks for while the block lasts."""
        return self._datastore.keep_connection()

    def drop_idle_connections(self) -> None:
        """Have the next call connect: what lies in the pool leads to a server that is silent."""
        self._datastore.pool.drain()

    def construct_env(
        self,
        name: str,
        env: EnvType | None = None,  # noqa: ARG002 - the library's signature
    ) -> Environment:
        """Return what the library needs; the process's environment is not read here."""
        return Environment(name, {"CREATE_TABLE": "no", "ORIGINATOR_ID_TYPE": "text"})

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        """Return the factory over this application's own datastore."""
        return DsnFactory(env, self._datastore)

    def construct_mapper(self) -> Mapper[str]:
        """Return the mapper of events, which upcasts and seals."""
        return self.event_mapper

    def construct_recorder(self) -> ApplicationRecorder:
        """Return the recorder over the tables that the migrations made."""
        return self.append_recorder

    def construct_repository(self) -> DocumentRepository:
        """Return the repository of documents."""
        return DocumentRepository(self.events)

    def construct_event_store(self) -> EventStore[str]:
        """Return the store of the mapper and the recorder."""
        return EventStore(self.mapper, self.recorder)
