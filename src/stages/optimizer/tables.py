"""Write tables, which take no formatter: their cells stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from markdown_it.token import Token

_RULES: Final = {"left": ":--", "center": ":-:", "right": "--:"}


def table_of(tokens: Sequence[Token]) -> str:
    """Return a table of the tokens of `parse_blocks`: one blank beside each cell."""
    header, *body = _rows(tokens)
    rules = [_rule(token) for token in tokens if token.type == "th_open"]
    return "\n".join(_row(cells) for cells in (header, rules, *body))


def _rows(tokens: Sequence[Token]) -> Iterator[list[str]]:
    cells: list[str] = []
    for opening, token in pairwise(tokens):
        if opening.type == "tr_open":
            cells = []
        if token.type == "inline":
            cells.append(token.content.replace("|", r"\|"))
        elif token.type == "tr_close":
            yield cells


def _rule(token: Token) -> str:
    style = str(token.attrGet("style") or "")
    return _RULES.get(style.removeprefix("text-align:"), "---")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
