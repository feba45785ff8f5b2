"""A second reading of workbooks: the cells' texts, found in the bytes by patterns alone."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from stages.conversion.office.archive import is_package
from stages.conversion.office.package import Package
from stages.conversion.office.sheets.looks import Look, shared_looks
from stages.conversion.office.sheets.workbook import counts_from_1904, sheet_places
from stages.conversion.result import ConversionOptions, Source
from stages.conversion.second_reading import SecondReading
from stages.errors import UnconvertibleDocument

_BINARY: Final = "A workbook in a binary format is read once."
_UNREAD: Final = frozenset(["comments"])
_WORD: Final = re.compile(r"\w+")
_ITEM: Final = re.compile(r"<(?:\w+:)?si\b[^>]*?(?:/>|>(.*?)</(?:\w+:)?si>)", re.DOTALL)
_READING: Final = re.compile(r"<(?:\w+:)?rPh\b.*?</(?:\w+:)?rPh>", re.DOTALL)
_ONE_TEXT: Final = re.compile(r"\s*<t\b[^>]*>([^<]*)</t>\s*")
_TEXT: Final = re.compile(r"<(?:\w+:)?t\b[^>]*?(?:/>|>([^<]*)</)")
_ROW: Final = re.compile(r"<(?:\w+:)?row\b([^>]*)>(.*?)</(?:\w+:)?row>", re.DOTALL)
_CELL: Final = re.compile(r"<(?:\w+:)?c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
_VALUE: Final = re.compile(r"<(?:\w+:)?v\b[^>]*?(?:/>|>([^<]*)</)")
_FORMULA: Final = re.compile(r"<(?:\w+:)?f\b[^>]*>([^<]+)</")
_HIDDEN: Final = re.compile(r'\b(?:hidden="(?:1|true)"|(?:ht|width)="0")')
_COLUMN: Final = re.compile(r"<(?:\w+:)?col\b[^>]*>")
_MAY_HIDE: Final = re.compile(r'<(?:\w+:)?row\b[^>]*\b(?:hidden="(?:1|true)"|ht="0")')
_LETTERS: Final = re.compile(r'\br="([A-Z]{1,3})\d')
_ATTRIBUTE: Final = re.compile(r'(\w+)\s*=\s*"([^"]*)"')
# Nearly all programs write cells so; where one does not, all are taken apart by their attributes.
_USUAL_CELL: Final = re.compile(
    r'<c r="([A-Z]{1,3})\d+"([^>]*?)(?:/>|>'
    r"(?:<f\b[^>]*?(?:/>|>([^<]*)</f>))?"
    r"(?:<v(?:[ ][^>]*)?>([^<]+)</v>|(<v)(?:/>|></v>))?(?:<is>(.*?)</is>)?</c>)",
    re.DOTALL,
)
_PREFIXED: Final = re.compile(r"<\w+:c[ >]")
_ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:
    """Return the text of a workbook's cells that are shown.

    Raises UnconvertibleDocument for one in the binary format of 2007, which only one library reads.
    """
    if not is_package(source.path):
        return _texts_of_records(source, options)
    with Package(source.path) as package:
        main = package.main_part()
        root = package.xml(main) if main and main.lower().endswith(".xml") else None
        if main is None or root is None:
            raise UnconvertibleDocument(_BINARY)
        styles = next(package.related(main, "styles"), None)
        looks = shared_looks(package.read(styles) if styles else b"", counts_from_1904(root))
        reader = _Reader(_strings(package, main), looks, include_hidden=options.include_hidden)
        for place in sheet_places(package, main, root):
            before = len(reader.pieces)
            content = package.read(place.part).decode("utf-8", "replace")
            reader.read(content, hidden=place.is_hidden)
            if len(reader.pieces) > before:
                reader.pieces.append(place.name)
    return SecondReading("\n".join(reader.pieces), dict(+reader.left_out), unread=_UNREAD)


def _texts_of_records(source: Source, options: ConversionOptions) -> SecondReading:
    """Return the texts of a workbook from before 2007; its numbers are shown by formats.

    They are read by another library than the converter's, which knows no hidden rows and columns.
    """
    from python_calamine import CalamineWorkbook, SheetVisibleEnum

    texts: list[str] = []
    hidden: list[str] = []
    with CalamineWorkbook.from_path(str(source.path)) as workbook:
        for sheet in workbook.sheets_metadata:
            is_shown = sheet.visible == SheetVisibleEnum.Visible or options.include_hidden
            for row in workbook.get_sheet_by_name(sheet.name).iter_rows():
                found = (value for value in row if isinstance(value, str))
                (texts if is_shown else hidden).extend(found)
    left_out = {"hiddenSheets": len(_WORD.findall(" ".join(hidden)))} if hidden else {}
    return SecondReading("\n".join(texts), left_out, unread=_UNREAD)


def _strings(package: Package, main: str) -> list[str]:
    name = next(package.related(main, "sharedStrings"), None)
    content = package.read(name).decode("utf-8", "replace") if name else ""
    return [_text(match[1] or "") for match in _ITEM.finditer(content)]


def _text(item: str) -> str:
    only = _ONE_TEXT.fullmatch(item)
    if only:
        return _unescaped(only[1])
    if "rPh" in item:
        item = _READING.sub("", item)
    return _unescaped("".join(match[1] or "" for match in _TEXT.finditer(item)))


def _unescaped(text: str) -> str:
    if "&" in text:
        text = html.unescape(text)
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


# Of a cell's formula, value and inline text; the last tells that its value is empty.
Show = Callable[[str, str, str, str], str]


class _Reader:
    def __init__(self, strings: list[str], looks: list[Look], *, include_hidden: bool) -> None:
        self.pieces: list[str] = []
        self.left_out: Counter[str] = Counter()
        self._strings = strings
        self._looks = looks
        self._include_hidden = include_hidden
        self._shows: dict[str, Show] = {}

    def read(self, content: str, *, hidden: bool) -> None:
        """Read one sheet."""
        columns = set() if self._include_hidden else set(_hidden_columns(content))
        if not columns and (self._include_hidden or not (hidden or _MAY_HIDE.search(content))):
            self.pieces += (text for _, text in self._cells(content) if text)
            return
        for match in _ROW.finditer(content):
            kind = "hiddenSheets" if hidden else "hiddenRows" if _HIDDEN.search(match[1]) else ""
            for letters, text in self._cells(match[2]):
                left_out = kind or ("hiddenColumns" if letters in columns else "")
                if left_out:
                    self.left_out[left_out] += len(_WORD.findall(text))
                elif text:
                    self.pieces.append(text)

    def _cells(self, rows: str) -> Iterator[tuple[str, str]]:
        """Return letters of the column and text of each cell."""
        found = _USUAL_CELL.findall(rows)
        if len(found) == rows.count("<c ") and not _PREFIXED.search(rows):
            for letters, attributes, formula, value, empty, inline in found:
                show = self._shows.get(attributes) or self._show(attributes)
                yield letters, show(formula, value, inline, empty)
            return
        for cell in _CELL.finditer(rows):
            attributes = _attributes(cell[1])
            text = self._cell(attributes, cell[2] or "")
            yield attributes.get("r", "").rstrip("0123456789"), text

    def _show(self, attributes: str) -> Show:
        """Return the function that shows cells of these attributes: a sheet has few kinds."""
        known = _attributes(attributes)
        kind, style = known.get("t", "n"), known.get("s", "0")

        def other(formula: str, value: str, inline: str, empty: str) -> str:
            if inline:
                return _text(inline)
            if empty and kind == "str":
                return ""
            return self._valued(kind, style, value) if value else html.unescape(formula)

        show: Show = other
        if kind == "s":
            show = _shared(self._strings)
        elif kind == "n" and style.isdigit() and int(style) < len(self._looks):
            show = _number(self._looks[int(style)])
        self._shows[attributes] = show
        return show

    def _cell(self, attributes: dict[str, str], inner: str) -> str:
        kind, style = attributes.get("t", "n"), attributes.get("s", "0")
        if kind == "inlineStr":
            return _text(inner)
        match = _VALUE.search(inner)
        if match is None or (not match[1] and kind != "str"):
            formula = _FORMULA.search(inner)
            return html.unescape(formula[1]) if formula else ""
        return self._valued(kind, style, match[1] or "")

    def _valued(self, kind: str, style: str, value: str) -> str:
        value = html.unescape(value)
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


def _shared(strings: list[str]) -> Show:
    count = len(strings)

    def shared(formula: str, value: str, inline: str, empty: str) -> str:  # noqa: ARG001
        at = int(value) if value.isdigit() else count
        return strings[at] if at < count else ""

    return shared


def _number(look: Look) -> Show:
    def number(formula: str, value: str, inline: str, empty: str) -> str:  # noqa: ARG001
        if not value:
            return html.unescape(formula)
        try:
            return look.number(value)
        except (ValueError, OverflowError):
            return value

    return number


def _hidden_columns(content: str) -> Iterator[str]:
    """Return the letters of the hidden columns that a sheet uses."""
    ranges = []
    for match in _COLUMN.finditer(content):
        if _HIDDEN.search(match[0]):
            attributes = _attributes(match[0])
            ranges.append((int(attributes.get("min", 1)), int(attributes.get("max", 0))))
    used = set(_LETTERS.findall(content)) if ranges else set()
    for letters in used:
        number = 0
        for letter in letters:
            number = number * 26 + ord(letter) - 64
        if any(first <= number <= last for first, last in ranges):
            yield letters


def _attributes(text: str) -> dict[str, str]:
    return dict(_ATTRIBUTE.findall(text))
