"""Read the blocks of a story: paragraphs, lists, tables, text boxes (ECMA-376 part 1, 17)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from stages.conversion.markdown import escaped
from stages.conversion.office.formula import display_formulas, latex
from stages.conversion.office.markup import (
    PAGE_BREAK,
    Span,
    inline,
    lines_of_block,
    one_line,
    plain,
    split_at_breaks,
)
from stages.conversion.office.outline import (
    CODE,
    HEADING,
    ITEM,
    PARAGRAPH,
    QUOTE,
    Block,
    Cell,
    laid_out,
)
from stages.conversion.office.package import Element, local
from stages.conversion.office.word.document import Document
from stages.conversion.office.word.names import W, child, number, switch, value
from stages.conversion.office.word.numbering import Label
from stages.conversion.office.word.runs import RunReader, mark_check_boxes
from stages.conversion.office.word.styles import CODES, LIST_NAME, QUOTES, TITLE
from stages.conversion.office.word.table import (
    has_heads_of_rows_alone,
    is_deleted,
    is_header,
    is_hidden,
    placed_cells,
    rows_of,
)

_WRAPPERS: Final = (
    "sdt",
    "sdtContent",
    "customXml",
    "ins",
    "moveTo",
    "smartTag",
    "AlternateContent",
    "Choice",
)
_TASK: Final = re.compile(r"\[[x ]\](?=\s|$)")
_LONGEST_LABEL: Final = 12
_MAX_DEPTH: Final = 80
_PAGE_WORDS: Final = 4
_NO_NUMBER: Final = "0"

ReadChunk = Callable[[str, str], list[Block]]


class StoryReader:
    """Reads one part's story; `read_chunk` reads documents that are embedded as a part."""

    def __init__(
        self, document: Document, part: str, root: Element, read_chunk: ReadChunk | None = None
    ) -> None:
        self._document = document
        self._part = part
        mark_check_boxes(root)
        self._runs = RunReader(document, part, root)
        self._read_chunk = read_chunk
        self._depth = 0
        self._joined: list[Span] = []  # of paragraphs whose end was deleted

    def blocks(self, container: Element) -> list[Block]:
        """Return the blocks of a body, a cell, a note or a text box."""
        if self._depth > _MAX_DEPTH:
            words = " ".join(e.text or "" for e in container.iter(f"{W}t"))
            return [Block(PARAGRAPH, lines_of_block(escaped(words)))] if words.strip() else []
        self._depth += 1
        outer, self._joined = self._joined, []
        found = [block for each in container for block in self._element(each)]
        if self._joined:  # nothing follows that it could run on into
            found += self._text_blocks(self._joined, None, None, None)
        self._joined = outer
        self._depth -= 1
        return found

    def _element(self, element: Element) -> list[Block]:
        name = local(element)
        if name == "p":
            return list(self._paragraph(element))
        if name == "tbl":
            return self._table(element)
        if name in _WRAPPERS:
            return self.blocks(element)
        if name in ("del", "moveFrom"):
            names = (f"{W}t", f"{W}delText")
            words = " ".join(e.text or "" for e in element.iter(*names))
            self._document.leave_out("deletedText", words)
        if name == "altChunk" and self._read_chunk is not None:
            return self._read_chunk(self._part, element.get(_RELATIONSHIP, ""))
        if name in ("oMathPara", "oMath"):
            return self._bare_formula(element)
        return []

    def _bare_formula(self, element: Element) -> list[Block]:
        texts = (
            display_formulas(element)
            if local(element) == "oMathPara"
            else [f"$${text}$$" if (text := latex(element)) else ""]
        )
        return [Block(PARAGRAPH, text) for text in texts if text]

    def _paragraph(self, element: Element) -> Iterator[Block]:
        properties = child(element, "pPr")
        style_id = self._document.styles.paragraph_style(properties)
        content = self._runs.read(element, style_id)
        content.spans[:0] = self._joined
        self._joined = []
        mark = child(properties, "rPr")
        is_deleted = child(mark, "del") is not None
        if is_deleted:
            self._joined, content.spans = content.spans, []
        is_gone = is_deleted or (bool(switch(mark, "vanish")) and not content.spans)
        label = None if is_gone else self._label(properties, style_id)
        if content.counts_pages and self._is_page_number(content.spans):
            self._document.leave_out("runningLines", plain(content.spans))
        elif any(span.text.strip() for span in content.spans):
            yield from self._text_blocks(content.spans, properties, style_id, label)
        for box in content.boxes:
            if isinstance(box, str):
                yield from [Block(PARAGRAPH, box)] if box.strip() else []
            else:
                yield from self.blocks(box)

    def _is_page_number(self, spans: list[Span]) -> bool:
        """Tell whether a line of a header or footer holds the page's number and hardly more."""
        words = [word for word in re.findall(r"\w+", plain(spans)) if not word.isdigit()]
        return self._part != self._document.part and len(words) < _PAGE_WORDS

    def _text_blocks(
        self,
        spans: list[Span],
        properties: Element | None,
        style_id: str | None,
        label: Label | None,
    ) -> Iterator[Block]:
        names = self._document.styles.names(style_id)
        level = self._heading_level(properties, style_id)
        if level is not None or TITLE in names[:2]:
            text = one_line(_unbroken(spans), emphasis=False)
            shown = _beside(label, text)
            yield Block(HEADING, shown, level or 1)
        elif CODES.intersection(names):
            yield Block(CODE, plain(_unbroken(spans)))
        else:
            lines = [text for group in split_at_breaks(spans) if (text := inline(group))]
            yield from [self._line(text, names, label) for text in lines[:1]]
            yield from (Block(PARAGRAPH, _as_paragraph(text)) for text in lines[1:])

    def _line(self, text: str, names: list[str], label: Label | None) -> Block:
        text = _as_paragraph(text)
        listed = next((m for name in names if (m := LIST_NAME.fullmatch(name))), None)
        level = int(listed[2] or 1) - 1 if listed else 0
        if label is not None and (label.is_bullet or label.text):
            return _labelled(text, label, label.level or level)
        if _TASK.match(text):
            return Block(ITEM, text)
        if listed and label is None:
            return Block(ITEM, text, level, "1." if listed[1] == "number" else "-")
        return Block(QUOTE if QUOTES.intersection(names) else PARAGRAPH, text)

    def _heading_level(self, properties: Element | None, style_id: str | None) -> int | None:
        level = number(properties, "outlineLvl")
        if level is not None:
            return level + 1 if 0 <= level < 9 else None
        return self._document.styles.heading_level(style_id)

    def _label(self, properties: Element | None, style_id: str | None) -> Label | None:
        """Count a paragraph in its list; its own numbering goes before its style's (17.3.1.19)."""
        styles, numbering = self._document.styles, self._document.numbering
        own = child(properties, "numPr")
        styled_id, styled_level, source = styles.numbering(style_id)
        num_id, level = value(own, "numId"), number(own, "ilvl")
        if num_id is None:
            num_id = styled_id
            if level is None and num_id is not None:
                tied = numbering.level_of_style(num_id, style_id)
                if tied is None:
                    tied = numbering.level_of_style(num_id, source)
                level = styled_level if tied is None else tied
        if num_id is None:
            return None
        return Label("", 0) if num_id == _NO_NUMBER else numbering.next_label(num_id, level or 0)

    def _table(self, element: Element) -> list[Block]:
        rows = list(rows_of(element))
        only = list(placed_cells(rows[0])) if len(rows) == 1 else []
        if len(only) == 1:
            return self.blocks(only[0][0])  # a frame
        grid: list[list[Cell]] = []
        header_rows = 0
        for row in rows:
            if is_deleted(row) or is_hidden(row):
                kind = "deletedText" if is_deleted(row) else "hiddenText"
                self._document.leave_out(kind, _words(row))
                continue
            if is_header(row) and header_rows == len(grid):
                header_rows += 1
            grid.append(self._grid_row(row, grid[-1] if grid else []))
        headless = not header_rows and has_heads_of_rows_alone(element)
        return laid_out(grid, header_rows if header_rows > 1 else 0, headless=headless)

    def _grid_row(self, row: Element, above: list[Cell]) -> list[Cell]:
        cells: list[Cell] = []
        for tc, gap, span, merge in placed_cells(row):
            cells += [Cell("")] * gap
            at = len(cells)
            if merge == "below" and at < len(above):
                self._document.leave_out("hiddenText", _words(tc))
                cells += [Cell(c.text, c.part or "below") for c in above[at : at + span]]
            elif merge == "right" and cells:
                self._document.leave_out("hiddenText", _words(tc))
                cells += [Cell(cells[-1].text, "right")] * span
            else:
                text = self._cell(tc)
                cells += [Cell(text), *[Cell(text, "right")] * (span - 1)]
        return cells

    def _cell(self, tc: Element) -> str:
        lines = (" ".join(block.line.split()) for block in self.blocks(tc))
        return "<br>".join(line for line in lines if line)


_RELATIONSHIP: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def _beside(label: Label | None, text: str) -> str:
    if label is None or not label.text:
        return text
    return f"{escaped(label.text)}{'' if label.glued else ' '}{text}"


def _unbroken(spans: list[Span]) -> list[Span]:
    return [replace(span, text=span.text.replace(PAGE_BREAK, " ")) for span in spans]


def _as_paragraph(text: str) -> str:
    return text if _TASK.match(text) else lines_of_block(text)


def _labelled(text: str, label: Label, level: int) -> Block:
    """Return an item, or a paragraph where the label is as good as words, such as `Article 1`."""
    if label.is_bullet:
        return Block(ITEM, text, level)
    if label.glued:
        return Block(PARAGRAPH, lines_of_block(escaped(label.text)) + text)
    if len(label.text) > _LONGEST_LABEL or " " in label.text:
        return Block(PARAGRAPH, f"{lines_of_block(escaped(label.text))} {text}")
    return Block(ITEM, text, level, label.text)


def _words(element: Element) -> str:
    return " ".join(each.text or "" for each in element.iter(f"{W}t"))
