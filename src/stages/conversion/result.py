"""What the converters of all formats take and give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from domain.json_types import JsonMapping, JsonObject
from stages.conversion.detection import Format
from stages.executor import Options

T = TypeVar("T")


class ConversionOptions(Options):
    """Options of the stage: what to keep, and how much is too much.

    Below `minimum_recall`, a share of the document's words, the format's fallback is tried as well;
    below `fail_below` the stage fails.
    """

    keep_running_headers: bool = False
    speaker_notes: bool = True
    comments: bool = False
    include_hidden: bool = False
    attachments: bool = True
    max_attachments: int = Field(default=100, ge=0, le=1_000)
    max_pages: int = Field(default=5_000, ge=1, le=100_000)
    max_cells: int = Field(default=2_000_000, ge=1, le=50_000_000)
    minimum_recall: float = Field(default=0.97, ge=0, le=1)
    fail_below: float = Field(default=0.90, ge=0, le=1)


@dataclass(frozen=True)
class Source:
    """The document to convert; its format is known from its content."""

    path: Path
    kind: Format
    file_name: str
    mime_type: str

    def once(self, read: Callable[[Source], T]) -> T:
        """Return what `read` makes of the document, made once for converter, check and fallback."""
        if read not in self._made:
            self._made[read] = read(self)
        made: T = self._made[read]
        return made

    @cached_property
    def _made(self) -> dict[Any, Any]:
        return {}


@dataclass(frozen=True)
class Enclosed:
    """A file within the document that is to be a document of its own."""

    file_name: str
    mime_type: str
    content: Callable[[], bytes]


@dataclass(frozen=True)
class Converted:
    """Markdown, and what is worth recording: counts and choices, never words of the document.

    `left_out` counts the words left out on purpose, by kind (`runningLines`, `hiddenText`, …);
    `pages` are the texts of the pages or slides in order, empty ones too, as they stand in the
    Markdown but for blanks and marks: where each begins is then recorded with the file.
    `lossy` tells that characters could not be read; `converter` is a short name with its major
    version, e.g. `pdfium-layout/3`.
    """

    markdown: str
    metadata: JsonMapping = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    lossy: bool = False
    converter: str = ""
    enclosed: tuple[Enclosed, ...] = ()
    pages: Sequence[str] = ()

    @property
    def recorded(self) -> JsonObject:
        """What the stage's metadata hold of the conversion."""
        return {
            "converter": self.converter,
            "lossy": self.lossy,
            "leftOut": dict(self.left_out),
            "wordsLeftOut": sum(self.left_out.values()),
            **self.metadata,
        }
