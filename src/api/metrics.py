"""What operators watch, for Prometheus."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.process_collector import ProcessCollector

from api.queries import Queries

_BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one API process.

    Positions are read from the database when somebody asks; everything else is counted as it
    happens. `observe_append` is what group commit calls after each append.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Histogram(
            "docledger_request_seconds",
            "How long requests took, by route",
            ("method", "route", "status"),
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        self.commands = Counter(
            "docledger_commands", "Commands by outcome", ("command", "outcome"), registry=registry
        )
        self._batch_commands = Histogram(
            "docledger_append_commands",
            "Commands that one append carried",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self._batch_events = Histogram(
            "docledger_append_events",
            "Events that one append carried",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self._append_seconds = Histogram(
            "docledger_append_seconds",
            "How long appends took",
            buckets=_SECONDS_BUCKETS,
            registry=registry,
        )
        self.streams = Gauge(
            "docledger_event_streams", "Event streams that are open", registry=registry
        )
        self._log_position = Gauge(
            "docledger_log_position", "Position of the newest event", registry=registry
        )
        self._position = Gauge(
            "docledger_projection_position",
            "How far a projection is in the log",
            ("projection",),
            registry=registry,
        )
        self._lag = Gauge(
            "docledger_projection_lag",
            "Positions that a projection is behind the log",
            ("projection",),
            registry=registry,
        )
        self._parked = Gauge(
            "docledger_parked_documents",
            "Documents with an event that could not be applied",
            registry=registry,
        )

    def observe_append(self, commands: int, events: int, seconds: float) -> None:
        """Count one append of the log."""
        self._batch_commands.observe(commands)
        self._batch_events.observe(events)
        self._append_seconds.observe(seconds)

    async def exposition(self, queries: Queries) -> bytes:
        """Return everything in Prometheus' text format."""
        self._log_position.set(await queries.log_position())
        for row in await queries.projections():
            self._position.labels(row["projection"]).set(row["position"])
            self._lag.labels(row["projection"]).set(max(0, row["log_position"] - row["position"]))
        self._parked.set(await queries.parked_count())
        return generate_latest(self.registry)
