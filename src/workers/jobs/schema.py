"""The job queue's names in the database: all in one schema, none from the environment."""

from __future__ import annotations

from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel

QUEUE_SCHEMA = "docledger_queue"
CHANNEL = Channel("docledger_jobs")
ENTRYPOINT = "document"
_STAGE = "stage:"

# Built without validation, which would look for PGQUEUER_* variables.
SETTINGS = DBSettings.model_construct(
    prefix="",
    db_schema=QUEUE_SCHEMA,
    channel=CHANNEL,
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.balanced,
    widen_id=False,
)
ENVIRONMENT = QueryBuilderEnvironment(SETTINGS)
QUEUE = QueryQueueBuilder(SETTINGS)
SCHEDULES = QuerySchedulerBuilder(SETTINGS)


def stage_entrypoint(stage_name: str) -> str:
    """Return the entrypoint of jobs for workers that have this stage's executor."""
    return f"{_STAGE}{stage_name}"


def install_sql() -> str:
    """Return the DDL that the library would run; migration 3 holds it word for word."""
    return ENVIRONMENT.build_install_query()
