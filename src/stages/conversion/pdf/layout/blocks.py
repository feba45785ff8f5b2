"""Make blocks of lines: headings, paragraphs, lists, tables without rules, code."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from stages.conversion.markdown import fence, heading, paragraph
from stages.conversion.pdf.inline import TICKED, UNTICKED
from stages.conversion.pdf.layout.grid import Cell, Grid
from stages.conversion.pdf.layout.lines import Line, lines_of
from stages.conversion.pdf.layout.measure import BULLET, Measure
from stages.conversion.pdf.layout.tables import Aligned, Block, Row, Table, differ

_ITEM: Final = re.compile(r"(?:-|\d+\.) ")
_NUMBER: Final = re.compile(r"(\d+)(\. )")
_LEADER: Final = re.compile(r"\s*(?:[.·…_‥]\s?){4,}\s*(?=[\divxlcA-Z-]{0,8}$)")
_DOTS: Final = re.compile(r"[.·…_‥]\s?[.·…_‥]")  # fast: most texts have none
_PAGE_NUMBER: Final = re.compile(r"[\divxlc]{1,8}")
_LABEL: Final = re.compile(r"^\w[^:.!?]{0,40}:(?:\s|$)")
_LARGER: Final = 1.08
_MAX_HEADING_CHARS = 160
_MAX_HEADING_LINES = 3
_INDENT_POINTS: Final = 6.0
_PARAGRAPH_GAP: Final = 1.3  # of the usual distance of baselines within the region
_LABEL_GAP: Final = 1.6  # of the font's size
_SHORT: Final = 0.3  # of a region's width, left free at a line's end though a word had room

Joiner: TypeAlias = Callable[[str, str], str]


@dataclass(frozen=True)
class Fonts:
    """How the document is set: the size of its prose, the sizes of headings from the largest."""

    body: float
    headings: tuple[float, ...]

    def level_of(self, line: Line) -> int | None:
        """Return the level of a line that is set like a heading, else None."""
        if line.mono or line.grid is not None:
            return None
        if line.size > self.body * _LARGER:
            return 1 + sum(size > line.size for size in self.headings[:5])
        if line.bold and line.size >= self.body and not line.text.endswith((".", ",", ";", ":")):
            return 1 + min(len(self.headings), 5)
        return None


def fonts_of(lines: Iterable[Line]) -> Fonts:
    """Return the document's fonts: most characters are prose, what is larger are headings."""
    sizes: Counter[float] = Counter()
    for line in lines:
        if line.grid is None:
            sizes[line.size] += line.length
    if not sizes:
        return Fonts(10.0, ())
    body = max(sizes, key=lambda size: sizes[size])
    larger = sorted((size for size in sizes if size > body * _LARGER), reverse=True)
    return Fonts(body, tuple(larger))


def blocks_of(region: Sequence[Line], fonts: Fonts, join: Joiner) -> Iterator[Block]:
    """Give the blocks of one region's lines."""
    rows = _rows(region)
    measure = Measure.of(region, rows)
    index = 0
    while index < len(rows):
        if any(line.grid is not None for line in rows[index]):
            yield from _beside_grids(rows[index], fonts, join)
            index += 1
            continue
        aligned = Aligned.at(rows, index)
        if aligned is not None:
            length = aligned.length
            table = aligned.table(lambda lines: _joined(lines, join))
            if _are_answers(table):
                yield from _answers(table)
            else:
                yield Block(table=table)
        else:
            length = _block_length(rows, index, measure, fonts)
            yield Block(_block(rows[index : index + length], fonts, join))
        index += length


def _are_answers(table: Table) -> bool:
    """Tell whether rows are labels with what was filled in, and no table."""
    labels = sum(row[0].endswith(":") for row in table.rows)
    return len(table.columns) == 2 and labels * 2 >= len(table.rows)


def _answers(table: Table) -> Iterator[Block]:
    """Give each row of labels and what stands behind them as a line of its own."""
    for row in table.rows:
        yield Block(paragraph(" ".join(text for text in row if text)))


def _beside_grids(row: Row, fonts: Fonts, join: Joiner) -> Iterator[Block]:
    """Give a table with rules, and what stands beside it on the height of its first line."""
    for line in row:
        if line.grid is not None:
            yield from _grid(line.grid, join)
        else:
            yield Block(_block([(line,)], fonts, join))


