"""What is taken for canonical, the formatter leaves as it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.markdown_reading import parse_blocks
from stages.optimizer.canonical import is_canonical
from stages.optimizer.formatter import formatted_once

_WORDS = """
word Größe 灯台 a_b * ** _ __ ` `` `code` [ ] ( ) [text](http://x.y/z#1) [#12](https://x/y)
![alt](p.png) < <b> <sup>2</sup> </sub> & &amp; &copy \\* \\_ \\< \\` \\[ \\] \\ # ## > - + = 1. 2)
1)x 3.5 ~ ~~ $ $5 ! ? . , : ; " ' “q” **bold *it* b**, (**x**) http://a.b/c_d www.x.y me@x.org
[x] é — … { } ^ @ % / [1] [^1] <http://x.y> *a*b a**b** C# a# `x`y [a_b](c) [`x`](y) [a](b)c ---
*** [x](file:///1) [x](javascript:1) 12345678901. www. @keeper
"""
_BLANKS = [
    " ",
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "\u00a0",
    "\u2003",
    "`a b`",
    "[ ] ",
    "- ",
    "12345678901. ",
]
_TOKENS = st.sampled_from([*_WORDS.split(), *_BLANKS])
_LINES = st.lists(_TOKENS, min_size=1, max_size=8).map("".join)
_ITEMS = st.tuples(
    st.sampled_from(["", "", "  ", "    "]),
    st.sampled_from(["- ", "- ", "- [ ] ", "* ", "  ", ""]),
    st.one_of(_LINES, st.just("a word")),
).map("".join)
_BLOCKS = st.one_of(
    st.lists(_LINES, min_size=1, max_size=3).map("\n".join),
    _LINES.map(lambda line: f"## {line}"),
    st.lists(_ITEMS, min_size=1, max_size=4).map(lambda items: "- a\n" + "\n".join(items)),
    st.lists(_LINES, min_size=1, max_size=3).map(lambda lines: "- " + "\n\n- ".join(lines)),
    st.lists(_LINES, min_size=1, max_size=3).map(lambda lines: "> " + "\n> ".join(lines)),
)


def kind_of(source: str) -> str:
    """Return the type of the one block of a text, "" if there are more."""
    top = [token.type for token in parse_blocks(source) if not token.level and token.nesting >= 0]
    return top[0] if len(top) == 1 else ""


@given(_BLOCKS)
@settings(max_examples=400, deadline=None)
def test_what_is_canonical_is_left_as_it_is(block: str) -> None:
    source = block.strip("\n").rstrip()
    if is_canonical(kind_of(source), source):
        assert formatted_once(source, {"references": {}}) == source


@pytest.mark.parametrize(
    "source",
    [
        "A *word* of **bold text**, `code` and a [link](https://varn.example/x#1).",
        "The field max_idle is 5 > 4 & more: see https://varn.example/x now.",
        "10<sup>6</sup> litres, \\*starred and \\_x",
        "## A `heading` of [#12](https://varn.example/12)",
        "- one ([#1](https://varn.example/1)) by [@keeper](https://varn.example/keeper)\n- two",
        "- [ ] open\n  goes on\n  - below\n    - and below\n- [x] done",
        "- loose\n\n- items",
        "> quoted *words*\n>\n> and more\n> of them",
    ],
)
def test_common_blocks_are_canonical(source: str) -> None:
    assert is_canonical(kind_of(source), source)
    assert formatted_once(source, {"references": {}}) == source


@pytest.mark.parametrize(
    "source",
    [
        "_it_",
        "a  b",
        "- a\n- b\n* c",
        "* a",
        "- a\n\n  b",
        "2*3*4",
        "a\\",
        "> a\n>",
        "[a]",
        "\\[a\\]",
    ],
)
def test_others_are_left_to_the_formatter(source: str) -> None:
    assert not is_canonical(kind_of(source), source)
