"""The description of the API: errors of each route, bodies that are parsed by hand, examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api.problems import MEDIA_TYPE
from api.schemas import ProblemDocument

# Examples travel as text: the framework drops every null on the way.
_EXAMPLE = "x-example"
_REF = "#/components/schemas/{model}"
_DESCRIPTIONS: Mapping[int, tuple[str, str, str]] = {
    400: ("malformed", "Malformed request", "The body is not JSON: Expecting value at line 1."),
    404: ("document-not-found", "No such document", "There is no document 'a'."),
    405: ("method-not-allowed", "Method not allowed", "Method Not Allowed"),
    409: ("illegal-transition", "Not possible in this state", "The workflow is cancelled."),
    412: ("version-mismatch", "The document has moved on", "Document 'a' is at version 9, not 7."),
    413: ("too-large", "Body too large", "The body is larger than this path takes."),
    415: ("unsupported-media-type", "Unsupported media type", "Send application/json."),
    416: ("range-not-satisfiable", "Range outside the file", "The file has 12 bytes."),
    422: ("invalid-value", "Unacceptable value", "title: Field required"),
    500: ("internal", "Internal error", "Something went wrong here."),
    503: ("unavailable", "Not available just now", "The database cannot be reached."),
    507: ("disk-full", "No room left", "The storage has no room left."),
}

READ_ERRORS = (400, 404, 422, 500, 503)
LIST_ERRORS = (400, 422, 500, 503)
WRITE_ERRORS = (400, 404, 409, 412, 413, 415, 422, 500, 503, 507)
BARE_WRITE_ERRORS = (400, 404, 409, 412, 422, 500, 503, 507)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the problems that a route answers with."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> dict[str, Any]:
    name, title, detail = _DESCRIPTIONS[status]
    found: dict[str, Any] = {
        "description": title,
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": _REF.format(model=ProblemDocument.__name__)},
                "example": {
                    "type": f"urn:docledger:problem:{name}",
                    "title": title,
                    "status": status,
                    "detail": detail,
                    "instance": "urn:docledger:request:0199a1b2-0000-7000-8000-000000000000",
                },
            }
        },
    }
    if status == 503:
        found["headers"] = {
            "Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}
        }
    return found


def answer(
    model: type[BaseModel], description: str, example: Any, *, state: bool = False
) -> dict[str, Any]:
    """Document a route's JSON answer; `state` ones name the state by version and position."""
    found: dict[str, Any] = {
        "description": description,
        "content": {
            "application/json": {
                "schema": _schema(model, "serialization"),
                _EXAMPLE: json.dumps(example),
            }
        },
    }
    if state:
        found["headers"] = {
            "ETag": {"description": "The version, quoted", "schema": {"type": "string"}},
            "Docledger-Position": {
                "description": "The position in the log",
                "schema": {"type": "integer"},
            },
        }
    return found


def list_answer(model: type[BaseModel], description: str, example: Any) -> dict[str, Any]:
    """Document a route that answers with a page."""
    item = _schema(model, "serialization")
    schema = {
        "type": "object",
        "required": ["items", "nextCursor"],
        "properties": {
            "items": {"type": "array", "items": item},
            "nextCursor": {"type": ["string", "null"]},
        },
    }
    page = json.dumps({"items": [example], "nextCursor": None})
    content = {"schema": schema, _EXAMPLE: page}
    return {"description": description, "content": {"application/json": content}}


def json_content(model: type[BaseModel], example: Any) -> dict[str, Any]:
    """Document a body as JSON."""
    content = {"schema": _schema(model, "validation"), _EXAMPLE: json.dumps(example)}
    return {"application/json": content}


def request_body(*contents: Mapping[str, Any], required: bool = True) -> dict[str, Any]:
    """Document a route's body of any of these media types."""
    merged = {kind: found for content in contents for kind, found in content.items()}
    return {"requestBody": {"required": required, "content": merged}}


def form_content(model: type[BaseModel], file_field: str) -> dict[str, Any]:
    """Document a multipart form with one file."""
    schema = _schema(model, "validation")
    properties: dict[str, Any] = schema["properties"]
    for value in properties.values():
        if "$ref" in str(value):
            value["description"] = "JSON text"
    properties[file_field] = {"type": "string", "format": "binary"}
    schema["required"] = [file_field]
    return {"multipart/form-data": {"schema": schema}}


def raw_content() -> dict[str, Any]:
    """Document a body that is the file itself."""
    return {"*/*": {"schema": {"type": "string", "format": "binary"}}}


def _schema(model: type[BaseModel], mode: Any) -> dict[str, Any]:
    return model.model_json_schema(ref_template=_REF, mode=mode)


def install(app: FastAPI) -> None:
    """Have the app describe itself with every schema among the components."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            description = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            schemas = description.setdefault("components", {}).setdefault("schemas", {})
            schemas[ProblemDocument.__name__] = _schema(ProblemDocument, "serialization")
            for schema in (description["paths"], *list(schemas.values())):
                _hoist(schema, schemas)
            app.openapi_schema = description
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _hoist(node: Any, schemas: dict[str, Any]) -> None:
    """Move definitions that schemas carry along to where references point; unpack examples."""
    if isinstance(node, list):
        for item in node:
            _hoist(item, schemas)
    elif isinstance(node, dict):
        for name, definition in node.pop("$defs", {}).items():
            schemas.setdefault(name, definition)
        if _EXAMPLE in node:
            node["example"] = json.loads(node.pop(_EXAMPLE))
        if node.pop("itemSchema", None) is not None:
            # A stream's items can be described from OpenAPI 3.2 on only.
            node["schema"] = {"type": "string"}
        for item in node.values():
            _hoist(item, schemas)
