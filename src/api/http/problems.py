"""Every error as problem+json (RFC 9457); the one place that gives errors a status and a type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.http import errors as a
from api.http.bodies import field_errors
from api.http.methods import Methods
from domain import errors as d
from domain import storage_errors as s
from domain.json_types import JsonObject

MEDIA_TYPE = "application/problem+json"
_URN = "urn:docledger:problem:"


class Problem(NamedTuple):
    """What an error is over HTTP."""

    status: int
    name: str
    title: str

    @property
    def type(self) -> str:
        """The URI that programs know the problem by."""
        return _URN + self.name


PROBLEMS: Mapping[type[Exception], Problem] = {
    a.Malformed: Problem(400, "malformed", "Malformed request"),
    d.DocumentNotFound: Problem(404, "document-not-found", "No such document"),
    d.UnknownStage: Problem(404, "unknown-stage", "No such stage"),
    a.FileNotFound: Problem(404, "file-not-found", "No such file"),
    s.ImportedContentMissing: Problem(404, "file-not-found", "No such file"),
    a.WorkflowNotFound: Problem(404, "workflow-not-found", "No workflow yet"),
    a.RebuildNotFound: Problem(404, "rebuild-not-found", "No rebuild yet"),
    a.RebuildRunning: Problem(409, "rebuild-running", "A rebuild or a check runs already"),
    a.TooSlow: Problem(408, "too-slow", "The request came too slowly"),
    d.DocumentExists: Problem(409, "document-exists", "The document exists already"),
    d.StaleAttempt: Problem(409, "stale-attempt", "Not the current attempt"),
    d.IllegalTransition: Problem(409, "illegal-transition", "Not possible in this state"),
    d.VersionMismatch: Problem(412, "version-mismatch", "The document has moved on"),
    a.TooLarge: Problem(413, "too-large", "Body too large"),
    a.TargetTooLong: Problem(414, "target-too-long", "The target is too long"),
    a.UnsupportedMediaType: Problem(415, "unsupported-media-type", "Unsupported media type"),
    a.RangeNotSatisfiable: Problem(416, "range-not-satisfiable", "Range outside the file"),
    a.Unprocessable: Problem(422, "invalid-value", "Unacceptable value"),
    d.InvalidValue: Problem(422, "invalid-value", "Unacceptable value"),
    s.PathRefused: Problem(422, "invalid-value", "Unacceptable value"),
    a.HeadersTooLarge: Problem(431, "headers-too-large", "The headers are too large"),
    a.NotYetReadable: Problem(503, "not-yet-readable", "The read model is behind"),
    a.DocumentParked: Problem(503, "document-parked", "The document is parked"),
    d.Contention: Problem(503, "contention", "Too many writers at once"),
    d.PipelineInvalid: Problem(503, "pipeline-invalid", "The stages are not set up correctly"),
    d.OutcomeUnknown: Problem(503, "outcome-unknown", "It is unknown whether this was done"),
    d.LogFull: Problem(507, "disk-full", "No room left"),
    s.StorageFull: Problem(507, "disk-full", "No room left"),
    d.Unavailable: Problem(503, "unavailable", "Not available just now"),
}
INTERNAL = Problem(500, "internal", "Internal error")
_NOT_ALLOWED = Problem(405, "method-not-allowed", "Method not allowed")
_BY_STATUS: Mapping[int, Problem] = {
    400: PROBLEMS[a.Malformed],
    404: Problem(404, "not-found", "No such path"),
    405: _NOT_ALLOWED,
}


def problem_of(error: Exception) -> Problem:
    """Return what the error is over HTTP: the entry of its nearest class."""
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind]
    return INTERNAL


def respond(
    request: Request,
    problem: Problem,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> Response:
    """Return the problem document; `instance` is the id under which the request was logged."""
    content = document(problem, detail, request.scope["docledger.request_id"], **more)
    request.scope["docledger.problem"] = problem.name
    found = dict(headers or {})
    if problem.status == 503:
        found["Retry-After"] = "1"
    return Response(content, problem.status, found, media_type=MEDIA_TYPE)


def document(problem: Problem, detail: str, request_id: str, **more: object) -> bytes:
    """Return the problem document as JSON."""
    return (json.dumps(members(problem, detail, request_id) | more) + "\n").encode()


def members(problem: Problem, detail: str, request_id: str) -> JsonObject:
    """Return the members that every problem document has."""
    return {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "instance": f"urn:docledger:request:{request_id}",
    }


def respond_to(request: Request, error: Exception) -> Response:
    """Return the problem document of an error of ours."""
    problem = problem_of(error)
    if problem is INTERNAL:
        return internal(request)
    return respond(request, problem, str(error), _headers(error), **_members(error))


def internal(request: Request) -> Response:
    """Tell of a defect without telling what it is; the log has it under the same id."""
    detail = "Something went wrong here; the log has it under this problem's instance."
    return respond(request, INTERNAL, detail)


def ours(request: Request, error: Exception) -> Response:
    """Return the problem document of an error that is not a defect; raise one that is."""
    if problem_of(error) is INTERNAL:
        raise error
    return respond_to(request, error)


def install(app: FastAPI, methods: Methods) -> None:
    """Have every error of the app answered as a problem, and OPTIONS by what a path takes."""

    async def domain(request: Request, error: Exception) -> Response:
        return ours(request, error)

    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return respond_to(request, a.Unprocessable(field_errors(error.errors())))

    async def http(request: Request, error: HTTPException) -> Response:
        allowed = methods.of(request.scope["path"])
        if allowed and request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": ", ".join(allowed)})
        problem = _BY_STATUS.get(error.status_code)
        if problem is None:
            problem = Problem(error.status_code, "http", "Request refused")
        if problem is _NOT_ALLOWED:
            return respond(request, problem, error.detail, {"Allow": ", ".join(allowed)})
        return respond(request, problem, error.detail, error.headers)

    app.add_exception_handler(d.DocledgerError, domain)
    app.exception_handler(RequestValidationError)(invalid)
    app.exception_handler(HTTPException)(http)


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, a.RangeNotSatisfiable):
        return {"Content-Range": f"bytes */{error.size_bytes}"}
    if isinstance(error, d.VersionMismatch):
        return {"ETag": f'"{error.current_version}"'}
    return {}


def _members(error: Exception) -> JsonObject:
    if isinstance(error, a.BeyondLog):
        return {"errors": [e._asdict() for e in error.errors], "position": error.position}
    if isinstance(error, a.Unprocessable):
        return {"errors": [e._asdict() for e in error.errors]}
    if isinstance(error, d.InvalidValue):
        return {"errors": [{"field": error.field, "detail": str(error)}]}
    if isinstance(error, d.VersionMismatch):
        return {"currentVersion": error.current_version}
    if isinstance(error, a.DocumentParked):
        return {"position": error.position}
    return {}
