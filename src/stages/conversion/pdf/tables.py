"""Tables as rows of text, and those that run on over pages joined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from stages.conversion.markdown import table
from stages.conversion.pdf.inline import plain

_NEAR_POINTS: Final = 6.0


@dataclass(frozen=True)
class Table:
    """Rows of cells' texts, and where the columns begin, in points."""

    rows: tuple[tuple[str, ...], ...]
    columns: tuple[float, ...]
    ruled: bool

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
    return all(
        abs((a - before.columns[0]) - (b - after.columns[0])) <= _NEAR_POINTS
        for a, b in zip(before.columns, after.columns, strict=True)
    )


def joined(before: Table, after: Table) -> tuple[Table, int]:
    """Return two parts as one table, and how many words of a repeated header it lost."""
    repeated = after.rows[:1] == before.rows[:1]
    rows = after.rows[1:] if repeated else after.rows
    lost = sum(len(plain(cell).split()) for cell in after.rows[0]) if repeated else 0
    return replace(before, rows=before.rows + rows), lost
