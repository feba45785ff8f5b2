"""Rich text."""

from __future__ import annotations

from stages.conversion.office.others.library import CONVERTER, markdown_of
from stages.conversion.office.others.rtf_text import prepared
from stages.conversion.result import ConversionOptions, Converted, Source


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert rich text; hidden text is left out and counted."""
    content, hidden = prepared(source.path.read_bytes(), include_hidden=options.include_hidden)
    left_out = {"hiddenText": hidden} if hidden else {}
    return Converted(markdown_of(content, "rtf"), {}, left_out=left_out, converter=CONVERTER)
