"""Examples that the description of the API shows; a test holds them against its schemas."""

from __future__ import annotations

from typing import Any

ID = "0199a1b2-7c3d-7e4f-8a9b-0c1d2e3f4a5b"
_AT = "2026-11-24T01:54:33.000000Z"
_CHECKSUM = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

WORKFLOW: dict[str, Any] = {
    "id": f"workflow_{ID}",
    "documentId": ID,
    "workflowType": "automatic",
    "status": "running",
    "totalStages": 5,
    "completedStages": 1,
    "currentStage": "markdown-optimizer",
    "startedAt": _AT,
    "completedAt": None,
    "configuration": {"retries": 3},
    "createdAt": _AT,
    "updatedAt": _AT,
    "waitingFor": None,
}
STAGE: dict[str, Any] = {
    "id": f"{ID}_markdown-conversion",
    "documentId": ID,
    "stageName": "markdown-conversion",
    "status": "completed",
    "attempt": 1,
    "retryCount": 0,
    "startedAt": _AT,
    "completedAt": _AT,
    "errorMessage": None,
    "metadata": {"pages": 12},
    "createdAt": _AT,
    "updatedAt": _AT,
    "waitingFor": None,
}
FILE: dict[str, Any] = {
    "id": f"{ID}_markdown-conversion:markdown",
    "documentId": ID,
    "stageName": "markdown-conversion",
    "fileType": "markdown",
    "filePath": f"documents/{ID}/stages/markdown-conversion/report.md",
    "fileSize": 4096,
    "mimeType": "text/markdown",
    "checksum": _CHECKSUM,
    "metadata": None,
    "createdAt": _AT,
}
SUMMARY: dict[str, Any] = {
    "id": ID,
    "title": "Annual report",
    "realmId": "finance",
    "createdAt": _AT,
    "updatedAt": _AT,
    "processingWorkflow": WORKFLOW,
    "stages": [STAGE],
    "version": 6,
    "position": 42,
}
DOCUMENT: dict[str, Any] = {**SUMMARY, "content": None, "outputFiles": [FILE]}
NEW_DOCUMENT: dict[str, Any] = {
    "title": "Notes",
    "content": "# Notes\n\nOne thing.\n",
    "realmId": "finance",
    "workflowType": "automatic",
    "configuration": {"skipStages": ["markdown-optimizer"], "retries": 1},
}
NEW_WORKFLOW: dict[str, Any] = {"workflowType": "manual", "configuration": {}}
REPORT: dict[str, Any] = {
    "status": "completed",
    "attempt": 1,
    "completedAt": "2026-11-24T01:54:33Z",
    "metadata": {"tool": "by hand"},
    "outputFiles": [{"filePath": f"documents/{ID}/stages/markdown-conversion/report.md"}],
}
EXECUTION: dict[str, Any] = {"inputFiles": [FILE["filePath"]]}
EXECUTION_RESULT: dict[str, Any] = {
    "success": True,
    "outputFiles": [FILE],
    "error": None,
    "metadata": {"pages": 12},
}
STORED_FILE: dict[str, Any] = {
    "filePath": FILE["filePath"],
    "fileType": "markdown",
    "fileSize": 4096,
    "checksum": _CHECKSUM,
}
EVENT: dict[str, Any] = {
    "position": 42,
    "version": 3,
    "type": "StageStarted",
    "at": _AT,
    "actor": "worker:host:41",
    "documentId": ID,
    "commandId": "0199a1b2-7c3d-7e4f-8a9b-0c1d2e3f4a5c",
    "correlationId": "0199a1b2-7c3d-7e4f-8a9b-0c1d2e3f4a5c",
    "causationId": None,
    "data": {"stageName": "markdown-conversion", "attempt": 1, "personal": None},
}
SEARCH_HIT: dict[str, Any] = {
    "documentId": ID,
    "title": "Annual report",
    "headingPath": ["Report", "Figures"],
    "pages": [3, 4],
    "snippet": "the figures of the year",
    "highlights": [[4, 11]],
    "start": 120,
    "end": 980,
    "score": 0.6,
}
SEARCH: dict[str, Any] = {
    "query": {"terms": ["figures"], "excluded": ["draft"], "ignored": ["the"]},
    "ranked": {"chunks": 1, "complete": True, "order": None},
}
PROJECTION: dict[str, Any] = {
    "projection": "read_models",
    "position": 42,
    "lag": 0,
    "health": "ok",
    "parked": [],
}
