"""Headers and footers: each that is shown comes out once, page numbers left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stages.conversion.office.outline import Block
from stages.conversion.office.package import Element
from stages.conversion.office.word.blocks import StoryReader
from stages.conversion.office.word.document import Document
from stages.conversion.office.word.names import R, W, switch

_ALWAYS: Final = "default"


def headers(document: Document, root: Element) -> list[Block]:
    """Return the blocks of all headers that are shown, in the order of their sections."""
    return list(_running(document, root, "headerReference"))


def footers(document: Document, root: Element) -> list[Block]:
    """Return the blocks of all footers that are shown, in the order of their sections."""
    return list(_running(document, root, "footerReference"))


def _running(document: Document, root: Element, name: str) -> Iterator[Block]:
    seen: set[Block] = set()
    for part, is_shown in _parts(document, root, name).items():
        story = document.package.xml(part)
        if story is None:
            continue
        if not is_shown:
            words = " ".join(each.text or "" for each in story.iter(f"{W}t"))
            document.leave_out("runningLines", words)
            continue
        for block in StoryReader(document, part, story).blocks(story):
            if block not in seen:
                seen.add(block)
                yield block


def _parts(document: Document, root: Element, name: str) -> dict[str, bool]:
    """Return the headers or footers in order, and whether a page shows them.

    A section that has none of a kind has that of the section before it (17.10.5).
    """
    found: dict[str, bool] = {}
    current: dict[str, str] = {}
    has_even_pages = _has_even_pages(document)
    for section in root.iter(f"{W}sectPr"):
        for reference in section.iterchildren(f"{W}{name}"):
            target = document.package.target(document.part, reference.get(f"{R}id"))
            if target and not target.external:
                current[reference.get(f"{W}type", _ALWAYS)] = target.target
        shown = {_ALWAYS: True, "first": switch(section, "titlePg"), "even": has_even_pages}
        for kind, part in current.items():
            found[part] = found.get(part, False) or bool(shown.get(kind))
    return found


def _has_even_pages(document: Document) -> bool:
    name = document.related_part("settings")
    settings = document.package.xml(name) if name else None
    return bool(switch(settings, "evenAndOddHeaders")) if settings is not None else False
