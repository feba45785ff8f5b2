"""Read the shapes of a slide: texts, tables, charts, diagrams, pictures and groups of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from stages.conversion.markdown import blocks
from stages.conversion.office.chart import chart_markdown
from stages.conversion.office.diagram import diagram_markdown
from stages.conversion.office.drawing import A, R, TextParagraph, paragraphs
from stages.conversion.office.markup import cell_line, inline, lines_of_block, one_line
from stages.conversion.office.outline import ITEM, PARAGRAPH, Block, Cell, laid_out, markdown_of
from stages.conversion.office.package import Element, Package, local
from stages.conversion.office.pictures import picture
from stages.conversion.office.slides.order import Box, Placed, in_reading_order
from stages.conversion.office.slides.places import (
    P,
    Space,
    inherited_transform,
    placeholder_of,
    transform_of,
)
from stages.conversion.office.word.number_words import written

_TITLES: Final = ("title", "ctrTitle")
_UNLISTED: Final = (*_TITLES, "subTitle", "dt", "ftr", "sldNum", "hdr")
_WORD: Final = re.compile(r"\w+")
_MAX_SPAN: Final = 1_000
_MAX_DEPTH: Final = 60
_SCHEMES: Final = {
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
    "circleNum": "decimalEnclosedCircle",
}


class SlideReader:
    """Reads one slide: its title, and all else in reading order."""

    def __init__(self, package: Package, part: str, left_out: Counter[str]) -> None:
        self._package = package
        self._part = part
        self._left_out = left_out
        self._title = ""

    def read(self, tree: Element) -> tuple[str, list[str]]:
        """Return a slide's title, "" for none, and its blocks in reading order."""
        found = list(self._all(tree, Space(), 0))
        return self._title, [each.markdown for each in in_reading_order(found)]

    def body_text(self, body: Element | None) -> list[TextParagraph]:
        """Return the paragraphs of a text body that hold something."""
        return [each for each in paragraphs(body, self._address) if not each.is_empty]

    def _all(self, parent: Element, space: Space, depth: int) -> Iterator[Placed]:
        for shape in parent:
            yield from self._shape(shape, space, depth)

    def _shape(self, shape: Element, space: Space, depth: int) -> Iterator[Placed]:
        name = local(shape)
        if name == "AlternateContent":
            yield from self._alternative(shape, space, depth)
        elif _is_hidden(shape):
            words = " ".join(t.text or "" for t in shape.iter(f"{A}t"))
            self._left_out["hiddenText"] += len(_WORD.findall(words))
        elif name == "grpSp":
            yield from self._group(shape, space, depth)
        elif name in ("sp", "pic", "graphicFrame", "cxnSp"):
            yield from self._single(shape, name, space)

    def _alternative(self, shape: Element, space: Space, depth: int) -> Iterator[Placed]:
        """Read the first alternative that holds something (part 3, 7.5)."""
        for option in shape:
            found = list(self._all(option, space, depth))
            if found:
                yield from found
                return

    def _group(self, shape: Element, space: Space, depth: int) -> Iterator[Placed]:
        """Read a group as one: its own shapes in order, at the place of the whole."""
        if depth > _MAX_DEPTH:
            return
        transform = transform_of(shape)
        inside = list(self._all(shape, space.within(transform), depth + 1))
        text = blocks(each.markdown for each in in_reading_order(inside)) or _description(shape)
        if text:
            box = space.box(transform) or _around([e.box for e in inside if e.box])
            yield Placed(text, box)

    def _single(self, shape: Element, name: str, space: Space) -> Iterator[Placed]:
        placeholder = placeholder_of(shape)
        kind = "" if placeholder is None else placeholder.get("type", "")
        body = shape.find(f"{P}txBody")
        if name == "sp" and placeholder is not None and kind in _TITLES and not self._title:
            self._title = _titled(self.body_text(body))
            return
        if name == "graphicFrame":
            text = self._frame(shape)
        else:
            listed = placeholder is not None and kind not in _UNLISTED
            text = text_blocks(self.body_text(body), listed=listed)
        text = text or _description(shape)
        if text:
            yield Placed(text, self._box(shape, placeholder, space))

    def _box(self, shape: Element, placeholder: Element | None, space: Space) -> Box | None:
        transform = transform_of(shape)
        if transform is None and placeholder is not None:
            transform = inherited_transform(self._package, self._part, placeholder)
        return space.box(transform)

    def _frame(self, shape: Element) -> str:
        found = (each for data in shape.iter(f"{A}graphicData") for each in data)
        return blocks(map(self._framed, found))

    def _framed(self, element: Element) -> str:
        name = local(element)
        if name == "tbl":
            return markdown_of(laid_out(list(self._grid(element)), 0))
        if name == "chart":
            return chart_markdown(self._related(element.get(f"{R}id")))
        if name == "relIds":
            return diagram_markdown(self._related(element.get(f"{R}dm")))
        return ""

    def _related(self, relationship_id: str | None) -> Element | None:
        target = self._package.target(self._part, relationship_id)
        return None if target is None or target.external else self._package.xml(target.target)

    def _address(self, relationship_id: str | None) -> str:
        target = self._package.target(self._part, relationship_id)
        return target.target if target is not None and target.external else ""

    def _grid(self, table: Element) -> Iterator[list[Cell]]:
        above: list[Cell] = []
        for row in table.iterchildren(f"{A}tr"):
            cells: list[Cell] = []
            for tc in row.iterchildren(f"{A}tc"):
                cells.append(self._cell(tc, cells, above))
            yield cells
            above = cells

    def _cell(self, tc: Element, before: Sequence[Cell], above: Sequence[Cell]) -> Cell:
        at = len(before)
        if tc.get("vMerge") in ("1", "true") and at < len(above):
            return Cell(above[at].text, above[at].part or "below")
        if tc.get("hMerge") in ("1", "true") and before:
            return Cell(before[-1].text, "right")
        lines = (cell_line(each.spans) for each in self.body_text(tc.find(f"{A}txBody")))
        return Cell("<br>".join(line.replace(r"\|", "|") for line in lines if line))


