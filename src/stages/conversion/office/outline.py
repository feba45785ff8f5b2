"""Put blocks together as Markdown: lists by their levels, code, quotes, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from stages.conversion.headers import is_number
from stages.conversion.markdown import blocks as joined
from stages.conversion.markdown import escaped, fence

PARAGRAPH, HEADING, ITEM, CODE, QUOTE, TABLE = (
    "paragraph", "heading", "item", "code", "quote", "table",
)  # fmt: skip
_NATIVE: Final = re.compile(r"(0|[1-9]\d{0,8})([.)])")
_LONGEST_CARRIED: Final = 100


@dataclass(frozen=True)
class Block:
    """A block of a document; `text` is Markdown within a line, of code the code itself.

    `label` is what stands before an item: a bullet is "-", anything else is shown. Rows are those
    of a table, its first the header.
    """

    kind: str
    text: str = ""
    level: int = 0
    label: str = "-"
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def line(self) -> str:
        """The block on one line, for a table's cell."""
        if self.kind == TABLE:
            lines = (", ".join(cell for cell in row if cell) for row in self.rows)
            return "<br>".join(line for line in lines if line)
        text = "<br>".join(line.strip() for line in self.text.split("\n") if line.strip())
        if self.kind == CODE:
            text = escaped(text)
        is_plain = self.kind != ITEM or (self.label == "-" and text[:3] in ("[x]", "[ ]"))
        return text if is_plain else f"{self.label} {text}"


def markdown_of(found: Iterable[Block]) -> str:
    """Return the Markdown of blocks; items beside each other are one list."""
    return joined(
        _group(kind, list(group)) for kind, group in groupby(found, key=lambda each: each.kind)
    )


def _group(kind: str, group: Sequence[Block]) -> str:
    if kind == ITEM:
        return "\n".join(_items(group))
    if kind == CODE:
        return fence("\n".join(each.text for each in group))
    if kind == QUOTE:
        return "\n>\n".join("> " + each.text.replace("\n", "\n> ") for each in group)
    if kind == TABLE:
        return joined(table_of(each.rows) for each in group)
    if kind == HEADING:
        return joined(f"{'#' * min(each.level, 6)} {each.text}" for each in group)
    return joined(each.text for each in group)


@dataclass
class _Open:
    """An item that may have others below it; `indent` is where its text begins."""

    level: int
    indent: int
    label: str
    number: tuple[int, str] | None  # as Markdown counts it


def _items(items: Iterable[Block]) -> Iterator[str]:
    stack: list[_Open] = []
    for item in items:
        before: _Open | None = None
        while stack and stack[-1].level >= item.level:
            before = stack.pop()
        start = stack[-1].indent if stack else 0
        number = _counted(item.label, before)
        marker = item.label if number else "-"
        shown = item.text if number or item.label == "-" else f"{_shown(item.label)} {item.text}"
        indent = start + len(marker) + 1
        stack.append(_Open(item.level, indent, item.label, number))
        text = shown.replace("\n", "\n" + " " * indent)
        yield f"{' ' * start}{marker} {text}".rstrip()


def _counted(label: str, before: _Open | None) -> tuple[int, str] | None:
    """Return an item's number if Markdown's own numbering shows it, else None."""
    match = _NATIVE.fullmatch(label)
    if match is None:
        return None
    number = (int(match[1]), match[2])
    goes_on = before is not None and before.number == (number[0] - 1, number[1])
    begins = before is None or before.label == "-"
    return number if goes_on or begins else None


def _shown(label: str) -> str:
    return _NATIVE.sub(r"\1\\\2", escaped(label)) if _NATIVE.fullmatch(label) else escaped(label)


def table_of(rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already, but for their pipes."""
    width = max((len(row) for row in rows), default=0)
    if not width:
        return ""
    lines = [_row([*row, *[""] * (width - len(row))]) for row in rows]
    return "\n".join([lines[0], _row(["---"] * width), *lines[1:]])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


@dataclass(frozen=True)
class Cell:
    """A cell as it is laid on a grid; `part` tells what part of a merged cell this is.

    It is "" for a cell's own place, "right" or "below" for places that a merged cell covers.
    """

    text: str
    part: str = ""


def laid_out(
    grid: Sequence[Sequence[Cell]], header_rows: int, *, headless: bool = False
) -> list[Block]:
    """Return a grid as a table; its first row, if one cell is all of it, as a paragraph before.

    A label merged over rows stands in each of them; header rows become one, each column's labels
    joined. Columns that are empty throughout are left out. The header of two columns of labels and
    values, a table that is `headless`, is empty.
    """
    width = max((len(row) for row in grid), default=0)
    filled = [[*row, *[Cell("")] * (width - len(row))] for row in grid]
    found: list[Block] = []
    while len(filled) > 1 and width > 1 and _is_caption(filled[0]):
        found.append(Block(PARAGRAPH, filled.pop(0)[0].text))
        header_rows = max(0, header_rows - 1)
    rows = [_carried(row) for row in filled]
    head = max(1, min(header_rows or _banded(filled), len(rows)))
    texts = [_joined_header(filled[:head], width), *([c.text for c in row] for row in rows[head:])]
    texts = [row for row in texts if any(row)] if head < len(texts) or any(texts[0]) else []
    used = [any(column) for column in zip(*texts, strict=True)]
    kept = [tuple(t for t, use in zip(row, used, strict=True) if use) for row in texts]
    if headless and sum(used) == 2 and head == 1 and len(kept) > 1:
        kept.insert(0, ("", ""))
    return [*found, Block(TABLE, rows=tuple(kept))] if kept else found


def _is_caption(row: Sequence[Cell]) -> bool:
    return bool(row[0].text) and all(cell.part == "right" for cell in row[1:])


def _banded(grid: Sequence[Sequence[Cell]]) -> int:
    """Return how many rows are a header in bands: labels over columns, beside labels over rows."""
    if not any(cell.part == "right" for cell in grid[0]):
        return 1
    head = 1
    while head < len(grid) - 1 and (
        any(cell.part == "below" for cell in grid[head]) or _labels_bands(grid, head)
    ):
        head += 1
    return head


def _labels_bands(grid: Sequence[Sequence[Cell]], at: int) -> bool:
    """Tell whether a row holds the labels of the columns beneath the bands of the row above it.

    They stand under bands alone, or numbers stand beneath them, and they are none themselves.
    """
    above, row, below = grid[at - 1], grid[at], grid[at + 1]
    banded = [
        c for c, cell in enumerate(above)
        if cell.part == "right" or (c + 1 < len(above) and above[c + 1].part == "right")
    ]  # fmt: skip
    labels = [c for c in banded if row[c].text and not row[c].part]
    if len(labels) < 2 or any(is_number(row[c].text) for c in labels):
        return False
    others = [row[c].text for c in range(len(row)) if c not in banded]
    are_bands_alone = bool(others) and not any(others)
    return are_bands_alone or any(is_number(below[c].text) for c in labels)


def _carried(row: Sequence[Cell]) -> list[Cell]:
    """Leave the places at the right of a merged cell empty; those below it repeat its label."""
    return [
        Cell("")
        if c.part == "right" or (c.part == "below" and len(c.text) > _LONGEST_CARRIED)
        else c
        for c in row
    ]


def _joined_header(rows: Sequence[Sequence[Cell]], width: int) -> list[str]:
    if len(rows) == 1:
        return [cell.text for cell in _carried(rows[0])]
    header = []
    for column in range(width):
        labels: list[str] = []
        for row in rows:
            if row[column].text and row[column].text not in labels:
                labels.append(row[column].text)
        header.append(" ".join(labels))
    return header
