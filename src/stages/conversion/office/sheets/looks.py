"""How cells look: the number formats and fonts of a workbook's styles (ECMA-376 part 1, 18.8)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final

from stages.conversion.markdown import cell as escaped_cell
from stages.conversion.office.package import Element, local, parse
from stages.conversion.office.sheets.number_format import (
    BUILT_IN,
    GENERAL_CODE,
    display_text,
    writer,
)

_SHORT: Final = re.compile(r"-?(?:0|[1-9]\d{0,10})|-?(?:0|[1-9]\d{0,6})\.\d{0,2}[1-9]")
_MOST_REMEMBERED: Final = 20_000  # values of a look whose display is cached
_NEEDS_ESCAPE: Final = re.compile(r"[\\`*\[\]<_~&|\n]")


@dataclass(frozen=True)
class Look:
    """How a cell's value is shown: a number's writer, a text's, and marks around either."""

    write: Callable[[float], str]
    code: str = GENERAL_CODE
    changes_text: bool = False
    strike: bool = False
    vertical: str = ""

    _shown: dict[str, str] = field(default_factory=dict, repr=False)

    def number(self, value: str) -> str:
        """Return a stored number as it is shown; raises ValueError for what is none."""
        shown = self._shown.get(value)
        if shown is None:
            if len(self._shown) >= _MOST_REMEMBERED:
                self._shown.clear()
            shown = self._shown[value] = self._number(value)
        return shown

    def _number(self, value: str) -> str:
        if self.code == GENERAL_CODE and _SHORT.fullmatch(value):
            return value
        return self.write(float(value))

    @property
    def is_marked(self) -> bool:
        """Tell whether marks stand around what is shown."""
        return self.strike or bool(self.vertical)

    @cached_property
    def is_common(self) -> bool:
        """Tell whether texts stay as they are and nothing is marked."""
        return not (self.is_marked or self.changes_text)

    def text(self, text: str) -> str:
        """Return a text as the format shows it."""
        return display_text(text, self.code) if self.changes_text else text

    def marked(self, markdown: str) -> str:
        """Return Markdown with the marks of the cell's font."""
        if not markdown:
            return markdown
        if self.vertical:
            markdown = f"<{self.vertical}>{markdown}</{self.vertical}>"
        return f"~~{markdown}~~" if self.strike else markdown


@lru_cache(maxsize=1)
def shared_looks(styles: bytes, since_1904: bool) -> list[Look]:
    """Return the looks of a part with styles; both readings of a workbook share what they show."""
    root = parse(styles) if styles.strip() else None
    return looks_of(root, since_1904=since_1904)


def looks_of(root: Element | None, *, since_1904: bool) -> list[Look]:
    """Return the looks that cells point to by number; at least one."""
    codes = dict(BUILT_IN)
    fonts: list[tuple[bool, str]] = []
    formats: list[Element] = []
    for group in root if root is not None else ():
        name = local(group)
        if name == "numFmts":
            codes |= {int(each.get("numFmtId", "0")): each.get("formatCode", "") for each in group}
        elif name == "fonts":
            fonts = [_font(each) for each in group]
        elif name == "cellXfs":
            formats = list(group)
    made: dict[tuple[str | None, str | None], Look] = {}
    found = []
    for each in formats:
        key = each.get("numFmtId"), each.get("fontId")
        if key not in made:
            made[key] = _look(each, codes, fonts, since_1904)
        found.append(made[key])
    return found or [look_of(GENERAL_CODE, (False, ""), since_1904=since_1904)]


def _font(element: Element) -> tuple[bool, str]:
    strike, vertical = False, ""
    for each in element:
        name, value = local(each), each.get("val", "1")
        strike |= name == "strike" and value not in ("0", "false")
        if name == "vertAlign":
            vertical = {"superscript": "sup", "subscript": "sub"}.get(value, "")
    return strike, vertical


def _look(
    element: Element,
    codes: dict[int, str],
    fonts: list[tuple[bool, str]],
    since_1904: bool,
) -> Look:
    code = codes.get(_number(element.get("numFmtId")), GENERAL_CODE)
    font = _number(element.get("fontId"))
    known = fonts[font] if 0 <= font < len(fonts) else (False, "")
    return look_of(code, known, since_1904=since_1904)


def look_of(code: str, font: tuple[bool, str], *, since_1904: bool) -> Look:
    """Return the look of a number format and of a font, which strikes out, raises or lowers."""
    code = code or GENERAL_CODE
    strike, vertical = font
    return Look(
        _escaping(writer(code, since_1904), code),
        code,
        ("@" in code and code != "@") or code.count(";") >= 3,
        strike,
        vertical,
    )


def _escaping(write: Callable[[float], str], code: str) -> Callable[[float], str]:
    """Escape what a format's own letters may hold; digits need no escape."""
    if not _NEEDS_ESCAPE.search(code.replace("\\", "")):
        return write
    return lambda value: escaped_cell(write(value))


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
