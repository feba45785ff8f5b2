"""Four times the text takes at most five times the work, whatever the text: calls are counted."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from stages.chunker import chunk
from stages.facts import facts
from stages.optimizer import optimize
from stages.optimizer.executor import carried
from stages.pages import PageMap

_SMALL, _TIMES, _MOST = 600, 4, 5

_PIECES = {
    "prose": "The keeper lit the *lamp* at dusk and wrote `a_b` of 14 knots in the log. ",
    "log": "2026-05-01 12:00:00 INFO worker[0] finished job <0> in 0 ms path=/a/b_0*.txt\n",
    "csv": "| 12 | harbour | 3.5 |\n",
    "rows": "a,b_c,12,\"d e\",[x]\n",
    "brackets": "[a[b] ",
    "stars": "*a **b ",
    "underscores": "_a __b ",
    "ticks": "`a ``b ",
    "quotes": "> a *word* of it\n",
    "deep": "> - ",
    "list": "- item of *it*\n",
    "headings": "## Of it\n\n",
    "html": "<b a <i ",
    "tex": "\\(x $y \\[z ",
    "entities": "&amp; &x ",
    "links": "[a](b) [c][d] ![e](f) ",
    "unspaced": "灯台",
    "payload": "data:image/png;base64,QUJD",
}  # fmt: skip


def calls(work: Callable[[], object]) -> int:
    """Count calls of functions, those written in C among them."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted


def text_of(kind: str, length: int) -> str:
    piece = _PIECES[kind]
    head = "| a | b | c |\n| --- | --- | --- |\n" if kind == "csv" else ""
    return head + piece * (length // len(piece))


def through_all(markdown: str) -> None:
    pages = PageMap(tuple(range(0, len(markdown), 500)))
    optimized = optimize(markdown).markdown
    moved = carried(pages, markdown, optimized)
    facts(chunk(optimized, None, moved), None, moved)


@pytest.mark.parametrize("kind", _PIECES)
def test_work_grows_with_the_text(kind: str) -> None:
    through_all(text_of(kind, _SMALL))  # what is kept from the first time on is not counted
    small = calls(lambda: through_all(text_of(kind, _SMALL)))
    large = calls(lambda: through_all(text_of(kind, _SMALL * _TIMES)))
    assert large <= _MOST * small
