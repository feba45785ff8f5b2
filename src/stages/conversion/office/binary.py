"""Word documents and presentations in the binary formats of Office 97 to 2003."""

from __future__ import annotations

from typing import cast

from stages.conversion.office.others.library import CONVERTER, Kind, markdown_of
from stages.conversion.result import ConversionOptions, Converted, Source


def convert(source: Source, options: ConversionOptions) -> Converted:  # noqa: ARG001
    """Convert a binary document; raised digits cannot be told from others there."""
    content = source.path.read_bytes()
    return Converted(markdown_of(content, cast("Kind", source.kind.value)), {}, converter=CONVERTER)
