"""Values separated by commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from itertools import islice
from typing import Final

from stages.conversion.markdown import table
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.second_reading import SecondReading
from stages.conversion.text.decoding import declared_charset, decode
from stages.errors import UnconvertibleDocument

_DELIMITERS: Final = ",;\t|"
_SAMPLE_ROWS = 200
_MAX_FIELD_CHARS = 10_000_000
_CONVERTER = "delimited/2"


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Make one table of the file; its first row is the header."""
    decoded = decode(source.path.read_bytes(), declared_charset(source.mime_type))
    delimiter = delimiter_of(decoded.text)
    rows, cells = [], 0
    for row in _rows(decoded.text, delimiter):
        cells += len(row)
        if cells > options.max_cells:
            raise UnconvertibleDocument(
                f"The table has more than {options.max_cells} cells; split it, or raise maxCells "
                "in the options of this stage."
            )
        if any(value.strip() for value in row):
            rows.append(row)
    metadata = {
        "encoding": decoded.encoding,
        "delimiter": delimiter,
        "rows": len(rows),
    }
    return Converted(table(rows), metadata, lossy=decoded.lossy, converter=_CONVERTER)


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:  # noqa: ARG001
    """Return the decoded text as it stands in the file."""
    text = decode(source.path.read_bytes(), declared_charset(source.mime_type)).text
    return SecondReading(_without_separator_line(text))


def delimiter_of(text: str) -> str:
    """Return the separator that gives the most alike rows of more than one field, else a comma."""
    return max(_DELIMITERS, key=lambda each: _evenness(text, each))


def _evenness(text: str, delimiter: str) -> tuple[float, int]:
    widths = Counter(len(row) for row in islice(_rows(text, delimiter), _SAMPLE_ROWS) if any(row))
    if not widths:
        return 0, 0
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    return (count / widths.total(), width) if width > 1 else (0, 0)


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(_MAX_FIELD_CHARS)
    try:
        yield from csv.reader(_lines(text), delimiter=delimiter, skipinitialspace=True)
    except csv.Error as error:
        raise UnconvertibleDocument(
            "The table cannot be read: a quotation mark is opened and never closed, or a field is "
            "longer than ten million characters; mend the file and hand it in again."
        ) from error


def _lines(text: str) -> Iterator[str]:
    yield from StringIO(_without_separator_line(text))


def _without_separator_line(text: str) -> str:
    """Drop the line by which Excel names the separator."""
    return text.partition("\n")[2] if text[:4].lower() == "sep=" else text
