"""Very large pages are read slice by slice, so that their trees need not be in memory at once.

A tree takes about a kilobyte for each tag. Slices begin at headings, else at other blocks, else at
rows of a table, which are given its header again. What encloses a slice from outside is lost: it
is a section, a list or a table of its own.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Final

_MOST_TAGS: Final = 200_000
_LEAST_CHARS: Final = 64 * 1024
_SEARCHED_CHARS: Final = 256 * 1024
_MAX_HEADER_CHARS: Final = 10_000
_MAX_STYLE_CHARS: Final = 64 * 1024
_UNREAD: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_STYLE: Final = re.compile(r"<style\b.*?</style\s*>", re.DOTALL | re.IGNORECASE)
_SCRIPT: Final = re.compile(r"<script\b", re.IGNORECASE)
_PLACES: Final = tuple(
    re.compile(rf"<(?:{names})\b", re.IGNORECASE)
    for names in (
        "h[1-6]|section|article",
        "table|p|div|ul|ol|dl|pre|blockquote",
        "tr",
        "li|dt",
    )
)
_ROW: Final = re.compile(r"<tr\b", re.IGNORECASE)
_HEADER: Final = re.compile(r"<tr\b.*?(?=<tr\b|</thead)", re.DOTALL | re.IGNORECASE)
_HEAD_CELL: Final = re.compile(r"<th\b", re.IGNORECASE)
_ITEM: Final = re.compile(r"<li\b", re.IGNORECASE)


def slices(html: str) -> Iterator[str]:
    """Return the page in slices of at most 200,000 tags or so; most pages are one."""
    tags = html.count("<")
    if tags <= _MOST_TAGS:
        yield html
        return
    styles = "".join(_STYLE.findall(html))[:_MAX_STYLE_CHARS]
    common = styles + ("<script></script>" if _SCRIPT.search(html) else "")
    html = _UNREAD.sub("", html)
    start = 0
    while start < len(html):
        end = _end(html, start, max(_LEAST_CHARS, len(html) * _MOST_TAGS // tags))
        yield common + _opened(html, start) + html[start:end]
        start = end


def _end(html: str, start: int, size: int) -> int:
    """Return where the slice that begins at `start` ends: before the best place to part."""
    while size > _LEAST_CHARS and html.count("<", start, start + size) > 2 * _MOST_TAGS:
        size //= 2
    end = start + size
    if end >= len(html):
        return len(html)
    begin = max(start + 1, end - min(size // 2, _SEARCHED_CHARS))
    for places in _PLACES:
        last = deque(places.finditer(html, begin, end), maxlen=1)
        if last:
            return last[0].start()
    return max(html.rfind("<", begin, end), 0) or end


def _opened(html: str, start: int) -> str:
    """Return what a slice lacks that begins with a row or an item."""
    if _ROW.match(html, start):
        table = html.rfind("<table", 0, start)
        header = _HEADER.search(html, max(table, 0), max(table, 0) + _MAX_HEADER_CHARS)
        has_heads = table >= 0 and header and _HEAD_CELL.search(header[0])
        return f"<table>{header[0] if has_heads and header else ''}"
    return "<ul>" if _ITEM.match(html, start) else ""
