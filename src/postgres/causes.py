"""Why the database could not be used, in its own words and without what documents hold."""

from __future__ import annotations

import threading
from time import monotonic

import psycopg

_ERRORS_DEEP = 5
_WITHOUT_VALUES = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.ProgrammingError)
_SAID_AGAIN_SECONDS = 10.0


def cause(error: BaseException) -> str:
    """Return the kind of the error and the server's or libpq's own message, in one line.

    It names hosts, users and databases, never a password. Its detail is left out, and so is the
    message of an error about values, for either may quote a row.
    """
    found = _database_error(error)
    if found is None:
        return type(error).__name__
    kind = type(found).__name__
    if found.sqlstate:
        kind += f" ({found.sqlstate})"
    if not isinstance(found, _WITHOUT_VALUES):
        return kind
    said = found.diag.message_primary or str(found)
    hint = f" ({found.diag.message_hint})" if found.diag.message_hint else ""
    return f"{kind}: {' '.join(said.split())}{hint}"


def _database_error(error: BaseException | None) -> psycopg.Error | None:
    for _ in range(_ERRORS_DEEP):
        if isinstance(error, psycopg.Error) or error is None:
            return error
        error = error.__cause__
    return None


class NewCauses:
    """Tells which causes are worth a line in the log: new ones, and each again after a while.

    Thread-safe.
    """

    def __init__(self, again_seconds: float = _SAID_AGAIN_SECONDS) -> None:
        self._again_seconds = again_seconds
        self._said = ""
        self._said_at = 0.0
        self._lock = threading.Lock()

    def is_new(self, said: str) -> bool:
        """Tell whether this is to be logged now."""
        now = monotonic()
        with self._lock:
            if said == self._said and now - self._said_at < self._again_seconds:
                return False
            self._said, self._said_at = said, now
            return True
