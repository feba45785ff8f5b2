"""Tables as rows of text: those without rules found, those that run on over pages joined."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from stages.conversion.markdown import table
from stages.conversion.pdf.inline import plain
from stages.conversion.pdf.layout.lines import Line
from stages.conversion.pdf.word import Word

_NEAR_POINTS: Final = 6.0
_COLUMN_NEAR_POINTS: Final = 8.0
_DIGIT: Final = re.compile(r"\d")
_ROW_GAP: Final = 3.2  # of the font's size: a row further down with other cells is no row
_TIGHT: Final = 0.85  # of the distance of rows: lines of one row
_LOOSE: Final = 1.5  # likewise: beyond it, a lone cell is no part of the table

Row: TypeAlias = tuple[Line, ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells' texts, and where the columns begin, in points.

    `headed` tells whether the first row is set in another font than the next.
    """

    rows: tuple[tuple[str, ...], ...]
    columns: tuple[float, ...]
    ruled: bool
    headed: bool = False

    def markdown(self) -> str:
        """Return the table, its first row as the header, without columns that are empty."""
        used = [any(column) for column in zip(*self.rows, strict=True)]
        kept = [
            [text for text, use in zip(row, used, strict=True) if use]
            for row in self.rows
            if any(row)
        ]
        return table(kept)


@dataclass(frozen=True)
class Block:
    """One block of Markdown, or a table, which may run on over the next page."""

    text: str = ""
    table: Table | None = None

    def markdown(self) -> str:
        """Return the block's text."""
        return self.table.markdown() if self.table is not None else self.text


def continues(before: Table, after: Table) -> bool:
    """Tell whether a table at the top of a page goes on with the last one of the page before."""
    if before.ruled != after.ruled or len(before.columns) != len(after.columns):
        return False
    if after.rows[0] != before.rows[0] and (after.headed or _names_numbers(after.rows)):
        return False
    return all(
        abs((a - before.columns[0]) - (b - after.columns[0])) <= _NEAR_POINTS
        for a, b in zip(before.columns, after.columns, strict=True)
    )


def differ(first: Sequence[Word], second: Sequence[Word]) -> bool:
    """Tell whether the words of a first row are all bold or larger, and those of the next not."""
    if not first or not second:
        return False
    if all(word.bold for word in first) and not all(word.bold for word in second):
        return True
    return min(word.size for word in first) > max(word.size for word in second) + 0.6


