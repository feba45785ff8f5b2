"""The description of the API: every object by its name, errors of each route, examples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from api.http import errors as a
from api.http.problems import INTERNAL, MEDIA_TYPE, PROBLEMS, members
from api.schemas import ProblemDocument
from domain import errors as d
from domain.json_types import JsonMapping, JsonObject

# Examples travel as text: the framework drops every null on the way.
_EXAMPLE = "x-example"
_REF = "#/components/schemas/{model}"
_DEFINITIONS = "$defs"
_SHOWN: Mapping[int, tuple[type[Exception], str]] = {
    400: (a.Malformed, "The body is not JSON: Expecting value at line 1."),
    404: (d.DocumentNotFound, "There is no document 'a'."),
    408: (a.TooSlow, "The body came too slowly."),
    409: (d.IllegalTransition, "The workflow is cancelled."),
    412: (d.VersionMismatch, "Document 'a' is at version 9, not 7."),
    413: (a.TooLarge, "The body is larger than this path takes."),
    414: (a.TargetTooLong, "The target is longer than 16 KiB."),
    415: (a.UnsupportedMediaType, "Send application/json."),
    416: (a.RangeNotSatisfiable, "The file has 12 bytes."),
    422: (d.InvalidValue, "title: Field required"),
    431: (a.HeadersTooLarge, "There are more than 100 fields."),
    500: (Exception, "Something went wrong here."),
    503: (d.Unavailable, "The database cannot be reached."),
    507: (d.LogFull, "The storage has no room left."),
}
"""The error that stands for each status, and what it might say."""

READ_ERRORS = (400, 404, 422, 500, 503)
LIST_ERRORS = (400, 422, 500, 503)
WRITE_ERRORS = (400, 404, 409, 412, 413, 415, 422, 500, 503, 507)
BARE_WRITE_ERRORS = (400, 404, 409, 412, 422, 500, 503, 507)
_OF_ANY_REQUEST = (414, 431)
_OF_ANY_BODY = (408,)

_TEXT = {"type": "string"}
_STATE_HEADERS: JsonObject = {
    "ETag": {"description": "The version, quoted", "schema": _TEXT},
    "Docledger-Position": {"description": "The position in the log", "schema": {"type": "integer"}},
}
_LOCATION: JsonObject = {"Location": {"description": "The path to read it at", "schema": _TEXT}}
_CONTENT_HEADERS: JsonObject = {
    "ETag": {"description": "The content's SHA-256, quoted", "schema": _TEXT},
    "Accept-Ranges": {"schema": {"const": "bytes"}},
    "Cache-Control": {"schema": _TEXT},
    "Content-Disposition": {"description": "The file's name", "schema": _TEXT},
}
_LENGTH: JsonObject = {"Content-Length": {"schema": {"type": "integer"}}}
_RANGE: JsonObject = {"Content-Range": {"description": "Which bytes of how many", "schema": _TEXT}}
_BYTES: JsonObject = {"*/*": {"schema": {"type": "string", "format": "binary"}}}

Responses = dict[int | str, JsonObject]


def errors(*statuses: int) -> Responses:
    """Document the problems that a route answers with."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> JsonObject:
    kind, detail = _SHOWN[status]
    problem = PROBLEMS.get(kind, INTERNAL)
    example = members(problem, detail, "0199a1b2-0000-7000-8000-000000000000")
    schema = {"$ref": _REF.format(model=ProblemDocument.__name__)}
    found: JsonObject = {
        "description": problem.title,
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
    }
    if status == 503:
        found["headers"] = {
            "Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}
        }
    if status == 416:
        found["headers"] = _RANGE
    return found


def answer(
    model: type[BaseModel],
    description: str,
    example: object,
    *,
    state: bool = False,
    location: bool = False,
) -> JsonObject:
    """Document a route's JSON answer; `state` ones name the state by version and position."""
    content = {"schema": _named(model, "serialization"), _EXAMPLE: json.dumps(example)}
    found: JsonObject = {
        "description": description,
        "content": {"application/json": content},
    }
    headers = (_STATE_HEADERS if state else {}) | (_LOCATION if location else {})
    return {**found, "headers": headers} if headers else found


def list_answer(
    model: type[BaseModel],
    description: str,
    example: object,
    *,
    state: bool = False,
    beside: Mapping[str, tuple[type[BaseModel], object]] | None = None,
) -> JsonObject:
    """Document a route that answers with a page; `beside` are objects next to its items."""
    others = {
        name: (_named(other, "serialization"), shown)
        for name, (other, shown) in (beside or {}).items()
    }
    item = _named(model, "serialization")
    name = f"{model.__name__}Page"
    page = {
        "title": name,
        "description": "A page of a list; `nextCursor` begins the next one, null on the last.",
        "type": "object",
        "required": ["items", "nextCursor", *others],
        "properties": {
            "items": {"type": "array", "items": {"$ref": item["$ref"]}},
            "nextCursor": {"type": ["string", "null"]},
            **{other: {"$ref": schema["$ref"]} for other, (schema, _) in others.items()},
        },
    }
    definitions = {name: page, **item["$defs"]}
    for schema, _ in others.values():
        definitions |= schema["$defs"]
    answer = {"items": [example], "nextCursor": None}
    content = {
        "schema": {"$ref": _REF.format(model=name), _DEFINITIONS: definitions},
        _EXAMPLE: json.dumps(answer | {other: shown for other, (_, shown) in others.items()}),
    }
    found: JsonObject = {"description": description, "content": {"application/json": content}}
    return {**found, "headers": _STATE_HEADERS} if state else found


