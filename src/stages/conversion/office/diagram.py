"""Diagrams (SmartArt) as nested lists of their texts (ECMA-376 part 1, 21.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from stages.conversion.office.drawing import paragraphs
from stages.conversion.office.markup import one_line
from stages.conversion.office.package import Element

_D: Final = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_MAX_DEPTH: Final = 40


def diagram_markdown(root: Element | None) -> str:
    """Return the texts of a diagram's points, each under the one that it belongs to."""
    if root is None:
        return ""
    texts = {p.get("modelId", ""): _text(p) for p in root.iter(f"{_D}pt")}
    roots = [p.get("modelId", "") for p in root.iter(f"{_D}pt") if p.get("type") == "doc"]
    children = _children(root)
    order = [found for start in roots for found in _below(start, children, 0, set())]
    reached = {point for point, _ in order}
    order += [(point, 0) for point in texts if point not in reached]
    lines = [(texts.get(point, ""), depth) for point, depth in order]
    return _nested([(text, depth) for text, depth in lines if text])


def _text(point: Element) -> str:
    return " ".join(one_line(each.spans) for each in paragraphs(point.find(f"{_D}t"))).strip()


def _children(root: Element) -> dict[str, list[str]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for link in root.iter(f"{_D}cxn"):
        if link.get("type", "parOf") == "parOf":
            order = link.get("srcOrd", "0")
            target = (int(order) if order.isdigit() else 0, link.get("destId", ""))
            found.setdefault(link.get("srcId", ""), []).append(target)
    return {source: [point for _, point in sorted(points)] for source, points in found.items()}


def _below(
    point: str, children: Mapping[str, list[str]], depth: int, seen: set[str]
) -> Iterator[tuple[str, int]]:
    for each in children.get(point, ()):
        if each not in seen and depth < _MAX_DEPTH:
            seen.add(each)
            yield each, depth
            yield from _below(each, children, depth + 1, seen)


def _nested(lines: list[tuple[str, int]]) -> str:
    out: list[str] = []
    open_depths: list[int] = []
    for text, depth in lines:
        while open_depths and open_depths[-1] >= depth:
            open_depths.pop()
        out.append(f"{'  ' * len(open_depths)}- {text}")
        open_depths.append(depth)
    return "\n".join(out)
