"""Take the notes of a book out of its pages, and put marks where the text refers to them.

EPUB 3 names both by `epub:type` (`noteref`, `footnote`, `endnote`) or by roles of DPUB-ARIA.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from lxml import etree

from stages.conversion.office.package import Element, local, parse
from stages.errors import UnconvertibleDocument

_START, _END = "\ue0f3", "\ue0f4"
_MARK: Final = re.compile(f"{_START}(\\d+){_END}")
_TYPE: Final = "{http://www.idpf.org/2007/ops}type"
_HOLDERS: Final = ("aside", "li", "p", "div", "dd", "section", "td")
_ARROWS: Final = re.compile(r"[\s\u200d\ufe0e\ufe0f↩↵⏎↑⤴←^*†]*")
_WORD: Final = re.compile(r"\w+")
_LABEL: Final = re.compile(r"\s*[\[(]?(\w{1,4})[\])]?[.:]?\s+")


@dataclass(frozen=True)
class Page:
    """A page of a book: the name of its file, and its content."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Book:
    """Pages without their notes, and the notes by number, as pages of their own.

    `left_out` counts the words of links from notes back into the text.
    """

    pages: Sequence[Page]
    notes: Mapping[int, bytes] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


def without_notes(pages: Sequence[Page]) -> Book:
    """Return a book's pages with a mark for each reference to a note that was found."""
    if not any(b"noteref" in page.content for page in pages):
        return Book(pages)
    trees = {page.name: tree for page in pages if (tree := _tree(page.content)) is not None}
    places = {
        (name, each.get("id", "")): each
        for name, tree in trees.items()
        for each in tree.iter()
        if each.get("id")
    }
    numbers: dict[tuple[str, str], int] = {}
    labels: dict[int, str] = {}
    for name, tree in trees.items():
        for reference in list(tree.iter("{*}a")):
            target = _target(name, reference)
            if _is(reference, "noteref") and target in places:
                number = numbers.setdefault(target, len(numbers) + 1)
                labels.setdefault(number, _words(reference))
                _replace(reference, f"{_START}{number}{_END}")
    left_out: Counter[str] = Counter()
    notes = {
        number: _note(places[target], labels[number], left_out)
        for target, number in numbers.items()
    }
    for target in numbers:
        _remove(_holder(places[target]))
    return Book(
        [Page(p.name, _written(trees[p.name]) if p.name in trees else p.content) for p in pages],
        notes,
        +left_out,
    )


def with_references(markdown: str) -> str:
    """Return Markdown whose marks are references to footnotes."""
    return _MARK.sub(r"[^\1]", markdown)


def _tree(content: bytes) -> Element | None:
    try:
        return parse(content)
    except (etree.XMLSyntaxError, ValueError, UnconvertibleDocument):
        return None  # a page that is no XML keeps its notes where they stand


def _is(element: Element, kind: str) -> bool:
    kinds = f"{element.get(_TYPE, '')} {element.get('role', '')}".replace("doc-", "").split()
    return kind in kinds


def _target(page: str, link: Element) -> tuple[str, str]:
    path, _, fragment = unquote(link.get("href", "")).partition("#")
    folder = posixpath.dirname(page)
    return (posixpath.normpath(posixpath.join(folder, path)) if path else page), fragment


def _words(element: Element) -> str:
    return "".join(map(str, element.itertext())).strip()


def _note(place: Element, label: str, left_out: Counter[str]) -> bytes:
    """Return a note as a page: without links back, without its own number."""
    holder = _holder(place)
    for link in list(holder.iter("{*}a")):
        words = _words(link)
        if _is(link, "backlink") or _ARROWS.fullmatch(words) or words == label:
            left_out["linksBack"] += len(_WORD.findall(words)) if words != label else 0
            _replace(link, "")
    _drop_label(holder, label)
    inner = etree.tostring(holder, encoding="unicode", with_tail=False)
    return f"<html><body><div>{inner}</div></body></html>".encode()


def _holder(place: Element) -> Element:
    each: Element | None = place
    while each is not None and local(each) not in _HOLDERS:
        each = each.getparent()
    return place if each is None else each


def _drop_label(holder: Element, label: str) -> None:
    for each in holder.iter():
        if each.text and each.text.strip():
            match = _LABEL.match(each.text)
            if match and match[1] == label.strip("[]()."):
                each.text = each.text[match.end() :]
            return


def _replace(element: Element, text: str) -> None:
    """Put a text in an element's place; a raised one that holds nothing else goes with it."""
    parent = element.getparent()
    while parent is not None and local(parent) == "sup" and _words(parent) == _words(element):
        element, parent = parent, parent.getparent()
    if parent is None:
        return
    tail = text + (element.tail or "")
    before = element.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(element)


def _remove(element: Element) -> None:
    _replace(element, "")


def _written(tree: Element) -> bytes:
    return etree.tostring(tree, encoding="utf-8", method="xml")


def shown(notes: Mapping[int, str]) -> Iterator[str]:
    """Return the notes in Markdown as definitions, in the order of their numbers."""
    for number, markdown in sorted(notes.items()):
        text = (
            markdown.strip().removeprefix("- ").replace("\n", "\n    ").replace("\n    \n", "\n\n")
        )
        yield f"[^{number}]: {text}"
