"""Documents fit any terminal from 60 columns on, and the reason of a failure is never cut."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from docledger.commands import document_report

ID = "01a22e5c-1fa0-74d7-b3ea-da6ee7aa47c2"
REASON = "The PDF is cut off or damaged and cannot be opened; " + "export it again, please. " * 6
TITLES = [
    "a.pdf",
    "a very long name of a file that goes on and on for ever and more.docx",
    "日本" * 40,
]


def document(title: str, reason: str | None) -> dict[str, Any]:
    status = "failed" if reason else "completed"
    stage = {
        "stageName": "markdown-conversion",
        "status": status,
        "attempt": 12,
        "startedAt": "2026-01-01T00:00:00.000000Z",
        "completedAt": "2026-01-01T00:01:40.500000Z",
        "errorMessage": reason,
    }
    file = {
        "stageName": "markdown-conversion",
        "filePath": f"documents/x/stages/markdown-conversion/{title}",
        "fileSize": 123_456_789,
        "checksum": "ab" * 32,
    }
    return {
        "id": ID,
        "title": title,
        "processingWorkflow": {"status": status},
        "stages": [stage],
        "outputFiles": [file],
    }


def printed(width: int, *, whole: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width)
    found = [document(title, reason) for title in TITLES for reason in (None, REASON)]
    if whole:
        for one in found:
            document_report.detail(console, one, one["title"], "/a/long/way/to/the/home/" * 4)
    else:
        document_report.overview(console, found, {})
    return out.getvalue()


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("width", [60, 79, 80, 120, 200])
def test_every_line_fits_and_every_reason_is_whole(width: int, whole: bool) -> None:
    lines = printed(width, whole=whole).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)
    joined = " ".join(line.strip() for line in lines)
    assert joined.count(REASON.strip()) == len(TITLES)
    assert sum(f"{ID}  " in line for line in lines) == len(TITLES) * 2


def test_the_overview_has_one_line_for_each_document_and_counts_the_ends() -> None:
    lines = printed(300, whole=False).splitlines()
    assert len(lines) == len(TITLES) * 3 + 2
    assert lines[-1] == "6 documents: 3 completed, 3 failed"
