"""Files of a document: its original, and what its stages made."""

from __future__ import annotations

import json
import unicodedata
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import examples, openapi, render, schemas
from api.http.bodies import checked, is_json, media_type, read_json
from api.http.contents import Content, ListedFile, content_response
from api.http.errors import FileNotFound, Unprocessable
from api.http.multipart import FormReader, form_values, receive_raw
from api.output_files import adopted, checked_name, file_type_of, output_file
from api.parameters import Cursor, DocumentPath, Limit, StagePath
from api.reads.former_files import require_own_files
from api.reads.past import AsOf
from api.reads.versions import IMPORTED, version_of
from api.schemas import StageFileFields, StoredFile
from api.services import IfMatch, MinPosition, Services, Shared
from domain.commands import RegisterOutputFile
from domain.file_names import original_path, output_path
from domain.values import OutputFile

router = APIRouter(prefix="/v1/documents/{id}", tags=["files"])

_CONTENT = openapi.downloads(400, 404, 416, 422, 500, 503)


@router.post(
    "/stages/{stage}/files",
    operation_id="storeStageFile",
    status_code=201,
    summary="Store a file of a stage, or register one that is stored already",
    responses={
        201: openapi.answer(
            schemas.OutputFile, "The file", examples.FILE, state=True, location=True
        ),
        **openapi.errors(*openapi.WRITE_ERRORS),
    },
    openapi_extra=openapi.request_body(
        openapi.form_content(StageFileFields, "StageFileForm", "file"),
        openapi.json_content(StoredFile, examples.STORED_FILE),
        openapi.raw_content(),
    ),
    dependencies=[IfMatch],
)
async def store_stage_file(
    request: Request,
    services: Shared,
    document_id: DocumentPath,
    stage: StagePath,
    file_name: Annotated[str | None, Query(alias="fileName", max_length=1024)] = None,
    file_type: Annotated[str | None, Query(alias="fileType", max_length=100)] = None,
) -> Response:
    """Add the file to the stage.

    A form has a `file` and may have `fileName`, `fileType` and `metadata`. Any other body is the
    file itself; JSON without `fileName` names a file that lies in the storage.
    """
    kind = media_type(request)
    # Refused before a large body is read; the command checks again.
    seen = (await services.sender.load(document_id)).state
    seen.stage(stage)
    if kind == "multipart/form-data":
        file = await _from_form(request, services, stage, file_name, file_type)
    elif is_json(kind) and file_name is None:
        body = await read_json(request, StoredFile, services.limits.json_bytes)
        patience = services.limits.min_position_wait_seconds
        await require_own_files(services.queries, document_id, [body.file_path], patience)
        file = await run_in_threadpool(adopted, services.ports, document_id, stage, body)
    else:
        file = await _from_raw(request, services, stage, file_name, file_type)
    command = RegisterOutputFile(
        document_id=document_id,
        context=services.sender.context(request),
        stage_name=stage,
        life=seen.life,
        file=file,
    )
    committed = await services.sender.send(request, command)
    content = render.file(committed, stage, file.file_type)
    name = content["filePath"].rpartition("/")[2]
    location = f"/v1/documents/{document_id}/stages/{stage}/files/{quote(name, safe='')}"
    return render.written(committed, content, 201, {"Location": location})


async def _from_form(
    request: Request, services: Services, stage: str, name: str | None, kind: str | None
) -> OutputFile:
    ports = services.ports
    reader = FormReader(request, ports.blobs, "file", services.limits.upload_bytes)
    form = await reader.read()
    try:
        fields = checked(StageFileFields, form_values(form.fields, "metadata"))
        if form.file is None:
            raise Unprocessable.of("file", "Send the content as a file part with a file name.")
        given = (fields.file_name, name, form.file.file_name)
        own_name = checked_name(next(n for n in given if n is not None), "fileName")
        file_type = file_type_of(ports, stage, fields.file_type or kind, "fileType")
        blob = await run_in_threadpool(form.file.writer.commit)
    finally:
        await reader.abort()
    return await run_in_threadpool(
        output_file, ports, stage, blob, file_type, own_name, form.file.media_type, fields.metadata
    )


async def _from_raw(
    request: Request, services: Services, stage: str, name: str | None, kind: str | None
) -> OutputFile:
    ports = services.ports
    own_name = checked_name(name, "query.fileName")
    file_type = file_type_of(ports, stage, kind, "query.fileType")
    writer = await receive_raw(request, ports.blobs, services.limits.upload_bytes)
    blob = await run_in_threadpool(writer.commit)
    said = request.headers.get("content-type", "")
    return await run_in_threadpool(output_file, ports, stage, blob, file_type, own_name, said, None)


