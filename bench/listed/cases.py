"""The lists that are measured: each filter as the API takes it, and the best query by hand.

Whoever writes the query by hand knows how common a thing is: a walk along the documents in the
order of the list, or everything that matches, sorted. Each answers with the page as JSON text.
"""

# Only names of ours are put together here.

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PAGE = 50
TITLE = "to_tsvector('simple', regexp_replace(coalesce(d.title, ''), '[!-/:-@[-`{-~]+', ' ', 'g'))"

_JSON = """
    SELECT coalesce(json_agg(json_build_object('id', d.id, 'title', d.title,
        'realmId', d.realm_id, 'createdAt', d.created_at, 'updatedAt', d.updated_at,
        'processingWorkflow', (SELECT json_build_object('id', w.id, 'documentId', w.document_id,
            'workflowType', w.workflow_type, 'status', w.status, 'totalStages', w.total_stages,
            'completedStages', w.completed_stages, 'currentStage', w.current_stage,
            'startedAt', w.started_at, 'completedAt', w.completed_at,
            'configuration', w.configuration, 'createdAt', w.created_at,
            'updatedAt', w.updated_at)
            FROM processing_workflows w WHERE w.document_id = d.id
            ORDER BY length(w.id) DESC, w.id DESC LIMIT 1),
        'stages', (SELECT json_agg(json_build_object('id', p.id, 'documentId', p.document_id,
            'stageName', p.stage_name, 'status', p.status, 'attempt', p.attempt,
            'retryCount', p.retry_count, 'startedAt', p.started_at,
            'completedAt', p.completed_at, 'errorMessage', p.error_message,
            'metadata', p.metadata, 'createdAt', p.created_at, 'updatedAt', p.updated_at)
            ORDER BY t.execution_order) FROM documents_processing_stages p
            JOIN (SELECT DISTINCT stage_name, execution_order FROM stage_dependencies) t
                USING (stage_name) WHERE p.document_id = d.id),
        'version', s.version, 'position', s.position)
        ORDER BY d.created_at DESC, d.id DESC), '[]')::text
    FROM ({page}) page CROSS JOIN LATERAL (SELECT * FROM documents d WHERE d.id = page.id
        OFFSET 0) d LEFT JOIN document_streams s ON s.document_id = d.id
"""
_AFTER = "(d.created_at, d.id) < (%(after_at)s, %(after_id)s)"
_ORDER = f"ORDER BY d.created_at DESC, d.id DESC LIMIT {PAGE}"

Way = Literal["walk", "matches", "words"]


