"""Backoff between attempts, and the loop that keeps a role running over lost connections."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from domain.errors import DocledgerError, Unavailable
from postgres.causes import NewCauses, cause
from postgres.deadlines import is_given_up

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backoff:
    """How long to wait between attempts: `first_seconds` after the first, then `factor` more."""

    first_seconds: float
    longest_seconds: float
    factor: float = 2.0

    def after(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row, not at all after none."""
        if failures == 0:
            return 0.0
        # Beyond so many doublings every limit is reached, and a float could overflow.
        grown = self.first_seconds * self.factor ** min(failures - 1, 64)
        return min(self.longest_seconds, grown)


RECONNECT = Backoff(0.1, 5.0)
"""Between attempts to work with a database that is away: 0.1, 0.2, 0.4 … 5 seconds."""


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
            _log.exception("%s failed and begins again", role, extra={"failures": failures})
        if failures:
            stop.wait(RECONNECT.after(failures))


def keep_stepping(
    role: str,
    step: Callable[[], bool],
    stop: threading.Event,
    *,
    poll_seconds: float,
    close: Callable[[], None],
    backoff: Backoff = RECONNECT,
) -> None:
    """Call `step` until `stop`: at once while it returns True, else after `poll_seconds`.

    After an error of the database or one of ours `close` lets go of the connection and the next
    step comes after a pause; any other error is a defect and ends it.
    """
    pause_seconds, failures, causes = 0.0, 0, NewCauses()
    while not stop.wait(pause_seconds):
        try:
            has_more = step()
        except (psycopg.Error, DocledgerError) as error:
            failures += 1
            pause_seconds = backoff.after(failures)
            if causes.is_new(why := cause(error)):
                kind = type(error).__name__
                _log.warning("%s is held up", role, extra={"error": kind, "cause": why})
            close()
        else:
            failures = 0
            pause_seconds = 0.0 if has_more else poll_seconds
    close()
