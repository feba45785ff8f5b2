"""Marks of emphasis are read as marks wherever runs of text begin and end."""

from __future__ import annotations

import html
import re
from itertools import product

import pytest
from markdown_it import MarkdownIt

from stages.conversion.office.markup import Span, inline

_PARSER = MarkdownIt("commonmark").enable("strikethrough")
_FORMATS = ("", "b", "i", "bi", "s", "bs", "is", "bis")


def span(text: str, form: str = "", link: str = "") -> Span:
    return Span(text, "b" in form, "i" in form, "s" in form, link=link)


def rendered(markdown: str) -> str:
    return str(_PARSER.renderInline(markdown))


@pytest.mark.parametrize(
    ("spans", "markdown"),
    [
        ([span("Wich", "b"), span("tig", "b"), span("!", "i")], "**Wichtig**!"),
        (
            [span("Bold ", "b"), span(" and italic", "bi"), span(" only italic", "i")],
            "**Bold *and italic*** *only italic*",
        ),
        ([span("a", "i"), span("b", "bi")], "a***b***"),
        ([span("a", "b"), span(" "), span("b", "i")], "**a** *b*"),
        ([span("Gone", "bs"), span("stays")], "~~Gone~~stays"),
        ([span("Gone!", "bs"), span("stays")], "~~Gone~~!stays"),
        ([span("Gone", "bs"), span(" stays")], "~~**Gone**~~ stays"),
        ([span("old", "s"), span("new", "b")], "~~old~~**new**"),
        ([span("Look!", "b"), span("x", link="y")], "**Look!**[x](y)"),
        ([span("Look!"), span("x", link="y")], r"Look\![x](y)"),
    ],
)
def test_marks_beside_each_other(spans: list[Span], markdown: str) -> None:
    assert inline(spans) == markdown


@pytest.mark.parametrize("first", _FORMATS)
def test_no_mark_is_left_over_between_any_three_runs(first: str) -> None:
    texts = ("ab", "a ", "!a", "a!"), ("ab", "a!"), ("ab", " a", "!a", "a!")
    for second, third in product(_FORMATS, repeat=2):
        for words in product(*texts):
            spans = [span(t, f) for t, f in zip(words, (first, second, third), strict=True)]
            shown = html.unescape(re.sub("<[^>]*>", "", rendered(inline(spans))))
            assert not re.search("[*~]", shown), (words, second, third, inline(spans))
