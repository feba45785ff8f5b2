"""The description of the API: complete, valid, and with examples that fit it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from api.app import create_app
from api.schemas import StatusReport
from unit.api.nothing import NO_PORTS

CONTRACT: dict[str, dict[str, set[str]]] = {
    "/v1/documents": {"post": {"201"}, "get": {"200"}},
    "/v1/documents/{id}": {"get": {"200"}, "delete": {"204"}},
    "/v1/documents/{id}/workflow": {"post": {"201"}, "get": {"200"}},
    "/v1/documents/{id}/workflow/pause": {"post": {"200"}},
    "/v1/documents/{id}/workflow/resume": {"post": {"200"}},
    "/v1/documents/{id}/workflow/cancel": {"post": {"200"}},
    "/v1/documents/{id}/stages": {"get": {"200"}},
    "/v1/documents/{id}/stages/{stage}": {"get": {"200"}},
    "/v1/documents/{id}/stages/{stage}/status": {"put": {"200"}},
    "/v1/documents/{id}/stages/{stage}/execute": {"post": {"200", "202"}},
    "/v1/documents/{id}/next-stage": {"get": {"200"}},
    "/v1/documents/{id}/stages/{stage}/files": {"post": {"201"}},
    "/v1/documents/{id}/files": {"get": {"200"}},
    "/v1/documents/{id}/stages/{stage}/files/{name}": {"get": {"200", "206", "304", "416"}},
    "/v1/documents/{id}/original": {"get": {"200", "206", "304", "416"}},
    "/v1/documents/{id}/history": {"get": {"200"}},
    "/v1/events": {"get": {"200"}},
    "/v1/events/stream": {"get": {"200"}},
    "/v1/search": {"get": {"200"}},
    "/v1/projections": {"get": {"200"}},
    "/v1/projections/rebuild": {"post": {"202"}, "get": {"200"}},
    "/healthz": {"get": {"200"}},
    "/readyz": {"get": {"200"}},
    "/metrics": {"get": {"200"}},
}


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    """What the app says of itself."""
    return create_app(NO_PORTS).openapi()


def _operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_it_is_valid(description: dict[str, Any]) -> None:
    OpenAPI.model_validate(description)
    for schema in description["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert "$defs" not in str(description)
    assert "itemSchema" not in str(description)


def test_every_route_of_the_contract_is_there(description: dict[str, Any]) -> None:
    found = {path: set(methods) for path, methods in description["paths"].items()}
    assert found == {path: set(methods) for path, methods in CONTRACT.items()}
    for path, methods in CONTRACT.items():
        for method, statuses in methods.items():
            assert statuses <= set(description["paths"][path][method]["responses"]), path


def test_operations_have_ids_and_words(description: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in _operations(description)]
    assert len(set(ids)) == len(ids)
    assert all(o["summary"] and o["description"] for _, _, o in _operations(description))


def test_every_error_is_described_as_a_problem(description: dict[str, Any]) -> None:
    for path, method, operation in _operations(description):
        errors = {s for s in operation["responses"] if s[0] in "45"}
        wanted = {"500"}
        if path.startswith("/v1"):
            wanted |= {"422", "503"}
        if "{id}" in path:
            wanted |= {"404"}
        if method != "get":
            wanted |= {"400", "409", "507"}
        if method != "get" and "{id}" in path:
            wanted |= {"412"}
        if "requestBody" in operation:
            wanted |= {"413", "415"}
        assert wanted <= errors, (path, method)
        for status in errors:
            content = operation["responses"][status]["content"]
            assert list(content) == ["application/problem+json"], (path, method, status)


def test_bodies_that_are_parsed_by_hand_are_described(description: dict[str, Any]) -> None:
    upload = description["paths"]["/v1/documents"]["post"]["requestBody"]["content"]
    assert set(upload) == {"multipart/form-data", "application/json"}
    file = description["paths"]["/v1/documents/{id}/stages/{stage}/files"]["post"]
    assert set(file["requestBody"]["content"]) == {
        "multipart/form-data",
        "application/json",
        "*/*",
    }


def _examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    if isinstance(node, dict):
        if "schema" in node and "example" in node:
            yield node["schema"], node["example"]
        for value in node.values():
            yield from _examples(value)
    elif isinstance(node, list):
        for value in node:
            yield from _examples(value)


def test_examples_fit_their_schemas(description: dict[str, Any]) -> None:
    found = list(_examples(description["paths"]))
    assert len(found) > 100
    for schema, example in found:
        whole = {"components": description["components"], **schema}
        errors = list(Draft202012Validator(whole).iter_errors(example))
        assert not errors, errors


def _objects(node: Any, at: str) -> Iterator[str]:
    """Yield where an object is described without a name."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield at
        for key, value in node.items():
            if key not in ("example", "examples"):
                yield from _objects(value, f"{at}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _objects(value, f"{at}/{number}")


def test_every_object_has_a_name(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    assert {
        "Document", "DocumentSummary", "Workflow", "Stage", "OutputFile", "SearchHit", "Event",
        "HistoryItem", "Projection", "Rebuild", "Metadata", "Configuration", "ProblemDocument",
    } <= set(schemas)  # fmt: skip
    anonymous = list(_objects(description["paths"], "paths"))
    for name, schema in schemas.items():
        assert schema.get("title", name) == name
        for key, value in schema.items():
            anonymous += _objects(value, f"{name}/{key}")
    assert anonymous == []


def test_an_object_without_a_name_is_found() -> None:
    inline = {"items": {"type": "array", "items": {"type": "object", "properties": {}}}}
    assert list(_objects(inline, "x")) == ["x/items/items"]
    assert list(_objects({"a": {"type": "object", "additionalProperties": True}}, "x/properties"))


def test_answers_say_what_is_absent_and_what_is_null(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    problem = schemas["ProblemDocument"]
    assert not {"errors", "currentVersion", "position"} & set(problem["required"])
    assert "null" not in str(problem)
    stage = schemas["Stage"]
    assert set(stage["required"]) == set(stage["properties"])
    for name in ("startedAt", "errorMessage", "metadata"):
        assert {"type": "null"} in stage["properties"][name]["anyOf"]


def test_downloads_are_typed(description: dict[str, Any]) -> None:
    for path in ("/v1/documents/{id}/original", "/v1/documents/{id}/stages/{stage}/files/{name}"):
        responses = description["paths"][path]["get"]["responses"]
        for status in ("200", "206"):
            (content,) = responses[status]["content"].values()
            assert content["schema"] == {"type": "string", "format": "binary"}
            assert {"ETag", "Content-Length", "Content-Disposition"} <= set(
                responses[status]["headers"]
            )
        assert "Content-Range" in responses["206"]["headers"]
        assert "content" not in responses["304"]


def test_what_any_request_may_meet_is_described(description: dict[str, Any]) -> None:
    for _, _, operation in _operations(description):
        assert {"414", "431"} <= set(operation["responses"])
        assert ("408" in operation["responses"]) == ("requestBody" in operation)


def test_nothing_but_bodies_can_be_null(description: dict[str, Any]) -> None:
    parameters = [p for _, _, o in _operations(description) for p in o.get("parameters", ())]
    assert len(parameters) > 50
    assert not [p["name"] for p in parameters if "null" in str(p["schema"])]


@pytest.mark.parametrize("field", ["outputFiles", "metadata"])
def test_the_description_says_what_fits_a_status(description: dict[str, Any], field: str) -> None:
    schema = {"components": description["components"], "$ref": "#/components/schemas/StatusReport"}
    validator = Draft202012Validator(schema)
    for status in ("pending", "in_progress", "completed", "failed", "skipped"):
        body: dict[str, Any] = {"status": status, field: {"outputFiles": [], "metadata": {}}[field]}
        try:
            StatusReport.model_validate(body)
        except ValidationError:
            assert not validator.is_valid(body), status
        else:
            assert validator.is_valid(body), status
        assert validator.is_valid({**body, field: None})
