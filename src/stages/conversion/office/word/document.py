"""What the parts of a Word document share: styles, lists, notes, counts of what is left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from stages.conversion.office.package import Element, Package
from stages.conversion.office.word.names import W
from stages.conversion.office.word.numbering import Numbering
from stages.conversion.office.word.styles import Styles

WORD: Final = re.compile(r"\w+")
_SEPARATORS: Final = ("separator", "continuationSeparator", "continuationNotice")
_NOTE_PARTS: Final = {"footnote": "footnotes", "endnote": "endnotes", "comment": "comments"}


class Document:
    """An open document and the state of its reading."""

    def __init__(self, package: Package, part: str, *, comments: bool) -> None:
        self.package = package
        self.part = part
        self.comments = comments
        self.styles = Styles(self._xml("styles"))
        self.numbering = Numbering(self._xml("numbering"))
        self.left_out: Counter[str] = Counter()
        self.notes = Notes(self)

    def leave_out(self, kind: str, text: str) -> None:
        """Count the words of a text that is left out on purpose."""
        words = len(WORD.findall(text))
        if words:
            self.left_out[kind] += words

    def related_part(self, kind: str) -> str | None:
        """Return the name of the one part of this kind that the document points to."""
        return next(self.package.related(self.part, kind), None)

    def _xml(self, kind: str) -> Element | None:
        name = self.related_part(kind)
        return None if name is None else self.package.xml(name)


class Notes:
    """Footnotes, endnotes and comments, numbered in the order in which the text refers to them."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: dict[str, tuple[str, dict[str, Element]]] = {}
        self._numbers: dict[tuple[str, str], int] = {}

    def number(self, kind: str, note_id: str) -> int | None:
        """Return the number of a note, None if there is no such note."""
        if note_id not in self._elements(kind)[1]:
            return None
        return self._numbers.setdefault((kind, note_id), len(self._numbers) + 1)

    def in_order(self) -> Iterator[tuple[int, str, Element, str]]:
        """Return number, kind, element and part of each note; reading one may call for more."""
        done = 0
        while done < len(self._numbers):
            (kind, note_id), number = list(self._numbers.items())[done]
            part, elements = self._elements(kind)
            yield number, kind, elements[note_id], part
            done += 1

    def elements(self, kind: str) -> dict[str, Element]:
        """Return all notes of a kind by their ids."""
        return self._elements(kind)[1]

    def _elements(self, kind: str) -> tuple[str, dict[str, Element]]:
        if kind not in self._found:
            part = self._document.related_part(_NOTE_PARTS[kind]) or ""
            root = self._document.package.xml(part) if part else None
            notes = root.iterchildren(f"{W}{kind}") if root is not None else ()
            self._found[kind] = (
                part,
                {n.get(f"{W}id", ""): n for n in notes if n.get(f"{W}type") not in _SEPARATORS},
            )
        return self._found[kind]
