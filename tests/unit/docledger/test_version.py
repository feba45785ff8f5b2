"""The version is the same wherever docledger says it."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version as installed

import pytest
from typer.testing import CliRunner

from api.app import create_app
from docledger.cli import app
from docledger.version import version
from unit.api.nothing import NO_PORTS


def test_the_command_line_prints_the_installed_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"docledger {installed('docledger')}\n")


def test_the_description_of_the_api_names_it() -> None:
    described = create_app(replace(NO_PORTS, version=version())).openapi()
    assert described["info"]["version"] == installed("docledger")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = {"bash": "complete_bash", "zsh": "complete_zsh", "fish": "complete_fish"}[shell]
    monkeypatch.setenv("COMP_WORDS", "docledger reb")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "docledger reb")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    monkeypatch.setenv("_DOCLEDGER_COMPLETE", complete)
    result = CliRunner().invoke(app, [], prog_name="docledger")
    assert "rebuild" in result.output
