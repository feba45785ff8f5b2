"""The rows of the documents that were touched last, so that nobody has to ask for them again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from projections.rows import DocumentRows, FileKey, FileRow


class _NotAsked(Mapping[FileKey, FileRow]):
    """Files that nobody has asked the table for: whoever needs one is told so."""

    def __getitem__(self, key: FileKey) -> FileRow:
        raise LookupError("The rows of files have not been loaded.")

    def __iter__(self) -> Iterator[FileKey]:
        raise LookupError("The rows of files have not been loaded.")

    def __len__(self) -> int:
        raise LookupError("The rows of files have not been loaded.")


NOT_ASKED = _NotAsked()
"""Stands for a document's files while no event is about them."""


class Kept(NamedTuple):
    """What the tables hold of a document while its row in `documents` has this mark."""

    mark: str
    rows: DocumentRows


class KnownRows:
    """What one session knows of the tables, as long as nobody else applies events.

    Whoever does moves the tracking position, by which it is found out. Who writes a document's
    rows again without moving it, as a retry or a rebuild, writes what the log says, and that is
    what is known here. Rows that went with their document, made anew by another application, are
    told by the mark of its row.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def of(self, document_ids: Iterable[str], marks: Mapping[str, str]) -> dict[str, DocumentRows]:
        """Return what is known of these documents, whose rows have these marks now."""
        found = {}
        for document_id in document_ids:
            kept = self._kept.get(document_id)
            if kept is not None and kept.mark == marks.get(document_id):
                found[document_id] = kept.rows
        return found

    def lacking(self, document_ids: Iterable[str]) -> list[str]:
        """Return those of these documents of which nothing is known."""
        return [document_id for document_id in document_ids if document_id not in self._kept]

    def note(self, touched: Iterable[str], rows: Mapping[str, Kept]) -> None:
        """Keep these rows in place of what was known of the documents that were touched."""
        for document_id in touched:
            self._kept.pop(document_id, None)
        self._kept.update(rows)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def after(self, touched: Iterable[str], rows: Mapping[str, Kept]) -> dict[str, Kept]:
        """Return all that will be known once these rows are noted."""
        known = dict(self._kept)
        for document_id in touched:
            known.pop(document_id, None)
        known.update(rows)
        return known

    def forget(self) -> None:
        """Know nothing any more."""
        self._kept.clear()
