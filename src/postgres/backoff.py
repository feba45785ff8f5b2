"""Backoff between attempts, and the loop that keeps a role running over lost connections."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import psycopg

from domain.errors import Unavailable
from postgres.causes import NewCauses, cause
from postgres.deadlines import is_given_up

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


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
