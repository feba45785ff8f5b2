"""What one connection may send, and how slowly."""

from __future__ import annotations

import resource
from dataclasses import dataclass, field

_WAITING_CONNECTIONS = 1000


def _waiting_connections() -> int:
    """Leave half of the files that this process may open to requests, the database and files."""
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if open_files == resource.RLIM_INFINITY:
        return _WAITING_CONNECTIONS
    return max(1, min(_WAITING_CONNECTIONS, open_files // 2))


@dataclass(frozen=True)
class HttpLimits:
    """Limits of requests and connections.

    A body is too slow if it brings less than `body_window_bytes` in `body_window_seconds` while
    the server was ready to read all that time. After `idle_seconds` without a request a connection
    that had one is closed. `waiting_connections` are those that have sent no
    request yet, or half a head; of more of them the one that waits longest is closed.
    """

    header_bytes: int = 64 * 1024
    header_fields: int = 100
    target_bytes: int = 16 * 1024
    head_seconds: float = 10.0
    idle_seconds: float = 30.0
    body_window_seconds: float = 30.0
    body_window_bytes: int = 30 * 1024
    pipelined_requests: int = 256
    waiting_connections: int = field(default_factory=_waiting_connections)
    linger_seconds: float = 2.0
    linger_bytes: int = 8 * 1024 * 1024
