"""Documents: taken in, listed, read, deleted."""

from __future__ import annotations

import re
from typing import Annotated, get_args

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import examples, openapi, schemas
from api.configurations import configuration_of
from api.direct import DirectPath
from api.http.bodies import checked, is_json, media_type, read_json, too_large
from api.http.conditional import MIN_POSITION, min_position
from api.http.errors import Unprocessable, UnsupportedMediaType
from api.http.multipart import FormReader, form_values
from api.parameters import Cursor, DocumentPath, Limit
from api.reads.listing import DocumentFilter
from api.reads.past import AsOf
from api.render import (
    json_response,
    part,
    raw_json_response,
    registered_document,
    state_headers,
    written,
)
from api.schemas import DocumentFields, NewDocument
from api.services import IfMatch, MinPosition, Services, Shared
from domain.commands import DeleteDocument, RegisterDocument
from domain.registration import Registration, register_file, register_text
from domain.values import WorkflowType
from files.blobs import Blob

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_JSON_OVERHEAD_BYTES = 1024**2
_LIMIT = 50

_WORD = re.compile(r"[A-Za-z0-9._-]{1,255}")
_PLAIN_QUERY = {
    "realmId": _WORD,
    "stage": _WORD,
    "status": re.compile("|".join(get_args(schemas.Status))),
    "q": _WORD,
    "limit": re.compile(r"[1-9][0-9]{0,2}"),
    "cursor": re.compile(r"[A-Za-z0-9_-]{1,4096}"),
}


@router.post(
    "",
    operation_id="createDocument",
    status_code=201,
    summary="Take a document in",
    responses={
        201: openapi.answer(
            schemas.Document, "The document", examples.DOCUMENT, state=True, location=True
        ),
        **openapi.errors(400, 409, 413, 415, 422, 500, 503, 507),
    },
    openapi_extra=openapi.request_body(
        openapi.form_content(DocumentFields, "DocumentForm", "file"),
        openapi.json_content(NewDocument, examples.NEW_DOCUMENT),
    ),
)
async def create_document(request: Request, services: Shared) -> Response:
    """Store the content, then register the document and start its workflow.

    A form's title is by default the file's name without its extension.
    """
    kind = media_type(request)
    if kind == "multipart/form-data":
        command = await _from_form(request, services)
    elif is_json(kind):
        command = await _from_json(request, services)
    else:
        raise UnsupportedMediaType("Send multipart/form-data with a file, or application/json.")
    committed = await services.sender.send(request, command)
    location = f"/v1/documents/{command.document_id}"
    return written(committed, registered_document(command, committed), 201, {"Location": location})


async def _from_json(request: Request, services: Services) -> RegisterDocument:
    limit = services.limits.content_bytes
    # Escapes make JSON up to six times as long as the text that it carries.
    body = await read_json(request, NewDocument, 6 * limit + _JSON_OVERHEAD_BYTES)
    content = body.content.encode()
    if len(content) > limit:
        raise too_large(limit)
    blob = await run_in_threadpool(_store, services, content)
    registration = await _registration(request, services, body)
    return register_text(registration, blob, body.content, body.title)


def _store(services: Services, content: bytes) -> Blob:
    writer = services.ports.blobs.begin()
    try:
        writer.write(content)
        return writer.commit()
    finally:
        writer.abort()


async def _from_form(request: Request, services: Services) -> RegisterDocument:
    reader = FormReader(request, services.ports.blobs, "file", services.limits.upload_bytes)
    form = await reader.read()
    try:
        fields = checked(DocumentFields, form_values(form.fields, "configuration"))
        file = form.file
        if file is None:
            raise Unprocessable.of("file", "Send the document as a file part with a file name.")
        blob = await run_in_threadpool(file.writer.commit)
    finally:
        await reader.abort()
    registration = await _registration(request, services, fields)
    return register_file(
        registration,
        blob,
        file.file_name,
        title=fields.title,
        said_media_type=file.media_type,
    )