def downloads(*statuses: int) -> Responses:
    """Document a route that answers with stored content, and its errors."""
    return {
        200: {
            "description": "The content, in its own media type",
            "content": _BYTES,
            "headers": _CONTENT_HEADERS | _LENGTH,
        },
        206: {
            "description": "The range of the content",
            "content": _BYTES,
            "headers": _CONTENT_HEADERS | _LENGTH | _RANGE,
        },
        304: {"description": "The caller has it already", "headers": _CONTENT_HEADERS},
        **errors(*statuses),
    }


def deleted(description: str) -> JsonObject:
    """Document an answer without content that names the state."""
    return {"description": description, "headers": _STATE_HEADERS}


def json_content(model: type[BaseModel], example: object) -> JsonObject:
    """Document a body as JSON."""
    content = {"schema": _named(model, "validation"), _EXAMPLE: json.dumps(example)}
    return {"application/json": content}


def request_body(*contents: JsonMapping, required: bool = True) -> JsonObject:
    """Document a route's body of any of these media types."""
    merged = {kind: found for content in contents for kind, found in content.items()}
    return {"requestBody": {"required": required, "content": merged}}


def form_content(model: type[BaseModel], name: str, file_field: str) -> JsonObject:
    """Document a multipart form with one file."""
    named = _named(model, "validation")
    definitions: JsonObject = dict(named[_DEFINITIONS])
    form = definitions.pop(model.__name__)
    form["title"] = name
    form["properties"] = {
        field: _form_field(schema) for field, schema in form["properties"].items()
    } | {file_field: {"type": "string", "format": "binary"}}
    form["required"] = [file_field]
    schema = {"$ref": _REF.format(model=name), _DEFINITIONS: {name: form, **definitions}}
    return {"multipart/form-data": {"schema": schema}}


def _form_field(schema: JsonObject) -> JsonObject:
    """Return the schema of a form's field: a form has no null, and objects are JSON text."""
    found = _without_null(schema)
    return {**found, "description": "JSON text"} if "$ref" in found else found


def _without_null(schema: JsonObject) -> JsonObject:
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) != 1:
        return schema
    return {**{key: schema[key] for key in schema if key != "anyOf"}, **choices[0]}


def raw_content() -> JsonObject:
    """Document a body that is the file itself."""
    return {"*/*": {"schema": {"type": "string", "format": "binary"}}}


def _named(model: type[BaseModel], mode: JsonSchemaMode) -> JsonObject:
    """Return a reference to the model's schema, which travels along until it is hoisted."""
    schema = model.model_json_schema(ref_template=_REF, mode=mode)
    definitions = schema.pop(_DEFINITIONS, {})
    definitions[model.__name__] = schema
    for name in tuple(definitions):
        _name_fields(name, definitions)
    return {"$ref": _REF.format(model=model.__name__), _DEFINITIONS: definitions}


def _name_fields(model_name: str, definitions: JsonObject) -> None:
    """Give objects that a model's fields hold without a model of their own the fields' names."""
    properties = definitions[model_name].get("properties", {})
    for field, schema in properties.items():
        if schema.get("type") == "object":
            name = f"{model_name}{field[0].upper()}{field[1:]}"
            definitions[name] = {**schema, "title": name}
            properties[field] = {"$ref": _REF.format(model=name)}


def install(app: FastAPI) -> None:
    """Have the app describe itself with every schema among the components."""

    def describe() -> JsonObject:
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
            problem = _named(ProblemDocument, "serialization")
            for node in (description["paths"], problem, *list(schemas.values())):
                _hoist(node, schemas)
            for operation in _operations(description):
                _add_common_errors(operation)
                for parameter in operation.get("parameters", ()):
                    # What is sent in a path, a query or a header is never null.
                    parameter["schema"] = _without_null(parameter["schema"])
            app.openapi_schema = description
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _operations(description: JsonMapping) -> Iterator[JsonObject]:
    for methods in description["paths"].values():
        yield from methods.values()


def _add_common_errors(operation: JsonObject) -> None:
    """Document what the server answers before a route is found."""
    statuses = _OF_ANY_REQUEST + (_OF_ANY_BODY if "requestBody" in operation else ())
    for status in statuses:
        operation["responses"][str(status)] = _problem(status)


def _hoist(node: object, schemas: JsonObject) -> None:
    """Move definitions that schemas carry along to where references point; unpack examples."""
    if isinstance(node, list):
        for item in node:
            _hoist(item, schemas)
    elif isinstance(node, dict):
        for name, definition in node.pop(_DEFINITIONS, {}).items():
            schemas.setdefault(name, definition)
        if _EXAMPLE in node:
            node["example"] = json.loads(node.pop(_EXAMPLE))
        if node.pop("itemSchema", None) is not None:
            # A stream's items can be described from OpenAPI 3.2 on only.
            node["schema"] = {"type": "string"}
        for item in node.values():
            _hoist(item, schemas)
