"""The README's commands do what it says."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from e2e.installation import COMMAND, Installation

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PRINTED = re.compile(r"^```\n(✔.*?)^```$", re.DOTALL | re.MULTILINE)
_ADDRESS = "http://127.0.0.1:8000"
# curl says what went wrong and fails, as a reader would notice.
_STRICT = 'set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; echo; }\n'
_FILLED_IN = {
    "PATH…": "samples/toudai.txt",
    "WORDS": "river",
    "ID": "alder",
}


def _blocks() -> list[str]:
    return _BLOCK.findall((ROOT / "README.md").read_text())


def _run(script: str, installation: Installation) -> subprocess.CompletedProcess[str]:
    path = f"{COMMAND.parent}:{installation.environment['PATH']}"
    return subprocess.run(
        ["bash", "-c", _STRICT + script],
        cwd=ROOT,
        env={**installation.environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def _made(target: str, installation: Installation) -> list[str]:
    """Return what `make` says it would run, once set-up is done."""
    # not as a part of the make that may have started these tests
    environment = {k: v for k, v in installation.environment.items() if not k.startswith("MAKE")}
    done = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/.set-up", target],
        cwd=ROOT,
        env={k: v for k, v in environment.items() if k != "MFLAGS"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.timeout(600)
def test_its_commands_work_in_the_order_in_which_they_stand(installation: Installation) -> None:
    two, curls, manual, lines, *_ = _blocks()
    assert [line.split("#")[0].split() for line in two.splitlines()] == [
        ["make", "demo"],
        ["make", "up"],
    ]
    assert _made("demo", installation)[-1] == ".venv/bin/docledger process samples"
    assert _made("up", installation)[-1] == ".venv/bin/docledger up"

    service = installation.up()
    upload, rest = curls.split("# Watch its stages.")
    _do(upload, service.url, installation)
    _wait_until_completed(service.url)  # a reader of the page is slower than this test
    _do(rest, service.url, installation)
    _do(manual, service.url, installation)

    for line in lines.splitlines():
        for word, value in _FILLED_IN.items():
            line = re.sub(rf"(?<= ){word}(?= )", value, line)  # noqa: PLW2901
        done = _run(line, installation)
        assert done.returncode == 0, line + done.stdout + done.stderr
    assert service.stop(signal.SIGINT) == 0


def test_it_shows_what_the_demo_prints(installation: Installation) -> None:
    done = _run("COLUMNS=80 docledger process samples", installation)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = _PRINTED.search((ROOT / "README.md").read_text())
    assert shown is not None
    assert _alike(shown[1]) == _alike(done.stdout[done.stdout.index("✔") :])


def _alike(printed: str) -> str:
    """Leave out what differs from run to run."""
    return re.sub(r" +\d+\.\d\d s", " SECONDS", re.sub(r"\b[0-9a-f-]{36}\b", "ID", printed))


def _do(block: str, url: str, installation: Installation) -> None:
    done = _run(block.replace(_ADDRESS, url), installation)
    assert done.returncode == 0, done.stdout + done.stderr


def _wait_until_completed(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        workflow = httpx.get(f"{url}/v1/documents/alder/workflow").json()
        if workflow["status"] == "completed":
            return
        time.sleep(0.2)
    raise AssertionError("the document did not get through its stages")
