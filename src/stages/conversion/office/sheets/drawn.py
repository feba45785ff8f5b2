"""What is drawn on a sheet: text boxes, descriptions of pictures, titles of charts."""

from __future__ import annotations

from collections.abc import Iterator

from stages.conversion.markdown import paragraph
from stages.conversion.office.chart import chart_title
from stages.conversion.office.drawing import R, paragraphs
from stages.conversion.office.markup import inline, lines_of_block
from stages.conversion.office.package import Element, Package, local
from stages.conversion.office.pictures import picture


def drawn_on(package: Package, sheet: str) -> Iterator[str]:
    """Return what can be read on a sheet's drawings; a chart's values stand in cells already."""
    for name in package.related(sheet, "drawing"):
        root = package.xml(name)
        if root is not None:
            yield from _inside(package, name, root)


def _inside(package: Package, name: str, element: Element) -> Iterator[str]:
    for each in element:
        kind = local(each)
        if kind == "txBody":
            yield from (lines_of_block(inline(p.spans)) for p in paragraphs(each))
        elif kind == "cNvPr":
            yield picture(each.get("descr"))
        elif kind == "chart" and each.get(f"{R}id"):
            target = package.target(name, each.get(f"{R}id"))
            yield paragraph(chart_title(package.xml(target.target) if target else None))
        elif kind != "Fallback":
            yield from _inside(package, name, each)
