"""Which documents the search store should hold, by the tables of the read models.

A document is searchable once its ingestor is completed, by its current chunks and facts. Files of
imported documents are left out: their content is wherever the other system keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from stages.postgres_search import INDEX_VERSION
from stages.search_store import IndexedFrom

PAGE_DOCUMENTS = 500


@dataclass(frozen=True, slots=True)
class Ingested:
    """A document that should be found; `is_due` if the store was not filled from these contents."""

    document_id: str
    made_from: IndexedFrom
    is_due: bool


def _newest(file_type: str) -> str:
    return f"""(
        SELECT o.checksum FROM stage_output_files o
        WHERE o.document_id = p.document_id AND o.file_type = '{file_type}'
            AND o.checksum IS NOT NULL
            AND s.file_versions -> (o.stage_name || ':' || o.file_type) IS DISTINCT FROM '0'
        ORDER BY o.created_at DESC, o.stage_name LIMIT 1)"""  # noqa: S608 - a name of ours


_INGESTED = f"""
    SELECT p.document_id, c.checksum, f.checksum,
        d.document_id IS NULL OR d.index_version <> %(version)s
            OR d.chunks_checksum <> c.checksum OR d.facts_checksum IS DISTINCT FROM f.checksum
            OR d.title_md5 IS DISTINCT FROM md5(t.title::text)
    FROM documents_processing_stages p
    JOIN document_streams s ON s.document_id = p.document_id AND s.parked_at IS NULL
    JOIN LATERAL {_newest("chunks_json")} c ON true
    LEFT JOIN LATERAL {_newest("facts_json")} f ON true
    JOIN documents t ON t.id = p.document_id
    LEFT JOIN search_documents d ON d.document_id = p.document_id
    WHERE p.stage_name = 'ingestor' AND p.status = 'completed'
"""  # noqa: S608 - both parts stand above
_AFTER = f"""{_INGESTED} AND p.document_id > %(after)s
    ORDER BY p.document_id LIMIT %(limit)s"""
_NAMED = f"{_INGESTED} AND p.document_id = ANY (%(ids)s) ORDER BY p.document_id"
# What an earlier completion left stays until the next one; an ingestor at work may have put it in.
_SURPLUS = """
    SELECT held.id FROM unnest(%s::text[]) AS held (id)
    WHERE EXISTS (SELECT FROM search_chunks c WHERE c.document_id = held.id)
        AND NOT EXISTS (SELECT FROM documents d JOIN documents_processing_stages p
            ON p.document_id = d.id AND p.stage_name = 'ingestor'
            WHERE d.id = held.id AND (
                p.status IN ('completed', 'in_progress') OR p.status <> 'skipped' AND EXISTS (
                    SELECT FROM stage_output_files o
                    WHERE o.document_id = held.id AND o.stage_name = 'ingestor')))
    ORDER BY held.id
"""
_HELD = """
    SELECT DISTINCT document_id FROM search_chunks WHERE document_id > %s ORDER BY 1 LIMIT %s
"""
_ELSEWHERE = """
    SELECT c.document_id, count(*) FROM search_chunks c JOIN documents d ON d.id = c.document_id
    WHERE c.document_id = ANY (%s) AND c.realm_id IS DISTINCT FROM d.realm_id::text
    GROUP BY 1 ORDER BY 1
"""


def ingested_after(connection: Connection, after: str, limit: int) -> list[Ingested]:
    """Return the next documents that should be found, by their ids."""
    return _ingested(connection, _AFTER, after=after, limit=limit)


def ingested_among(connection: Connection, document_ids: Sequence[str]) -> list[Ingested]:
    """Return those of the documents that should be found."""
    return _ingested(connection, _NAMED, ids=list(document_ids))


def held_after(connection: Connection, after: str) -> list[str]:
    """Return the next documents that the store holds chunks of, by their ids."""
    return [row[0] for row in _rows(connection, _HELD, (after, PAGE_DOCUMENTS))]


def surplus_among(connection: Connection, document_ids: Sequence[str]) -> list[str]:
    """Return those of the documents that should not be found."""
    return [row[0] for row in _rows(connection, _SURPLUS, (list(document_ids),))]


def elsewhere_among(connection: Connection, document_ids: Sequence[str]) -> list[tuple[str, int]]:
    """Return those with chunks in another realm than theirs, and how many that are."""
    return [(row[0], row[1]) for row in _rows(connection, _ELSEWHERE, (list(document_ids),))]


def _ingested(connection: Connection, query: str, **asked: Any) -> list[Ingested]:
    rows = _rows(connection, query, {"version": INDEX_VERSION, **asked})
    return [Ingested(i, IndexedFrom(chunks, facts), due) for i, chunks, facts, due in rows]


def _rows(connection: Connection, query: str, asked: Any) -> list[tuple[Any, ...]]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query.encode(), asked).fetchall()
