"""Text that is written as Markdown stays that text."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from stages.conversion.markdown import escaped


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("__main__", r"\_\_main\_\_"),
        ("__init__.py", r"\_\_init\_\_.py"),
        ("x__ y", r"x\_\_ y"),
        ("f(___a_)", r"f(\_\_\_a\_)"),
        ("_x", r"\_x"),
        ("snake_case a__b", "snake_case a__b"),
        ("__a * b ~~c~~", r"\_\_a \* b \~~c\~~"),
    ],
)
def test_every_underscore_at_the_edge_of_a_word_is_escaped(text: str, markdown: str) -> None:
    assert escaped(text) == markdown
    parser = MarkdownIt("commonmark").enable("strikethrough")
    assert parser.renderInline(markdown) == text


def test_long_runs_of_underscores_are_escaped_in_one_pass() -> None:
    assert escaped("a" + "_" * 200_000 + "b") == "a" + "_" * 200_000 + "b"
