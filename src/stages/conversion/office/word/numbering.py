"""List labels as Word shows them (ECMA-376 part 1, 17.9)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from stages.conversion.office.package import Element
from stages.conversion.office.word.names import W, child, number, switch, value, whole
from stages.conversion.office.word.number_words import written

_PLACEHOLDER: Final = re.compile(r"%([1-9])")
_MAX_LEVEL: Final = 8
_MAX_LINKS: Final = 10


@dataclass(frozen=True)
class Level:
    """How one level of a list counts and looks."""

    start: int = 1
    number_format: str = "decimal"
    text: str = ""
    restarts_after: int | None = None  # a level, counted from 1; 0: never; None: any above it
    only_decimal: bool = False
    suffix: str = "tab"
    style: str | None = None


@dataclass(frozen=True)
class Label:
    """A list item's label; a bullet has no text; a glued one has no blank after it."""

    text: str
    level: int
    is_bullet: bool = False
    glued: bool = False


@dataclass
class _List:
    levels: dict[int, Level]
    counts: dict[int, int] = field(default_factory=dict)


@dataclass
class _Instance:
    levels: dict[int, Level]
    starts: dict[int, int]
    shared: _List


class Numbering:
    """Counts list items in the order in which they are asked for.

    Instances of one abstract list go on counting together, until one restarts it (17.9.15).
    """

    def __init__(self, root: Element | None) -> None:
        self._lists: dict[str, _List] = {}
        self._instances: dict[str, _Instance] = {}
        if root is not None:
            self._read(root)

    def level_of_style(self, num_id: str, style_id: str | None) -> int | None:
        """Return the level of a list that is tied to a paragraph style."""
        instance = self._instances.get(num_id)
        for level, each in instance.levels.items() if instance and style_id else ():
            if each.style == style_id:
                return level
        return None

    def next_label(self, num_id: str, level: int) -> Label | None:
        """Count one item and return its label; None if there is no such list."""
        instance = self._instances.get(num_id)
        if instance is None:
            return None
        level = min(max(level, 0), _MAX_LEVEL)
        _count(instance, level)
        here = instance.levels.get(level, Level())
        if here.number_format == "bullet":
            return Label("", level, is_bullet=True)
        text = _PLACEHOLDER.sub(lambda match: _number(instance, here, int(match[1]) - 1), here.text)
        return Label(text.strip(), level, glued=here.suffix == "nothing")

    def _read(self, root: Element) -> None:
        abstract = {e.get(f"{W}abstractNumId", ""): e for e in root.iter(f"{W}abstractNum")}
        nums = {e.get(f"{W}numId", ""): e for e in root.iter(f"{W}num")}
        by_link = {link: e for e in abstract.values() if (link := value(e, "styleLink"))}
        for list_id, element in abstract.items():
            self._lists[list_id] = _List(_levels(_followed(element, by_link)))
        for num_id, element in nums.items():
            shared = self._lists.get(value(element, "abstractNumId") or "")
            if shared is not None:
                self._instances[num_id] = _instance(element, shared)


def _count(instance: _Instance, level: int) -> None:
    counts = instance.shared.counts
    if level in instance.starts:
        counts[level] = instance.starts.pop(level)
    elif level in counts:
        counts[level] += 1
    else:
        counts[level] = instance.levels.get(level, Level()).start
    for deeper in [each for each in counts if each > level]:
        after = instance.levels.get(deeper, Level()).restarts_after
        if after is None or level < after:
            del counts[deeper]


def _followed(element: Element, by_link: Mapping[str, Element]) -> Element:
    """Return the list that a link to a numbering style leads to (17.9.21)."""
    for _ in range(_MAX_LINKS):
        linked = by_link.get(value(element, "numStyleLink") or "")
        if linked is None or linked is element:
            break
        element = linked
    return element


def _levels(element: Element) -> dict[int, Level]:
    return {
        level: _level(each)
        for each in element.findall(f"{W}lvl")
        if (level := whole(each.get(f"{W}ilvl"))) is not None
    }


def _level(element: Element) -> Level:
    start = number(element, "start")
    return Level(
        start=0 if start is None else start,
        number_format=value(element, "numFmt") or "decimal",
        text=value(element, "lvlText") or "",
        restarts_after=number(element, "lvlRestart"),
        only_decimal=bool(switch(element, "isLgl")),
        suffix=value(element, "suff") or "tab",
        style=value(element, "pStyle"),
    )


def _instance(element: Element, shared: _List) -> _Instance:
    levels, starts = dict(shared.levels), {}
    for override in element.findall(f"{W}lvlOverride"):
        level = whole(override.get(f"{W}ilvl"))
        if level is None:
            continue
        replaced = child(override, "lvl")
        if replaced is not None:
            levels[level] = _level(replaced)
        start = number(override, "startOverride")
        if start is not None:
            starts[level] = start
    return _Instance(levels, starts, shared)


def _number(instance: _Instance, here: Level, level: int) -> str:
    shown = instance.levels.get(level, Level())
    count = instance.shared.counts.get(level, shown.start)
    return written(count, "decimal" if here.only_decimal else shown.number_format)
