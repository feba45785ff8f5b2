"""How a document comes in, whichever way it was handed in: its name, title and media type."""

from __future__ import annotations

import unicodedata
from typing import Protocol

from domain.commands import Context, RegisterDocument
from domain.file_names import safe_name, split_extension
from domain.media_types import MARKDOWN, media_type_of
from domain.pipeline import StageDependency
from domain.values import Configuration, Original, SourceDocument, Value, WorkflowType

MAX_TITLE_CHARS = 255


class StoredContent(Protocol):
    """Content that the storage holds."""

    @property
    def checksum(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...


class Registration(Value):
    """What a registration says besides the content."""

    document_id: str
    context: Context
    realm_id: str | None = None
    workflow_type: WorkflowType = WorkflowType.MANUAL
    configuration: Configuration = Configuration()
    pipeline: tuple[StageDependency, ...]
    source: SourceDocument | None = None


def register_file(
    registration: Registration,
    content: StoredContent,
    file_name: str,
    *,
    title: str | None = None,
    said_media_type: str = "",
) -> RegisterDocument:
    """Return the command that registers a file; the title is by default its name's stem."""
    name = safe_name(file_name)
    original = Original(
        file_name=name,
        checksum=content.checksum,
        size_bytes=content.size_bytes,
        mime_type=media_type_of(name, said_media_type),
    )
    return RegisterDocument(
        **dict(registration), title=title or title_of(file_name), original=original
    )


def register_text(
    registration: Registration, content: StoredContent, text: str, title: str
) -> RegisterDocument:
    """Return the command that registers a document given as text, which is taken as Markdown."""
    original = Original(
        checksum=content.checksum, size_bytes=content.size_bytes, mime_type=MARKDOWN
    )
    return RegisterDocument(**dict(registration), title=title, original=original, content=text)


def title_of(file_name: str) -> str:
    """Return the title of a document whose sender gave none."""
    stem, _ = split_extension(safe_name(file_name))
    return unicodedata.normalize("NFC", stem)[:MAX_TITLE_CHARS]
