"""Number the lists of a page as a browser does (HTML 4.4.5 to 4.4.8), where Markdown would not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.conversion.text.html_nodes import Inserts, put_first
from stages.conversion.text.visibility import style_of

_MARKED: Final = "ol[type],ol[reversed],ol[style],ol:has(> li[value]),ol:has(> li[type])"
_INTEGER: Final = re.compile(r"\s*([+-]?\d{1,9})")
_ROMAN: Final = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_MAX_ROMAN: Final = 3_999
_GREEK: Final = "αβγδεζηθικλμνξοπρστυφχψω"


def write_labels(page: LexborHTMLParser, inserts: Inserts) -> None:
    """Make lists whose labels Markdown cannot write into bullets that begin with the labels."""
    for numbered in reversed(page.css(_MARKED)):
        items = [item for item in numbered.iter() if item.tag == "li"]
        labels = list(_labels(numbered, items))
        if not items or labels == _as_markdown_counts(numbered, len(items)):
            continue
        for item, label in zip(items, labels, strict=True):
            put_first(item, inserts.put(label) + " ")
        _rename(page, numbered)


def _labels(numbered: LexborNode, items: Sequence[LexborNode]) -> Iterator[str]:
    """Return what stands before each item; the dot of a number is escaped, or it began a list."""
    step = -1 if "reversed" in numbered.attributes else 1
    number = _integer(numbered, "start", len(items) if step < 0 else 1)
    style = _style(numbered) or "decimal"
    for item in items:
        number = _integer(item, "value", number)
        text = _WRITTEN.get(_style(item) or style, str)(number) or str(number)
        yield f"{text}\\." if text.lstrip("-").isdigit() else f"{text}."
        number += step


def _as_markdown_counts(numbered: LexborNode, count: int) -> list[str]:
    start = _integer(numbered, "start", 1)
    return [f"{number}\\." for number in range(start, start + count)] if start >= 0 else []


def _integer(node: LexborNode, name: str, default: int) -> int:
    match = _INTEGER.match(node.attributes.get(name) or "")
    return int(match[1]) if match else default


def _style(node: LexborNode) -> str:
    declared = style_of(node)
    words = (declared.get("list-style-type") or declared.get("list-style") or "").split()
    named = next((word for word in words if word in _WRITTEN), "")
    return named or _TYPES.get((node.attributes.get("type") or "").strip(), "")


def _rename(page: LexborHTMLParser, numbered: LexborNode) -> None:
    """Put an unordered list in the place of a numbered one."""
    numbered.insert_before(page.create_node("ul"))
    bullets = numbered.prev
    for child in list(numbered.iter(include_text=True)):
        if bullets is not None:
            bullets.insert_child(child)  # which puts a copy there
    numbered.decompose()


def _alphabetic(letters: str) -> Callable[[int], str]:
    def written(number: int) -> str:
        text = ""
        while number > 0:
            number, rest = divmod(number - 1, len(letters))
            text = letters[rest] + text
        return text

    return written


def _roman(number: int) -> str:
    if not 0 < number <= _MAX_ROMAN:
        return ""
    text = ""
    for value, letters in _ROMAN:
        count, number = divmod(number, value)
        text += letters * count
    return text


_LATIN: Final = "abcdefghijklmnopqrstuvwxyz"
_WRITTEN: Final[Mapping[str, Callable[[int], str]]] = {
    "decimal": str,
    "decimal-leading-zero": "{:02d}".format,
    "lower-alpha": _alphabetic(_LATIN),
    "lower-latin": _alphabetic(_LATIN),
    "upper-alpha": _alphabetic(_LATIN.upper()),
    "upper-latin": _alphabetic(_LATIN.upper()),
    "lower-roman": _roman,
    "upper-roman": lambda number: _roman(number).upper(),
    "lower-greek": _alphabetic(_GREEK),
}
_TYPES: Final[Mapping[str, str]] = {
    "1": "decimal",
    "a": "lower-alpha",
    "A": "upper-alpha",
    "i": "lower-roman",
    "I": "upper-roman",
}
