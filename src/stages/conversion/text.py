"""Plain text and Markdown."""

from __future__ import annotations

from stages.conversion.decoding import declared_charset, decode
from stages.conversion.detection import Format
from stages.conversion.markdown import paragraph
from stages.conversion.result import ConversionOptions, Converted, Source


def convert(source: Source, options: ConversionOptions) -> Converted:  # noqa: ARG001
    """Keep Markdown as it is; make paragraphs of plain text, in which nothing is markup."""
    decoded = decode(source.path.read_bytes(), declared_charset(source.mime_type))
    markdown = decoded.text if source.kind is Format.MARKDOWN else _paragraphs(decoded.text)
    return Converted(markdown, {"encoding": decoded.encoding, "lossy": decoded.lossy})


def _paragraphs(text: str) -> str:
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return "\n\n".join(paragraph("\n".join(lines)) for lines in found if lines)
