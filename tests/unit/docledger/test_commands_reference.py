"""The reference names every command and every option of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from docledger.cli import app

_PAGE = Path(__file__).parents[3] / "docs" / "reference" / "commands.md"
_COMMAND = re.compile(r"^\| `docledger ([a-z][a-z -]*[a-z])[ `]", re.MULTILINE)
_OPTION = re.compile(r"^\| `(--[a-z-]+)` \| ([^|]+) \|", re.MULTILINE)


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            yield from (name for name in parameter.opts if name not in ("--help", "--version"))


def test_every_command_and_option_is_described() -> None:
    page = _PAGE.read_text()
    commands = dict(_commands(typer.main.get_command(app)))
    assert {match[1] for match in _COMMAND.finditer(page)} == set(commands)
    described = {
        (name, match[1])
        for match in _OPTION.finditer(page)
        for name in re.findall(r"`([^`]+)`", match[2])
    }
    assert described == {(n, o) for n, command in commands.items() for o in _options(command)}
