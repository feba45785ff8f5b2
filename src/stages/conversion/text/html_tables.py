"""Prepare the tables of a page: those that only lay it out, and cells that span several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from stages.conversion.text.html_nodes import has_blocks, text_of, unwrap_as_block

_MAX_COLUMN_SPAN = 1_000  # HTML 4.9.11
_MAX_ROW_SPAN = 65_534
_MAX_CELLS = 200_000
_MAX_REPEATED_CHARS = 200
_PARTS: Final = ("thead", "tbody", "tfoot")
_LAID_OUT: Final = "table,h1,h2,h3,h4,h5,h6"


def unwrap_layout(page: LexborHTMLParser) -> None:
    """Take away tables that are none: they hold tables or headings, or a single cell."""
    for table in reversed(page.css("table")):
        if _is_layout(table):
            for _, rows in _groups(table):
                for row in rows:
                    for cell in _cells(row):
                        unwrap_as_block(page, cell)
            for part in [*(p for p in table.iter() if p.tag in _PARTS)]:
                for row in [r for r in part.iter() if r.tag == "tr"]:
                    row.unwrap()
                part.unwrap()
            unwrap_as_block(page, table)


def _is_layout(table: LexborNode) -> bool:
    if (table.attributes.get("role") or "") in ("presentation", "none"):
        return True
    cells = [cell for _, rows in _groups(table) for row in rows for cell in _cells(row)]
    if len(cells) == 1:
        return True
    if any(cell.tag == "th" for cell in cells) or any(c.tag == "caption" for c in table.iter()):
        return False
    rows = sum(len(rows) for _, rows in _groups(table))
    return bool(table.css(_LAID_OUT)[1:] or (rows == 1 and table.css("pre")))


def spread_spans(page: LexborHTMLParser) -> None:
    """Give each row of a table as many cells as it has columns; labels stand in all their rows.

    A table whose rows have heads and whose columns have none gets an empty header: Markdown takes
    the first row for one.
    """
    tables = {table.mem_id: table for table in page.css("table")}
    headless = {key for key, table in tables.items() if _heads_rows_alone(table)}
    for key in headless:
        _lift_titles(page, tables[key])
    spanning = set()
    for cell in page.css("td[colspan],td[rowspan],th[colspan],th[rowspan]"):
        around = cell.parent
        while around is not None and around.mem_id not in tables:
            around = around.parent
        if around is not None:
            spanning.add(around.mem_id)
    for key in spanning:
        _spread(page, tables[key], joins_headers=key not in headless)
    for key in headless:
        _put_empty_header(page, tables[key])


def _heads_rows_alone(table: LexborNode) -> bool:
    """Tell whether the first row that is more than a title begins with the head of that row."""
    for part, rows in _groups(table):
        for row in rows:
            cells = _cells(row)
            if part == "thead" and cells:
                return False
            if len(cells) > 1:
                values = [cell for cell in cells[1:] if cell.tag == "td" and text_of(cell)]
                return cells[0].tag == "th" and bool(values)
    return False


def _lift_titles(page: LexborHTMLParser, table: LexborNode) -> None:
    """Put the labels that span a table above its first row before the table."""
    for row in [row for _, rows in _groups(table) for row in rows]:
        cells = _cells(row)
        if len(cells) != 1 or cells[0].tag != "th" or has_blocks(cells[0]):
            return
        table.insert_before(text_of(cells[0]))
        table.insert_before(page.create_node("p"))
        row.decompose()


def _put_empty_header(page: LexborHTMLParser, table: LexborNode) -> None:
    rows = [row for _, rows in _groups(table) for row in rows]
    rows[0].insert_before(page.create_node("tr"))
    header = rows[0].prev
    for _ in range(max(len(_cells(row)) for row in rows)):
        if header is not None:
            header.insert_child(page.create_node("th"))


def _groups(table: LexborNode) -> Iterator[tuple[str, list[LexborNode]]]:
    for part in table.iter():
        if part.tag in _PARTS:
            yield part.tag or "", [row for row in part.iter() if row.tag == "tr"]


def _cells(row: LexborNode) -> list[LexborNode]:
    return [cell for cell in row.iter() if cell.tag in ("td", "th")]


@dataclass(frozen=True)
class _Cell:
    """A cell and the columns and rows that it covers; ends are not included."""

    node: LexborNode
    first: int
    end: int
    row: int
    end_row: int


@dataclass(frozen=True)
class _Row:
    node: LexborNode
    is_header: bool
    cells: Sequence[_Cell]


def _spread(page: LexborHTMLParser, table: LexborNode, *, joins_headers: bool) -> None:
    too_many = _covered(table) > _MAX_CELLS
    rows = (
        [] if too_many else [row for part, nodes in _groups(table) for row in _placed(part, nodes)]
    )
    columns = sorted({cell.first for row in rows for cell in row.cells})
    for _, nodes in _groups(table):
        for cell in (cell for row in nodes for cell in _cells(row)):
            for name in ("colspan", "rowspan"):
                if name in cell.attributes:
                    del cell.attrs[name]
    if len(rows) * len(columns) > _MAX_CELLS:
        return
    if joins_headers and _has_only_a_title(rows, len(columns)):
        _lift_title(page, table, rows.pop(0))
        _put_empty_header(page, table)
    for row in rows:
        _fill(page, row, columns, repeats=joins_headers and row.is_header)
    if joins_headers:
        headers = [*takewhile(lambda row: row.is_header, rows)]
        _join_headers(page, table, headers, len(rows), len(columns))


def _covered(table: LexborNode) -> int:
    """Return how many places of the grid all cells cover together, at most."""
    return sum(
        (_span(cell, "colspan", _MAX_COLUMN_SPAN) or 1)
        * min(_span(cell, "rowspan", _MAX_ROW_SPAN) or len(rows), len(rows))
        for _, rows in _groups(table)
        for row in rows
        for cell in _cells(row)
    )


def _placed(part: str, nodes: Sequence[LexborNode]) -> Iterator[_Row]:
    """Find the columns of each cell (HTML 4.9.12); a row's cells begin with those from above."""
    open_cells: list[_Cell] = []
    for number, node in enumerate(nodes):
        placed = [cell for cell in open_cells if cell.end_row > number]
        taken = {column for cell in placed for column in range(cell.first, cell.end)}
        column = 0
        own = _cells(node)
        for cell in own:
            while column in taken:
                column += 1
            span = _span(cell, "colspan", _MAX_COLUMN_SPAN) or 1
            down = _span(cell, "rowspan", _MAX_ROW_SPAN) or len(nodes)
            placed.append(_Cell(cell, column, column + span, number, number + down))
            column += span
        open_cells = placed
        is_header = part == "thead" or (bool(own) and all(cell.tag == "th" for cell in own))
        yield _Row(node, is_header, sorted(placed, key=lambda cell: cell.first))


