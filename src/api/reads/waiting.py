"""SQL that tells which stages wait for an executor: read only while any stage does."""

# Only names of ours are put together here.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Mapping

from api.reads.shapes import NOT_WAITING

SOME_WAIT = """
    SELECT EXISTS (SELECT FROM docledger_queue.pgqueuer q
        WHERE q.entrypoint <> 'document' AND q.status = 'queued') AS some_wait
"""
# A worker that has the executor would have taken the job, or will.
_STAGE_WAITS = """p.status = 'pending'
    AND EXISTS (SELECT FROM docledger_queue.pgqueuer q
        WHERE q.entrypoint <> 'document' AND q.headers ->> 'documentId' = p.document_id
            AND q.entrypoint = 'stage:' || p.stage_name AND q.status = 'queued')
    AND NOT EXISTS (SELECT FROM stage_workers v WHERE p.stage_name = ANY (v.stages)
        AND v.seen_at > now() - interval '15 seconds')"""
_TOLD = "json_build_object('stageName', p.stage_name, 'reason', 'noExecutor')"
_GOES_ON = "IN ('running', 'failed')"
_OF_STAGE = f"""CASE WHEN {_STAGE_WAITS} AND (
        SELECT v.status FROM processing_workflows v WHERE v.document_id = p.document_id
        ORDER BY length(v.id) DESC, v.id DESC LIMIT 1) {_GOES_ON}
    THEN {_TOLD} END"""
_OF_WORKFLOW = f"""CASE WHEN w.status {_GOES_ON} THEN (
        SELECT {_TOLD} FROM documents_processing_stages p
        WHERE p.document_id = w.document_id AND {_STAGE_WAITS}
        ORDER BY p.stage_name LIMIT 1) END"""


def with_waits(query: str) -> str:
    """Return a query of workflows `w` and stages `p` that says which of them wait."""
    said = query.replace(NOT_WAITING.format("p"), _OF_STAGE)
    return said.replace(NOT_WAITING.format("w"), _OF_WORKFLOW)


def each_with_waits(queries: Mapping[str, str]) -> dict[str, str]:
    """Return such queries under the same names."""
    return {name: with_waits(query) for name, query in queries.items()}
