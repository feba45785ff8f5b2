"""Plain text and Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from stages.conversion.detection import Format
from stages.conversion.markdown import blocks, heading, paragraph
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.second_reading import SecondReading
from stages.conversion.text.encodings import decode_file

_PIECE_CHARS = 1 << 20
_MAX_TITLE_CHARS = 60
_CONVERTER = "plain-text/2"


def convert(source: Source, options: ConversionOptions) -> Converted:  # noqa: ARG001
    """Keep Markdown as it is; make paragraphs of plain text, in which nothing is markup."""
    decoded = decode_file(source)
    markdown = decoded.text if source.kind is Format.MARKDOWN else _paragraphs(decoded.text)
    return Converted(
        markdown, {"encoding": decoded.encoding}, lossy=decoded.lossy, converter=_CONVERTER
    )


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:  # noqa: ARG001
    """Return the decoded text, which may be Markdown itself."""
    return SecondReading(decode_file(source).text, is_markdown=source.kind is Format.MARKDOWN)


def _paragraphs(text: str) -> str:
    """Part the text at blank lines; what looks like a title becomes a heading."""
    return blocks(
        heading(part, level) if level else paragraph(part) for part, level in _with_levels(text)
    )


def _with_levels(text: str) -> Iterator[tuple[str, int]]:
    """Return the parts with the levels of headings, 0 for paragraphs.

    A title is followed by something that is none, but for the first.
    """
    before, first = None, True
    for part in chain(_parts(text), [None]):
        if before is not None:
            is_title = part is not None and _is_title(before) and (first or not _is_title(part))
            yield before, (1 if first else 2) if is_title else 0
            first = False
        before = part


def _parts(text: str) -> Iterator[str]:
    """Return what stands between blank lines."""
    lines: list[str] = []
    start = 0
    while start < len(text):
        end = text.find("\n", start + _PIECE_CHARS) + 1 or len(text)
        for line in text[start:end].removesuffix("\n").split("\n"):
            if line and not line.isspace():
                lines.append(line)
            elif lines:
                yield "\n".join(lines)
                lines = []
        start = end
    if lines:
        yield "\n".join(lines)


def _is_title(part: str) -> bool:
    """Tell whether a part is one short line that begins like a title and ends like none else."""
    line = part.strip()
    short = "\n" not in line and len(line) <= _MAX_TITLE_CHARS
    begins = (
        line[:1].isupper() or line[:1].isdigit() or (line[:1].isalpha() and not line[:1].islower())
    )
    return short and begins and (line[-1].isalnum() or line[-1] in ")”»」") and "|" not in line
