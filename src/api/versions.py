"""Older versions of output files, found in a document's history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from api.contents import Content
from api.ports import RecordedEvent
from domain.document_workflow import DocumentWorkflow, FileState, evolve
from domain.events import Event, OutputFileRegistered


def version_of(
    document_id: str, history: Iterable[RecordedEvent], stage: str, name: str, version: int
) -> Content | None:
    """Return version `version` of the stage's file called `name`.

    The file is known by any name that its type has had; only versions that were current count.
    """
    found = _current_ones(document_id, history, stage)
    types = {file.file_type for file, _ in found.values() if file.name == name}
    for file_type in sorted(types):
        if (file_type, version) in found:
            file, event = found[file_type, version]
            return Content(file.checksum, event.size_bytes, event.mime_type, file.name)
    return None


def _current_ones(
    document_id: str, history: Iterable[RecordedEvent], stage: str
) -> Mapping[tuple[str, int], tuple[FileState, OutputFileRegistered]]:
    state = DocumentWorkflow.unborn(document_id)
    registered: dict[tuple[str, int], OutputFileRegistered] = {}
    found: dict[tuple[str, int], tuple[FileState, OutputFileRegistered]] = {}
    for recorded in history:
        event = recorded.event
        if not isinstance(event, Event):
            continue
        if isinstance(event, OutputFileRegistered) and event.stage_name == stage:
            registered[event.file_type, event.file_version] = event
        state = evolve(state, event)
        if stage in state.stages:
            for file in state.stages[stage].files.values():
                key = (file.file_type, file.version)
                found.setdefault(key, (file, registered[key]))
    return found
