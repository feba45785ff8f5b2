"""A second, independent reading of a document, which the converted Markdown is checked against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from stages.conversion.result import ConversionOptions, Source


@dataclass(frozen=True)
class SecondReading:
    """All text that a reader sees, in any order.

    `left_out` counts the words left out on purpose, by kind (`hiddenText`, `runningLines`, …);
    they are not in `text`. `optional` is text that may stand in the Markdown and need not, such as
    headers: it counts for precision alone. `unread` are the kinds of what was not read at all, so
    that no word of `text` is missing where the converter leaves them out. Where `is_markdown`, the
    text is read as Markdown is.
    """

    text: str
    left_out: Mapping[str, int] = field(default_factory=dict)
    optional: str = ""
    unread: frozenset[str] = frozenset()
    is_markdown: bool = field(default=False, kw_only=True)


class SecondReader(Protocol):
    """What the module of a format may offer as `second_reading`, beside its `convert`.

    It is cheap, linear in the size of the document, and shares no code with the converter that
    could lose the same words. It separates what readers see apart by white space: blocks, cells,
    line breaks, and superscripts from their base.
    """

    def __call__(self, source: Source, options: ConversionOptions) -> SecondReading:
        """Return the text of the document, or raise UnconvertibleDocument."""
        ...
