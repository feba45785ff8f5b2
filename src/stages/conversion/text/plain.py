"""Plain text and Markdown."""

from __future__ import annotations

import re
from typing import Final

from stages.conversion.detection import Format
from stages.conversion.markdown import blocks, heading, paragraph
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.second_reading import SecondReading
from stages.conversion.text.encodings import decode_file

_BLANK_LINES: Final = re.compile(r"\n(?:[^\S\n]*\n)+")
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
    parts = [part.strip("\n") for part in _BLANK_LINES.split(text) if part.strip()]
    titles = [_is_title(part) for part in parts]
    return blocks(
        heading(part, 1 if index == 0 else 2)
        if title and index + 1 < len(parts) and (index == 0 or not titles[index + 1])
        else paragraph(part)
        for index, (part, title) in enumerate(zip(parts, titles, strict=True))
    )


def _is_title(part: str) -> bool:
    """Tell whether a part is one short line that begins like a title and ends like none else."""
    line = part.strip()
    short = "\n" not in line and len(line) <= _MAX_TITLE_CHARS
    begins = (
        line[:1].isupper() or line[:1].isdigit() or (line[:1].isalpha() and not line[:1].islower())
    )
    return short and begins and (line[-1].isalnum() or line[-1] in ")”»」") and "|" not in line
