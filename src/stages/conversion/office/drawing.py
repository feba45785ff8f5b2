"""Text of DrawingML, as in slides, charts and diagrams (ECMA-376 part 1, 21.1.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from stages.conversion.office.formula import inline_formula
from stages.conversion.office.markup import Span
from stages.conversion.office.package import Element, local

A: Final = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
R: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_STRIKES: Final = ("sngStrike", "dblStrike")

Address = Callable[[str | None], str]


def no_address(relationship_id: str | None) -> str:  # noqa: ARG001
    """Return no address: for texts whose links lead nowhere."""
    return ""


@dataclass(frozen=True)
class TextParagraph:
    """A paragraph: its spans, its level from 0, and whether it is said to be a list item.

    `numbering` is the scheme of an automatic number, such as `arabicPeriod`, with its start.
    """

    spans: tuple[Span, ...]
    level: int = 0
    bullet: bool | None = None
    numbering: tuple[str, int] | None = None

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing can be read."""
        return not any(span.text.strip() for span in self.spans)


def paragraphs(body: Element | None, address: Address = no_address) -> Iterator[TextParagraph]:
    """Return the paragraphs of a text body."""
    for element in body.iterchildren(f"{A}p") if body is not None else ():
        properties = element.find(f"{A}pPr")
        yield TextParagraph(
            tuple(_spans(element, address)), _level(properties), *_listing(properties)
        )


def _level(properties: Element | None) -> int:
    text = "0" if properties is None else properties.get("lvl", "0")
    return min(int(text), 8) if text.isdigit() else 0


def _listing(properties: Element | None) -> tuple[bool | None, tuple[str, int] | None]:
    if properties is None:
        return None, None
    if properties.find(f"{A}buNone") is not None:
        return False, None
    numbered = properties.find(f"{A}buAutoNum")
    if numbered is not None:
        start = numbered.get("startAt", "1")
        return True, (numbered.get("type", "arabicPeriod"), int(start) if start.isdigit() else 1)
    marked = properties.find(f"{A}buChar") is not None or properties.find(f"{A}buBlip") is not None
    return (True if marked else None), None


def _spans(paragraph: Element, address: Address) -> Iterator[Span]:
    for child in paragraph:
        name = local(child)
        if name in ("r", "fld"):
            yield from _run(child, address)
        elif name == "br":
            yield Span("\n")
        elif name == "AlternateContent":
            yield from _alternative(child, address)
        elif name == "m" or name.startswith("oMath"):
            yield from _formulas(child)


def _alternative(element: Element, address: Address) -> Iterator[Span]:
    for option in element:
        found = list(_spans(option, address))
        if found:
            yield from found
            return


def _formulas(element: Element) -> Iterator[Span]:
    if local(element) == "oMath":
        yield Span(inline_formula(element), raw=True)
        return
    for child in element:
        yield from _formulas(child)


def _run(run: Element, address: Address) -> Iterator[Span]:
    text = "".join(each.text or "" for each in run.iterchildren(f"{A}t"))
    properties = run.find(f"{A}rPr")
    if properties is None:
        yield Span(_one_line(text))
        return
    yield Span(
        _one_line(text),
        bold=properties.get("b") in ("1", "true"),
        italic=properties.get("i") in ("1", "true"),
        strike=properties.get("strike") in _STRIKES,
        vertical=_vertical(properties.get("baseline")),
        link=_link(properties, address),
    )


def _one_line(text: str) -> str:
    return text.replace("\x0b", "\n").replace("_x000B_", "\n").replace("\t", " ")


def _vertical(baseline: str | None) -> str:
    """Return how a run is raised; `baseline` is in thousandths of a percent, or a percentage."""
    try:
        amount = float((baseline or "0").rstrip("%"))
    except ValueError:
        return ""
    return "sup" if amount > 0 else "sub" if amount < 0 else ""


def _link(properties: Element, address: Address) -> str:
    link = properties.find(f"{A}hlinkClick")
    return "" if link is None else address(link.get(f"{R}id"))
