"""Examples that the description of the API shows; a test holds them against its schemas."""

from __future__ import annotations

from domain.json_types import JsonObject

ID = "0199a1b2-7c3d-7e4f-8a9b-0c1d2e3f4a5b"
_AT = "2026-11-24T01:54:33.000000Z"
_CHECKSUM = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

WORKFLOW: JsonObject = {
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
STAGE: JsonObject = {
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
FILE: JsonObject = {
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
SUMMARY: JsonObject = {
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
DOCUMENT: JsonObject = {**SUMMARY, "content": None, "outputFiles": [FILE]}
NEW_DOCUMENT: JsonObject = {
    "title": "Notes",
    "content": "# Notes\n\nOne thing.\n",
    "realmId": "finance",
    "workflowType": "automatic",
    "configuration": {"skipStages": ["markdown-optimizer"], "retries": 1},
}
NEW_WORKFLOW: JsonObject = {"workflowType": "manual", "configuration": {}}
REPORT: JsonObject = {
    "status": "completed",
    "attempt": 1,
    "completedAt": "2026-11-24T01:54:33Z",
    "metadata": {"tool": "by hand"},
    "outputFiles": [{"filePath": f"documents/{ID}/stages/markdown-conversion/report.md"}],
}
EXECUTION: JsonObject = {"inputFiles": [FILE["filePath"]]}
EXECUTION_RESULT: JsonObject = {
    "success": True,
    "outputFiles": [FILE],
    "error": None,
    "metadata": {"pages": 12},
}
STORED_FILE: JsonObject = {
    "filePath": FILE["filePath"],
    "fileType": "markdown",
    "fileSize": 4096,
    "checksum": _CHECKSUM,
}
EVENT: JsonObject = {
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
SEARCH_HIT: JsonObject = {
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
SEARCH: JsonObject = {
    "query": {"terms": ["figures"], "excluded": ["draft"], "ignored": ["the"]},
    "ranked": {"chunks": 1, "complete": True, "order": None},
}
PROJECTION: JsonObject = {
    "projection": "read_models",
    "position": 42,
    "lag": 0,
    "health": "ok",
    "parked": [],
}