def joined_blocks(parts: Iterable[Block]) -> str:
    """Join blocks by blank lines, but items of a list that follow each other by none."""
    pieces: list[str] = []
    previous = ""
    for text in _as_numbered([text for part in parts if (text := part.markdown())]):
        tight = _ITEM.match(text) and _ITEM.match(previous)
        pieces.append(("\n" if tight else "\n\n" if pieces else "") + text)
        previous = text
    return "".join(pieces)


def _as_numbered(texts: Sequence[str]) -> Iterator[str]:
    """Give blocks; numbers that a reader of Markdown would count again are plain text."""
    marks = [_NUMBER.match(text) for text in texts]
    numbers = [int(mark[1]) if mark else None for mark in marks]
    in_list = False
    for place, (text, mark, number) in enumerate(zip(texts, marks, numbers, strict=True)):
        if mark is None or number is None:
            in_list = False
            yield text
            continue
        before = numbers[place - 1] if place else None
        after = numbers[place + 1] if place + 1 < len(numbers) else None
        goes_on = in_list and before is not None and number == before + 1
        begins = before is None and after in (None, number + 1)
        in_list = (goes_on or begins) and (number == 0 or not mark[1].startswith("0"))
        yield text if in_list else _NUMBER.sub(r"\1\\\2", text, count=1)


def _rows(lines: Sequence[Line]) -> list[Row]:
    """Group lines that stand side by side."""
    rows: list[list[Line]] = []
    for line in lines:
        if rows and line.x0 >= rows[-1][-1].x1 and _beside(rows[-1][-1], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_unbulleted(row) for row in rows]


def _beside(a: Line, b: Line) -> bool:
    if a.grid is not None or b.grid is not None:
        return False
    return min(a.bottom, b.bottom) - max(a.top, b.top) > 0.4 * min(
        a.bottom - a.top, b.bottom - b.top
    )


def _unbulleted(row: list[Line]) -> Row:
    """Join a bullet or number that stands far before its text with that text."""
    if len(row) == 2 and BULLET.match(row[0].text + " x"):
        return (Line(row[0].words + row[1].words),)
    if len(row) == 2 and _is_entry(row[0].text, row[1].text):
        return (Line(row[0].words + row[1].words),)
    return tuple(row)


def _has_leader(text: str) -> bool:
    """Tell whether dots lead to the end of a text, or to a page's number there."""
    return _DOTS.search(text) is not None and _LEADER.search(text) is not None


def _is_entry(text: str, number: str) -> bool:
    """Tell whether two cells are an entry of contents: dots lead from the first to a number."""
    return bool(
        _has_leader(text + number) or (text.endswith(" .") and _PAGE_NUMBER.fullmatch(number))
    )


def _block_length(rows: Sequence[Row], start: int, measure: Measure, fonts: Fonts) -> int:
    length = 1
    while start + length < len(rows) and Aligned.at(rows, start + length) is None:
        before, after = rows[start + length - 1][-1], rows[start + length][0]
        if after.grid is not None or _parted(rows[start][0], before, after, measure, fonts):
            break
        length += 1
    return length


def _parted(first: Line, before: Line, after: Line, measure: Measure, fonts: Fonts) -> bool:
    """Tell whether a new block begins between two lines that follow each other."""
    distance = after.bottom - before.bottom
    level = fonts.level_of(before)
    if level != fonts.level_of(after) or before.mono != after.mono:
        return True
    usual = max(measure.leading, after.size * 1.15)
    if distance < 0 or distance > _PARAGRAPH_GAP * usual:
        return True
    if before.mono:
        return False
    if abs(after.size - before.size) > 0.6:
        return True
    if level is None and _ends_early(before, after, distance, measure):
        return True
    return measure.begins_item(after) or _indented(first, before, after, measure)


def _ends_early(before: Line, after: Line, distance: float, measure: Measure) -> bool:
    """Tell whether a line ends on purpose: an entry of contents, a label, an address."""
    if _has_leader(before.text) or after.words[0].text in (TICKED, UNTICKED):
        return True
    if before.words[-1].text.isdigit() and _has_leader(after.text):
        return True
    if _LABEL.match(before.text) and _LABEL.match(after.text) and not after.text[:1].islower():
        return True
    free = measure.right - before.x1
    if free < after.words[0].x1 - after.words[0].x0 + before.size or before.words[-1].broken:
        return False
    if _LABEL.match(after.text) and (
        _LABEL.match(before.text) or distance > after.size * _LABEL_GAP
    ):
        return True
    if measure.begins_item(before) or not after.text[:1].isalnum() or after.text[:1].islower():
        return False
    return free > _SHORT * (measure.right - measure.left) and after.x0 - before.x0 < 1.0


