"""Holds every answer that a test gets against the description of the API."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator, FormatChecker


class Described:
    """Checks answers; what the description does not speak of (405, HEAD, odd paths) is let be.

    Fields that are not described are refused, so that none is forgotten.
    """

    def __init__(self, description: dict[str, Any]) -> None:
        self._components = _strict(description["components"])
        self._paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), methods)
            for path, methods in description["paths"].items()
        ]
        self._validator = cache(self._validator_of)
        self.checked: set[tuple[str, int]] = set()

    def __call__(self, answer: httpx.Response) -> None:
        """Raise AssertionError or ValidationError for an answer that is not as described."""
        operation = self._operation(answer.request)
        if operation is None:
            return
        documented = operation["responses"].get(str(answer.status_code))
        where = f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
        assert documented is not None, f"{where} is not described"
        for name in documented.get("headers", {}):
            assert name in answer.headers, f"{where} has no {name}"
        self._check_content(documented.get("content", {}), answer, where)
        self.checked.add((operation["operationId"], answer.status_code))

    def _operation(self, request: httpx.Request) -> dict[str, Any] | None:
        path = request.url.raw_path.decode().partition("?")[0]
        # Paths without a parameter are described ahead of those with one in their place.
        found = [methods for pattern, methods in self._paths if pattern.fullmatch(path)]
        return found[0].get(request.method.lower()) if found else None

    def _check_content(self, contents: dict[str, Any], answer: httpx.Response, where: str) -> None:
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if not contents:
            assert not kind, f"{where} has content"
            return
        content = contents.get(kind) or contents.get("*/*")
        assert content is not None, f"{where} is {kind}, not one of {list(contents)}"
        if kind.endswith("json") and "*/*" not in contents:
            self._validator(json.dumps(content["schema"])).validate(json.loads(answer.read()))

    def _validator_of(self, schema: str) -> Draft202012Validator:
        whole = {"components": self._components, **json.loads(schema)}
        return Draft202012Validator(whole, format_checker=FormatChecker())


def _strict(components: dict[str, Any]) -> dict[str, Any]:
    found = deepcopy(components)
    for schema in found["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return found
