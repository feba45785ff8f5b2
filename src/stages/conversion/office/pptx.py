"""Presentations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final
from zipfile import BadZipFile

from lxml import etree

from stages.conversion.markdown import blocks
from stages.conversion.office.drawing import R
from stages.conversion.office.markup import one_line
from stages.conversion.office.package import Element, Package, local
from stages.conversion.office.slides.places import P, placeholder_of
from stages.conversion.office.slides.second_reading import second_reading
from stages.conversion.office.slides.shapes import SlideReader
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.errors import UnconvertibleDocument

__all__ = ["convert", "second_reading"]

_DAMAGED: Final = (
    "The presentation is damaged; open it in a presentation program, save it again and hand in "
    "that."
)
_NO: Final = ("0", "false")
_RUNNING: Final = ("hdr", "ftr", "dt", "sldNum")


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert a presentation: a section a slide, in the order that people read, then its notes."""
    left_out: Counter[str] = Counter()
    try:
        with Package(source.path) as package:
            main = package.main_part()
            root = package.xml(main) if main else None
            if main is None or root is None or local(root) != "presentation":
                raise UnconvertibleDocument(_DAMAGED)
            slides = list(_slides(package, main, root, options, left_out))
    except (etree.XMLSyntaxError, BadZipFile, ValueError, KeyError, EOFError, OSError) as error:
        raise UnconvertibleDocument(_DAMAGED) from error
    parts = [
        blocks([f"## {slide[0] or f'Slide {number}'}", *slide[1]]) if slide else ""
        for number, slide in enumerate(slides, start=1)
    ]
    holds_words = any(slide and (slide[0] or slide[1]) for slide in slides)
    return Converted(
        blocks(parts) if holds_words else "",
        {"slides": sum(slide is not None for slide in slides)},
        left_out=dict(+left_out),
        converter="pptx-xml/2",
        pages=parts,
    )


def _slides(
    package: Package, main: str, root: Element, options: ConversionOptions, left_out: Counter[str]
) -> Iterator[tuple[str, list[str]] | None]:
    """Return title and blocks of each slide in the order of the show, None for one not shown."""
    for each in root.iter(f"{P}sldId"):
        target = package.target(main, each.get(f"{R}id"))
        slide = package.xml(target.target) if target and not target.external else None
        if target is None or slide is None:
            yield None
            continue
        if slide.get("show") in _NO and not options.include_hidden:
            words = " ".join(t.text or "" for t in slide.iter() if local(t) == "t")
            left_out["hiddenSlides"] += len(words.split())
            yield None
            continue
        yield _slide(package, target.target, slide, options, left_out)


def _slide(
    package: Package, part: str, slide: Element, options: ConversionOptions, left_out: Counter[str]
) -> tuple[str, list[str]]:
    tree = slide.find(f"{P}cSld/{P}spTree")
    reader = SlideReader(package, part, left_out)
    title, body = reader.read(tree) if tree is not None else ("", [])
    notes = _notes(package, part, left_out) if options.speaker_notes else ""
    comments = list(_comments(package, part))
    if not options.comments:
        left_out["comments"] += sum(len(comment.split()) for comment in comments)
        comments = []
    return title, [text for text in [*body, notes, *comments] if text]


def _notes(package: Package, part: str, left_out: Counter[str]) -> str:
    """Return a slide's notes; header, footer, date and number of their page are left out."""
    lines: list[str] = []
    for name in package.related(part, "notesSlide"):
        root = package.xml(name)
        reader = SlideReader(package, name, Counter())
        for shape in root.iter(f"{P}sp") if root is not None else ():
            holder = placeholder_of(shape)
            if holder is not None and holder.get("type") in _RUNNING:
                words = " ".join(t.text or "" for t in shape.iter() if local(t) == "t")
                left_out["runningLines"] += len(words.split())
            elif holder is not None and holder.get("type") == "body":
                found = reader.body_text(shape.find(f"{P}txBody"))
                lines += [one_line(paragraph.spans) for paragraph in found]
    if not lines:
        return ""
    return "\n>\n".join(["> **Notes:**", *(f"> {line}" for line in lines)])


def _comments(package: Package, part: str) -> Iterator[str]:
    for name in package.related(part, "comments"):
        root = package.xml(name)
        for each in root.iter() if root is not None else ():
            if local(each) in ("text", "t") and each.text:
                yield f"Comment: {' '.join(each.text.split())}"
