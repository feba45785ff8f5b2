"""A log written by real commands, and a whole service over it."""

from __future__ import annotations

from integration.api.conftest import own_service
from integration.projections.conftest import application, history, log

__all__ = ["application", "history", "log", "own_service"]
