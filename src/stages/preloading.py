"""Imported first by the fork server that the sandbox's children come from.

The server must not die of what a terminal sends to the whole group: its parent decides when.
"""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
