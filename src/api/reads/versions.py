"""Versions of output files, found in a document's history: those of its current life alone.

A version has the number that its event has: from 1 per stage and type since the registration. What
an import listed has number 0 in the log; while nothing newer is stored, it is version 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from api.http.contents import Content, ListedFile
from domain.document_workflow import DocumentWorkflow, FileState, evolve
from domain.events import Event, OutputFileImported, OutputFileRegistered
from domain.lives import current_life
from eventstore.recorded import RecordedEvent

IMPORTED = 0
"""The number that the log gives to a file that an import listed."""
_FIRST = 1

_Brought = OutputFileRegistered | OutputFileImported


def version_of(
    document_id: str, history: Sequence[RecordedEvent], stage: str, name: str, version: int
) -> Content | ListedFile | None:
    """Return version `version` of the stage's file called `name`.

    The file is known by any name that its type has had; only versions that were current count.
    """
    found = _current_ones(document_id, current_life(history), stage)
    types = {file.file_type for file, _ in found.values() if file.name == name}
    for file_type in sorted(types):
        number = version
        if version == _FIRST and (file_type, _FIRST) not in found:
            number = IMPORTED
        if (file_type, number) in found:
            return _content(*found[file_type, number])
    return None


def _content(file: FileState, event: _Brought) -> Content | ListedFile | None:
    if isinstance(event, OutputFileRegistered):
        return Content(file.checksum, event.size_bytes, event.mime_type, file.name)
    if event.personal is None:
        return None
    return ListedFile(event.personal.file_path, event.checksum, event.mime_type)


def _current_ones(
    document_id: str, life: Sequence[RecordedEvent], stage: str
) -> Mapping[tuple[str, int], tuple[FileState, _Brought]]:
    brought: dict[tuple[str, int], _Brought] = {}
    found: dict[tuple[str, int], tuple[FileState, _Brought]] = {}
    state = DocumentWorkflow.unborn(document_id)
    for event in _readable(life):
        if isinstance(event, _Brought) and event.stage_name == stage:
            brought[event.file_type, _number(event)] = event
        state = evolve(state, event)
        if stage in state.stages:
            for file in state.stages[stage].files.values():
                key = (file.file_type, file.version)
                found.setdefault(key, (file, brought[key]))
    return found


def _readable(life: Sequence[RecordedEvent]) -> Iterator[Event]:
    return (recorded.event for recorded in life if isinstance(recorded.event, Event))


def _number(event: _Brought) -> int:
    return event.file_version if isinstance(event, OutputFileRegistered) else IMPORTED
