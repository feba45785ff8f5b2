"""Parameters that many routes share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BeforeValidator
from starlette.requests import Request

from api.http.encoded_slashes import with_slashes
from api.http.errors import FieldError, Unprocessable
from api.http.strict_json import join, text_fault

MAX_LIMIT = 1000

DocumentPath = Annotated[
    str, BeforeValidator(with_slashes), Path(alias="id", description="The document's id")
]
StagePath = Annotated[str, Path(alias="stage", description="The stage's name")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items a page has at most")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=4096,
        description="The page before's `nextCursor`",
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]+$"},
    ),
]


async def refuse_unstorable_parameters(request: Request) -> None:
    """Raise Unprocessable for path and query values that nothing stored can be equal to."""
    given = [
        *(
            (join("path", key), with_slashes(str(value)))
            for key, value in request.path_params.items()
        ),
        *((join("query", key), value) for key, value in request.query_params.multi_items()),
    ]
    errors = [FieldError(field, why) for field, value in given if (why := text_fault(value))]
    if errors:
        raise Unprocessable(errors)
