"""Make blocks of lines: headings, paragraphs, lists, tables without rules, code."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from stages.conversion.markdown import fence, heading, paragraph, table
from stages.conversion.pdf.grid import Grid
from stages.conversion.pdf.lines import Line, lines_of
from stages.conversion.pdf.page import Word

_BULLET: Final = re.compile(r"^([•◦▪‣●○■□\u2013\u2014·\uf0b7\u2043*-]|\(?\d{1,3}[.)])\s+(?=\S)")
_ITEM: Final = re.compile(r"(?:-|\d+\.) ")
_LARGER: Final = 1.08
_MAX_HEADING_CHARS = 160
_MAX_HEADING_LINES = 3
_INDENT_POINTS: Final = 6.0
_PARAGRAPH_GAP: Final = 1.3  # of the usual distance of baselines within the region
_COLUMN_NEAR_POINTS: Final = 8.0

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
        if line.text:
            sizes[line.size] += len(line.text)
    if not sizes:
        return Fonts(10.0, ())
    body = max(sizes, key=lambda size: sizes[size])
    larger = sorted((size for size in sizes if size > body * _LARGER), reverse=True)
    return Fonts(body, tuple(larger))


def markdown_of(region: Sequence[Line], fonts: Fonts, join: Joiner) -> str:
    """Return the Markdown of one region's lines."""
    measure = _Measure.of(region)
    rows = _rows(region)
    parts: list[str] = []
    index = 0
    while index < len(rows):
        length = _table_length(rows, index)
        grid = rows[index][0].grid
        if grid is not None:
            length = 1
            parts.append(_grid(grid, join))
        elif length:
            parts.append(_table(rows[index : index + length]))
        else:
            length = _block_length(rows, index, measure, fonts)
            parts.append(_block(rows[index : index + length], fonts, join))
        index += length
    return _with_tight_lists(parts)


def _with_tight_lists(parts: Sequence[str]) -> str:
    """Join blocks by blank lines, but items of a list that follow each other by none."""
    text = ""
    previous = ""
    for part in filter(None, parts):
        tight = _ITEM.match(part) and _ITEM.match(previous)
        text += ("\n" if tight else "\n\n" if text else "") + part
        previous = part
    return text


@dataclass(frozen=True)
class _Measure:
    """The usual distance of baselines in a region, and where its longest line ends, in points."""

    leading: float
    right: float

    @staticmethod
    def of(region: Sequence[Line]) -> _Measure:
        return _Measure(_leading(region), max((line.x1 for line in region), default=0.0))


_Row: TypeAlias = tuple[Line, ...]


def _rows(lines: Sequence[Line]) -> list[_Row]:
    """Group lines that stand side by side."""
    rows: list[list[Line]] = []
    for line in lines:
        if rows and line.x0 >= rows[-1][-1].x1 and _beside(rows[-1][-1], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_unbulleted(row) for row in rows]


def _beside(a: Line, b: Line) -> bool:
    return min(a.bottom, b.bottom) - max(a.top, b.top) > 0.4 * min(
        a.bottom - a.top, b.bottom - b.top
    )


def _unbulleted(row: list[Line]) -> _Row:
    """Join a bullet or number that stands far before its text with that text."""
    if len(row) == 2 and _BULLET.match(row[0].text + " x"):
        return (Line(row[0].words + row[1].words),)
    return tuple(row)


def _leading(lines: Sequence[Line]) -> float:
    """Return the usual distance of two baselines, in points."""
    gaps = Counter(
        round(after.bottom - before.bottom)
        for before, after in itertools.pairwise(lines)
        if 0 < after.bottom - before.bottom < 3 * after.size and after.size == before.size
    )
    return float(gaps.most_common(1)[0][0]) if gaps else 14.0


