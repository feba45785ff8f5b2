"""A second reading of workbooks: the cells' texts, found in the bytes by patterns alone."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from stages.conversion.office.archive import is_package
from stages.conversion.office.package import Package
from stages.conversion.office.sheets.looks import Look, looks_of
from stages.conversion.office.sheets.workbook import counts_from_1904, sheet_places
from stages.conversion.result import ConversionOptions, Source
from stages.conversion.second_reading import SecondReading
from stages.errors import UnconvertibleDocument

_BINARY: Final = "A workbook in a binary format is read once."
_WORD: Final = re.compile(r"\w+")
_ITEM: Final = re.compile(r"<(?:\w+:)?si\b[^>]*?(?:/>|>(.*?)</(?:\w+:)?si>)", re.DOTALL)
_READING: Final = re.compile(r"<(?:\w+:)?rPh\b.*?</(?:\w+:)?rPh>", re.DOTALL)
_TEXT: Final = re.compile(r"<(?:\w+:)?t\b[^>]*?(?:/>|>([^<]*)</)")
_ROW: Final = re.compile(r"<(?:\w+:)?row\b([^>]*)>(.*?)</(?:\w+:)?row>", re.DOTALL)
_CELL: Final = re.compile(r"<(?:\w+:)?c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
_VALUE: Final = re.compile(r"<(?:\w+:)?v\b[^>]*>([^<]*)</")
_FORMULA: Final = re.compile(r"<(?:\w+:)?f\b[^>]*>([^<]+)</")
_HIDDEN: Final = re.compile(r'\b(?:hidden="(?:1|true)"|(?:ht|width)="0")')
_COLUMN: Final = re.compile(r"<(?:\w+:)?col\b[^>]*>")
_ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:
    """Return the text of a workbook's cells that are shown.

    Raises UnconvertibleDocument for one in a binary format, which has no text to look for.
    """
    if not is_package(source.path):
        raise UnconvertibleDocument(_BINARY)
    with Package(source.path) as package:
        main = package.main_part()
        root = package.xml(main) if main and main.lower().endswith(".xml") else None
        if main is None or root is None:
            raise UnconvertibleDocument(_BINARY)
        styles = next(package.related(main, "styles"), None)
        looks = looks_of(package.xml(styles) if styles else None, since_1904=counts_from_1904(root))
        reader = _Reader(_strings(package, main), looks, include_hidden=options.include_hidden)
        for place in sheet_places(package, main, root):
            before = len(reader.pieces)
            content = package.read(place.part).decode("utf-8", "replace")
            reader.read(content, hidden=place.is_hidden)
            if len(reader.pieces) > before:
                reader.pieces.append(place.name)
    return SecondReading("\n".join(reader.pieces), dict(+reader.left_out))


def _strings(package: Package, main: str) -> list[str]:
    name = next(package.related(main, "sharedStrings"), None)
    content = package.read(name).decode("utf-8", "replace") if name else ""
    return [_text(match[1] or "") for match in _ITEM.finditer(content)]


def _text(item: str) -> str:
    if "rPh" in item:
        item = _READING.sub("", item)
    text = html.unescape("".join(match[1] or "" for match in _TEXT.finditer(item)))
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


class _Reader:
    def __init__(self, strings: list[str], looks: list[Look], *, include_hidden: bool) -> None:
        self.pieces: list[str] = []
        self.left_out: Counter[str] = Counter()
        self._strings = strings
        self._looks = looks
        self._include_hidden = include_hidden

    def read(self, content: str, *, hidden: bool) -> None:
        """Read one sheet."""
        columns = set(self._hidden_columns(content))
        for match in _ROW.finditer(content):
            kind = "hiddenSheets" if hidden else "hiddenRows" if _HIDDEN.search(match[1]) else ""
            for cell in _CELL.finditer(match[2]):
                text = self._cell(_attributes(cell[1]), cell[2] or "")
                letters = _attributes(cell[1]).get("r", "").rstrip("0123456789")
                left_out = kind or ("hiddenColumns" if letters in columns else "")
                if left_out and not self._include_hidden:
                    self.left_out[left_out] += len(_WORD.findall(text))
                elif text:
                    self.pieces.append(text)

    def _cell(self, attributes: dict[str, str], inner: str) -> str:
        kind, style = attributes.get("t", "n"), attributes.get("s", "0")
        if kind == "inlineStr":
            return _text(inner)
        match = _VALUE.search(inner)
        if match is None:
            formula = _FORMULA.search(inner)
            return html.unescape(formula[1]) if formula else ""
        value = html.unescape(match[1])
        if kind == "s":
            at = int(value) if value.isdigit() else -1
            return self._strings[at] if 0 <= at < len(self._strings) else ""
        if kind == "n" and style.isdigit() and int(style) < len(self._looks):
            try:
                return self._looks[int(style)].number(value)
            except (ValueError, OverflowError):
                return value
        if kind == "d":
            return value.replace("T", " ").removesuffix(" 00:00:00")
        return {"1": "TRUE", "0": "FALSE"}.get(value, value) if kind == "b" else value

    @staticmethod
    def _hidden_columns(content: str) -> Iterator[str]:
        for match in _COLUMN.finditer(content):
            attributes = _attributes(match[0])
            if _HIDDEN.search(match[0]):
                first, last = int(attributes.get("min", 1)), int(attributes.get("max", 0))
                yield from (_letters(number) for number in range(first, min(last, 16_384) + 1))


def _attributes(text: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', text))


def _letters(number: int) -> str:
    text = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text
