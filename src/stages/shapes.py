"""The JSON documents that stages hand to each other: chunks and facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from stages.errors import UnconvertibleDocument


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class ChunksSource(_Shape):
    """The Markdown that chunks were cut from."""

    file_type: str
    checksum: str


class Chunk(_Shape):
    """One span of the Markdown; `start` and `end` count its code points, `end` not included.

    `heading_path` are the headings, from the outermost in, under which its first word stands.
    `context` is Markdown from further up that it is read under, for lines of its own ahead of
    `text`: the heading of its section, the header of its table, the mark that opens its code.
    `pages` are the first and the last page, or slide, that it stands on, where these are known. One
    that is not `indexed` holds no text: the payload of a picture.
    """

    index: int = Field(ge=0)
    text: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    heading_path: tuple[str, ...]
    context: str | None = None
    pages: tuple[int, int] | None = None
    token_count: int = Field(ge=0)
    indexed: bool = True


class ChunksDocument(_Shape):
    """What the chunker makes; `page_starts` are those of the Markdown, where they are known."""

    source: ChunksSource
    page_starts: tuple[int, ...] | None = None
    chunks: tuple[Chunk, ...]


class Fact(_Shape):
    """A statement; its quote stands at `start` to `end` of the source Markdown, word for word.

    `pages` are the first and the last page of the quote, where these are known.
    """

    index: int = Field(ge=0)
    kind: str
    statement: str
    quote: str
    chunk_index: int = Field(ge=0)
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    pages: tuple[int, int] | None = None


class FactsDocument(_Shape):
    """What the fact generator makes."""

    facts: tuple[Fact, ...]


DocumentT = TypeVar("DocumentT", bound=BaseModel)


def read_document(path: Path, shape: type[DocumentT]) -> DocumentT:
    """Return the document in a file, or raise UnconvertibleDocument."""
    try:
        return shape.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "its beginning"
        raise UnconvertibleDocument(
            f"The file that this stage reads is not as it should be at {where}: {first['msg']}; "
            "run the stage that makes it again, or store a file in its format."
        ) from error


def write_document(path: Path, document: BaseModel) -> None:
    """Write compact JSON with sorted keys and without defaults: equal documents, equal bytes."""
    path.write_text(
        canonical_json(document.model_dump(mode="json", by_alias=True, exclude_defaults=True)),
        encoding="utf-8",
        newline="\n",
    )


def canonical_json(document: object) -> str:
    """Return compact JSON with sorted keys."""
    return json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
