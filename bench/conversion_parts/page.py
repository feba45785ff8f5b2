"""The figures as a page of the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from conversion_parts.figures import NAMED_BELOW

_COLUMNS = (
    ("refused", "refused"),
    ("recall", "recall"),
    ("precision", "precision"),
    ("pairs", "pairs"),
    ("headings", "headings"),
    ("rows", "table rows"),
    ("cpuSeconds", "CPU seconds"),
    ("peakMegabytes", "peak MB"),
)
_HOW = """\
Written by `bench/conversion.py`. The documents come from documentation packages and from the test
folders of source distributions; what words they hold is told by readers that are not measured
(poppler, the XML inside, libxml2, the csv module). Recall is the share of these words that come
out, precision the share of what comes out that is among them, pairs the share of neighbouring
words that stay neighbours; each is the mean over files. Headings and table rows are counts over
all files, beside those of the documents where their format says what one is. Each file is
converted by all converters in turn, each time in a process of its own; seconds of processor time
are summed, of conversions that are over soon the fastest of three counts. Memory is the largest
process. What a converter refuses is left out of its means. docling runs without models, offline."""


def page(figures: Mapping[str, Any]) -> str:
    """Return the page."""
    versions = ", ".join(f"{k} {v}" for k, v in figures["versions"].items() if v)
    lines = ["# How well documents are converted", "", _HOW, ""]
    lines += [f"{figures['documents']} documents; {versions or 'no others beside'}."]
    for kind, found in figures["formats"].items():
        lines += ["", f"## {kind}", "", *_format(found)]
    lines += [*_right(figures), *_files(figures)]
    return "\n".join(lines) + "\n"


def _format(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['files']} files{_reference(found['reference'])}."
    yield ""
    yield f"| | {' | '.join(head for _, head in _COLUMNS)} |"
    yield "| --- |" + " --- |" * len(_COLUMNS)
    for name, row in found["converters"].items():
        if row["recall"] is not None:
            yield f"| {name} | {' | '.join(_cell(row[key]) for key, _ in _COLUMNS)} |"
    nothing = [name for name, row in found["converters"].items() if row["recall"] is None]
    if nothing:
        yield ""
        yield f"Not converted by {', '.join(nothing)}."
    yield from _besides(found)


def _reference(reference: Mapping[str, int] | None) -> str:
    if reference is None:
        return ""
    return f", with {reference['headings']} headings and {reference['rows']} table rows"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return str(len(value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _besides(found: Mapping[str, Any]) -> Iterator[str]:
    told = [
        f"{each['seconds']:g} of {name}'s ({each['files']} files, more memory on "
        f"{each['moreMemory']})"
        for name, each in found["besides"].items()
        if each["seconds"] is not None
    ]
    if told:
        yield ""
        yield f"docledger's time over the files that both convert: {'; '.join(told)}."
    if found["overMemory"]:
        yield ""
        yield f"Over 512 MB: {', '.join(found['overMemory'])}."


def _right(figures: Mapping[str, Any]) -> Iterator[str]:
    if figures["refusedRightly"]:
        yield from ("", "## Refused for the right reason", "", "Left out of all means.", "")
        for each in figures["refusedRightly"]:
            yield f"- `{each['file']}`: {each['why']}"


def _files(figures: Mapping[str, Any]) -> Iterator[str]:
    if not figures["named"]:
        return
    yield from ("", f"## Files of which docledger keeps less than {NAMED_BELOW:.0%}", "")
    for each in figures["named"]:
        what = "refused" if each["error"] else f"{each['recall']:.3f}"
        yield f"- `{each['file']}` ({what}): {each['why'] or 'no explanation is written yet'}"
