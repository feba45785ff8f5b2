"""The search store."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import examples, openapi, render, schemas
from api.http import cursors
from api.parameters import Cursor, Limit
from api.services import Shared
from domain.errors import InvalidValue
from stages.search_store import SearchHit, SearchPage

router = APIRouter(prefix="/v1", tags=["search"])


@router.get(
    "/search",
    operation_id="search",
    summary="Find chunks by their words",
    responses={
        200: openapi.list_answer(
            schemas.SearchHit,
            "Best first",
            examples.SEARCH_HIT,
            beside={
                "query": (schemas.UnderstoodSearch, examples.SEARCH["query"]),
                "ranked": (schemas.RankedChunks, examples.SEARCH["ranked"]),
            },
        ),
        **openapi.errors(*openapi.LIST_ERRORS),
    },
)
async def search(
    services: Shared,
    q: Annotated[
        str,
        Query(
            min_length=1,
            max_length=1000,
            description='Words, `"a phrase"`, `-excluded`, `either or`, `begin*`',
        ),
    ],
    realm_id: Annotated[str | None, Query(alias="realmId")] = None,
    include: Annotated[
        Literal["facts"] | None, Query(description="`facts`: with the documents' matching facts")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return a page of chunks; those that have all the words come before documents that do.

    Stop words alone are looked for, beside other words they are ignored; `query` says how `q` was
    understood. Of common words only some chunks are ranked; `ranked` says which.
    """
    try:
        async with services.search_slots.taken():
            page = await services.threads.run(
                services.ports.search.search,
                q,
                realm_id=realm_id,
                limit=limit,
                cursor=cursor,
                include_facts=include == "facts",
            )
    except InvalidValue:
        raise cursors.refused() from None
    return render.json_response(page_json(page, include_facts=include == "facts"))


def page_json(page: SearchPage, *, include_facts: bool) -> dict[str, object]:
    """Return a page of what was found, and how the search was understood."""
    understood, ranked = page.understood, page.ranked
    hits = [hit_json(hit, include_facts=include_facts) for hit in page.hits]
    return {
        **render.page(hits, page.next_cursor),
        "query": {
            "terms": list(understood.terms),
            "excluded": list(understood.excluded),
            "ignored": list(understood.ignored),
        },
        "ranked": {
            "chunks": ranked.chunks,
            "complete": ranked.is_complete,
            "order": ranked.order,
        },
    }


def hit_json(hit: SearchHit, *, include_facts: bool) -> dict[str, object]:
    """Return a chunk that was found."""
    found: dict[str, object] = {
        "documentId": hit.document_id,
        "title": hit.title,
        "headingPath": list(hit.heading_path),
        "pages": None if hit.pages is None else list(hit.pages),
        "snippet": hit.snippet,
        "highlights": [list(span) for span in hit.highlights],
        "start": hit.start,
        "end": hit.end,
        "score": hit.score,
    }
    return (
        {**found, "facts": [{"pages": None, **fact} for fact in hit.facts]}
        if include_facts
        else found
    )
