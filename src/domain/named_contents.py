"""By which names a document's events call its contents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.events import DocumentRegistered, Event, OriginalStored, OutputFileRegistered
from domain.file_names import original_path, output_name, output_path


@dataclass(frozen=True, slots=True)
class NamedContent:
    """A content and its path below the storage root; `version` is None for an original."""

    checksum: str
    path: str
    version: int | None = None

    def __str__(self) -> str:
        return self.path if self.version is None else f"{self.path}, version {self.version}"


def named_contents(events: Iterable[object]) -> Iterator[NamedContent]:
    """Yield every content that one document's events name, in their order.

    What is no event, since it cannot be read, is passed over. Where the names were erased, they
    are those of a document without a file name.
    """
    original_name: str | None = None
    for event in events:
        if not isinstance(event, Event):
            continue
        if isinstance(event, DocumentRegistered):
            original_name = event.personal.file_name if event.personal else None
        if isinstance(event, DocumentRegistered | OriginalStored) and event.checksum:
            yield NamedContent(event.checksum, original_path(event.document_id, original_name))
        elif isinstance(event, OutputFileRegistered):
            given = event.personal.file_name if event.personal else None
            name = given or output_name(original_name, event.document_id, event.suffix)
            path = output_path(event.document_id, event.stage_name, name)
            yield NamedContent(event.checksum, path, event.file_version)
