"""Make blocks of lines: headings, paragraphs, lists, tables without rules, code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from stages.conversion.markdown import blocks, escaped, fence, heading, paragraph, table
from stages.conversion.pdf_lines import Line

_BULLET: Final = re.compile(r"^([•◦▪‣●○■□–—·\uf0b7\u2043*-]|\(?\d{1,3}[.)]|[a-z][.)])\s+(?=\S)")
_LARGER: Final = 1.08
_MAX_HEADING_CHARS = 160
_MAX_HEADING_LINES = 3
_INDENT_POINTS: Final = 6.0
_PARAGRAPH_GAP: Final = 1.6  # of the usual distance of baselines within the region
_COLUMN_NEAR_POINTS: Final = 8.0

Joiner: TypeAlias = Callable[[str, str], str]


@dataclass(frozen=True)
class Fonts:
    """How the document is set: the size of its prose, the sizes of headings from the largest."""

    body: float
    headings: tuple[float, ...]

    def level_of(self, line: Line) -> int | None:
        """Return the level of a line that is set like a heading, else None."""
        if line.mono:
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
        sizes[line.size] += len(line.text)
    if not sizes:
        return Fonts(10.0, ())
    body = max(sizes, key=lambda size: sizes[size])
    larger = sorted((size for size in sizes if size > body * _LARGER), reverse=True)
    return Fonts(body, tuple(larger))


def markdown_of(region: Sequence[Line], fonts: Fonts, join: Joiner) -> str:
    """Return the Markdown of one region's lines."""
    leading = _leading(region)
    rows = _rows(region)
    parts: list[str] = []
    index = 0
    while index < len(rows):
        length = _table_length(rows, index)
        if length:
            parts.append(_table(rows[index : index + length]))
        else:
            length = _block_length(rows, index, leading, fonts)
            parts.extend(_block(rows[index : index + length], fonts, join))
        index += length
    return blocks(parts)


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
    return min(a.bottom, b.bottom) - max(a.top, b.top) > 0.4 * min(a.bottom - a.top, b.bottom - b.top)


def _unbulleted(row: list[Line]) -> _Row:
    """Join a bullet or number that stands far before its text with that text."""
    if len(row) == 2 and _BULLET.match(row[0].text + " x"):
        return (Line(row[0].words + row[1].words),)
    return tuple(row)


def _leading(lines: Sequence[Line]) -> float:
    """Return the usual distance of two baselines, in points."""
    gaps = Counter(
        round(after.bottom - before.bottom)
        for before, after in zip(lines, lines[1:], strict=False)
        if 0 < after.bottom - before.bottom < 3 * after.size and after.size == before.size
    )
    return float(gaps.most_common(1)[0][0]) if gaps else 14.0


def _table_length(rows: Sequence[_Row], start: int) -> int:
    """Return how many rows from `start` are a table's: two or more, cells in line with the first."""
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


def _block_length(rows: Sequence[_Row], start: int, leading: float, fonts: Fonts) -> int:
    length = 1
    while start + length < len(rows) and not _table_length(rows, start + length):
        before, after = rows[start + length - 1][-1], rows[start + length][0]
        if _parted(rows[start][0], before, after, leading, fonts):
            break
        length += 1
    return length


def _parted(first: Line, before: Line, after: Line, leading: float, fonts: Fonts) -> bool:
    """Tell whether a new block begins between two lines that follow each other."""
    distance = after.bottom - before.bottom
    if fonts.level_of(before) != fonts.level_of(after) or before.mono != after.mono:
        return True
    usual = max(leading, after.size * 1.15)
    if distance < 0 or distance > _PARAGRAPH_GAP * usual:
        return True
    if before.mono:
        return False
    if abs(after.size - before.size) > 0.6:
        return True
    return bool(_BULLET.match(after.text)) or _indented(first, before, after)


def _indented(first: Line, before: Line, after: Line) -> bool:
    """Tell whether a line begins a paragraph by its indent, or ends an item of a list by none."""
    if _BULLET.match(first.text):
        return after.x0 < first.x0 - _INDENT_POINTS
    return after.x0 - before.x0 > _INDENT_POINTS and before is not first


def _block(rows: Sequence[_Row], fonts: Fonts, join: Joiner) -> Iterator[str]:
    lines = [line for row in rows for line in row]
    if all(line.mono for line in lines):
        yield _code(rows)
        return
    text = _joined(lines, join)
    level = fonts.level_of(lines[0])
    if level is not None and len(rows) <= _MAX_HEADING_LINES and len(text) <= _MAX_HEADING_CHARS:
        yield heading(text, level)
        return
    match = _BULLET.match(text)
    if match and (not match[1].rstrip(".)").isalpha()):
        yield _item(match, text)
    else:
        yield paragraph(text)


def _item(match: re.Match[str], text: str) -> str:
    number = match[1].strip("().")
    marker = f"{number}." if number.isdigit() else "-"
    return f"{marker} {paragraph(text[match.end() :])}"


def _joined(lines: Sequence[Line], join: Joiner) -> str:
    text = lines[0].text
    for before, after in zip(lines, lines[1:], strict=False):
        text = join(text, after.text) if before.words[-1].broken or text.endswith("-") else f"{text} {after.text}"
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


def escaped_cell(lines: Sequence[Line]) -> str:
    """Return the text of a cell, its lines one after the other."""
    return escaped("\n".join(line.text for line in lines))
