"""Documents that a stage took out of another one, such as attachments: what they are registered as.

Ids come from the source's id and the content, so that an attempt after one that was cut off makes
no second document of an attachment that the first has registered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from domain.commands import Context, RegisterDocument
from domain.document_workflow import DocumentWorkflow
from domain.json_types import JsonMapping, JsonObject
from domain.registration import Registration, register_file
from domain.values import SourceDocument
from stages.executor import ExtractedFile
from workers.ports import Blobs, StoredBlob

MAX_DEPTH = 5
"""A mail in a mail in a mail …: what is nested deeper is left in the document that holds it."""
MAX_DOCUMENTS = 1_000
_MAX_ID_CHARS = 255


@dataclass(frozen=True)
class Extracted:
    """An extracted file whose content is stored; `document_id` is what it will be known by."""

    document_id: str
    blob: StoredBlob
    file_name: str
    mime_type: str


def store(
    files: Sequence[ExtractedFile], state: DocumentWorkflow, blobs: Blobs
) -> tuple[Extracted, ...]:
    """Store the contents of extracted files, as many as may become documents; equal ones once."""
    if _depth(state) > MAX_DEPTH:
        return ()
    found: dict[str, Extracted] = {}
    for file in files[:MAX_DOCUMENTS]:
        blob = blobs.put_file(file.path)
        document_id = extracted_id(state, blob.checksum)
        found.setdefault(document_id, Extracted(document_id, blob, file.file_name, file.mime_type))
    return tuple(found.values())


def noted(
    files: Sequence[ExtractedFile], stored: Sequence[Extracted], state: DocumentWorkflow
) -> JsonMapping:
    """Return what the stage's metadata say of extraction: ids, what was left, and the source."""
    said: JsonObject = {}
    if state.source is not None:
        said["sourceUri"] = f"/v1/documents/{state.source.document_id}"
    if stored:
        said["extractedDocuments"] = [each.document_id for each in stored]
    left = len(files) if _depth(state) > MAX_DEPTH else max(0, len(files) - MAX_DOCUMENTS)
    if left:
        said["notExtracted"] = left
    return said


def registrations(
    extracted: Sequence[Extracted], state: DocumentWorkflow, context: Callable[[], Context]
) -> Iterator[RegisterDocument]:
    """Return the commands that register them: in the source's realm, run as it is run."""
    for each in extracted:
        registration = Registration(
            document_id=each.document_id,
            context=context(),
            realm_id=state.realm_id,
            workflow_type=state.workflow_type,
            configuration=state.configuration,
            pipeline=state.pipeline.dependencies,
            source=SourceDocument(document_id=state.id, depth=_depth(state)),
        )
        yield register_file(registration, each.blob, each.file_name, said_media_type=each.mime_type)


def extracted_id(state: DocumentWorkflow, checksum: str) -> str:
    """Return the id: that of the source's life, and the beginning of the content's checksum."""
    life = "" if state.life == 1 else f"{state.life}-"
    tail = f".{life}{checksum[:16]}"
    if len(state.id) + len(tail) <= _MAX_ID_CHARS:
        return state.id + tail
    return f"extracted-{hashlib.sha256(state.id.encode()).hexdigest()}{tail}"


def _depth(state: DocumentWorkflow) -> int:
    return 1 if state.source is None else state.source.depth + 1
