"""`docledger show --as-of`, `history`, `events export` and `events import`, as people run them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from conftest import Server
from domain import commands as c
from domain.events import Event
from domain.values import FailureReason, Original, OutputFile
from integration.projections.log_writer import context
from integration.time_travel.ledgers import LOG, MovableLedger, movable
from unit.projections.journeys import FIVE, START

COMMAND = Path(sys.executable).with_name("docledger")
STAGE = "markdown-conversion"


@dataclass
class Shell:
    """Runs commands in one installation."""

    ledger: MovableLedger
    home: Path

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DOCLEDGER_HOME": str(self.home),
            "DOCLEDGER_DATABASE_URL": self.ledger.url,
            "PYTHONUNBUFFERED": "1",
        }

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[bytes]:
        ran = subprocess.run(
            [str(COMMAND), *arguments], env=self.environment(), capture_output=True, check=False
        )
        assert ran.returncode == code, ran.stderr.decode()
        return ran

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def put(self, content: bytes) -> OutputFile:
        blob = self.ledger.docledger.storage.blobs.put_stream([content])
        return OutputFile(
            file_type="markdown",
            suffix=".md",
            checksum=blob.checksum,
            size_bytes=blob.size_bytes,
            mime_type="text/markdown",
        )

    def tell(self, command_type: type[c.Command], seconds: float = 0, **fields: Any) -> int:
        """Give a command about doc-1 so many seconds into its life; return the position."""
        given = context().model_copy(update={"at": START + timedelta(seconds=seconds)})
        command = command_type(document_id="doc-1", context=given, **fields)
        return self.ledger.docledger.commands.execute(command).position


@pytest.fixture
def shell(database: str, tmp_path: Path) -> Iterator[Shell]:
    """An installation with one document: failed once, then converted."""
    with movable(tmp_path / "home", database) as ledger:
        shell = Shell(ledger, tmp_path / "home")
        original = shell.put(b"original")
        shell.tell(
            c.RegisterDocument,
            title="Laws of motion",
            original=Original(
                file_name="laws.pdf",
                checksum=original.checksum,
                size_bytes=8,
                mime_type="application/pdf",
            ),
            pipeline=FIVE,
        )
        shell.tell(c.StartStage, 1, stage_name=STAGE)
        shell.tell(
            c.FailStage,
            3.5,
            stage_name=STAGE,
            reason=FailureReason.ERROR,
            error_message="It is torn.",
            retryable=False,
        )
        shell.tell(c.ResetStage, 4, stage_name=STAGE)
        shell.tell(c.StartStage, 5, stage_name=STAGE)
        shell.tell(
            c.CompleteStage,
            90,
            stage_name=STAGE,
            files=(shell.put(b"# Laws"),),
            executor="converter/1",
        )
        ledger.project()
        yield shell


@pytest.fixture
def other(embedded_server: Server, tmp_path: Path) -> Iterator[Shell]:
    url = embedded_server.create_migrated_database()
    with movable(tmp_path / "other", url) as ledger:
        yield Shell(ledger, tmp_path / "other")
    embedded_server.drop_database(url)


def events(shell: Shell) -> list[tuple[int, Event]]:
    found = shell.ledger.docledger.history.of_document("doc-1")
    return [(r.position, r.event) for r in found if isinstance(r.event, Event)]


def test_show_as_of_a_position_and_a_time(shell: Shell) -> None:
    failed = next(p for p, e in events(shell) if type(e).__name__ == "StageFailed")
    then = shell.json("show", "doc-1", "--as-of", str(failed))
    assert then["position"] == failed
    assert (then["stages"][0]["status"], then["stages"][0]["attempt"]) == ("failed", 1)
    assert then["outputFiles"] == []
    assert shell.json("show", "doc-1", "--as-of", "2026-03-01T01:00:03.6+01:00") == then
    now = shell.json("show", "doc-1", "--as-of", str(events(shell)[-1][0]))
    assert now == shell.json("show", "doc-1")
    assert [f["filePath"].rpartition("/")[2] for f in now["outputFiles"]] == ["laws.md"]
    said = shell.run("show", "doc-1", "--as-of", str(failed)).stdout.decode()
    assert f"position {failed}" in said
    assert "It is torn." in said


def test_show_as_of_says_what_is_wrong(shell: Shell) -> None:
    early = shell.run("show", "doc-1", "--as-of", "2020-01-01T00:00:00Z", code=1)
    assert b"not registered yet" in early.stderr
    assert b"neither a position nor" in shell.run("show", "doc-1", "--as-of", "x", code=2).stderr
    beyond = shell.run("show", "doc-1", "--as-of", "9999", code=2)
    assert b"the log ends at position" in beyond.stderr.lower()


def test_the_timeline_tells_who_did_what_and_how_long_it_took(shell: Shell) -> None:
    said = shell.run("history", "doc-1").stdout.decode()
    lines = [re.sub(r" +", " ", line).strip() for line in said.splitlines()]
    checksum = asdict(events(shell)[-2][1]).get("checksum", "")[:12]
    assert lines == [
        "2026-03-01 (UTC)",
        "1 00:00:00.000 DocumentRegistered by test",
        "title: Laws of motion",
        "2 00:00:00.000 WorkflowStarted run 1 by test",
        f"3 00:00:01.000 StageStarted {STAGE}, attempt 1 by test",
        f"4 00:00:03.500 StageFailed {STAGE}, attempt 1, took 2.50 s by test",
        "error: It is torn.",
        f"5 00:00:04.000 StageRetried {STAGE}, attempt 2 by test",
        f"6 00:00:05.000 StageStarted {STAGE}, attempt 2 by test",
        f"7 00:01:30.000 OutputFileRegistered {STAGE}, attempt 2 by test",
        f"markdown, version 1: laws.md, 6 bytes, sha-256 {checksum}",
        f"8 00:01:30.000 StageCompleted {STAGE}, attempt 2, took 1 min 25 s by test",
        "made by converter/1",
    ]
    items = shell.json("history", "doc-1")["items"]
    assert [item["version"] for item in items] == list(range(1, 9))


@pytest.mark.parametrize("form", ["text", "json"])
def test_follow_prints_what_happens_until_ctrl_c(shell: Shell, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    more = ["--json"] if form == "json" else []
    with out.open("wb") as file:
        following = subprocess.Popen(
            [str(COMMAND), "history", "doc-1", "--follow", *more],
            env=shell.environment(),
            stdout=file,
            stderr=subprocess.PIPE,
        )
    try:
        wait_for(out, "StageCompleted")
        assert "WorkflowPaused" not in out.read_text()
        shell.tell(c.PauseWorkflow, 100)
        wait_for(out, "WorkflowPaused")
        # The connection it listens on is cut; it takes a new one.
        shell.ledger.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'docledger history%'"
        )
        shell.tell(c.ResumeWorkflow, 110)
        wait_for(out, "WorkflowResumed")
        following.send_signal(signal.SIGINT)
        _, errors = following.communicate(timeout=20)
        assert following.returncode == 130
        assert b"Traceback" not in errors
    finally:
        following.kill()
        following.wait()
    if form == "json":
        versions = [json.loads(line)["version"] for line in out.read_text().splitlines()]
        assert versions == list(range(1, 11))


def wait_for(path: Path, word: str) -> None:
    deadline = time.monotonic() + 30
    while word not in path.read_text():
        assert time.monotonic() < deadline, path.read_text()
        time.sleep(0.05)


def test_export_to_a_file_import_and_what_is_missing(
    shell: Shell, other: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    ran = shell.run("events", "export", "--output", str(file))
    assert b"Contents are files and not in it" in ran.stderr
    assert file.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.glob("events*")] == ["events.jsonl"]
    assert shell.run("events", "export").stdout == file.read_bytes()
    assert shell.run("events", "export", "doc-1").stdout == file.read_bytes()

    imported = other.json("events", "import", str(file))
    checksums = {asdict(e).get("checksum") for _, e in events(shell)} - {None}
    assert imported["events"] == len(events(shell))
    assert imported["keptPositions"] is True
    assert set(imported["missingContents"]) == checksums
    assert other.run("events", "export").stdout == file.read_bytes()
    assert other.ledger.rows(LOG) == shell.ledger.rows(LOG)
    assert b"--append" in other.run("events", "import", str(file), code=3).stderr


def test_import_from_standard_input_and_wrong_use(shell: Shell, other: Shell) -> None:
    exported = shell.run("events", "export", "--without-keys").stdout
    assert b"Laws of motion" not in exported
    ran = subprocess.run(
        [str(COMMAND), "events", "import", "-"],
        env=other.environment(),
        input=exported,
        capture_output=True,
        check=True,
    )
    assert b"imported 8 events of 1 documents, at the positions they had" in ran.stdout
    assert b"2 contents are not in this storage" in ran.stdout
    assert b"There is no document" in shell.run("events", "export", "nobody", code=1).stderr
    shell.run("events", "import", "/nowhere/at-all", code=2)
    shell.run("events", "export", "--output", "/nowhere/at-all", code=2)


def test_a_rebuild_of_what_there_is_not_is_wrong_use(shell: Shell) -> None:
    last = events(shell)[-1][0]
    for arguments, said in (
        (["--table", "nonsense"], "'nonsense' is no table of the read models"),
        (["--table", "nonsense", "--dry-run"], "'nonsense' is no table of the read models"),
        (["--until", str(last + 1), "--into", "then"], f"{last + 1} is none"),
    ):
        ran = shell.run("rebuild", *arguments, code=2)
        assert ran.stdout == b""
        assert said in ran.stderr.decode()
