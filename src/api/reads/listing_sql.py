"""The SQL of a page of documents, for each way in which it can be found."""

# Every value is a parameter; only names and numbers of ours are put together here.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from api.reads.life_sql import PROJECTED, UNPROJECTED
from api.reads.title_words import TITLE_WORDS

MANY = 20_000
"""So many matches are taken for any number: counting them all would take longer than a page."""

_IN_TITLE = f"{TITLE_WORDS} @@ to_tsquery('simple', %(words)s)"
_ORDER = "ORDER BY x.created_at DESC, x.id DESC LIMIT"

# Ids of later runs are longer, or greater where they are as long.
_NEWEST = """NOT EXISTS (SELECT FROM processing_workflows n WHERE n.document_id = w.document_id
    AND (length(n.id), n.id) > (length(w.id), w.id))"""

# The status is the second column of its index: it is asked for each name that there is.
_IN_STATUS = """
    WITH RECURSIVE names (name) AS (
        (SELECT stage_name FROM documents_processing_stages ORDER BY stage_name LIMIT 1)
        UNION ALL SELECT (SELECT p.stage_name FROM documents_processing_stages p
            WHERE p.stage_name > names.name ORDER BY p.stage_name LIMIT 1)
        FROM names WHERE names.name IS NOT NULL)
    SELECT p.document_id FROM names CROSS JOIN LATERAL (
        SELECT p.document_id FROM documents_processing_stages p
        WHERE p.stage_name = names.name AND p.status = %(status)s OFFSET 0) p
"""


@dataclass(frozen=True, slots=True)
class Way:
    """What is asked of documents, where the page begins, and how it is found.

    `walk` documents are looked at in the order of the list, none if it is 0; if that was not
    enough, all that match by `other`, words or stages of which there are few or many, are sorted.
    """

    by_realm: bool
    by_stage: bool
    by_status: bool
    by_words: bool
    begins: Literal["anywhere", "timed", "untimed"]
    limit: int
    walk: int
    other: Literal["words", "few", "many"]


def count_sql(*, by_stage: bool, by_status: bool) -> str:
    """Return the query of how many documents match by stage and status, MANY at most."""
    # Earlier runs are counted too: telling them apart takes longer than all the rest.
    matching = _matching(by_stage=by_stage, by_status=by_status, newest="true")
    return f"SELECT count(*) AS matches FROM (SELECT FROM ({matching}) m LIMIT {MANY}) counted"


@lru_cache(maxsize=1024)
def page_sql(way: Way, shown: str) -> str:
    """Return the query of a page; one row is read more than it shows, to know if one follows."""
    # Only what is shown is made JSON, from one document to the next, by its key.
    return f"""
        WITH {", ".join([UNPROJECTED, *_steps(way, way.limit + 1)])}
        SELECT coalesce(string_agg(CASE WHEN found.parked IS NULL THEN found.body ELSE left(
                found.body, -1) || ', "parked" : {{"position" : ' || found.parked || '}}}}' END,
            ',' ORDER BY x.created_at DESC, x.id DESC), '') AS bodies,
            min(last.created_at)::text AS last_at, min(last.id) AS last_id
        FROM (SELECT x.id, x.created_at FROM page x {_ORDER} {way.limit}) x
        CROSS JOIN LATERAL (SELECT ({shown})::text AS body, s.parked_position AS parked
            FROM documents d LEFT JOIN document_streams s ON s.document_id = d.id
            WHERE d.id = x.id OFFSET 0) found
        LEFT JOIN (SELECT x.id, x.created_at FROM page x
            WHERE (SELECT count(*) FROM page) > {way.limit}
            {_ORDER} 1 OFFSET {way.limit - 1}) last ON true
    """


def _steps(way: Way, rows: int) -> Iterator[str]:
    """Yield the common table expressions; the last one is the page."""
    if not (way.by_stage or way.by_status or way.by_words):
        yield f"page AS MATERIALIZED ({_walk(way, rows)})"
        return
    if not way.walk:
        yield f"page AS MATERIALIZED ({_other(way, 'true', rows)})"
        return
    # The walk ends with the page's last row. If it does not get there, it has either seen all
    # documents that there are, or is given up.
    yield f"""near AS MATERIALIZED (SELECT x.id, x.created_at FROM ({_walk(way, way.walk)}) x
        WHERE {_in_title(way)} AND {_in_stage(way)} LIMIT {rows})"""
    walked = _walk(replace(way, by_words=False), way.walk)
    yield f"""given_up AS MATERIALIZED (SELECT CASE WHEN (SELECT count(*) FROM near) = {rows}
        THEN false ELSE (SELECT count(*) FROM ({walked}) x) = {way.walk} END AS yes)"""
    yield f"far AS MATERIALIZED ({_other(way, '(SELECT yes FROM given_up)', rows)})"
    yield """page AS MATERIALIZED (SELECT id, created_at FROM near
        WHERE NOT (SELECT yes FROM given_up) UNION ALL SELECT id, created_at FROM far)"""


