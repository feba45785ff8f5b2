"""Write Markdown: text that stays text, tables, fences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from stages.conversion.words import pieces_of

# Unpaired surrogates and controls but tab and line feed: PostgreSQL and JSON readers refuse some
# of them, and no reader shows any.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]"
)
_CONTROLS: Final = bytes({*range(32), 127} - set(b"\t\n"))
_PIECE_CHARS: Final = 1 << 20
_C1: Final = re.compile(rb"\xc2[\x80-\x9f]")
_SELDOM: Final = [sign.encode() for sign in "\u2028\u2029\ufffe\uffff"]
_NEWLINES: Final = re.compile("\r\n?|[\u2028\u2029\x85\x0b\x0c]")
_SPECIAL: Final = re.compile(r"([\\`*\[\]<]|(?<!\w)_++|(?<!_)_++(?!\w)|~~|&(?=#?\w+;))")
_SUSPECT: Final = re.compile(r"[\\`*\[\]<_~&]")  # found fast: most texts have none
_FIRST_OF_BLOCK: Final = frozenset("#>-+=~0123456789")
_LINE_START: Final = re.compile(
    r"^(#{1,6}(?=\s|$)|>|[-+](?=\s|$)|={2,}[^\S\n]*$|-{2,}[^\S\n]*$|~{3,})", re.MULTILINE
)
_PLAIN_CELL: Final = re.compile(r"(?:[A-Za-z0-9.,:;/%+()-]+(?: [A-Za-z0-9.,:;/%+()-]+)*)?")
_NUMBERED: Final = re.compile(r"^(\d{1,9})([.)])(?=\s|$)", re.MULTILINE)


def tidied(markdown: str) -> str:
    """Unify line ends, drop what cannot be shown, and end with one line feed."""
    return printable(markdown).strip("\n").rstrip() + "\n"


def printable(text: str) -> str:
    """Drop what cannot be shown from plain text, its line ends unified."""
    if all(map(_is_printable, _pieces(text))):
        return text
    return _UNPRINTABLE.sub("", _NEWLINES.sub("\n", text))


def _pieces(text: str) -> Iterator[str]:
    """Return the text piece by piece, so that no copy of a large one is made."""
    if len(text) <= _PIECE_CHARS:
        yield text
        return
    for start in range(0, len(text), _PIECE_CHARS):
        yield text[start : start + _PIECE_CHARS]


def _is_printable(text: str) -> bool:
    """Tell whether there is nothing to do, in a tenth of the time that the patterns take."""
    try:
        raw = text.encode()
    except UnicodeEncodeError:  # a surrogate
        return False
    if len(raw.translate(None, _CONTROLS)) != len(raw):
        return False
    if text.isascii():
        return True
    return not any(sign in raw for sign in _SELDOM) and _C1.search(raw) is None


def escaped(text: str) -> str:
    """Return inline text in which nothing is Markdown; line starts are left to `paragraph`."""
    text = printable(text)
    if _SUSPECT.search(text) is None:
        return text
    if len(text) > _PIECE_CHARS:  # a pattern that matches everywhere takes a hundred times the text
        return "".join(map(_escaped, pieces_of(text)))
    return _escaped(text)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(_escaped_each if "__" in text else _escaped_one, text)


def _escaped_one(match: re.Match[str]) -> str:
    return "\\" + match[0]


def _escaped_each(match: re.Match[str]) -> str:
    """Escape every underscore of a run: two that are left over would open or close emphasis."""
    found = match[1]
    return found.replace("_", "\\_") if found[0] == "_" else f"\\{found}"


def paragraph(text: str) -> str:
    """Return a paragraph of plain text: escaped, also where a line would begin a block."""
    if len(text) > _PIECE_CHARS:
        return "\n".join(filter(None, map(_paragraph, pieces_of(printable(text)))))
    return _paragraph(text)


def _paragraph(text: str) -> str:
    lines = "\n".join(line for each in escaped(text).split("\n") if (line := each.strip()))
    return _lines_begin_no_block(lines)


def plain_line(line: str) -> str:
    """Return a line of inline Markdown that begins no block but a paragraph."""
    return _lines_begin_no_block(line.strip())


def _lines_begin_no_block(lines: str) -> str:
    if lines[:1] not in _FIRST_OF_BLOCK and "\n" not in lines:
        return lines
    return _NUMBERED.sub(r"\1\\\2", _LINE_START.sub(r"\\\1", lines))


def heading(text: str, level: int) -> str:
    """Return a heading of one line; a level beyond 6 is 6."""
    line = re.sub(r"(#+)$", r"\\\1", " ".join(escaped(text).split()))
    return f"{'#' * min(max(level, 1), 6)} {line}"


def fence(code: str, language: str = "") -> str:
    """Return a fenced block that no run of backticks within can end."""
    runs = re.findall(r"`+", code)
    marks = "`" * max(3, 1 + max(map(len, runs), default=0))
    return f"{marks}{language}\n{printable(code).rstrip()}\n{marks}"


def cell(value: str) -> str:
    """Return the text of a table's cell: one line, pipes escaped, line ends as `<br>`."""
    if _PLAIN_CELL.fullmatch(value):
        return value
    lines = [" ".join(line.split()) for line in escaped(value).strip().split("\n")]
    return "<br>".join(line for line in lines if line).replace("|", r"\|")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table of plain text; the first row is its header, short rows are filled up."""
    width = max((len(row) for row in rows), default=0)
    if not width:
        return ""
    lines = [_row([*(cell(value) for value in row), *[""] * (width - len(row))]) for row in rows]
    return "\n".join([lines[0], _row(["---"] * width), *lines[1:]])


def row_of_cells(values: Iterable[str]) -> str:
    """Return one row of a table of plain text."""
    return _row(map(cell, values))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def blocks(parts: Iterable[str]) -> str:
    """Join blocks by blank lines, leaving out empty ones."""
    return "\n\n".join(part for part in parts if part.strip())
