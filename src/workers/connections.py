"""Connections of the roles that work on the log, and the loop that outlives them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeAlias

import psycopg
from psycopg.rows import TupleRow

from domain.errors import Unavailable
from postgres import connections
from postgres.causes import NewCauses, cause
from postgres.connections import Session
from postgres.deadlines import is_given_up

_log = logging.getLogger(__name__)

Connection: TypeAlias = psycopg.Connection[TupleRow]

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

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


def pause_seconds(failures: int) -> float:
    """Return how long to wait after so many failures in a row: 0.1, 0.2, 0.4 … 5 seconds."""
    return float(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10)))


def keep_going(role: str, session: Callable[[], None], stop: threading.Event) -> None:
    """Call `session` again and again until `stop`, whatever it raises.

    A session connects, works until `stop` and returns; a lost connection, a restarted server or
    a defect ends it with an exception, and the next one begins after a pause. None begins once the
    process has given up the database.
    """
    failures, causes = 0, NewCauses()
    while not (stop.is_set() or is_given_up()):
        try:
            session()
            failures = 0
        except (psycopg.OperationalError, Unavailable) as error:
            failures += 1
            if causes.is_new(why := cause(error)):
                _log.warning(
                    "%s lost its database and tries again",
                    role,
                    extra={"failures": failures, "error": type(error).__name__, "cause": why},
                )
        except Exception:
            failures += 1
            _log.exception("%s failed and begins anew", role, extra={"failures": failures})
        if failures:
            stop.wait(pause_seconds(failures))