def _walk(way: Way, length: int) -> str:
    """Return the documents after the cursor in the order of the list, so many at most."""
    # Titles are beside the index that has the order; it alone is read without them.
    columns = "x.id, x.created_at" + (", x.title" if way.by_words else "")
    walk = f"SELECT {columns} FROM documents x WHERE {_in_realm(way)} AND {PROJECTED}"
    if way.begins != "untimed":
        return f"{walk} AND {_after(way)} {_ORDER} {length}"
    # An index gives each of these from its first row on, and not both of them at once.
    return f"""SELECT * FROM (
        ({walk} AND x.created_at IS NULL AND x.id < %(after_id)s {_ORDER} {length})
        UNION ALL ({walk} AND x.created_at IS NOT NULL {_ORDER} {length})) x {_ORDER} {length}"""


def _other(way: Way, condition: str, rows: int) -> str:
    """Return the page made of all that matches, if the condition holds."""
    of_document = f"{_in_realm(way)} AND {_after(way)} AND {PROJECTED}"
    # OFFSET 0 keeps each of these to its own way, whatever the planner takes for common.
    if way.other == "words":
        return f"""SELECT x.id, x.created_at FROM (SELECT x.id, x.created_at FROM documents x
            WHERE {_IN_TITLE} AND {of_document} OFFSET 0) x
            WHERE {condition} AND {_in_stage(way)} {_ORDER} {rows}"""
    matching = _matching(by_stage=way.by_stage, by_status=way.by_status, newest=_NEWEST)
    document = f"SELECT x.id, x.created_at, x.title FROM documents x WHERE {of_document}"
    if way.other == "many":
        found = f"({document} AND x.id IN ({matching}) OFFSET 0) x"
    else:
        # Several stages of a document may be in one status.
        each = "" if way.by_stage else "DISTINCT"
        found = f"""(SELECT {each} m.document_id FROM ({matching}) m OFFSET 0) m
            CROSS JOIN LATERAL ({document} AND x.id = m.document_id OFFSET 0) x"""
    return f"""SELECT x.id, x.created_at FROM {found}
        WHERE {condition} AND {_in_title(way)} {_ORDER} {rows}"""


def _in_realm(way: Way) -> str:
    return "x.realm_id = %(realm_id)s" if way.by_realm else "true"


def _after(way: Way) -> str:
    if way.begins == "anywhere":
        return "true"
    # Newest first puts rows of a legacy application that have no time ahead of all others.
    if way.begins == "untimed":
        return "((x.created_at IS NULL AND x.id < %(after_id)s) OR x.created_at IS NOT NULL)"
    return "(x.created_at, x.id) < (%(after_at)s, %(after_id)s)"


def _in_title(way: Way) -> str:
    return _IN_TITLE if way.by_words else "true"


def _in_stage(way: Way) -> str:
    """Return whether document x matches by stage and status: a look at it alone."""
    if way.by_status:
        at_stage = "AND p.stage_name = %(stage)s" if way.by_stage else ""
        return f"""EXISTS (SELECT FROM documents_processing_stages p
            WHERE p.document_id = x.id AND p.status = %(status)s {at_stage} OFFSET 0)"""
    if way.by_stage:
        return f"""EXISTS (SELECT FROM processing_workflows w WHERE w.document_id = x.id
            AND w.current_stage = %(stage)s AND {_NEWEST} OFFSET 0)"""
    return "true"


def _matching(*, by_stage: bool, by_status: bool, newest: str) -> str:
    """Return the ids that match by stage and status; of runs, those that are `newest`."""
    if not by_status:
        return f"""SELECT w.document_id FROM processing_workflows w
            WHERE w.current_stage = %(stage)s AND {newest}"""
    if not by_stage:
        return _IN_STATUS
    return """SELECT p.document_id FROM documents_processing_stages p
        WHERE p.stage_name = %(stage)s AND p.status = %(status)s"""
