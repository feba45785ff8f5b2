"""The version of docledger that is installed."""

from __future__ import annotations


def version() -> str:
    """Return the version as the package's metadata has it."""
    from importlib.metadata import version as installed

    return installed("docledger")
