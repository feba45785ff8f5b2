"""Options that several commands take, and what each command begins with."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from docledger.logs import configure_logs
from docledger.settings import Settings

FAILED = 1
"""The exit code of a command that ran and found a document failed, or a difference."""

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")
]
Supervised = Annotated[bool, typer.Option("--supervised", hidden=True)]
Host = Annotated[Optional[str], typer.Option(help="The address to listen on.")]  # noqa: UP045
Port = Annotated[
    Optional[int],  # noqa: UP045  (typer reads these annotations)
    typer.Option(min=0, max=65_535, help="The port to listen on; 0 takes a free one."),
]


def settings_of(role: str, **given: object) -> Settings:
    """Return the settings of the environment and these, and have the process log as they say."""
    settings = Settings.load(**given)
    configure_logs(settings.log_level, settings.log_format, role)
    return settings
