"""Rich text."""

from __future__ import annotations

from stages.conversion.office.others.library import CONVERTER, markdown_of
from stages.conversion.office.others.rtf_text import prepared
from stages.conversion.result import ConversionOptions, Converted, Source


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert rich text; hidden and deleted text is left out and counted."""
    content, left_out = prepared(source.path.read_bytes(), include_hidden=options.include_hidden)
    markdown = markdown_of(content, "rtf")
    return Converted(markdown, {}, left_out=dict(+left_out), converter=CONVERTER)
