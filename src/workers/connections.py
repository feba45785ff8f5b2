"""Connections of the roles that work on the log."""

from __future__ import annotations

from typing import TypeAlias

import psycopg
from psycopg.rows import TupleRow

from postgres import connections
from postgres.connections import Session

Connection: TypeAlias = psycopg.Connection[TupleRow]

# What is lost with the last half second before a crash of the server is done again: positions and
# jobs are lost together, a lease's insert is flushed by the event that names it.
_SESSION: Session = {**connections.SESSION, "synchronous_commit": "off"}
# For the few statements that are run again and again: planning one anew takes longer than running
# it, and a plan from when its tables were empty would scan them.
_ONE_PLAN: Session = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}


def session(*, one_plan: bool = False) -> Session:
    """Return a session's settings; with `one_plan`, a prepared statement is planned once."""
    return {**_SESSION, **_ONE_PLAN} if one_plan else _SESSION


def connect(dsn: str, application_name: str, *, one_plan: bool = False) -> Connection:
    """Open a connection in autocommit mode."""
    address = connections.conninfo(dsn, application_name)
    return connections.connect(address, session(one_plan=one_plan), autocommit=True)
