"""Texts of cells: shared, inline and rich strings (ECMA-376 part 1, 18.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from lxml import etree

from stages.conversion.markdown import cell as escaped_cell
from stages.conversion.office.markup import Span, cell_line
from stages.conversion.office.package import Element, Package, local

_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NEEDS_ESCAPE: Final = re.compile(r"[^\w .,:;/()%+-]|_|  |^ | $")


class Text(NamedTuple):
    """A text, and its Markdown for a table's cell."""

    plain: str
    markdown: str


def shared_strings(package: Package, name: str | None) -> list[Text]:
    """Return the shared strings of a workbook."""
    if name is None or not package.has(name):
        return []
    found: list[Text] = []
    with package.open(name) as part:
        for _, element in etree.iterparse(part, tag="{*}si", **SAFE):
            found.append(text_of(element))
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    return found


def text_of(element: Element) -> Text:
    """Return the text of a string item; the readings above East Asian text are left out."""
    if len(element) == 1 and local(element[0]) == "t":
        text = unescaped(element[0].text or "")
        return Text(text, escaped_text(text))
    spans = tuple(_spans(element))
    return Text("".join(span.text for span in spans), cell_line(spans))


def escaped_text(text: str) -> str:
    """Return a text as the Markdown of a table's cell."""
    return escaped_cell(text) if _NEEDS_ESCAPE.search(text) else text


def _spans(element: Element) -> Iterator[Span]:
    for child in element:
        name = local(child)
        if name == "t":
            yield Span(unescaped(child.text or ""))
        elif name == "r":
            yield from _run(child)


def _run(run: Element) -> Iterator[Span]:
    strike, vertical = False, ""
    for child in run:
        if local(child) == "rPr":
            for each in child:
                name, value = local(each), each.get("val", "1")
                strike |= name == "strike" and value not in ("0", "false")
                if name == "vertAlign":
                    vertical = {"superscript": "sup", "subscript": "sub"}.get(value, "")
        elif local(child) == "t":
            yield Span(unescaped(child.text or ""), strike=strike, vertical=vertical)


def unescaped(text: str) -> str:
    """Return a text whose escaped characters, such as `_x000D_`, are themselves (22.9.2.19)."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text).replace("\r\n", "\n")


SAFE: Final = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
