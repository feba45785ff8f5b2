"""Write one block as the formatter does, until formatting it again changes nothing."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import mdformat.plugins
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdformat.codepoints import UNICODE_PUNCTUATION, UNICODE_WHITESPACE
from mdformat.renderer import DEFAULT_RENDERERS, MDRenderer, RenderContext, RenderTreeNode

from stages.markdown_reading import parse_blocks
from stages.optimizer.canonical import is_canonical

Env = MutableMapping[str, Any]

_TIMES: Final = 3  # until a block comes to rest
_OPTIONS: Final = {"number": True, "wrap": "keep"}
_ZEROS: Final = re.compile(r"^([\s>*+-]*)(0+)(\d+[.)])(?=\s)", re.MULTILINE)
# Text that the formatter leaves as it is has none of these.
_MARKS: Final = re.compile(r"[\t\\*\[\]<`&]|  |\n\n|(?<![^\W_])_|_(?![^\W_])|!\Z")
_EDGES: Final = UNICODE_WHITESPACE | UNICODE_PUNCTUATION | {""}
_KEPT, _ESCAPED = "\x01", "\x02"  # stand for underscores; hardly a text has them


def at_rest(kind: str, source: str, env: Env) -> str | None:
    """Return the block as the formatter writes it once that changes nothing more, else None."""
    current = source
    for _ in range(_TIMES):
        try:
            following = formatted_once(current, env)
        except (RecursionError, ValueError, KeyError, IndexError, AssertionError):
            return None
        if following == current or is_canonical(kind, following):
            return following
        current = following
    return None


def formatted_once(source: str, env: Env) -> str:
    """Return what the formatter makes of a block."""
    parser = _formatter()
    own = {"references": dict(env["references"])}
    tokens: Sequence[Token] = parser.parse(source, own)
    renderer: MDRenderer = parser.renderer  # type: ignore[assignment]  # it was given this one
    text = renderer.render(tokens, parser.options, own, finalize=False).strip("\n").rstrip()
    return _numbers_without_zeros(text) if _ZEROS.search(text) else text


def _numbers_without_zeros(text: str) -> str:
    """Put blanks behind the numbers of list items in place of the zeros ahead of them."""
    lines = text.split("\n")
    for token in parse_blocks(text):
        if token.type == "list_item_open" and token.map:
            first = token.map[0]
            lines[first] = _ZEROS.sub(
                lambda m: f"{m[1]}{m[3]}{m[2].replace('0', ' ')}", lines[first]
            )
    return "\n".join(lines)


class _Text(NamedTuple):
    """As much of a node as the formatter's own function for text asks for."""

    content: str
    next_sibling: RenderTreeNode | None


def _text(node: RenderTreeNode, context: RenderContext) -> str:
    """Return text with its marks escaped, faster than the formatter: it is called for each piece.

    mdformat 1.0.0 makes a set of thousands of signs for each text that holds an underscore, and
    hashes a pattern of all entities for each that holds anything.
    """
    text = node.content
    if _MARKS.search(text) is None:
        return text
    if "_" not in text or _KEPT in text or _ESCAPED in text:
        return DEFAULT_RENDERERS["text"](node, context)
    hidden = _Text(re.sub("_", _underscore, text), node.next_sibling)
    written = DEFAULT_RENDERERS["text"](hidden, context)  # type: ignore[arg-type]  # all it asks
    return written.replace(_KEPT, "_").replace(_ESCAPED, "\\_")


def _underscore(match: re.Match[str]) -> str:
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    after = match.string[match.end() : match.end() + 1]
    if before in UNICODE_WHITESPACE and after in UNICODE_WHITESPACE:
        return _KEPT
    return _ESCAPED if before in _EDGES or after in _EDGES else _KEPT


class _Rules:
    """An extension of the formatter: a thematic break is three signs, not seventy."""

    RENDERERS: Final = {"hr": lambda _node, _context: "***", "text": _text}


@cache
def _formatter() -> MarkdownIt:
    parser = MarkdownIt(renderer_cls=MDRenderer)  # type: ignore[arg-type]  # takes any argument
    parser.options["mdformat"] = _OPTIONS
    parser.options["store_labels"] = True
    extension = mdformat.plugins.PARSER_EXTENSIONS["gfm"]
    parser.options["parser_extension"] = [extension, _Rules]
    parser.options["codeformatters"] = {}
    extension.update_mdit(parser)
    return parser
