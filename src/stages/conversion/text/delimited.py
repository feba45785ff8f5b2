"""Values separated by commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from stages.conversion.headers import is_data
from stages.conversion.markdown import blocks, paragraph, row_of_cells
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.second_reading import SecondReading
from stages.conversion.text.encodings import decode_file
from stages.errors import UnconvertibleDocument

_DELIMITERS: Final = ",;\t|"
_SAMPLE_ROWS = 200
_SAMPLE_CHARS = 256 * 1024
_MAX_FIELD_CHARS = 10_000_000
_MAX_TITLES = 5
_PART_CHARS = 1 << 20
_CONVERTER = "delimited/2"
_SEPARATOR_LINE: Final = re.compile(r"sep=([^\n])[^\S\n]*(?:\n|\Z)", re.IGNORECASE)
_ESCAPED_QUOTE: Final = re.compile(r"[^\\\n]\\\"[^,;\t|\n]")


@dataclass(frozen=True)
class _Dialect:
    """How a file separates and quotes; without `quotes` a quotation mark is a character."""

    delimiter: str
    escapes: bool
    quotes: bool = True

    def rows(self, text: str) -> Iterator[list[str]]:
        """Read the rows; raises csv.Error for a field of more than ten million characters."""
        csv.field_size_limit(_MAX_FIELD_CHARS)
        return csv.reader(
            _lines(text),
            delimiter=self.delimiter,
            skipinitialspace=True,
            escapechar="\\" if self.escapes else None,
            doublequote=not self.escapes,
            quoting=csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE,
        )


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Make one table of the file; lines above it are paragraphs, its first row is the header.

    A first row of numbers is none; the header is empty then.
    """
    decoded = decode_file(source)
    text = _without_separator_line(decoded.text)
    dialect = _dialect_of(decoded.text)
    if '"' not in text and text.count(dialect.delimiter) >= options.max_cells:
        raise _too_many(options.max_cells)  # found out before a line of them is in memory
    try:
        markdown, rows = _table(dialect.rows(text), options.max_cells)
    except csv.Error as error:
        raise UnconvertibleDocument(
            "The table cannot be read: a field is longer than ten million characters; correct the "
            "file and hand it in again."
        ) from error
    metadata = {"encoding": decoded.encoding, "delimiter": dialect.delimiter, "rows": rows}
    return Converted(markdown, metadata, lossy=decoded.lossy, converter=_CONVERTER)


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:  # noqa: ARG001
    """Return the decoded text as it stands in the file."""
    text = decode_file(source).text
    return SecondReading(_without_separator_line(text))


def delimiter_of(text: str) -> str:
    """Return the separator that a file names, or that gives the most alike rows, else a comma."""
    return _dialect_of(text).delimiter


def _lines(text: str) -> Iterator[str]:
    """Return the lines with their ends; a large text is parted a megabyte at a time."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _PART_CHARS) + 1 or len(text)
        lines = text[start:end].split("\n")
        last = lines.pop()
        yield from (f"{line}\n" for line in lines)
        if last:
            yield last
        start = end


def _dialect_of(text: str) -> _Dialect:
    named = _SEPARATOR_LINE.match(text)
    body = _without_separator_line(text)
    sample = body[:_SAMPLE_CHARS]
    if len(body) > len(sample):
        sample = sample[: sample.rfind("\n") + 1] or sample
    escapes = _ESCAPED_QUOTE.search(sample) is not None and '""' not in sample
    delimiters = named[1] if named else _DELIMITERS
    dialect = _Dialect(max(delimiters, key=lambda each: _evenness(sample, each)), escapes)
    return dialect if _closes_quotes(body, dialect) else _Dialect(dialect.delimiter, escapes, False)


def _evenness(sample: str, delimiter: str) -> tuple[float, int]:
    try:
        rows = [
            row for row in islice(_Dialect(delimiter, False).rows(sample), _SAMPLE_ROWS) if any(row)
        ]
    except csv.Error:
        return 0, 0
    widths = Counter(map(len, rows))
    if not widths:
        return 0, 0
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    return (count / widths.total(), width) if width > 1 else (0, 0)


def _closes_quotes(text: str, dialect: _Dialect) -> bool:
    """Tell whether the last field ends where the file does: an open quotation mark takes it all."""
    if '"' not in text or text.rstrip().endswith('"'):
        return True
    try:
        last = deque(dialect.rows(text), maxlen=1)
    except csv.Error:
        return False
    return not any("\n" in value for row in last for value in row[-1:])


def _table(rows: Iterable[Sequence[str]], max_cells: int) -> tuple[str, int]:
    """Return the Markdown and the number of rows.

    Rows stay as short as they are: filled up to the longest, a file of one long row and many short
    ones would grow with the square of its size.
    """
    kept = _counted(rows, max_cells)
    titles, leading = _parted(list(islice(kept, _MAX_TITLES + 1)))
    lines, width = [], max(map(len, leading), default=0)
    header = [] if leading and is_data(leading[0]) else leading[:1]
    for row in chain(leading[len(header) :], kept):
        lines.append(row_of_cells(row))
        width = max(width, len(row))
    if not leading:
        return blocks(map(paragraph, titles)), len(titles)
    names = [name for row in header for name in row]
    head = row_of_cells([*names, *[""] * (width - len(names))])
    table = "\n".join([head, f"|{' --- |' * width}", *lines])
    return blocks([*map(paragraph, titles), table]), len(titles) + len(header) + len(lines)


def _counted(rows: Iterable[Sequence[str]], max_cells: int) -> Iterator[Sequence[str]]:
    """Return the rows that hold anything; raise UnconvertibleDocument for too many cells."""
    cells = 0
    for row in rows:
        cells += len(row)
        if cells > max_cells:
            raise _too_many(max_cells)
        if any(value and not value.isspace() for value in row):
            yield row


def _parted(first: list[Sequence[str]]) -> tuple[list[str], list[Sequence[str]]]:
    """Part the first rows: single texts above a table are its titles."""
    wide = next((n for n, row in enumerate(first) if sum(map(bool, row)) > 1), 0)
    if wide == _MAX_TITLES or any(not row[0] for row in first[:wide]):
        wide = 0
    return [row[0].strip() for row in first[:wide]], first[wide:]


def _too_many(max_cells: int) -> UnconvertibleDocument:
    return UnconvertibleDocument(
        f"The table has more than {max_cells} cells; split it, or raise maxCells in the options of "
        "this stage."
    )


def _without_separator_line(text: str) -> str:
    """Drop the line by which Excel names the separator."""
    named = _SEPARATOR_LINE.match(text)
    return text[named.end() :] if named else text