def _indented(first: Line, before: Line, after: Line, measure: Measure) -> bool:
    """Tell whether a line begins a paragraph by its indent, or ends an item of a list by none."""
    if measure.begins_item(first):
        hangs = len(first.words) > 1 and after.x0 >= first.words[1].x0 - _INDENT_POINTS / 2
        if hangs:
            return False
        return before is not first or before.x1 < measure.right - 4 * before.size
    return after.x0 - before.x0 > _INDENT_POINTS and before is not first


def _block(rows: Sequence[Row], fonts: Fonts, join: Joiner) -> str:
    lines = [line for row in rows for line in row]
    if all(line.mono for line in lines):
        return _code(rows)
    text = _joined(lines, join)
    level = fonts.level_of(lines[0])
    if level is not None and len(rows) <= _MAX_HEADING_LINES and len(text) <= _MAX_HEADING_CHARS:
        return heading(text, level)
    if _DOTS.search(text):
        text = _LEADER.sub(" … ", text)
    match = BULLET.match(text)
    return _item(match, text) if match else paragraph(text)


def _item(match: re.Match[str], text: str) -> str:
    number = match[1].strip("().")
    marker = f"{number}." if number.isdigit() else "-"
    return f"{marker} {paragraph(text[match.end() :])}"


def _joined(lines: Sequence[Line], join: Joiner) -> str:
    text = lines[0].text
    for before, after in itertools.pairwise(lines):
        hyphenated = before.words[-1].broken or text.endswith("-")
        if hyphenated:
            text = join(text, after.text)
        elif _is_solid(text[-1:]) and _is_solid(after.text[:1]):
            text += after.text
        else:
            text = f"{text} {after.text}"
    return text


def _is_solid(char: str) -> bool:
    """Tell whether no space stands between this character and the next over a line's end."""
    return (
        "\u3000" <= char <= "\u30ff" or "\u3400" <= char <= "\u9fff" or "\uff00" <= char <= "\uff65"
    )


def _code(rows: Sequence[Row]) -> str:
    """Return code with its indents, which are counted in widths of a character."""
    left = min(row[0].x0 for row in rows)
    texts = []
    for row in rows:
        line = Line(tuple(word for cell in row for word in cell.words))
        texts.append(_spaced(line, left))
    return fence("\n".join(texts))


def _spaced(line: Line, left: float) -> str:
    widths = [(w.x1 - w.x0) / len(w.text) for w in line.words if len(w.text) > 2]
    width = max(sum(widths) / len(widths) if widths else line.size * 0.6, 1.0)
    text = ""
    for word in line.words:
        column = round((word.x0 - left) / width)
        gap = 0 if word.glued else 1
        text += " " * max(column - len(text), gap if text else 0) + word.text
    return text


def _grid(grid: Grid, join: Joiner) -> Iterator[Block]:
    rows = tuple(
        tuple(_cell(cell, join) for cell in row) for part in grid.rows for row in _parts(part)
    )
    filled = [row for row in rows if any(row)]
    columns = sum(any(column) for column in zip(*rows, strict=True))
    if len(filled) < 2 or columns < 2:
        for text in (text for row in filled for text in row if text):
            yield Block(paragraph(text))
        return
    first, second = ([word for cell in row for word in cell] for row in grid.rows[:2])
    yield Block(table=Table(rows, grid.columns, ruled=True, headed=differ(first, second)))


def _parts(row: Sequence[Cell]) -> list[tuple[Cell, ...]]:
    """Split a row whose cells hold the same number of lines, each beside the others'."""
    cells = [lines_of(cell) for cell in row]
    filled = [lines for lines in cells if lines]
    counts = {len(lines) for lines in filled}
    if len(filled) < 2 or len(counts) != 1 or min(counts) < 3:
        return [tuple(row)]
    level = all(
        max(line.bottom for line in across) - min(line.bottom for line in across) < 3.0
        for across in zip(*filled, strict=True)
    )
    if not level:
        return [tuple(row)]
    return [
        tuple(lines[number].words if lines else () for lines in cells)
        for number in range(min(counts))
    ]


def _cell(words: Cell, join: Joiner) -> str:
    lines = lines_of(words)
    return _joined(lines, join) if lines else ""
