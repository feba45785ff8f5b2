"""The log, its reader and its writer, as the tests of the projector have them."""

from __future__ import annotations

from integration.projections.conftest import application, history, log

__all__ = ["application", "history", "log"]
