"""Write Markdown in one way, block by block, each only if it then says the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from markdown_it.token import Token

from stages.literals import Literals
from stages.markdown_reading import Blocks
from stages.optimizer.canonical import is_canonical
from stages.optimizer.cleaning import outside_code
from stages.optimizer.formatter import Env, at_rest
from stages.optimizer.headings import even_levels, with_level
from stages.optimizer.sameness import says_the_same
from stages.optimizer.tables import table_of

_LISTS: Final = frozenset({"bullet_list_open", "ordered_list_open"})
_DEFINITIONS = "definitions"
_FOOTNOTE: Final = re.compile(r" {0,3}(?:\[\^[^\]\s]+\]|\(zq+\d+b\)):")  # as it is, or hidden
_WORD: Final = re.compile(r"[^\W_]+")
_AS_IT_IS: Final = frozenset({"html_block", "front_matter", _DEFINITIONS})
# The formatter's time grows with the square of some blocks' length.
_MOST_CHARS, _MOST_LINES = 20_000, 300


@dataclass(frozen=True)
class Formatted:
    """The text, its blocks, and how many of them were left as they were, by reason."""

    markdown: str
    blocks: int
    left: Mapping[str, int]


@dataclass
class _Block:
    """Lines that are formatted together; `kind` is the type of the first token."""

    kind: str
    first: int
    end: int
    tokens: list[Token] = field(default_factory=list)


def formatted(document: Blocks, *, fix_headings: bool) -> Formatted:
    """Return the text with each block that can be formatted written in one way."""
    levels = even_levels(document.tokens) if fix_headings else {}
    blocks = [
        (block, source) for block in _blocks(document) if (source := _source(document, block))
    ]
    written: list[str] = []
    left: Counter[str] = Counter()
    for number, (block, source) in enumerate(blocks):
        if block.first in levels:
            source = with_level(source, levels[block.first])  # noqa: PLW2901  (it is the block's)
        result, reason = _written(block, source, document.env, first=number == 0)
        written.append(result)
        left.update([reason] if reason else [])
    whole = "\n\n".join(written) + "\n" if written else ""
    if whole != document.text.rstrip("\n") + "\n" and _sources(Blocks(whole)) != written:
        sources = [source for _, source in blocks]
        return Formatted("\n\n".join(sources) + "\n", len(blocks), {"notTheSame": len(blocks)})
    return Formatted(whole, len(blocks), left)


def _source(document: Blocks, block: _Block) -> str:
    lines = document.lines
    return document.text[lines.start(block.first) : lines.start(block.end)].strip("\n").rstrip()


def _sources(document: Blocks) -> list[str]:
    return [source for block in _blocks(document) if (source := _source(document, block))]


def _written(block: _Block, source: str, env: Env, *, first: bool) -> tuple[str, str]:
    """Return a block as it is to be written, and why it is left as it was, "" if it is not."""
    if block.kind in _AS_IT_IS or is_canonical(block.kind, source):
        return source, ""
    if block.kind == "hr":
        return "***" if first else "---", ""  # at the top, --- would begin a front matter
    if block.kind == "table_open":
        result: str | None = table_of(block.tokens)
        if _WORD.findall(result or "") != _WORD.findall(source):  # cells beyond the header's
            return source, "notTheSame"
    elif block.kind != "fence" and (len(source) > _MOST_CHARS or source.count("\n") > _MOST_LINES):
        return source, "long"
    else:
        result = at_rest(block.kind, source, env)
    if result is None or not _stays(block, result, env):
        return source, "unsteady"
    return (result, "") if says_the_same(source, result, env) else (source, "notTheSame")


def _stays(block: _Block, result: str, env: Env) -> bool:
    """Return whether escaped brackets in a block, formulas the next time, change nothing then."""
    if block.kind == "fence" or not ("\\[" in result or "\\(" in result):
        return True
    literals = Literals(result)
    hidden = outside_code(Blocks(result), literals.hide)
    if hidden == result:
        return True
    again = at_rest(block.kind, hidden, env)
    return again is not None and literals.show(again) == result


def _blocks(document: Blocks) -> Iterator[_Block]:
    """Return the blocks in order, those between them, such as definitions of links, among them.

    Lists that follow each other are one block: the formatter tells them apart by their marks.
    """
    current: _Block | None = None
    position = 0
    for token in document.tokens:
        if token.level == 0 and token.map and token.nesting >= 0:
            if current is not None and _goes_on_in(current, token, document):
                current.kind = _DEFINITIONS
            elif current is not None and not _go_together(current, token):
                yield current
                position, current = current.end, None
            if current is None:
                yield _Block(_DEFINITIONS, position, token.map[0])
                current = _Block(token.type, token.map[0], token.map[1])
            current.end = token.map[1]
        if current is not None:
            current.tokens.append(token)
    if current is not None:
        yield current
        position = current.end
    yield _Block(_DEFINITIONS, position, document.text.count("\n") + 1)


def _goes_on_in(block: _Block, token: Token, document: Blocks) -> bool:
    """Tell whether indented lines are a footnote's further blocks, not code."""
    if token.type != "code_block" or block.kind not in ("paragraph_open", _DEFINITIONS):
        return False
    return _FOOTNOTE.match(document.text, document.lines.start(block.first)) is not None


def _go_together(block: _Block, token: Token) -> bool:
    return block.kind in _LISTS and (token.type in _LISTS or token.type == "code_block")