def text_blocks(found: Sequence[TextParagraph], *, listed: bool) -> str:
    """Return paragraphs as a list if their place makes one, or if they say so themselves."""
    is_list = listed or any(each.level > 0 or each.bullet for each in found)
    counts: dict[int, tuple[str, int]] = {}
    made: list[Block] = []
    for each in found:
        text = lines_of_block(inline(each.spans))
        if (
            not is_list
            or each.bullet is False
            or (each.bullet is None and not listed and not each.level)
        ):
            made.append(Block(PARAGRAPH, text))
        else:
            made.append(Block(ITEM, text, each.level, _label(each, counts)))
    return markdown_of(made)


def _label(paragraph: TextParagraph, counts: dict[int, tuple[str, int]]) -> str:
    """Count a numbered paragraph at its level; deeper ones begin again (21.1.2.4.1)."""
    for deeper in [level for level in counts if level > paragraph.level]:
        del counts[deeper]
    if paragraph.numbering is None:
        counts.pop(paragraph.level, None)
        return "-"
    scheme, start = paragraph.numbering
    before = counts.get(paragraph.level)
    count = before[1] + 1 if before and before[0] == scheme else start
    counts[paragraph.level] = (scheme, count)
    name = next((kind for prefix, kind in _SCHEMES.items() if scheme.startswith(prefix)), "decimal")
    number = written(count, name)
    if scheme.endswith("ParenBoth"):
        return f"({number})"
    return number + (")" if scheme.endswith("ParenR") else "." if scheme.endswith("Period") else "")


def _titled(found: Iterable[TextParagraph]) -> str:
    return " ".join(one_line(each.spans, emphasis=False) for each in found).strip()


def _is_hidden(shape: Element) -> bool:
    properties = _properties(shape)
    return properties is not None and properties.get("hidden") in ("1", "true")


def _description(shape: Element) -> str:
    properties = _properties(shape)
    return "" if properties is None else picture(properties.get("descr"))


def _properties(shape: Element) -> Element | None:
    for each in shape:
        if local(each).startswith("nv"):
            return each.find(f"{P}cNvPr")
    return None


def _around(found: Sequence[Box]) -> Box | None:
    if not found:
        return None
    return Box(
        min(box.left for box in found),
        min(box.top for box in found),
        max(box.right for box in found),
        max(box.bottom for box in found),
    )