async def _registration(
    request: Request, services: Services, fields: NewDocument | DocumentFields
) -> Registration:
    return Registration(
        document_id=fields.id or services.ports.new_id(),
        context=services.sender.context(request),
        realm_id=fields.realm_id,
        workflow_type=WorkflowType(fields.workflow_type),
        configuration=configuration_of(services.ports, fields.configuration),
        pipeline=await services.queries.pipeline(),
    )


@router.get(
    "",
    operation_id="listDocuments",
    summary="List documents, newest first",
    responses={
        200: openapi.list_answer(schemas.DocumentSummary, "A page", examples.SUMMARY),
        **openapi.errors(*openapi.LIST_ERRORS),
    },
)
async def list_documents(
    services: Shared,
    min_position: MinPosition,
    realm_id: Annotated[str | None, Query(alias="realmId")] = None,
    stage: Annotated[
        str | None, Query(description="Alone: the current stage; with status: that stage's")
    ] = None,
    status: Annotated[
        schemas.Status | None, Query(description="Alone: any stage is in this status")
    ] = None,
    q: Annotated[
        str | None, Query(max_length=1000, description="Words, or their beginnings, of the title")
    ] = None,
    limit: Limit = _LIMIT,
    cursor: Cursor = None,
) -> Response:
    """Return a page of documents with their stages, without contents and files."""
    wanted = DocumentFilter(realm_id, stage, status, q)
    return await _page(services, min_position, wanted, limit, cursor)


async def _page(
    services: Services, position: int, wanted: DocumentFilter, limit: int, cursor: str | None
) -> Response:
    await services.reader.wait_for(position)
    bodies, following = await services.queries.documents(wanted, limit, cursor)
    next_cursor = f'"{following}"' if following else "null"
    return raw_json_response(f'{{"items":[{bodies}],"nextCursor":{next_cursor}}}')


async def _page_directly(request: Request, services: Services, **given: str) -> Response:
    position = min_position(request.headers.get(MIN_POSITION))
    wanted = DocumentFilter(*map(given.get, ("realmId", "stage", "status", "q")))
    limit = int(given.get("limit", _LIMIT))
    return await _page(services, position, wanted, limit, given.get("cursor"))


@router.get(
    "/{id}",
    operation_id="getDocument",
    summary="Read a document with its workflow, stages and files",
    responses={
        200: openapi.answer(schemas.Document, "The document", examples.DOCUMENT, state=True),
        **openapi.errors(*openapi.READ_ERRORS),
    },
)
async def get_document(
    services: Shared, document_id: DocumentPath, min_position: MinPosition, as_of: AsOf = None
) -> Response:
    """Return the document as the read models have it, all of it from one moment.

    With `asOf` it is made of the log, as it was then: also if it was deleted since.
    """
    if as_of is not None:
        then = await services.past.document(document_id, as_of)
        return json_response(then.content, headers=state_headers(then))
    return await _document(services, document_id, min_position)


async def _document(services: Services, document_id: str, position: int) -> Response:
    found = await services.reader.read(document_id, "document", position)
    return part(found)


async def _document_directly(request: Request, services: Services, document_id: str) -> Response:
    position = min_position(request.headers.get(MIN_POSITION))
    return await _document(services, document_id, position)


DIRECT = (
    DirectPath("GET", f"{router.prefix}/{{id}}", _document_directly),
    DirectPath("GET", router.prefix, _page_directly, _PLAIN_QUERY),
)


@router.delete(
    "/{id}",
    operation_id="deleteDocument",
    status_code=204,
    summary="Delete a document; its history stays",
    responses={
        204: openapi.deleted("The document and its rows are gone"),
        **openapi.errors(*openapi.BARE_WRITE_ERRORS),
    },
    dependencies=[IfMatch],
)
async def delete_document(
    request: Request, services: Shared, document_id: DocumentPath
) -> Response:
    """Remove the document and its rows."""
    context = services.sender.context(request)
    committed = await services.sender.send(
        request, DeleteDocument(document_id=document_id, context=context)
    )
    return Response(status_code=204, headers=state_headers(committed))