@dataclass(frozen=True)
class Case:
    """One filter: the API's query, the same by hand, and the way that is the best for it."""

    name: str
    query: dict[str, str]
    way: Way = "walk"

    def sql(self, *, after: bool) -> str:
        """Return the query by hand of a page's JSON."""
        return _JSON.format(page=self.page(after=after))

    def page(self, *, after: bool) -> str:
        """Return the query by hand of a page's ids in order."""
        if self.way == "matches":
            each = "" if "stage" in self.query else "DISTINCT"
            found = f"SELECT {each} document_id FROM ({self._matches()}) m OFFSET 0"
            conditions = self._on_document(after=after) + (self._words() if self._q else [])
            return f"""SELECT d.id, d.created_at FROM ({found}) m CROSS JOIN LATERAL (
                SELECT d.id, d.created_at FROM documents d WHERE d.id = m.document_id
                AND {" AND ".join(["true", *conditions])} OFFSET 0) d {_ORDER}"""
        if self.way == "words":
            conditions = self._words() + self._on_document(after=after)
            return f"""SELECT d.id, d.created_at FROM (SELECT d.id, d.created_at FROM documents d
                WHERE {" AND ".join(conditions)} OFFSET 0) d
                WHERE {" AND ".join(["true", *self._on_stages()])} {_ORDER}"""
        return f"""SELECT d.id, d.created_at FROM documents d
            WHERE {" AND ".join(["true", *self._conditions(after=after)])} {_ORDER}"""

    def rank(self) -> str:
        """Return the query of how many documents match."""
        return f"""SELECT count(*) FROM documents d
            WHERE {" AND ".join(["true", *self._conditions(after=False)])}"""

    def key(self, depth: int) -> str:
        """Return the query of the row behind which a page at this depth begins."""
        return f"""SELECT d.created_at::text, d.id FROM documents d
            WHERE {" AND ".join(["true", *self._conditions(after=False)])}
            ORDER BY d.created_at DESC, d.id DESC OFFSET {depth - 1} LIMIT 1"""

    @property
    def _q(self) -> str | None:
        return self.query.get("q")

    def _conditions(self, *, after: bool) -> list[str]:
        words = self._words() if self._q else []
        return self._on_document(after=after) + words + self._on_stages()

    def _on_document(self, *, after: bool) -> list[str]:
        realm = ["d.realm_id = %(realmId)s"] if "realmId" in self.query else []
        return realm + ([_AFTER] if after else [])

    def _words(self) -> list[str]:
        return [f"{TITLE} @@ to_tsquery('simple', %(q)s || ':*')"]

    def _on_stages(self) -> list[str]:
        if not {"stage", "status"} & self.query.keys():
            return []
        # OFFSET 0: by a look at each document of the walk, not by a join with all that match.
        return [f"EXISTS (SELECT FROM ({self._matches()}) m WHERE m.document_id = d.id OFFSET 0)"]

    def _matches(self) -> str:
        if "status" not in self.query:
            return """SELECT w.document_id FROM processing_workflows w
                WHERE w.current_stage = %(stage)s AND NOT EXISTS (
                    SELECT FROM processing_workflows n WHERE n.document_id = w.document_id
                    AND (length(n.id), n.id) > (length(w.id), w.id))"""
        names = "= %(stage)s"
        if "stage" not in self.query:
            names = "= ANY (ARRAY(SELECT DISTINCT stage_name FROM stage_dependencies))"
        return f"""SELECT p.document_id FROM documents_processing_stages p
            WHERE p.stage_name {names} AND p.status = %(status)s"""


def _case(name: str, way: Way = "walk", **query: str) -> Case:
    return Case(name, query, way)


CASES = (
    _case("none"),
    _case("realm", realmId="realm-large"),
    _case("realm, rare", realmId="realm-rare"),
    _case("stage", stage="completed"),
    _case("stage, some and old", "matches", stage="chunker"),
    _case("stage, rare and old", "matches", stage="fact-generator"),
    _case("status", status="completed"),
    _case("status, skipped", status="skipped"),
    _case("status, failed", status="failed"),
    _case("status, rare and new", "matches", status="in_progress"),
    _case("stage+status", stage="ingestor", status="completed"),
    _case("stage+status, new", stage="ingestor", status="pending"),
    _case("stage+status, some and old", "matches", stage="chunker", status="failed"),
    _case("stage+status, rare and old", "matches", stage="fact-generator", status="failed"),
    _case("q", q="report"),
    _case("q, beginning", q="term1"),
    _case("q, some and old", "words", q="observatory"),
    _case("q, rare", "words", q="zeppelin"),
    _case("realm+status", realmId="realm-large", status="completed"),
    _case("realm+status, rare realm", realmId="realm-rare", status="completed"),
    _case("realm+stage", realmId="realm-medium", stage="completed"),
    _case("realm+stage+status", realmId="realm-small", stage="chunker", status="completed"),
    _case(
        "realm+stage+status, rare",
        "matches",
        realmId="realm-large",
        stage="chunker",
        status="failed",
    ),
    _case("q+realm", q="report", realmId="realm-medium"),
    _case("q+status", q="report", status="failed"),
    _case("q+stage+status", "words", q="zeppelin", stage="ingestor", status="completed"),
    _case("all", q="report", realmId="realm-large", stage="ingestor", status="completed"),
)
