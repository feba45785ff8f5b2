"""Every line that a process logs is of one form, whoever wrote it and in whichever thread."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from structlog.dev import ConsoleRenderer

from docledger.logs import plain_line

SCRIPT = """
import logging, sys, threading
import structlog
from docledger.logs import configure_logs

configure_logs(sys.argv[1], sys.argv[2], "work")

def say():
    structlog.get_logger("files.tree").info("ours", document_id="a")
    logging.getLogger("workers.reaper").info("theirs", extra={"document_id": "b"})
    logging.getLogger("some.library").info("noise")
    secret = "what the document holds"
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("projections").exception("failed")
        structlog.get_logger().error("failed too", exc_info=True)

thread = threading.Thread(target=say)
thread.start()
thread.join()
"""


def logged(level: str, log_format: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, level, log_format],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr


def test_machines_read_json_lines() -> None:
    lines = [json.loads(line) for line in logged("info", "json").splitlines()]
    assert [(line["event"], line["level"], line["role"]) for line in lines] == [
        ("ours", "info", "work"),
        ("theirs", "info", "work"),
        ("failed", "error", "work"),
        ("failed too", "error", "work"),
    ]
    assert [line["document_id"] for line in lines[:2]] == ["a", "b"]
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert all("ValueError: broken" in line["exception"] for line in lines[2:])


def test_people_read_lines_without_the_values_of_variables() -> None:
    text = logged("warning", "text")
    assert "theirs" not in text
    assert text.count("ValueError: broken") == 2
    assert text.count("role=work") == 2
    assert "what the document holds" not in text.replace('secret = "what the document holds"', "")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"method": "GET", "status": 200, "seconds": 0.0123, "problem": None, "role": "serve"},
        {"said": "two words", "sign": "a=b", "quoted": "it's", "empty": "", "chain": ["a", "b"]},
        {"exception": "Traceback\n  ValueError", "route": "/v1/documents/{id}"},
    ],
)
def test_lines_look_as_the_console_renderer_would_have_them(fields: dict[str, Any]) -> None:
    event = {
        "event": "request",
        "level": "info",
        "timestamp": "2026-11-24T01:54:33.000000Z",
        **fields,
    }
    shown = ConsoleRenderer(colors=False)(None, "info", dict(event))
    assert plain_line(None, "info", dict(event)) == shown


def test_what_cannot_be_printed_is_escaped() -> None:
    event = {"event": "a", "level": "info", "timestamp": "now", "said": "\x1b[31mred"}
    assert plain_line(None, "info", event).endswith("said='\\x1b[31mred'")
