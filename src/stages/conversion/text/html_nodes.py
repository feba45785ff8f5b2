"""Small operations on the tree of an HTML page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

BLOCKS: Final = frozenset(
    [
        "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "dialog",
        "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2",
        "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "legend", "li", "main", "menu", "nav",
        "ol", "optgroup", "option", "p", "pre", "search", "section", "summary", "table", "tbody",
        "td", "tfoot", "th", "thead", "tr", "ul", "caption", "br", "html",
    ]
)  # fmt: skip
# Text between these stands for Markdown that no escaping may touch; noncharacters (Unicode 23.7)
# are in no text that is meant to be interchanged, and are dropped from what comes in.
_OPENING, _CLOSING = "\ufdd0", "\ufdd1"
_TOKEN: Final = re.compile(f"{_OPENING}([0-9]+){_CLOSING}")
_NONCHARACTERS: Final = re.compile("[\ufdd0-\ufdef]")


class Inserts:
    """Markdown that is put into a page before it is converted, and comes out as it is."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    @staticmethod
    def cleared(html: str) -> str:
        """Return the page without characters that only this class may use."""
        return html if html.isascii() else _NONCHARACTERS.sub("", html)

    def put(self, markdown: str) -> str:
        """Return the text to stand in the page in place of the Markdown."""
        self._texts.append(markdown)
        return f"{_OPENING}{len(self._texts) - 1}{_CLOSING}"

    def filled(self, markdown: str) -> str:
        """Return the converted page with each piece of Markdown in its place."""
        return _TOKEN.sub(self._text, markdown) if self._texts else markdown

    def _text(self, match: re.Match[str]) -> str:
        index = int(match[1])
        return self._texts[index] if index < len(self._texts) else ""


def children(node: LexborNode) -> list[LexborNode]:
    """Return the child nodes of all kinds."""
    return list(node.iter(include_text=True))


def unwrap_as_block(page: LexborHTMLParser, node: LexborNode) -> None:
    """Take an element away and leave what is in it, apart from what stands beside it."""
    boundary = page.create_node("p")
    node.insert_before(boundary)
    node.insert_after(boundary)
    node.unwrap()


def put_first(node: LexborNode, text: str) -> None:
    """Put a text at the beginning of an element, in its first paragraph if it begins with one."""
    for child in children(node):
        if child.is_text_node and not (child.text_content or "").strip():
            continue
        if child.tag in ("p", "div"):
            put_first(child, text)
        else:
            child.insert_before(text)
        return
    node.insert_child(text)


def is_block(node: LexborNode) -> bool:
    """Tell whether a node begins and ends a line of its own."""
    return node.tag in BLOCKS


def within(node: LexborNode) -> list[LexborNode]:
    """Return the elements within one; the library's selectors match the element itself too."""
    return [inner for inner in node.css("*") if inner.mem_id != node.mem_id]


def has_blocks(node: LexborNode) -> bool:
    """Tell whether there is a block within an element, line breaks aside."""
    return any(inner.tag in BLOCKS and inner.tag != "br" for inner in within(node))


def ancestors(node: LexborNode) -> Iterator[LexborNode]:
    """Return the elements around one, the nearest first."""
    around = node.parent
    while around is not None:
        yield around
        around = around.parent


def text_of(node: LexborNode) -> str:
    """Return the text of a node on one line."""
    whole = node.text_content if node.is_text_node else node.text(deep=True)
    return " ".join((whole or "").split())
