"""What the converters of all formats take and give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from stages.conversion.detection import Format
from stages.executor import Options


class ConversionOptions(Options):
    """Options of the stage: what to keep, and how much is too much."""

    keep_running_headers: bool = False
    speaker_notes: bool = True
    max_pages: int = Field(default=5_000, ge=1, le=100_000)
    max_cells: int = Field(default=2_000_000, ge=1, le=50_000_000)


@dataclass(frozen=True)
class Source:
    """The document to convert; its format is known from its content."""

    path: Path
    kind: Format
    file_name: str
    mime_type: str


@dataclass(frozen=True)
class Converted:
    """Markdown, and what is worth recording: counts and choices, never words of the document."""

    markdown: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    lossy: bool = False
    converter: str = ""
