"""Prepare the blocks of a page: definition lists and footnotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.conversion.text.html_nodes import (
    Inserts,
    ancestors,
    children,
    is_block,
    put_first,
    text_of,
    unwrap_as_block,
)

# Stand at the end of a term and at the beginning of its definition.
_TERM, _DEFINITION = "\ufdd2", "\ufdd3"
_TIED: Final = re.compile(rf":?{_TERM}[\s>]*{_DEFINITION}[ ]*(?=(\S?))")
_TERMS: Final = re.compile(rf"{_TERM}[\s>]*(?=[^\n{_TERM}{_DEFINITION}]*{_TERM})")
_LEFT: Final = re.compile(f"[{_TERM}{_DEFINITION}]")
_NOTE_LABEL: Final = re.compile(r"[\[(]?([^\W_]{1,6}|[*†‡§¶]{1,4})[\])]?")


def tie_definitions(page: LexborHTMLParser) -> None:
    """Mark terms and definitions, for `definitions_tied` to join them."""
    for term in page.css("dt"):
        if text_of(term):
            _put_last(term, _TERM)
    for definition in page.css("dd"):
        before = _element_before(definition)
        if before is not None and before.tag == "dt" and text_of(before):
            put_first(definition, _DEFINITION)


def definitions_tied(markdown: str) -> str:
    """Write `term: definition` in one line where both stand one after the other."""
    if _TERM not in markdown:
        return markdown
    joined = _TIED.sub(lambda match: ": " if match[1] else ":", _TERMS.sub(", ", markdown))
    return _LEFT.sub("", joined)


def _put_last(node: LexborNode, text: str) -> None:
    """Put a text at the end of an element, in its last paragraph if it ends with one."""
    for child in reversed(children(node)):
        if child.is_text_node and not (child.text_content or "").strip():
            continue
        if child.tag in ("p", "div"):
            _put_last(child, text)
            return
        break
    node.insert_child(text)


def _element_before(node: LexborNode) -> LexborNode | None:
    before = node.prev
    while before is not None and not before.is_element_node:
        before = before.prev
    return before


def mark_footnotes(page: LexborHTMLParser, inserts: Inserts) -> None:
    """Write references to notes further down as `[^1]`, and the notes as `[^1]: text`."""
    anchors = page.css('[id],a[name],a[href^="#"]')
    places = {node.mem_id: place for place, node in enumerate(anchors)}
    named = {name: node for node in anchors for name in _names(node)}
    labels: dict[int, str] = {}
    notes: dict[int, LexborNode] = {}
    for link in [node for node in anchors if _is_reference(node)]:
        target = named.get((link.attributes.get("href") or "")[1:])
        note = target and places[target.mem_id] > places[link.mem_id] and _note_of(target)
        match = _NOTE_LABEL.fullmatch(text_of(link))
        if not note or not match:
            continue
        label = labels.setdefault(note.mem_id, _unique(match[1], labels))
        notes[note.mem_id] = note
        _replace_reference(link, inserts.put(f"[^{label}]"))
    for note_id, note in notes.items():
        _write_note(page, note, inserts.put(f"[^{labels[note_id]}]: "))
    _unlist(page, set(notes))


def _names(node: LexborNode) -> Iterator[str]:
    attributes = node.attributes
    yield from filter(None, (attributes.get("id"), attributes.get("name")))


def _is_reference(node: LexborNode) -> bool:
    if node.tag != "a" or not (node.attributes.get("href") or "").startswith("#"):
        return False
    attributes, around = node.attributes, node.parent
    marked = "footnote" in (attributes.get("class") or "") or (
        attributes.get("role") == "doc-noteref"
    )
    raised = around is not None and around.tag == "sup"
    return marked or raised or bool(node.css("sup"))


def _note_of(target: LexborNode) -> LexborNode | None:
    """Return the block that a reference leads to, if it is one of a note's size."""
    node: LexborNode | None = target
    while node is not None and not is_block(node):
        node = node.parent
    if node is None or node.tag not in ("li", "p", "div", "dd", "aside"):
        return None
    return node if text_of(node) else None


def _unique(label: str, labels: dict[int, str]) -> str:
    taken = set(labels.values())
    return label if label not in taken else f"{label}-{len(labels) + 1}"


def _replace_reference(link: LexborNode, text: str) -> None:
    node = link
    around = link.parent
    while around is not None and not is_block(around) and text_of(around) == text_of(link):
        node, around = around, around.parent
    node.replace_with(text)


def _write_note(page: LexborHTMLParser, note: LexborNode, prefix: str) -> None:  # noqa: ARG001
    for link in note.css('a[href^="#"]'):
        text = text_of(link)
        if _NOTE_LABEL.fullmatch(text) or not any(map(str.isalnum, text)):
            _drop_backlink(link, note)
    first = note.first_child
    if first is not None and first.is_text_node:
        first.replace_with((first.text_content or "").lstrip())
    put_first(note, prefix)


def _drop_backlink(link: LexborNode, note: LexborNode) -> None:
    """Remove a link back, with the brackets and marks around it that are nothing without it."""
    node = link
    for around in ancestors(link):
        rest = text_of(around).replace(text_of(link), "", 1)
        if around.mem_id == note.mem_id or is_block(around) or any(map(str.isalnum, rest)):
            break
        node = around
    node.decompose()


def _unlist(page: LexborHTMLParser, notes: set[int]) -> None:
    """Take away the lists all items of which are notes: those have numbers of their own."""
    for notes_list in page.css("ol,ul") if notes else []:
        items = [item for item in notes_list.iter() if item.tag == "li"]
        if items and all(item.mem_id in notes for item in items):
            for node in (*items, notes_list):
                unwrap_as_block(page, node)