def _names_numbers(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether a first row holds words alone, and a column only numbers below it."""
    first, *others = rows
    if not others or not all(first[1:]) or any(_DIGIT.search(text) for text in first):
        return False
    return any(all(map(_DIGIT.search, column)) for column in zip(*others, strict=True))


def joined(before: Table, after: Table) -> tuple[Table, int]:
    """Return two parts as one table, and how many words of a repeated header it lost."""
    repeated = _repeated_header(before, after)
    header = after.rows[:repeated]
    lost = sum(len(plain(cell).split()) for row in header for cell in row)
    return replace(before, rows=before.rows + after.rows[repeated:]), lost


def _repeated_header(before: Table, after: Table) -> int:
    """Return how many first rows return: the header, with rows below it that lack their first cell.

    Other rows that are equal are data.
    """
    for number, (a, b) in enumerate(zip(before.rows, after.rows, strict=False)):
        if a != b or (number and b[0]):
            return number
    return min(len(before.rows), len(after.rows))


@dataclass(eq=False)
class _Column:
    """The cells that stand under each other, from the first to the last."""

    first: Line
    last: Line
    x0: float
    x1: float

    def aligned(self, line: Line) -> bool:
        """Tell whether a cell stands under the column's: at the left, right or middle."""
        return _in_line(line, self.first) or _in_line(line, self.last)

    def near(self, line: Line) -> bool:
        """Tell whether a cell stands anywhere under the column."""
        return max(line.x0 - self.x1, self.x0 - line.x1) < _COLUMN_NEAR_POINTS

    def take(self, line: Line) -> None:
        """Make a cell the column's last."""
        self.last = line
        self.x0, self.x1 = min(self.x0, line.x0), max(self.x1, line.x1)


def _is_number(line: Line) -> bool:
    return bool(_DIGIT.search(line.text)) and not any(map(str.isalpha, line.text))


def _in_line(a: Line, b: Line) -> bool:
    apart = min(abs(a.x0 - b.x0), abs(a.x1 - b.x1), abs(a.x0 + a.x1 - b.x0 - b.x1) / 2)
    return apart <= _COLUMN_NEAR_POINTS


_Cells: TypeAlias = dict[_Column, list[Line]]


@dataclass
class Aligned:
    """A table without rules: `length` rows of lines, whose cells stand under each other."""

    columns: list[_Column]
    rows: list[_Cells]
    length: int = 1
    _last: list[Line] = field(default_factory=list)
    _step: float = 0.0  # the least distance of two rows, 0 as long as there is one

    @staticmethod
    def at(rows: Sequence[Row], start: int) -> Aligned | None:
        """Return the table that begins with a row, if at least one more is like it."""
        first = rows[start]
        if len(first) < 2 or any(line.grid is not None for line in first):
            return None
        columns = [_Column(line, line, line.x0, line.x1) for line in first]
        cells = {column: [line] for column, line in zip(columns, first, strict=True)}
        found = Aligned(columns, [cells], _last=list(first))
        for number in range(start + 1, len(rows)):
            following = rows[number + 1] if number + 1 < len(rows) else ()
            if not found._take(rows[number], following):
                break
            found.length += 1
        return found if found._is_sure() else None

    def _is_sure(self) -> bool:
        """Tell whether rows are enough: two of different cells are prose unless numbers show."""
        if len(self.rows) != 2 or self.rows[0].keys() == self.rows[1].keys():
            return len(self.rows) > 1
        return any(_is_number(line) for lines in self.rows[1].values() for line in lines)

    def table(self, text_of: Callable[[Sequence[Line]], str]) -> Table:
        """Return the rows with the text of each cell's lines; empty cells are empty."""
        texts = tuple(
            tuple(text_of(cells[column]) if column in cells else "" for column in self.columns)
            for cells in self.rows
        )
        first, second = ([w for line in c.values() for w in line[0].words] for c in self.rows[:2])
        columns = tuple(column.x0 for column in self.columns)
        return Table(texts, columns, ruled=False, headed=differ(first, second))

    def _take(self, row: Row, following: Row) -> bool:
        if any(line.grid is not None for line in row):
            return False
        if len(row) == 1:
            return self._take_lone(row[0], following)
        placed = self._placed(row)
        if placed is None:
            return False
        distance = self._distance(row)
        new = [column for column in placed if column not in self.columns]
        if new or len(placed) < len(self.columns):
            if len(placed) - len(new) < 2 or distance > _ROW_GAP * row[0].size:
                return False
            self.columns = sorted([*self.columns, *new], key=lambda column: column.first.x0)
        self._add(placed, distance)
        return True

    def _placed(self, row: Row) -> dict[_Column, Line] | None:
        """Return the column of each cell, at most one of them new; None if there is none."""
        placed: dict[_Column, Line] = {}
        new = 0
        free = list(self.columns)
        for line in row:
            column = self._column_of(line, free)
            if column is None:
                column = _Column(line, line, line.x0, line.x1)
                new += 1
                if new > 1 or any(each.near(line) for each in self.columns):
                    return None
            else:
                free = free[free.index(column) + 1 :]
            placed[column] = line
        return placed

    def _column_of(self, line: Line, free: Sequence[_Column]) -> _Column | None:
        aligned = next((column for column in free if column.aligned(line)), None)
        if aligned is not None or len(self.columns) < 3:
            return aligned
        near = [column for column in self.columns if column.near(line)]
        return near[0] if len(near) == 1 and near[0] in free else None

    def _add(self, placed: dict[_Column, Line], distance: float) -> None:
        """Take a row, or lines that go on with the cells of the row before."""
        goes_on = self.columns[0] not in placed and distance < _TIGHT * self._step
        if goes_on and all(column in self.rows[-1] for column in placed):
            for column, line in placed.items():
                self.rows[-1][column].append(line)
        else:
            self.rows.append({column: [line] for column, line in placed.items()})
            self._step = min(self._step or distance, distance)
        for column, line in placed.items():
            column.take(line)
        self._last = list(placed.values())

    def _take_lone(self, line: Line, following: Row) -> bool:
        """Take a row of one cell: a wrapped line, or a row whose other cells are empty."""
        column = self._column_of(line, self.columns)
        if column is None or self._takes_no_more(line) or not self._is_within(line, column):
            return False
        distance = self._distance((line,))
        step = self._step or distance
        if distance > _LOOSE * min(step, _ROW_GAP * line.size):
            return False
        is_number = _is_number(line) and _is_number(column.last)
        wrapped = (
            not is_number
            and column in self.rows[-1]
            and (
                column is not self.columns[0] or distance < _TIGHT * step or line.text[:1].islower()
            )
        )
        if wrapped and distance <= max(_LOOSE * line.size, _TIGHT * step):
            self.rows[-1][column].append(line)
        elif is_number or self._goes_on(following):
            self.rows.append({column: [line]})
        else:
            return False
        column.take(line)
        self._last = [line]
        return True

    def _is_within(self, line: Line, column: _Column) -> bool:
        """Tell whether a lone cell is set like its column and does not reach into the next."""
        other = column.last
        if abs(line.size - other.size) > 0.6 or line.bold != other.bold or line.mono != other.mono:
            return False
        return not any(
            each.first.x0 < line.x1 and each.first.x1 > line.x0
            for each in self.columns
            if each is not column
        )

    def _takes_no_more(self, line: Line) -> bool:
        """Tell whether the rows are labels with what was filled in, or lines of a program."""
        return len(self.columns) == 2 and (line.mono or self.columns[0].last.text.endswith(":"))

    def _goes_on(self, following: Row) -> bool:
        """Tell whether the row after a lone cell is one of the table."""
        least = 2 if len(self.rows) > 1 else max(len(self.columns), 3)
        return len(following) >= least and all(
            self._column_of(cell, self.columns) for cell in following
        )

    def _distance(self, row: Row) -> float:
        return max(line.bottom for line in row) - max(line.bottom for line in self._last)
