"""The search store."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import examples, openapi, render, schemas
from api.http import cursors
from api.parameters import Cursor, Limit
from api.services import Shared
from domain.errors import InvalidValue
from stages.search_store import SearchHit

router = APIRouter(prefix="/v1", tags=["search"])


@router.get(
    "/search",
    operation_id="search",
    summary="Find chunks by their words",
    responses={
        200: openapi.list_answer(schemas.SearchHit, "Best first", examples.SEARCH_HIT),
        **openapi.errors(*openapi.LIST_ERRORS),
    },
)
async def search(
    services: Shared,
    q: Annotated[str, Query(min_length=1, max_length=1000, description="Words")],
    realm_id: Annotated[str | None, Query(alias="realmId")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return a page of chunks; `start` and `end` are offsets into the document's Markdown."""
    try:
        page = await services.threads.run(
            services.ports.search.search, q, realm_id=realm_id, limit=limit, cursor=cursor
        )
    except InvalidValue:
        raise cursors.refused() from None
    return render.json_response(render.page([hit_json(hit) for hit in page.hits], page.next_cursor))


def hit_json(hit: SearchHit) -> dict[str, object]:
    """Return a chunk that was found."""
    return {
        "documentId": hit.document_id,
        "headingPath": list(hit.heading_path),
        "snippet": hit.snippet,
        "start": hit.start,
        "end": hit.end,
        "score": hit.score,
    }
