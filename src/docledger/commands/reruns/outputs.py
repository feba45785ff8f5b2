"""Which documents have an output that a certain executor made, page by page."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import Connection

_PAGE_DOCUMENTS = 500
# Both parts go along an index: stages by document and name, a document's events by version. Which
# executor made an output is in the log alone, in the last completion of its stage.
_PAGE = """
    SELECT s.document_id, completed.executor
    FROM (
        SELECT document_id, stage_name FROM documents_processing_stages
        WHERE document_id > %(after)s AND stage_name = %(stage)s AND status <> 'skipped'
        ORDER BY document_id LIMIT %(limit)s
    ) s
    LEFT JOIN LATERAL (
        SELECT convert_from(e.state, 'UTF8')::jsonb ->> 'executor' AS executor
        FROM docledger_events e
        WHERE e.originator_id = s.document_id AND e.topic = 'StageCompleted'
            AND convert_from(e.state, 'UTF8')::jsonb ->> 'stage_name' = s.stage_name
        ORDER BY e.originator_version DESC LIMIT 1
    ) completed ON true
    ORDER BY s.document_id
"""


def pages(
    connection: Connection,
    stage_name: str,
    executor: str,
    *,
    page_documents: int = _PAGE_DOCUMENTS,
) -> Iterator[list[str]]:
    """Yield the ids of documents whose newest output of the stage this executor made, in order.

    The read models say which documents have the stage, so that what they do not show yet is left
    out. A page may be empty.
    """
    after = ""
    while True:
        asked = {"after": after, "stage": stage_name, "limit": page_documents}
        rows = connection.execute(_PAGE, asked).fetchall()
        yield [document_id for document_id, made_by in rows if made_by == executor]
        if len(rows) < page_documents:
            return
        after = rows[-1][0]