def _span(cell: LexborNode, name: str, limit: int) -> int:
    value = (cell.attributes.get(name) or "1").strip()
    return min(int(value), limit) if value.isascii() and value.isdigit() and len(value) < 9 else 1


def _fill(page: LexborHTMLParser, row: _Row, columns: Sequence[int], *, repeats: bool) -> None:
    own = {cell.mem_id for cell in _cells(row.node)}
    last: LexborNode | None = None
    for cell in row.cells:
        covered = [column for column in columns if cell.first <= column < cell.end]
        for column in covered:
            if column == cell.first and cell.node.mem_id in own:
                last = cell.node
                continue
            copied = _copy(page, cell.node, repeats=repeats or column == cell.first)
            last = _add(row.node, last, copied)


def _copy(page: LexborHTMLParser, cell: LexborNode, *, repeats: bool) -> LexborNode:
    short = len(text_of(cell)) <= _MAX_REPEATED_CHARS and not has_blocks(cell)
    return cell if repeats and short else page.create_node(cell.tag or "td")


def _add(row: LexborNode, last: LexborNode | None, cell: LexborNode) -> LexborNode:
    """Put a copy of a cell behind the last one, or first into the row."""
    if last is not None:
        last.insert_after(cell)
        return last.next or last
    first = row.first_child
    if first is None:
        row.insert_child(cell)
    else:
        first.insert_before(cell)
    return row.first_child or row


def _join_headers(
    page: LexborHTMLParser, table: LexborNode, headers: Sequence[_Row], rows: int, columns: int
) -> None:
    """Make one header of several rows of labels; one that spans the whole table is its title."""
    leading = list(headers)
    if len(leading) < 2 or len(leading) == rows:
        return
    while len(leading) > 1 and _is_title(leading[0], columns):
        _lift_title(page, table, leading.pop(0))
    first, *others = leading
    for index, cell in enumerate(_cells(first.node)):
        labels = [text_of(cell)]
        for other in others:
            below = _cells(other.node)
            label = text_of(below[index]) if index < len(below) else ""
            if label and label not in labels:
                labels.append(label)
        for label in labels[1:]:
            cell.insert_child(f" {label}")
    for other in others:
        other.node.decompose()


def _has_only_a_title(rows: Sequence[_Row], columns: int) -> bool:
    """Tell whether a label over all columns is the only header, as above the links of a page."""
    headers = [*takewhile(lambda row: row.is_header, rows)]
    return len(headers) == 1 < len(rows) and _is_title(headers[0], columns)


def _lift_title(page: LexborHTMLParser, table: LexborNode, title: _Row) -> None:
    table.insert_before(text_of(_cells(title.node)[0]))
    table.insert_before(page.create_node("p"))
    title.node.decompose()


def _is_title(row: _Row, columns: int) -> bool:
    return columns > 1 and len(row.cells) == 1
