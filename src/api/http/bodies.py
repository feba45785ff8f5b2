"""Bodies: read within a limit, parsed strictly, checked against a model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from api.http import strict_json
from api.http.errors import FieldError, Malformed, TooLarge, Unprocessable, UnsupportedMediaType
from domain.json_types import JsonMapping

Body = TypeVar("Body", bound=BaseModel)
_PARSED_AT_ONCE_BYTES = 64 * 1024


def media_type(request: Request) -> str:
    """Return the body's media type in lower case, '' if none is given."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Tell whether a media type is one of JSON."""
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def refuse_long(request: Request, limit_bytes: int) -> None:
    """Raise TooLarge before reading if the request says itself that it is too long."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > limit_bytes:
        raise too_large(limit_bytes)


def too_large(limit_bytes: int) -> TooLarge:
    """Say how much would have been taken."""
    return TooLarge(f"The body is larger than the {limit_bytes} bytes that this path takes.")


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """Return the whole body; raise TooLarge as soon as it passes the limit."""
    refuse_long(request, limit_bytes)
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > limit_bytes:
                raise too_large(limit_bytes)
    except ClientDisconnect:
        raise Malformed("The body ended before it was complete.") from None
    return bytes(body)


async def read_json(request: Request, model: type[Body], limit_bytes: int) -> Body:
    """Return the JSON body as `model`; refuse other media types."""
    if not is_json(media_type(request)):
        raise UnsupportedMediaType("Send the body as application/json.")
    body = await read_body(request, limit_bytes)
    if len(body) <= _PARSED_AT_ONCE_BYTES:
        return checked(model, strict_json.parse(body))
    return await run_in_threadpool(lambda: checked(model, strict_json.parse(body)))


def checked(model: type[Body], value: object) -> Body:
    """Return `value` as `model`; raise Unprocessable naming every field that is wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Unprocessable(field_errors(error.errors())) from None


def field_errors(errors: Iterable[JsonMapping]) -> list[FieldError]:
    """Return pydantic's errors as fields and reasons, without the values."""
    found = []
    for error in errors:
        field = ""
        for part in error["loc"]:
            field = strict_json.join(field, part)
        found.append(FieldError(field, error["msg"].removeprefix("Value error, ")))
    return found


def json_body(model: type[Body]) -> Callable[[Request], Awaitable[Body]]:
    """Return a dependency that gives the JSON body as `model`."""

    async def body(request: Request) -> Body:
        return await read_json(request, model, request.app.state.services.limits.json_bytes)

    return body


def optional_json_body(model: type[Body]) -> Callable[[Request], Awaitable[Body]]:
    """Return a dependency like `json_body` for which no body is an empty object."""

    async def body(request: Request) -> Body:
        length = request.headers.get("content-length", "0").strip()
        chunked = "transfer-encoding" in request.headers
        if not chunked and not length.strip("0"):
            return checked(model, {})
        return await read_json(request, model, request.app.state.services.limits.json_bytes)

    return body
