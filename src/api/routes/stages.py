"""Stages: read, reported on, executed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api import examples, openapi, render, schemas
from api.direct import DirectPath
from api.execution import imported_paths, input_references, outcome
from api.http.bodies import json_body, optional_json_body, read_json
from api.output_files import all_adopted, refuse_other_owner
from api.parameters import Cursor, DocumentPath, Limit, StagePath
from api.reads.former_files import require_own_files
from api.schemas import Execution, StatusReport
from api.services import IfMatch, MinPosition, Services, Shared
from domain import commands as c
from domain.errors import UnknownStage
from domain.reported_times import require_plausible
from domain.values import FailureReason

router = APIRouter(prefix="/v1/documents/{id}", tags=["stages"])

_STAGE = openapi.answer(schemas.Stage, "The stage", examples.STAGE, state=True)
_MAX_WAIT_SECONDS = 300


@router.get(
    "/stages",
    operation_id="listStages",
    summary="Read every stage of a document, in order",
    responses={
        200: openapi.list_answer(schemas.Stage, "The stages", examples.STAGE, state=True),
        **openapi.errors(*openapi.READ_ERRORS),
    },
)
async def list_stages(
    services: Shared,
    document_id: DocumentPath,
    min_position: MinPosition,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return the stages in the order of the pipeline."""
    found = await services.reader.read(document_id, "stages", min_position)
    return render.part_page(found, limit, cursor)


@router.get(
    "/stages/{stage}",
    operation_id="getStage",
    summary="Read one stage",
    responses={200: _STAGE, **openapi.errors(*openapi.READ_ERRORS)},
)
async def get_stage(
    services: Shared, document_id: DocumentPath, stage: StagePath, min_position: MinPosition
) -> Response:
    """Return one stage."""
    found = await services.reader.read(document_id, "stage", min_position, stage=stage)
    if found.body is None:
        raise UnknownStage(f"Document '{document_id}' has no stage '{stage}'.")
    return render.part(found)


@router.put(
    "/stages/{stage}/status",
    operation_id="updateStageStatus",
    summary="Report what happened to a stage",
    responses={200: _STAGE, **openapi.errors(*openapi.WRITE_ERRORS)},
    openapi_extra=openapi.request_body(openapi.json_content(StatusReport, examples.REPORT)),
    dependencies=[IfMatch],
)
async def update_stage_status(
    request: Request,
    services: Shared,
    document_id: DocumentPath,
    stage: StagePath,
    body: Annotated[StatusReport, Depends(json_body(StatusReport))],
) -> Response:
    """Record the report; without `attempt` it is about the current one."""
    return await _update(request, services, document_id, stage, body)


async def _update_directly(
    request: Request, services: Services, document_id: str, stage: str
) -> Response:
    body = await read_json(request, StatusReport, services.limits.json_bytes)
    return await _update(request, services, document_id, stage, body)


async def _update(
    request: Request, services: Services, document_id: str, stage: str, body: StatusReport
) -> Response:
    command = await _reported(request, services, document_id, stage, body)
    committed = await services.sender.send(request, command)
    return render.written(committed, render.stage(committed, stage))


DIRECT = (DirectPath("PUT", f"{router.prefix}/stages/{{stage}}/status", _update_directly),)


async def _reported(
    request: Request, services: Services, document_id: str, stage: str, body: StatusReport
) -> c.StageCommand:
    refuse_other_owner(document_id, stage, body)
    context = services.sender.context(request)
    tolerance = services.limits.clock_tolerance_seconds
    require_plausible(body.started_at, body.completed_at, context.at, tolerance)
    about = {
        "document_id": document_id,
        "stage_name": stage,
        "attempt": body.attempt,
        "context": context,
    }
    said = {"outside_metadata": body.metadata}
    error = {"error_message": body.error_message}
    times = {"started_at": body.started_at, "completed_at": body.completed_at}
    match body.status:
        case "pending":
            return c.ResetStage.model_validate(about)
        case "in_progress":
            return c.StartStage.model_validate({**about, **said, "started_at": body.started_at})
        case "completed":
            sent = body.output_files or ()
            patience = services.limits.min_position_wait_seconds
            paths = [file.file_path for file in sent]
            await require_own_files(services.queries, document_id, paths, patience)
            files = await all_adopted(services.ports, document_id, stage, sent, "outputFiles")
            return c.CompleteStage.model_validate(
                {**about, **said, **error, **times, "files": files}
            )
        case "failed":
            reason = {"reason": FailureReason.REPORTED}
            return c.FailStage.model_validate({**about, **said, **error, **times, **reason})
        case "skipped":
            return c.SkipStage.model_validate({**about, **said, **error})


@router.post(
    "/stages/{stage}/execute",
    operation_id="executeStage",
    status_code=202,
    summary="Have a worker run a stage",
    responses={
        200: openapi.answer(
            schemas.ExecutionResult,
            "How it ended, with `wait`",
            examples.EXECUTION_RESULT,
            state=True,
        ),
        202: openapi.answer(schemas.Stage, "The stage, to be watched", examples.STAGE, state=True),
        **openapi.errors(*openapi.WRITE_ERRORS),
    },
    openapi_extra=openapi.request_body(
        openapi.json_content(Execution, examples.EXECUTION), required=False
    ),
    dependencies=[IfMatch],
)
async def execute_stage(
    request: Request,
    services: Shared,
    document_id: DocumentPath,
    stage: StagePath,
    body: Annotated[Execution, Depends(optional_json_body(Execution))],
    wait: Annotated[
        float,
        Query(ge=0, le=_MAX_WAIT_SECONDS, allow_inf_nan=False, description="Seconds to wait"),
    ] = 0,
) -> Response:
    """Ask for the stage: a failed one is retried, a completed or skipped one re-run."""
    inputs = life = None
    if body.input_files is not None:
        loaded = await services.sender.load(document_id)
        patience = services.limits.min_position_wait_seconds
        listed = imported_paths(loaded, body.input_files)
        await require_own_files(services.queries, document_id, listed, patience)
        inputs = await run_in_threadpool(input_references, services.ports, loaded, body.input_files)
        life = loaded.state.life
    command = c.RequestStage(
        document_id=document_id,
        context=services.sender.context(request),
        stage_name=stage,
        life=life,
        inputs=inputs,
    )
    committed = await services.sender.send(request, command)
    result = await outcome(services, committed, stage, wait)
    if result is not None:
        return render.json_response(result.content, headers=result.headers)
    return render.written(committed, render.stage(committed, stage), 202)


@router.get(
    "/next-stage",
    operation_id="getNextStage",
    summary="Read which stage may start now",
    responses={
        200: openapi.answer(
            schemas.NextStage, "Its name, or null", {"stageName": "chunker"}, state=True
        ),
        **openapi.errors(*openapi.READ_ERRORS),
    },
)
async def get_next_stage(services: Shared, document_id: DocumentPath) -> Response:
    """Return the first stage that may start, as the log has it."""
    committed = await services.sender.load(document_id)
    return render.written(committed, {"stageName": committed.state.next_available_stage()})
