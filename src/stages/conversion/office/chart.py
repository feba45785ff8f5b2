"""Charts as tables of their stored values (DrawingML charts, ECMA-376 part 1, 21.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stages.conversion.markdown import blocks, paragraph, table
from stages.conversion.office.drawing import A
from stages.conversion.office.package import Element, local
from stages.conversion.office.sheets.number_format import display, is_date

_C: Final = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_MAX_POINTS: Final = 100_000


@dataclass(frozen=True)
class _Series:
    name: str
    labels: Mapping[int, str]
    values: Mapping[int, str]
    sizes: Mapping[int, str]
    is_points: bool


def chart_markdown(root: Element | None) -> str:
    """Return a chart's title, its axes' titles and its values as a table."""
    if root is None:
        return ""
    if root.tag.startswith(_C):
        return _classic(root)
    return _extended(root)


def chart_title(root: Element | None) -> str:
    """Return a chart's title."""
    return "" if root is None else _title(root.find(f"{_C}chart/{_C}title"))


def _classic(root: Element) -> str:
    title = _title(root.find(f"{_C}chart/{_C}title"))
    axes = [_title(axis.find(f"{_C}title")) for axis in root.iter() if _is_axis(axis)]
    series = [_series(each, i) for i, each in enumerate(root.iter(f"{_C}ser"), start=1)]
    points = [each for each in series if each.is_points]
    lines = [each for each in series if not each.is_points]
    named = [axis for axis in axes if axis]
    return blocks(
        [
            paragraph(title),
            paragraph("; ".join(named)) if lines and named else "",
            _categories(lines) if lines else "",
            _points(points, axes) if points else "",
        ]
    )


def _is_axis(element: Element) -> bool:
    return (
        local(element) in ("catAx", "valAx", "dateAx", "serAx")
        and element.find(f"{_C}axId") is not None
    )


def _title(element: Element | None) -> str:
    if element is None:
        return ""
    rich = element.findall(f".//{A}p")
    if rich:
        lines = ("".join(t.text or "" for t in p.iter(f"{A}t")) for p in rich)
        return " ".join(" ".join(lines).split())
    return " ".join(v.text or "" for v in element.iter(f"{_C}v"))


def _series(element: Element, number: int) -> _Series:
    is_points = element.find(f"{_C}yVal") is not None
    names = element.find(f"{_C}tx")
    name = "" if names is None else " ".join(v.text or "" for v in names.iter(f"{_C}v"))
    return _Series(
        name.strip() or f"Series {number}",
        _labels(element.find(f"{_C}xVal" if is_points else f"{_C}cat")),
        _values(element.find(f"{_C}yVal" if is_points else f"{_C}val")),
        _values(element.find(f"{_C}bubbleSize")),
        is_points,
    )


def _labels(element: Element | None) -> dict[int, str]:
    if element is None:
        return {}
    levels = [_points_of(level) for level in element.iter(f"{_C}lvl")]
    if not levels:
        return _values(element)
    joined: dict[int, str] = {}
    upper = [""] * len(levels)
    for index in sorted(set().union(*levels)):
        for at, level in enumerate(levels):
            upper[at] = level.get(index, upper[at] if at else "")
        joined[index] = " ".join(text for text in reversed(upper) if text)
    return joined


def _values(element: Element | None) -> dict[int, str]:
    if element is None:
        return {}
    code = next((each.text or "" for each in element.iter(f"{_C}formatCode")), "")
    return {index: shown(text, code) for index, text in _points_of(element).items()}


def _points_of(element: Element) -> dict[int, str]:
    found: dict[int, str] = {}
    for point in element.iter(f"{_C}pt"):
        index, value = point.get("idx", ""), point.find(f"{_C}v")
        if index.isdigit() and value is not None and len(found) < _MAX_POINTS:
            found[int(index)] = value.text or ""
    return found


def shown(text: str, code: str) -> str:
    """Return a stored value with all its digits, as a date or a percentage if it is one."""
    try:
        number = float(text)
    except ValueError:
        return text
    if is_date(code):
        return display(number, code)
    if "%" in code:
        return f"{_digits(number * 100)}%"
    return _digits(number)


def _digits(number: float) -> str:
    whole = abs(number) < 1e15 and number == int(number) if abs(number) < 1e300 else False
    return str(int(number)) if whole else f"{number:.15g}"


def _categories(series: Sequence[_Series]) -> str:
    labels: dict[int, str] = {}
    for each in series:
        labels = {**each.labels, **labels}
    indexes = sorted({*labels, *(index for each in series for index in each.values)})
    rows = [["", *(each.name for each in series)]]
    rows += [
        [labels.get(i, str(i + 1)), *(each.values.get(i, "") for each in series)] for i in indexes
    ]
    return table(rows)


def _points(series: Sequence[_Series], axes: Sequence[str]) -> str:
    named = [axis or default for axis, default in zip([*axes, "", ""], ("X", "Y"), strict=False)]
    sized = any(each.sizes for each in series)
    rows = [["Series", *named, *(["Size"] if sized else [])]]
    for each in series:
        for index in sorted({*each.labels, *each.values}):
            row = [each.name, each.labels.get(index, ""), each.values.get(index, "")]
            rows.append([*row, *([each.sizes.get(index, "")] if sized else [])])
    return table(rows)


def _extended(root: Element) -> str:
    """Return a chart of the newer kind (waterfall, treemap, …), MS-ODRAWXML 2.24.3."""
    title = next((each for each in root.iter() if local(each) == "title"), None)
    words = "" if title is None else " ".join(t.text or "" for t in title.iter(f"{A}t"))
    tables = [_dimensions(each) for each in root.iter() if local(each) == "data"]
    return blocks([paragraph(" ".join(words.split())), *tables])


def _dimensions(data: Element) -> str:
    columns = [_column(each) for each in data if local(each) in ("strDim", "numDim")]
    columns = [column for column in columns if column]
    indexes = sorted({index for column in columns for index in column})
    rows = [[column.get(index, "") for column in columns] for index in indexes]
    return table([[""] * len(columns), *rows]) if rows else ""


def _column(dimension: Element) -> dict[int, str]:
    found: dict[int, str] = {}
    for level in reversed([each for each in dimension if local(each) == "lvl"]):
        for index, text in _extended_points(level):
            found[index] = f"{found[index]} {text}" if index in found else text
    return found


def _extended_points(level: Element) -> Iterator[tuple[int, str]]:
    for point in level:
        index = point.get("idx", "")
        if index.isdigit():
            yield int(index), shown(point.text or "", level.get("formatCode", ""))
