"""Fields: what they show is their stored result (ECMA-376 part 1, 17.16)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from stages.conversion.office.package import Element
from stages.conversion.office.word.names import W, child, number, switch, value

_LINK: Final = re.compile(r'\s*HYPERLINK\s+(?:"([^"]+)"|([^\s\\"]+))', re.IGNORECASE)
_READING: Final = re.compile(r"\s*EQ\b.*?\\s\s*\\up\s*\d+\s*\(([^()]*)\)\s*[,;]([^()]*)\)")
_PAGE: Final = re.compile(r"\s*(PAGE|NUMPAGES|SECTIONPAGES)\b", re.IGNORECASE)


@dataclass
class Field:
    """A field that has begun and not ended."""

    form: Element | None = None
    instruction: str = ""
    shows: bool = False  # whether its result has begun


class Fields:
    """The fields that are open at a place; they may span paragraphs and hold each other.

    Where a part begins more fields than it ends, nothing is taken for an instruction.
    """

    def __init__(self, root: Element) -> None:
        kinds = [each.get(f"{W}fldCharType") for each in root.iter(f"{W}fldChar")]
        self._whole = kinds.count("begin") == kinds.count("end")
        self._open: list[Field] = []

    @property
    def hides(self) -> bool:
        """Tell whether text at this place belongs to an instruction."""
        return self._whole and any(not field.shows for field in self._open)

    @property
    def link(self) -> str:
        """Return the address of the innermost link that is open."""
        for field in reversed(self._open):
            address = link_of(field.instruction) if field.shows else ""
            if address:
                return address
        return ""

    def instruct(self, text: str) -> None:
        """Add to the instruction of the innermost field."""
        if self._open and not self._open[-1].shows:
            self._open[-1].instruction += text

    def turn(self, character: Element) -> str:
        """Begin, part or end a field; return what a form's check box or choice shows."""
        kind = character.get(f"{W}fldCharType")
        if kind == "begin":
            self._open.append(Field(child(character, "ffData")))
        elif kind == "separate" and self._open:
            self._open[-1].shows = True
        elif kind == "end" and self._open:
            field = self._open.pop()
            return _shown_by(field.form) or ("" if field.shows else _drawn_by(field.instruction))
        return ""


def link_of(instruction: str) -> str:
    """Return the address that a HYPERLINK instruction leads to; a place within has none."""
    match = _LINK.match(instruction)
    return (match[1] or match[2] or "") if match else ""


def counts_pages(instruction: str) -> bool:
    """Tell whether a field shows a page's number or how many there are."""
    return _PAGE.match(instruction) is not None


def _drawn_by(instruction: str) -> str:
    """Return the word and its reading that an EQ field draws above it (17.16.5.22)."""
    match = _READING.search(instruction)
    return f"{match[2]}({match[1]})" if match else ""


def _shown_by(form: Element | None) -> str:
    box = child(form, "checkBox")
    if box is not None:
        checked = switch(box, "checked")
        return "[x]" if (switch(box, "default") if checked is None else checked) else "[ ]"
    choice = child(form, "ddList")
    if choice is not None:
        entries = [each.get(f"{W}val", "") for each in choice.iter(f"{W}listEntry")]
        result = number(choice, "result")
        index = int(value(choice, "default") or 0) if result is None else result
        return entries[index] if 0 <= index < len(entries) else ""
    return ""
