"""What operators watch, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.process_collector import ProcessCollector

from api import rebuilds
from api.reads.queries import Queries
from domain.errors import Unavailable

_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class _Appends:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.commands = Histogram(
            "docledger_append_commands",
            "Commands that one append carried",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self.events = Histogram(
            "docledger_append_events",
            "Events that one append carried",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self.seconds = Histogram(
            "docledger_append_seconds",
            "How long appends took",
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )


class _FromDatabase:
    """What is read from the database when it is asked for, in a registry of its own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()

        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"docledger_{name}", meaning, labels, registry=registry)

        self.log = gauge("log_position", "Position of the newest event")
        self.projection = gauge(
            "projection_position", "How far a projection is in the log", "projection"
        )
        self.lag = gauge(
            "projection_lag", "Positions that a projection is behind the log", "projection"
        )
        self.parked = gauge("parked_documents", "Documents with an event that could not be applied")
        self.rebuild = gauge(
            "rebuild",
            "The newest rebuild of the read models: whether it is running, waiting or has failed, "
            "its events_done, events_total, events_per_second and position",
            "figure",
        )

    async def read(self, queries: Queries) -> bytes:
        """Return it in Prometheus' text format; raises Unavailable."""
        self.log.set(await queries.log_position())
        for row in await queries.projections():
            self.projection.labels(row["projection"]).set(row["position"])
            self.lag.labels(row["projection"]).set(max(0, row["log_position"] - row["position"]))
        self.parked.set(await queries.parked_count())
        if (newest := await queries.rebuild()) is not None:
            for figure, value in rebuilds.figures(newest).items():
                self.rebuild.labels(figure).set(value)
        return generate_latest(self.registry)


class Metrics:
    """The metrics of one API process.

    Positions are read from the database when somebody asks; everything else is counted as it
    happens. `observe_append` is what group commit calls after each append.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._appends = _Appends(registry)
        self._from_database = _FromDatabase()
        self._database_up = Gauge(
            "docledger_database_up",
            "Whether the database could be read for this exposition",
            registry=registry,
        )
        requests = Histogram(
            "docledger_request_seconds",
            "How long requests took, by route",
            ("method", "route", "status"),
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        commands = Counter(
            "docledger_commands", "Commands by outcome", ("command", "outcome"), registry=registry
        )
        # Finding labelled ones takes longer than counting, and there are only so many of them.
        self.request: Callable[[str, str, int], Histogram] = cache(requests.labels)
        self.command: Callable[[str, str], Counter] = cache(commands.labels)
        self.streams = Gauge(
            "docledger_event_streams", "Event streams that are open", registry=registry
        )

    def observe_append(self, commands: int, events: int, seconds: float) -> None:
        """Count one append of the log."""
        self._appends.commands.observe(commands)
        self._appends.events.observe(events)
        self._appends.seconds.observe(seconds)

    async def exposition(self, queries: Queries) -> bytes:
        """Return everything in Prometheus' text format.

        While the database is away, what would be read from it is left out.
        """
        read = b""
        try:
            read = await self._from_database.read(queries)
        except Unavailable:
            self._database_up.set(0)
        else:
            self._database_up.set(1)
        return generate_latest(self.registry) + read
