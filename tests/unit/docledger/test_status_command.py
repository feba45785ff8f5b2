"""The exit code of `docledger status` tells whether there is anything to ask."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from docledger import cli
from docledger.command_line import options


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that nothing has used."""
    found = tmp_path / "home"
    monkeypatch.setenv("DOCLEDGER_HOME", str(found))
    monkeypatch.delenv("DOCLEDGER_DATABASE_URL", raising=False)
    # Logs of this process would go where this test's standard error went.
    monkeypatch.setattr(options, "configure_logs", lambda *_: None)
    return found


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process; return its exit code."""
    monkeypatch.setattr("sys.argv", ["docledger", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    code = ended.value.code
    assert isinstance(code, int)
    return code


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    out, err = capsys.readouterr()
    return json.loads(out), err


def test_a_database_that_does_not_run_is_exit_1(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "status", "--json") == 1
    found, _ = printed(capsys)
    assert not any(found["running"].values())
    assert not home.exists()
    assert run(monkeypatch, "status") == 1
    assert "database does not run" in capsys.readouterr().out


def test_a_server_that_does_not_answer_is_exit_1(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setenv("DOCLEDGER_DATABASE_URL", f"postgresql://u@127.0.0.1:{port}/d")
    assert run(monkeypatch, "status", "--json") == 1
    found, err = printed(capsys)
    assert not any(found["running"].values())
    assert err.startswith("docledger: the database cannot be reached: ")
    assert err.count("\n") == 1
    assert not home.exists()


@pytest.mark.parametrize("command", ["status", "stop"])
@pytest.mark.parametrize("below", ["", "/deep/er"])
def test_a_home_that_cannot_be_is_exit_3(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    below: str,
) -> None:
    home.write_text("a file")
    monkeypatch.setenv("DOCLEDGER_HOME", f"{home}/x{below}")
    assert run(monkeypatch, command) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{home} is a file; set DOCLEDGER_HOME" in err
    assert err.count("\n") == 1
