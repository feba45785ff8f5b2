"""The executor of the stage `markdown-conversion`."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from stages.conversion.detection import Format, detect
from stages.conversion.markdown import tidied
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.errors import UnconvertibleDocument
from stages.executor import ORIGINAL, InputFile, ProducedFile, StageOutcome, StageTask


class Converter(Protocol):
    """What the module of each format offers as `convert`."""

    def __call__(self, source: Source, options: ConversionOptions) -> Converted:
        """Make Markdown of the document, or raise UnconvertibleDocument."""
        ...


class MarkdownConversion:
    """Makes one Markdown file of the original."""

    stage_name: str = "markdown-conversion"
    file_type: str = "markdown"
    suffix: str = ".md"
    mime_type: str = "text/markdown; charset=utf-8"
    version: str = "1"
    in_process: bool = False
    reads: tuple[str, ...] = (ORIGINAL,)
    options_model: type[BaseModel] = ConversionOptions

    def run(self, task: StageTask) -> StageOutcome:
        """Convert the original; its content decides the format, its name and type only assist."""
        options = task.options_as(ConversionOptions)
        original = task.input_of(ORIGINAL)
        kind, converted = convert(original, options)
        path = task.work_dir / "converted.md"
        path.write_text(converted.markdown, encoding="utf-8", newline="\n")
        return StageOutcome(
            files=(ProducedFile(path),),
            metadata={"format": kind.value, **converted.metadata},
        )


def convert(original: InputFile, options: ConversionOptions) -> tuple[Format, Converted]:
    """Return the document's format and its Markdown; raise UnconvertibleDocument."""
    size_bytes = Path(original.path).stat().st_size
    if size_bytes == 0:
        raise UnconvertibleDocument("The file is empty; hand in one with content.")
    kind = detect(original.path, original.file_name, original.mime_type)
    source = Source(original.path, kind, original.file_name, original.mime_type)
    converted = converter_of(kind)(source, options)
    markdown = tidied(converted.markdown)
    if not markdown.strip():
        raise UnconvertibleDocument(
            "The document holds no text; if it shows pictures of text, run text recognition (OCR) "
            "on it first."
        )
    return kind, replace(converted, markdown=markdown)


def converter_of(kind: Format) -> Converter:
    """Return the function that converts this format, importing its libraries only now."""
    converter: Converter = import_module(f"stages.conversion.{kind.module}").convert
    return converter
