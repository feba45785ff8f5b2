"""A document's workflow: started, read, paused, resumed, cancelled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from api import examples, openapi, render, schemas
from api.configurations import configuration_of
from api.http.bodies import optional_json_body
from api.http.errors import WorkflowNotFound
from api.parameters import DocumentPath
from api.schemas import NewWorkflow
from api.services import IfMatch, MinPosition, Services, Shared
from domain.commands import (
    CancelWorkflow,
    Command,
    PauseWorkflow,
    ResumeWorkflow,
    StartWorkflow,
)
from domain.json_types import JsonObject
from domain.values import WorkflowType

router = APIRouter(prefix="/v1/documents/{id}/workflow", tags=["workflow"])

_ANSWER = openapi.answer(schemas.Workflow, "The workflow", examples.WORKFLOW, state=True)
_CHANGED: dict[int | str, JsonObject] = {
    200: _ANSWER,
    **openapi.errors(*openapi.BARE_WRITE_ERRORS),
}


@router.post(
    "",
    operation_id="startWorkflow",
    status_code=201,
    summary="Start a workflow, or start again",
    responses={201: _ANSWER, **openapi.errors(*openapi.WRITE_ERRORS)},
    openapi_extra=openapi.request_body(
        openapi.json_content(NewWorkflow, examples.NEW_WORKFLOW), required=False
    ),
    dependencies=[IfMatch],
)
async def start_workflow(
    request: Request,
    services: Shared,
    document_id: DocumentPath,
    body: Annotated[NewWorkflow, Depends(optional_json_body(NewWorkflow))],
) -> Response:
    """Begin a run with all stages pending; refused while one is running."""
    command = StartWorkflow(
        document_id=document_id,
        context=services.sender.context(request),
        workflow_type=WorkflowType(body.workflow_type),
        configuration=configuration_of(services.ports, body.configuration),
        pipeline=await services.queries.pipeline(),
    )
    return await _changed(request, services, command, 201)


@router.get(
    "",
    operation_id="getWorkflow",
    summary="Read the newest workflow",
    responses={200: _ANSWER, **openapi.errors(*openapi.READ_ERRORS)},
)
async def get_workflow(
    services: Shared, document_id: DocumentPath, min_position: MinPosition
) -> Response:
    """Return the document's newest run."""
    found = await services.reader.read(document_id, "workflow", min_position)
    if found.body is None:
        raise WorkflowNotFound
    return render.part(found)


@router.post(
    "/pause",
    operation_id="pauseWorkflow",
    summary="Let the running stage finish and start no other",
    responses=_CHANGED,
    dependencies=[IfMatch],
)
async def pause_workflow(request: Request, services: Shared, document_id: DocumentPath) -> Response:
    """Pause the running workflow."""
    context = services.sender.context(request)
    return await _changed(
        request, services, PauseWorkflow(document_id=document_id, context=context)
    )


@router.post(
    "/resume",
    operation_id="resumeWorkflow",
    summary="Let stages start again",
    responses=_CHANGED,
    dependencies=[IfMatch],
)
async def resume_workflow(
    request: Request, services: Shared, document_id: DocumentPath
) -> Response:
    """Resume the paused workflow."""
    context = services.sender.context(request)
    return await _changed(
        request, services, ResumeWorkflow(document_id=document_id, context=context)
    )


@router.post(
    "/cancel",
    operation_id="cancelWorkflow",
    summary="End the run; a running stage fails with `cancelled`",
    responses=_CHANGED,
    dependencies=[IfMatch],
)
async def cancel_workflow(
    request: Request, services: Shared, document_id: DocumentPath
) -> Response:
    """Cancel the workflow."""
    context = services.sender.context(request)
    return await _changed(
        request, services, CancelWorkflow(document_id=document_id, context=context)
    )


async def _changed(
    request: Request, services: Services, command: Command, status: int = 200
) -> Response:
    committed = await services.sender.send(request, command)
    return render.written(committed, render.workflow(committed), status)
