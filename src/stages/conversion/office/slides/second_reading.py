"""A second reading of presentations: the text nodes of slides, notes and diagrams."""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import Final

from lxml import etree

from stages.conversion.office.package import Package, local
from stages.conversion.result import ConversionOptions, Source
from stages.conversion.second_reading import SecondReading

_NUMBER: Final = re.compile(r"[-+\d.,eE%]*")
_WORD: Final = re.compile(r"\w+")
_YES: Final = ("1", "true")
_SHAPES: Final = ("sp", "pic", "graphicFrame", "grpSp", "cxnSp")
_UNREAD: Final = frozenset(["comments", "runningLines"])
# All other elements say nothing of what is shown.
_READ: Final = [f"{{*}}{name}" for name in ("Fallback", "cNvPr", "t", "br", "tab", "p", *_SHAPES)]
_SAFE: Final = {"resolve_entities": False, "no_network": True, "load_dtd": False}


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:
    """Return the text that people see on the slides that are shown, and in their notes."""
    pieces: list[str] = []
    left_out: Counter[str] = Counter()
    with Package(source.path) as package:
        main = package.main_part() or ""
        for slide in package.related(main, "slide"):
            if not package.has(slide):
                continue
            shown, hidden = _texts(package.read(slide))
            if b'show="0"' in package.read(slide)[:2000] and not options.include_hidden:
                left_out["hiddenSlides"] += len(_WORD.findall(" ".join([*shown, *hidden])))
                continue
            left_out["hiddenText"] += len(_WORD.findall(" ".join(hidden)))
            pieces += shown
            for data in package.related(slide, "diagramData"):
                pieces += _texts(package.read(data))[0] if package.has(data) else []
            for chart in package.related(slide, "chart"):
                pieces += _values(package, chart)
            for notes in package.related(slide, "notesSlide") if options.speaker_notes else ():
                pieces += _notes(package, notes)
    return SecondReading("\n".join(pieces), dict(+left_out), unread=_UNREAD)


def _texts(content: bytes) -> tuple[list[str], list[str]]:
    """Return the lines of a part that are shown, and those of shapes that are hidden."""
    shown: list[str] = []
    hidden: list[str] = []
    line: list[str] = []
    skipped = concealed = 0
    events = etree.iterparse(io.BytesIO(content), events=("start", "end"), tag=_READ, **_SAFE)
    for event, element in events:
        name = local(element)
        if event == "start":
            skipped += name == "Fallback"
            concealed += name == "cNvPr" and element.get("hidden") in _YES
            continue
        if name == "Fallback":
            skipped -= 1
        elif name == "t" and not skipped:
            line.append(_run(element))
        elif name in ("br", "tab"):
            line.append("\n")
        elif name == "p":
            (hidden if concealed else shown).append("".join(line))
            line = []
        elif name in _SHAPES and _hides(element):
            concealed -= 1
    return shown, hidden


def _run(text: etree._Element) -> str:
    return f" {text.text or ''} " if _is_apart(text) else text.text or ""


def _is_apart(element: etree._Element) -> bool:
    """Tell whether a text is raised, lowered, or part of a formula."""
    parent = element.getparent()
    properties = None if parent is None else next((e for e in parent if local(e) == "rPr"), None)
    raised = properties is not None and properties.get("baseline", "0") not in ("0", "")
    return raised or str(element.tag).endswith("/math}t")


def _hides(shape: etree._Element) -> bool:
    for each in shape:
        if local(each).startswith("nv"):
            return any(local(e) == "cNvPr" and e.get("hidden") in _YES for e in each)
    return False


def _values(package: Package, name: str) -> list[str]:
    """Return the words of a chart, each once: series repeat their categories.

    Numbers are not compared, for they are stored otherwise than they are shown.
    """
    root = package.xml(name)
    found = (each.text or "" for each in root.iter("{*}v", "{*}t")) if root is not None else ()
    return list(dict.fromkeys(text for text in found if not _NUMBER.fullmatch(text)))


def _notes(package: Package, name: str) -> list[str]:
    root = package.xml(name)
    found: list[str] = []
    for shape in root.iter("{*}sp") if root is not None else ():
        holders = [e.get("type") for e in shape.iter("{*}ph")]
        if holders == ["body"]:
            found += ["".join(map(_run, p.iter("{*}t"))) for p in shape.iter("{*}p")]
    return found
