"""Prepare an OpenDocument's content: mark raised text, take out what is hidden (ODF 1.3 part 3)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stages.conversion.office.others.marks import END, STARTS
from stages.conversion.office.package import Element

_STYLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_TEXT: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_WORD: Final = re.compile(r"\w+")
_MAX_CHAIN: Final = 50
_SPANS: Final = (f"{_TEXT}span", f"{_TEXT}p", f"{_TEXT}h", f"{_TEXT}a")


@dataclass(frozen=True)
class _Look:
    based_on: str = ""
    vertical: str = ""
    hidden: bool = False


def prepare(content: Element, styles: Element | None, *, include_hidden: bool) -> Counter[str]:
    """Change a content tree in place; return the words that were left out, by kind."""
    looks = {**_looks(styles), **_looks(content)} if styles is not None else _looks(content)
    left_out: Counter[str] = Counter()
    for changes in list(content.iter(f"{_TEXT}tracked-changes")):
        left_out["deletedText"] += _words(changes)
        _remove(changes)
    if not include_hidden:
        _leave_out_hidden(content, looks, left_out)
    _write_readings(content)
    for span in content.iter(f"{_TEXT}span"):
        vertical = _first(looks, span.get(f"{_TEXT}style-name", ""), "vertical")
        if vertical:
            _mark(span, str(vertical))
    return left_out


def _leave_out_hidden(content: Element, looks: dict[str, _Look], left_out: Counter[str]) -> None:
    for element in list(_hidden(content, looks)):
        is_sheet = element.tag == f"{_TABLE}table"
        left_out["hiddenSheets" if is_sheet else "hiddenText"] += _words(element)
        _remove(element)


def _hidden(content: Element, looks: dict[str, _Look]) -> Iterator[Element]:
    for element in content.iter(*_SPANS, f"{_TABLE}table"):
        name = element.get(f"{_TEXT}style-name") or element.get(f"{_TABLE}style-name") or ""
        if _first(looks, name, "hidden"):
            yield element
    for row in content.iter(f"{_TABLE}table-row"):
        if row.get(f"{_TABLE}visibility") in ("collapse", "filter"):
            yield row
    for section in content.iter(f"{_TEXT}section"):
        if section.get(f"{_TEXT}display") == "none":
            yield section


def _write_readings(content: Element) -> None:
    """Write the reading of a word in parentheses after it."""
    for ruby in content.iter(f"{_TEXT}ruby-text"):
        if ruby.text and ruby.text.strip():
            ruby.text = f"({ruby.text.strip()})"
            ruby.tag = f"{_TEXT}span"
            ruby.attrib.clear()


def _mark(span: Element, vertical: str) -> None:
    start = STARTS[vertical]
    if len(span):
        span.text = start + (span.text or "")
        span[-1].tail = (span[-1].tail or "") + END
    elif span.text:
        span.text = start + span.text + END


def _looks(root: Element) -> dict[str, _Look]:
    found: dict[str, _Look] = {}
    for style in root.iter(f"{_STYLE}style"):
        vertical, hidden = "", False
        for properties in style:
            vertical = _vertical(properties.get(f"{_STYLE}text-position", "")) or vertical
            hidden |= properties.get(f"{_TEXT}display") == "none"
            hidden |= properties.get(f"{_TABLE}display") == "false"
        parent = style.get(f"{_STYLE}parent-style-name", "")
        found[style.get(f"{_STYLE}name", "")] = _Look(parent, vertical, hidden)
    return found


def _vertical(position: str) -> str:
    first = position.split(" ", maxsplit=1)[0]
    if first in STARTS or first == "super":
        return "sup" if first == "super" else first
    amount = first.rstrip("%")
    if not re.fullmatch(r"-?\d+(\.\d+)?", amount) or float(amount) == 0:
        return ""
    return "sup" if float(amount) > 0 else "sub"


def _first(looks: dict[str, _Look], name: str, what: str) -> object:
    for _ in range(_MAX_CHAIN):
        look = looks.get(name)
        if look is None:
            return None
        found = getattr(look, what)
        if found:
            return found
        name = look.based_on
    return None


def _words(element: Element) -> int:
    return len(_WORD.findall(" ".join(map(str, element.itertext()))))


def _remove(element: Element) -> None:
    """Take an element out, but not the text after it."""
    parent = element.getparent()
    if parent is None:
        return
    before = element.getprevious()
    if element.tail and before is not None:
        before.tail = (before.tail or "") + element.tail
    elif element.tail:
        parent.text = (parent.text or "") + element.tail
    parent.remove(element)
