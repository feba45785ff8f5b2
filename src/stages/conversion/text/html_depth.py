"""Pages nested deeper than any reader follows: containers go, what is in them stays apart."""

from __future__ import annotations

import re
from typing import Final

from selectolax.lexbor import LexborHTMLParser

_MAX_DEPTH = 120
_KEPT_DEPTH = 60
_MANY_TAGS = 50_000
_UNBEARABLE_DEPTH = 5_000  # the time of parsing grows with the square of the depth
_TAG: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>"
)
_VOID: Final = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
     "track", "wbr"]
)  # fmt: skip
_INLINE: Final = frozenset(
    ["a", "b", "i", "em", "strong", "u", "big", "small", "tt", "font", "span"]
)
_CONTAINERS: Final = _INLINE | {
    "div", "section", "article", "main", "aside", "nav", "header", "footer", "form", "fieldset",
    "center", "address", "figure", "details", "label", "p",
}  # fmt: skip
_XML_WITHIN = 100
_SELF_CLOSED: Final = re.compile(
    r"<([a-zA-Z][a-zA-Z0-9]*)((?:[^<>\"'/]|\"[^\"]*\"|'[^']*'|/(?!>))*)/>"
)
_BOUNDARY: Final = "<p></p>"


def parsed(html: str) -> LexborHTMLParser:
    """Return the tree of a page, as a browser builds it.

    A page that is XML may end elements in their own tags, which HTML does not know: `<title/>`
    would take all that follows for its text.
    """
    if html[:_XML_WITHIN].lstrip().startswith("<?xml"):
        html = _SELF_CLOSED.sub(_closed_apart, html)
    if html.count("<") > _MANY_TAGS and _depth(html) > _UNBEARABLE_DEPTH:
        html = flattened(html)
    return LexborHTMLParser(html)


def _closed_apart(match: re.Match[str]) -> str:
    name = match[1]
    return match[0] if name.lower() in _VOID else f"<{name}{match[2]}></{name}>"


def shallow(page: LexborHTMLParser) -> LexborHTMLParser:
    """Return the tree, without what is nested too deep if there is any."""
    if page.css_first(" > ".join(["*"] * _MAX_DEPTH)) is None:
        return page
    return LexborHTMLParser(flattened(page.html or ""))


def flattened(html: str) -> str:
    """Take containers away below a depth of 60, and below 60 of them whatever is nested."""
    return _TAG.sub(_Flattening().tag, html)


class _Flattening:
    """Follows the open elements of a page, and which of them are kept."""

    def __init__(self) -> None:
        self._open: list[tuple[str, bool]] = []
        self._kept = 0

    def tag(self, match: re.Match[str]) -> str:
        """Return a tag as it is, or what stands in place of it."""
        closing, name = match[1], (match[2] or "").lower()
        if not name or name in _VOID or match[3].endswith("/"):
            return match[0]
        return self._closed(match[0], name) if closing else self._opened(match[0], name)

    def _opened(self, tag: str, name: str) -> str:
        deep = len(self._open) >= _KEPT_DEPTH and name in _CONTAINERS
        kept = not deep and self._kept < 2 * _KEPT_DEPTH
        self._open.append((name, kept))
        self._kept += kept
        return tag if kept else _in_place_of(name)

    def _closed(self, tag: str, name: str) -> str:
        if not self._open or self._open[-1][0] != name:
            return "" if len(self._open) >= _KEPT_DEPTH else tag
        _, kept = self._open.pop()
        self._kept -= kept
        return tag if kept else _in_place_of(name)


def _in_place_of(name: str) -> str:
    return "" if name in _INLINE else _BOUNDARY


def _depth(html: str) -> int:
    deepest = depth = 0
    for tag in _TAG.finditer(html):
        closing, name, rest = tag.groups("")
        if name and name.lower() not in _VOID and not rest.endswith("/"):
            depth = max(0, depth - 1) if closing else depth + 1
            deepest = max(deepest, depth)
    return deepest
