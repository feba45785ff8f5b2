"""Output files on their way in: named, typed, and their content made a blob."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool

from api.http.errors import Unprocessable
from api.ports import Ports, StageType
from api.schemas import StatusReport, StoredFile
from domain.file_names import safe_name, split_extension
from domain.json_types import JsonMapping
from domain.media_types import media_type_of, says_something
from domain.storage_errors import BlobNotFound, PathRefused
from domain.values import FILE_TYPE, SUFFIX, OutputFile
from files.blobs import Blob

_BLOBS = re.compile(r"/?blobs/")


async def all_adopted(
    ports: Ports, document_id: str, stage_name: str, sent: Sequence[StoredFile], field: str
) -> tuple[OutputFile, ...]:
    """Return several files that lie in the storage already, taken in one after the other."""

    def take_in() -> tuple[OutputFile, ...]:
        named = ((f"{field}.{number}", file) for number, file in enumerate(sent))
        return tuple(adopted(ports, document_id, stage_name, file, at) for at, file in named)

    return await run_in_threadpool(take_in) if sent else ()


def adopted(
    ports: Ports, document_id: str, stage_name: str, sent: StoredFile, field: str = ""
) -> OutputFile:
    """Return a file that lies in the storage already; its content becomes a blob; blocks.

    Raises Unprocessable, naming the field under `field`, if it is not what the caller says.
    """
    prefix = f"{field}." if field else ""
    refuse_other_owner(document_id, stage_name, sent, prefix)
    file_type = file_type_of(ports, stage_name, sent.file_type, f"{prefix}fileType")
    name = checked_name(sent.file_name, f"{prefix}fileName")
    if name is None and not _BLOBS.match(sent.file_path):
        name = safe_name(sent.file_path)
    blob = _adopt(ports, sent, prefix)
    return output_file(
        ports, stage_name, blob, file_type, name, sent.mime_type or "", sent.metadata, is_exact=True
    )


def output_file(
    ports: Ports,
    stage_name: str,
    blob: Blob,
    file_type: str,
    name: str | None,
    said_media_type: str,
    metadata: JsonMapping | None,
    *,
    is_exact: bool = False,
) -> OutputFile:
    """Return the output file that a blob becomes; blocks.

    With `is_exact` the media type is stored as it was said, with its parameters.
    """
    own = ports.stage_types.get(stage_name)
    own = own if own is not None and own.file_type == file_type else None
    mime_type = _mime_type(own, name, said_media_type)
    if is_exact and says_something(said_media_type):
        mime_type = said_media_type
    canonical = ports.canonical_checksum(blob.checksum, mime_type)
    return OutputFile(
        file_type=file_type,
        suffix=own.suffix if own else _suffix_of(name),
        checksum=blob.checksum,
        canonical_checksum=canonical if canonical != blob.checksum else None,
        size_bytes=blob.size_bytes,
        mime_type=mime_type,
        file_name=name,
        outside_metadata=metadata,
    )


def file_type_of(ports: Ports, stage_name: str, given: str | None, field: str) -> str:
    """Return the type given, or the one that the stage's executor makes."""
    if given is not None:
        if not FILE_TYPE.fullmatch(given):
            raise Unprocessable.of(field, "A file type is 1 to 100 of a-z 0-9 _")
        return given
    own = ports.stage_types.get(stage_name)
    if own is None:
        raise Unprocessable.of(field, f"Stage '{stage_name}' makes no type of its own; name one.")
    return own.file_type


def checked_name(given: str | None, field: str) -> str | None:
    """Return a file's name; raise Unprocessable for one that cannot be a name here."""
    if given is None:
        return None
    name = safe_name(given)
    if name != unicodedata.normalize("NFC", given):
        raise Unprocessable.of(field, "This cannot name a file; leave out paths and odd signs.")
    return name


def refuse_other_owner(
    document_id: str, stage_name: str, sent: StoredFile | StatusReport, prefix: str = ""
) -> None:
    """Raise Unprocessable if what was sent names another document or stage than its path."""
    if sent.document_id not in (None, document_id):
        raise Unprocessable.of(f"{prefix}documentId", "The path names another document.")
    if sent.stage_name not in (None, stage_name):
        raise Unprocessable.of(f"{prefix}stageName", "The path names another stage.")


def _adopt(ports: Ports, sent: StoredFile, prefix: str) -> Blob:
    field = f"{prefix}filePath"
    try:
        blob = ports.stored_files.adopt(sent.file_path)
    except PathRefused:
        raise Unprocessable.of(field, "The path leads out of the storage.") from None
    except BlobNotFound:
        raise Unprocessable.of(field, "The storage holds no file at this path.") from None
    if sent.file_size not in (None, blob.size_bytes):
        raise Unprocessable.of(f"{prefix}fileSize", f"The file has {blob.size_bytes} bytes.")
    if sent.checksum not in (None, blob.checksum):
        raise Unprocessable.of(f"{prefix}checksum", f"The file's SHA-256 is {blob.checksum}.")
    return blob


def _mime_type(own: StageType | None, name: str | None, said: str) -> str:
    if own is not None:
        return media_type_of(None, said) if media_type_of(None, said) != _UNTYPED else own.mime_type
    return media_type_of(name, said)


_UNTYPED = media_type_of(None)


def _suffix_of(name: str | None) -> str:
    _, extension = split_extension(name or "")
    return extension.lower() if SUFFIX.fullmatch(extension.lower()) else ".bin"