def _table_length(rows: Sequence[_Row], start: int) -> int:
    """Return how many rows from `start` on are a table's: two or more, cells below the first's."""
    length = 0
    columns = [cell.x0 for cell in rows[start]]
    if len(columns) < 2:
        return 0
    for row in rows[start:]:
        if len(row) != len(columns) or not _in_line(row, rows[start]):
            break
        length += 1
    return length if length >= 2 else 0


def _in_line(row: _Row, first: _Row) -> bool:
    """Tell whether cells stand under those of the first row: at the left, right or middle."""
    return all(
        min(abs(a.x0 - b.x0), abs(a.x1 - b.x1), abs(a.x0 + a.x1 - b.x0 - b.x1) / 2)
        <= _COLUMN_NEAR_POINTS
        for a, b in zip(row, first, strict=True)
    )


def _table(rows: Sequence[_Row]) -> str:
    return table([[line.text for line in row] for row in rows])


def _block_length(rows: Sequence[_Row], start: int, measure: _Measure, fonts: Fonts) -> int:
    length = 1
    while start + length < len(rows) and not _table_length(rows, start + length):
        before, after = rows[start + length - 1][-1], rows[start + length][0]
        if after.grid is not None or _parted(rows[start][0], before, after, measure, fonts):
            break
        length += 1
    return length


def _parted(first: Line, before: Line, after: Line, measure: _Measure, fonts: Fonts) -> bool:
    """Tell whether a new block begins between two lines that follow each other."""
    distance = after.bottom - before.bottom
    if fonts.level_of(before) != fonts.level_of(after) or before.mono != after.mono:
        return True
    usual = max(measure.leading, after.size * 1.15)
    if distance < 0 or distance > _PARAGRAPH_GAP * usual:
        return True
    if before.mono:
        return False
    if abs(after.size - before.size) > 0.6:
        return True
    return bool(_BULLET.match(after.text)) or _indented(first, before, after, measure)


def _indented(first: Line, before: Line, after: Line, measure: _Measure) -> bool:
    """Tell whether a line begins a paragraph by its indent, or ends an item of a list by none."""
    if _BULLET.match(first.text):
        hangs = after.x0 >= first.words[1].x0 - _INDENT_POINTS / 2
        if hangs:
            return False
        return before is not first or before.x1 < measure.right - 4 * before.size
    return after.x0 - before.x0 > _INDENT_POINTS and before is not first


def _block(rows: Sequence[_Row], fonts: Fonts, join: Joiner) -> str:
    lines = [line for row in rows for line in row]
    if all(line.mono for line in lines):
        return _code(rows)
    text = _joined(lines, join)
    level = fonts.level_of(lines[0])
    if level is not None and len(rows) <= _MAX_HEADING_LINES and len(text) <= _MAX_HEADING_CHARS:
        return heading(text, level)
    match = _BULLET.match(text)
    return _item(match, text) if match else paragraph(text)


def _item(match: re.Match[str], text: str) -> str:
    number = match[1].strip("().")
    marker = f"{number}." if number.isdigit() else "-"
    return f"{marker} {paragraph(text[match.end() :])}"


def _joined(lines: Sequence[Line], join: Joiner) -> str:
    text = lines[0].text
    for before, after in itertools.pairwise(lines):
        hyphenated = before.words[-1].broken or text.endswith("-")
        text = join(text, after.text) if hyphenated else f"{text} {after.text}"
    return text


def _code(rows: Sequence[_Row]) -> str:
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
        text += " " * max(column - len(text), 1 if text else 0) + word.text
    return text


def _grid(grid: Grid, join: Joiner) -> str:
    rows = [[_cell(cell, join) for cell in row] for row in grid.rows]
    used = [any(column) for column in zip(*rows, strict=True)]
    kept = [[text for text, use in zip(row, used, strict=True) if use] for row in rows if any(row)]
    return table(kept)


def _cell(words: Sequence[Word], join: Joiner) -> str:
    lines = lines_of(words)
    return _joined(lines, join) if lines else ""