@router.get(
    "/files",
    operation_id="listFiles",
    summary="List a document's current output files",
    responses={
        200: openapi.list_answer(schemas.OutputFile, "The files", examples.FILE, state=True),
        **openapi.errors(*openapi.READ_ERRORS),
    },
)
async def list_files(
    services: Shared,
    document_id: DocumentPath,
    min_position: MinPosition,
    stage: Annotated[str | None, Query(description="Only this stage's")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return the files in the order of the pipeline, then by type."""
    asked = "files" if stage is None else "stage_files"
    found = await services.reader.read(document_id, asked, min_position, stage=stage)
    return render.part_page(found, limit, cursor)


_NAME = Annotated[str, Path(description="The last part of the file's path")]
_VERSION = Annotated[
    int | None,
    Query(
        ge=1,
        le=2**31 - 1,
        description="An older version, counted from 1 since the document was registered",
    ),
]


@router.head("/stages/{stage}/files/{name}", include_in_schema=False)
@router.get(
    "/stages/{stage}/files/{name}",
    operation_id="getStageFile",
    summary="Download a file of a stage",
    response_class=Response,
    responses=_CONTENT,
)
async def get_stage_file(
    request: Request,
    services: Shared,
    document_id: DocumentPath,
    stage: StagePath,
    name: _NAME,
    min_position: MinPosition,
    version: _VERSION = None,
    as_of: AsOf = None,
) -> Response:
    """Return the content; its ETag is its SHA-256."""
    wanted = unicodedata.normalize("NFC", name)
    if as_of is not None:
        if version is not None:
            raise Unprocessable.of("query.asOf", "Ask for a version or for a moment, not for both.")
        past = await services.past.file(document_id, stage, wanted, as_of)
        then = await _content(services, document_id, past)
        return await content_response(request, services.ports.blobs, then)
    path = output_path(document_id, stage, wanted)
    found = await services.reader.read(document_id, "file", min_position, stage=stage, path=path)
    file: Content | ListedFile | None
    if version is None:
        file = _current(found.body, path, wanted)
    else:
        history = await services.threads.run(services.ports.history.of_document, document_id)
        # A row that the log does not know has no versions, whatever its id had before.
        seen = history if found.projected else ()
        file = version_of(document_id, seen, stage, wanted, version)
    content = await _content(services, document_id, file)
    return await content_response(request, services.ports.blobs, content)


def _current(body: str | None, path: str, name: str) -> Content | ListedFile | None:
    """Return the current file at this path, or the imported one of this name."""
    rows = json.loads(body or "[]")
    listed = [ListedFile(r["filePath"], r["checksum"], r["mimeType"]) for r in rows]
    for row, file in zip(rows, listed, strict=True):
        if row["filePath"] == path and row["version"] != IMPORTED:
            return Content(row["checksum"], row["fileSize"], row["mimeType"], name)
        if row["version"] == IMPORTED and file.name == name:
            return file
    return None


async def _content(
    services: Services, document_id: str, file: Content | ListedFile | None
) -> Content:
    if file is None:
        raise FileNotFound
    if isinstance(file, Content):
        return file
    patience = services.limits.min_position_wait_seconds
    await require_own_files(services.queries, document_id, [file.file_path], patience)
    find = services.ports.imported_contents.find
    return file.with_content(await run_in_threadpool(find, file.file_path, file.checksum))


@router.head("/original", include_in_schema=False)
@router.get(
    "/original",
    operation_id="getOriginal",
    summary="Download the document as it was handed in",
    response_class=Response,
    responses=_CONTENT,
)
async def get_original(
    request: Request,
    services: Shared,
    document_id: DocumentPath,
    min_position: MinPosition,
    as_of: AsOf = None,
) -> Response:
    """Return the original's content; its ETag is its SHA-256."""
    if as_of is not None:
        then = await services.past.original(document_id, as_of)
        return await content_response(request, services.ports.blobs, then)
    found = await services.reader.read(document_id, "original", min_position)
    original = json.loads(found.body or "{}")
    if not original.get("checksum"):
        raise FileNotFound
    name = original_path(document_id, original["name"]).rpartition("/")[2]
    content = Content(original["checksum"], original["sizeBytes"], original["mimeType"], name)
    return await content_response(request, services.ports.blobs, content)
