"""Where shapes stand: their own transforms, those of groups, and what a layout gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stages.conversion.office.drawing import A
from stages.conversion.office.package import Element, Package, local
from stages.conversion.office.slides.order import Box

P: Final = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_BODY_TYPES: Final = ("body", "obj", "")


@dataclass(frozen=True)
class Space:
    """The coordinates that shapes are given in, as a shift and a scale to those of the slide."""

    x: float = 0
    y: float = 0
    width: float = 1
    height: float = 1

    def box(self, transform: Element | None) -> Box | None:
        """Return the place that a transform describes, None if it has none."""
        found = _rectangle(transform, "off", "ext")
        if found is None:
            return None
        left, top, width, height = found
        x, y = self.x + left * self.width, self.y + top * self.height
        return Box(x, y, x + width * self.width, y + height * self.height)

    def within(self, transform: Element | None) -> Space:
        """Return the coordinates inside a group (20.1.7.5)."""
        outer = _rectangle(transform, "off", "ext")
        inner = _rectangle(transform, "chOff", "chExt")
        if outer is None or inner is None:
            return self
        wide = outer[2] / inner[2] if inner[2] else 1
        high = outer[3] / inner[3] if inner[3] else 1
        return Space(
            self.x + (outer[0] - inner[0] * wide) * self.width,
            self.y + (outer[1] - inner[1] * high) * self.height,
            self.width * wide,
            self.height * high,
        )


def transform_of(shape: Element) -> Element | None:
    """Return a shape's transform."""
    for properties in shape:
        name = local(properties)
        if name == "xfrm":
            return properties
        if name in ("spPr", "grpSpPr"):
            found = properties.find(f"{A}xfrm")
            if found is not None:
                return found
    return None


def placeholder_of(shape: Element) -> Element | None:
    """Return what makes a shape a placeholder of its layout, None for other shapes."""
    for properties in shape:
        if local(properties).startswith("nv"):
            return properties.find(f"{P}nvPr/{P}ph")
    return None


def inherited_transform(package: Package, slide: str, placeholder: Element) -> Element | None:
    """Return the transform that a placeholder has in the layout, or else in the master."""
    for layout in package.related(slide, "slideLayout"):
        for part in (layout, *package.related(layout, "slideMaster")):
            root = package.xml(part)
            for shape in root.iter(f"{P}sp") if root is not None else ():
                other = placeholder_of(shape)
                transform = transform_of(shape)
                if other is not None and transform is not None and _same(placeholder, other):
                    return transform
    return None


def _same(one: Element, other: Element) -> bool:
    if one.get("idx") is not None and one.get("idx") == other.get("idx"):
        return True
    kind, others = one.get("type", ""), other.get("type", "")
    same_kind = kind == others or (kind in _BODY_TYPES and others in _BODY_TYPES)
    return same_kind and (one.get("idx") is None or other.get("idx") is None)


def _rectangle(
    transform: Element | None, corner: str, size: str
) -> tuple[float, float, float, float] | None:
    if transform is None:
        return None
    off, ext = transform.find(f"{A}{corner}"), transform.find(f"{A}{size}")
    if off is None or ext is None:
        return None
    try:
        return (
            float(off.get("x", "0")),
            float(off.get("y", "0")),
            float(ext.get("cx", "0")),
            float(ext.get("cy", "0")),
        )
    except ValueError:
        return None
