"""The executor of the stage `markdown-conversion`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol

from pydantic import BaseModel

from stages.conversion.detection import Format, detect
from stages.conversion.gate import checked, unchecked
from stages.conversion.markdown import tidied
from stages.conversion.result import ConversionOptions, Converted, Enclosed, Source
from stages.conversion.second_reading import SecondReader, SecondReading
from stages.errors import UnconvertibleDocument
from stages.executor import (
    ORIGINAL,
    ExtractedFile,
    InputFile,
    ProducedFile,
    StageOutcome,
    StageTask,
)
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
            extracted=tuple(_written(converted.enclosed, task.work_dir)),
        )


def _written(enclosed: Iterable[Enclosed], folder: Path) -> Iterator[ExtractedFile]:
    """Write the files within a document, for the worker to register."""
    for number, each in enumerate(enclosed, start=1):
        path = folder / f"enclosed-{number}"
        path.write_bytes(each.content())
        yield ExtractedFile(path, each.file_name, each.mime_type)


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
    if isinstance(reading, Exception):
        converted = unchecked(converted, reading)
    elif reading is not None:
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
) -> SecondReading | Exception | None:
    """Read the document for the second time; None if its format has no second reading.

    What is converted is not lost because the reading that only checks it fails: the error is
    returned, and the stage's metadata say that the words were not checked.
    """
    read: SecondReader | None = getattr(module, "second_reading", None)
    if read is None:
        return None
    try:
        return read(source, options)
    except MemoryError:
        raise
    except Exception as error:
        return error


def _again(fallback: Converter, source: Source, options: ConversionOptions) -> Converted:
    return _tidied(fallback(source, options))


def _tidied(converted: Converted) -> Converted:
    return replace(converted, markdown=tidied(converted.markdown))
