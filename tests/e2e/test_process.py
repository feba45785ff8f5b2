"""`docledger process`: files in, results out, and an exit code that tells the truth."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from e2e.installation import COMMAND, Installation, wait_for
from e2e.papers import long_pdf, small_papers
from e2e.truth import assert_completed, assert_everything_agrees, tables_as_json
from postgres.embedded.server import EmbeddedPostgres

SAMPLES = Path(__file__).parents[2] / "samples"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def documents_of(printed: str) -> list[dict[str, Any]]:
    """Return what `process --json` printed, which is one document and nothing else."""
    found = json.loads(printed)
    assert found.keys() == {"documents"}
    documents: list[dict[str, Any]] = found["documents"]
    return documents


def test_samples_go_through_all_stages_and_again(installation: Installation) -> None:
    samples = [path for path in SAMPLES.iterdir() if path.is_file()]
    assert len(samples) >= 10
    first = installation.run("process", SAMPLES, "--json")
    assert (first.returncode, first.stdout[:1]) == (0, "{"), first.stderr
    second = installation.run("process", SAMPLES, "--realm", "varn", "--json")
    assert second.returncode == 0, second.stderr

    documents = documents_of(first.stdout) + documents_of(second.stdout)
    assert len({document["id"] for document in documents}) == 2 * len(samples)
    for document in documents:
        assert_completed(document, installation.uploads)
    assert {d["realmId"] for d in documents_of(second.stdout)} == {"varn"}
    assert {d["title"] for d in documents_of(second.stdout)} == {path.stem for path in samples}
    projections = {p["projection"]: p for p in installation.json("projections", "list")["items"]}
    assert projections["read_models"]["health"] == "ok"
    assert projections["read_models"]["lag"] == 0
    assert installation.processes() == []
    assert_pages_are_known(documents_of(first.stdout), installation.uploads)


def assert_pages_are_known(documents: Sequence[dict[str, Any]], uploads: Path) -> None:
    """Check that the facts of a PDF stand on the pages that they were printed on."""
    [survey] = [each for each in documents if each["title"] == "alder-river-survey"]
    paths = {file["fileType"]: uploads / file["filePath"] for file in survey["outputFiles"]}
    chunks = json.loads(paths["chunks_json"].read_bytes())["chunks"]
    assert chunks[0]["pages"][0] == 1
    assert chunks[-1]["pages"][1] == 5
    facts = json.loads(paths["facts_json"].read_bytes())["facts"]
    assert all(len(each["pages"]) == 2 for each in (*chunks, *facts))
    starts = {
        file["fileType"]: len(file["metadata"]["pageStarts"])
        for file in survey["outputFiles"]
        if file["metadata"]
    }
    assert starts == {"markdown": 5, "optimized_markdown": 5}


def test_one_that_cannot_be_converted_harms_no_other(
    installation: Installation, tmp_path: Path
) -> None:
    small_papers(tmp_path / "in" / "deep", 2)
    (tmp_path / "in" / "broken.pdf").write_bytes(b"%PDF-1.7\nnot really\n%%EOF\n")
    (tmp_path / "in" / ".hidden").write_text("left out")
    done = installation.run("process", tmp_path / "in", "--json")

    assert done.returncode == 1
    broken, *others = documents_of(done.stdout)
    assert broken["title"] == "broken"
    assert broken["processingWorkflow"]["status"] == "failed"
    conversion = broken["stages"][0]
    assert (conversion["status"], conversion["retryCount"]) == ("failed", 0)
    assert len(conversion["errorMessage"]) > 20
    assert len(others) == 2
    for document in others:
        assert_completed(document, installation.uploads)


def test_a_failure_is_told_whole_at_any_width(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnot really\n%%EOF\n")
    monkeypatch.setitem(installation.environment, "COLUMNS", "80")
    done = installation.run("process", SAMPLES / "toudai.txt", broken)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    (failed,) = [number for number, line in enumerate(lines) if line.startswith("✘ broken.pdf ")]
    told = " ".join(line.strip() for line in lines[failed + 1 : -2])
    listed = installation.json("show", lines[failed].split()[2])
    assert told == f"markdown-conversion: {listed['stages'][0]['errorMessage']}"


@pytest.mark.parametrize("arguments", [["no/such/path", "--json"], [], ["--no-such-option", "."]])
def test_wrong_use_is_told_in_one_line(
    installation: Installation, arguments: Sequence[str]
) -> None:
    done = installation.run("process", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("docledger: ")
    assert done.stderr.count("\n") == 1
    assert arguments == [] or arguments[0] in done.stderr


def test_a_person_sees_how_it_goes(installation: Installation, tmp_path: Path) -> None:
    paths = [*small_papers(tmp_path, 2), tmp_path / "long.pdf"]
    paths[-1].write_bytes(long_pdf(200))
    code, shown = on_a_terminal(installation, "process", *map(str, paths))
    assert code == 0
    assert "Registering" in shown
    assert re.search(r"Stages.*\d+/15", shown), shown
    # while it runs and afterwards, each document has its line
    assert re.search(r"long\.pdf +▸ · · · · +markdown-conversion", shown), shown
    _, _, lines = shown.rpartition("15/15")
    for path in paths:
        assert re.search(rf"✔ {re.escape(path.name)} +\S+ +[\d.]+ s  completed", lines), lines
    assert re.search(r"3 documents: 3 completed", lines)


def on_a_terminal(installation: Installation, *arguments: str) -> tuple[int, str]:
    """Run a command on a terminal of 120 columns; return its exit code and what it showed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
    process = subprocess.Popen(
        [COMMAND, *arguments],
        env={**installation.environment, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # a terminal that nobody has open any more
        pass
    os.close(ours)
    return process.wait(60), ESCAPES.sub("", shown.decode())


def test_ctrl_c_ends_it_and_nothing_is_lost(installation: Installation, tmp_path: Path) -> None:
    before = len(ids_of(installation))
    running = installation.start("process", *small_papers(tmp_path, 12))
    wait_for(lambda: "12 documents registered\n" in running.lines, 60, running.said)
    assert running.stop(signal.SIGINT) == 130
    assert "Traceback" not in running.said()
    assert installation.processes() == []

    paper = small_papers(tmp_path / "more", 1)
    assert installation.run("process", *paper).returncode == 0
    with EmbeddedPostgres(installation.home):
        assert len(tables_as_json(installation.database_url)) == before + 13


def test_one_that_is_deleted_meanwhile_is_not_waited_for(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "doomed.pdf").write_bytes(long_pdf(200))
    running = installation.start("process", tmp_path / "doomed.pdf", *small_papers(tmp_path, 1))
    wait_for(lambda: "2 documents registered\n" in running.lines, 60, running.said)
    with psycopg.connect(installation.database_url) as connection:
        assert connection.execute("DELETE FROM documents WHERE title = 'doomed'").rowcount == 1
    assert running.wait(60) == 1
    assert running.lines[-1] == "1 documents: 1 completed\n"


def ids_of(installation: Installation) -> set[str]:
    with EmbeddedPostgres(installation.home):
        return set(tables_as_json(installation.database_url))


def test_tables_files_and_log_agree(installation: Installation) -> None:
    """What earlier tests left unfinished is finished by `up`; then all of it agrees."""
    service = installation.up()
    with service.client() as client:
        wait_for(lambda: not unfinished(installation), 60)
        assert_everything_agrees(installation, client)
    assert service.stop() == 0


def unfinished(installation: Installation) -> list[str]:
    documents = tables_as_json(installation.database_url)
    return [i for i, d in documents.items() if d["processingWorkflow"]["status"] == "running"]
