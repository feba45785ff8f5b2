"""The executor of the stage `markdown-conversion`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol

from pydantic import BaseModel

from stages.conversion.detection import Format, detect
from stages.conversion.gate import checked
from stages.conversion.markdown import tidied
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.second_reading import SecondReader, SecondReading
from stages.errors import UnconvertibleDocument
from stages.executor import ORIGINAL, InputFile, ProducedFile, StageOutcome, StageTask
from stages.pages import located


class Converter(Protocol):
    """What the module of each format offers as `convert`, and may offer as `fallback`.

    It may offer a `second_reading` too; without one its Markdown is not checked.
    """

    def __call__(self, source: Source, options: ConversionOptions) -> Converted:
        """Make Markdown of the document, or raise UnconvertibleDocument."""
        ...


class MarkdownConversion:
    """Makes one Markdown file of the original."""

    stage_name: str = "markdown-conversion"
    file_type: str = "markdown"
    suffix: str = ".md"
    mime_type: str = "text/markdown; charset=utf-8"
    version: str = "3"
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
        pages = located(converted.pages, converted.markdown)
        return StageOutcome(
            files=(ProducedFile(path, pages.metadata if pages else {}),),
            metadata={"format": kind.value, **converted.recorded},
        )


def convert(original: InputFile, options: ConversionOptions) -> tuple[Format, Converted]:
    """Return the document's format and its Markdown; raise UnconvertibleDocument."""
    size_bytes = Path(original.path).stat().st_size
    if size_bytes == 0:
        raise UnconvertibleDocument("The file is empty; hand in one with content.")
    kind = detect(original.path, original.file_name, original.mime_type)
    source = Source(original.path, kind, original.file_name, original.mime_type)
    return kind, _checked(module_of(kind), source, options)


def module_of(kind: Format) -> ModuleType:
    """Return the module that converts this format, importing its libraries only now."""
    return import_module(f"stages.conversion.{kind.module}")


def _checked(module: ModuleType, source: Source, options: ConversionOptions) -> Converted:
    """Convert, and compare with the second reading where the format has one."""
    converted = _tidied(module.convert(source, options))
    reading = _read_again(module, source, options)
    if reading is not None:
        fallback: Converter | None = getattr(module, "fallback", None)
        other = None if fallback is None else partial(_again, fallback, source, options)
        converted = checked(converted, reading, options, other)
    if not converted.markdown.strip():
        raise UnconvertibleDocument(
            "The document holds no text; if it shows pictures of text, run text recognition (OCR) "
            "on it first."
        )
    return converted


def _read_again(
    module: ModuleType, source: Source, options: ConversionOptions
) -> SecondReading | None:
    """Read the document for the second time; None if that cannot be done.

    What is converted is not lost because the reading that only checks it fails: such a document
    has no `wordRecall`.
    """
    read: SecondReader | None = getattr(module, "second_reading", None)
    if read is None:
        return None
    try:
        return read(source, options)
    except MemoryError:
        raise
    except Exception:
        return None


def _again(fallback: Converter, source: Source, options: ConversionOptions) -> Converted:
    return _tidied(fallback(source, options))


def _tidied(converted: Converted) -> Converted:
    return replace(converted, markdown=tidied(converted.markdown))
