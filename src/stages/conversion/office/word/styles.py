"""Styles and what paragraphs and runs inherit from them (ECMA-376 part 1, 17.7)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from stages.conversion.office.package import Element
from stages.conversion.office.word.names import W, child, is_on, number, value, whole

TITLE: Final = "title"
QUOTES: Final = frozenset(["quote", "intense quote", "block text"])
CODES: Final = frozenset(
    ["code", "source code", "html preformatted", "preformatted text", "macro text"]
)
LIST_NAME: Final = re.compile(r"list (bullet|number)(?: ([2-5]))?")

_HEADING_NAME: Final = re.compile(r"heading ([1-9])", re.IGNORECASE)
_BODY_LEVEL: Final = 9
_MAX_CHAIN: Final = 50


class RunFormat(NamedTuple):
    """What can be seen of a run's formatting; None where a style says nothing."""

    bold: bool | None = None
    italic: bool | None = None
    strike: bool | None = None
    hidden: bool | None = None
    vertical: str | None = None
    font: str | None = None

    def over(self, base: RunFormat) -> RunFormat:
        """Return this formatting where it says something, else that of the base."""
        return RunFormat(
            base.bold if self.bold is None else self.bold,
            base.italic if self.italic is None else self.italic,
            base.strike if self.strike is None else self.strike,
            base.hidden if self.hidden is None else self.hidden,
            base.vertical if self.vertical is None else self.vertical,
            base.font if self.font is None else self.font,
        )


@dataclass(frozen=True)
class Style:
    """A style as it is written down, without what it inherits."""

    style_id: str
    name: str
    based_on: str | None
    is_default: bool
    kind: str
    paragraph: Element | None
    run: RunFormat


class Styles:
    """The styles of a document; a style that is based on itself ends where it returns."""

    def __init__(self, root: Element | None) -> None:
        self._styles: dict[str, Style] = {}
        for each in root.iter(f"{W}style") if root is not None else ():
            style = _style(each)
            self._styles.setdefault(style.style_id, style)
        self._default = next(
            (s.style_id for s in self._styles.values() if s.is_default and s.kind == "paragraph"),
            None,
        )
        self._levels: dict[str | None, int | None] = {}
        self._formats: dict[str | None, RunFormat] = {}

    def paragraph_style(self, properties: Element | None) -> str | None:
        """Return the id of a paragraph's style."""
        return value(properties, "pStyle") or self._default

    def chain(self, style_id: str | None) -> Iterator[Style]:
        """Return a style and those that it is based on, the nearest first."""
        seen: set[str] = set()
        while style_id and style_id not in seen and len(seen) < _MAX_CHAIN:
            seen.add(style_id)
            style = self._styles.get(style_id)
            if style is None:
                return
            yield style
            style_id = style.based_on

    def numbering(self, style_id: str | None) -> tuple[str | None, int | None, str | None]:
        """Return numbering and level of a paragraph style, and the style that says so."""
        level: int | None = None
        for style in self.chain(style_id):
            properties = child(style.paragraph, "numPr")
            if properties is None:
                continue
            level = number(properties, "ilvl") if level is None else level
            num_id = value(properties, "numId")
            if num_id is not None:
                return num_id, level, style.style_id
        return None, level, None

    def heading_level(self, style_id: str | None) -> int | None:
        """Return 1 to 9 for a heading, by outline level or else by the style's built-in name."""
        if style_id not in self._levels:
            self._levels[style_id] = self._heading_level(style_id)
        return self._levels[style_id]

    def run_format(self, style_id: str | None) -> RunFormat:
        """Return the formatting of runs that a style and its bases give."""
        found = self._formats.get(style_id)
        if found is None:
            found = RunFormat()
            for style in self.chain(style_id):
                found = found.over(style.run)
            self._formats[style_id] = found
        return found

    def names(self, style_id: str | None) -> list[str]:
        """Return the names of a style and its bases in lower case, the nearest first."""
        return [style.name.lower() for style in self.chain(style_id)]

    def _heading_level(self, style_id: str | None) -> int | None:
        for style in self.chain(style_id):
            level = number(style.paragraph, "outlineLvl")
            if level is not None:
                return level + 1 if 0 <= level < _BODY_LEVEL else None
            match = _HEADING_NAME.fullmatch(style.name)
            if match:
                return int(match[1])
        return None


def run_format(properties: Element | None) -> RunFormat:
    """Return the formatting that a run's own properties say."""
    if properties is None or not len(properties):
        return _UNSAID
    found = {each.tag: each for each in properties}  # one pass: most runs have many properties
    if not _SHOWN & found.keys():
        return _UNSAID
    strikes = (_on(found, "strike"), _on(found, "dstrike"))
    fonts = found.get(f"{W}rFonts")
    return RunFormat(
        bold=_on(found, "b"),
        italic=_on(found, "i"),
        strike=None if strikes == (None, None) else any(strikes),
        hidden=_on(found, "vanish"),
        vertical=_vertical(found),
        font=None if fonts is None else fonts.get(f"{W}ascii") or fonts.get(f"{W}hAnsi"),
    )


_UNSAID: Final = RunFormat()
_SHOWN: Final = frozenset(
    W + name
    for name in ("b", "i", "strike", "dstrike", "vanish", "rFonts", "vertAlign", "position")
)


def _on(found: Mapping[str, Element], name: str) -> bool | None:
    element = found.get(W + name)
    return None if element is None else is_on(element)


def _vertical(found: Mapping[str, Element]) -> str | None:
    aligned = found.get(f"{W}vertAlign")
    if aligned is not None and aligned.get(f"{W}val") is not None:
        return {"superscript": "sup", "subscript": "sub"}.get(aligned.get(f"{W}val", ""), "")
    position, sized = found.get(f"{W}position"), found.get(f"{W}sz")
    raised = None if position is None else whole(position.get(f"{W}val"))
    size = None if sized is None else whole(sized.get(f"{W}val"))
    if not raised or (size is not None and abs(raised) * 4 < size):
        return None  # moved by less than a quarter of its size: set straight, not raised
    return "sup" if raised > 0 else "sub"


def _style(element: Element) -> Style:
    return Style(
        style_id=element.get(f"{W}styleId", ""),
        name=value(element, "name") or "",
        based_on=value(element, "basedOn"),
        is_default=element.get(f"{W}default") in ("1", "true", "on"),
        kind=element.get(f"{W}type", "paragraph"),
        paragraph=child(element, "pPr"),
        run=run_format(child(element, "rPr")),
    )
