"""Holds the uploads tree against the tables, while projectors work on both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from psycopg import Connection
from psycopg.rows import tuple_row

from domain.file_names import document_folder, original_path
from files.tree_projector import TRACKING_NAME
from verification.difference import Difference, Kind
from verification.tree_reader import Fault, TreeReader

PAGE_DOCUMENTS = 500
_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.1
_MAX_PLAIN_ID_CHARS = 85  # each of its bytes may take three characters of a folder's name

_KINDS: dict[Fault, Kind] = {
    "missing": "tree-missing",
    "extra": "tree-extra",
    "changed": "tree-changed",
}
# One statement, so that files and positions are of one moment.
_STANDINGS = """
    SELECT s.document_id, s.position, s.parked_at IS NOT NULL,
        s.position <= coalesce(
            (SELECT position FROM tracking WHERE projection = %(tree)s), 0)
            -- A deletion takes the row of documents with it before any projection follows, and
            -- with a registration after it there is a row again.
            AND NOT EXISTS (SELECT FROM docledger_events e
                WHERE e.originator_id = s.document_id AND e.originator_version > s.version
                    AND (d.id IS NULL OR e.topic = 'DocumentRegistered')),
        d.id IS NOT NULL, s.original_name, s.original_checksum, r.reason,
        (SELECT jsonb_object_agg(f.file_path, f.checksum) FROM stage_output_files f
         WHERE f.document_id = s.document_id AND f.checksum IS NOT NULL
            AND s.file_versions -> (f.stage_name || ':' || f.file_type) IS DISTINCT FROM '0'),
        -- Version 0 was imported: its content is what its owner puts there.
        (SELECT array_agg(f.file_path) FROM stage_output_files f
         WHERE f.document_id = s.document_id
            AND s.file_versions -> (f.stage_name || ':' || f.file_type) = '0')
    FROM document_streams s
    LEFT JOIN documents d ON d.id = s.document_id
    LEFT JOIN uploads_tree_retries r ON r.document_id = s.document_id
"""
_NEXT = _STANDINGS + "WHERE s.document_id > %(after)s ORDER BY s.document_id LIMIT %(limit)s"
_ONE = _STANDINGS + "WHERE s.document_id = %(document_id)s"
_KNOWN = "SELECT document_id FROM document_streams WHERE document_id = ANY (%s::text[])"
_LONG_IDS = """
    SELECT document_id FROM document_streams WHERE octet_length(document_id) > %s
"""


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a document's folder should hold, and whether the tree's projector has got there."""

    document_id: str
    position: int
    is_parked: bool
    is_done: bool
    wanted: dict[str, str]
    kept: frozenset[str]
    trouble: str | None


class TreeCheck:
    """One pass over all documents, one over all folders.

    A folder that the tree's projector has yet to bring up to date is looked at last, if it gets
    there in time; `behind` counts those of which that is not so. They are no differences, as rows
    are none that are still to be written.
    """

    def __init__(self, connection: Connection, tree: TreeReader) -> None:
        self._connection = connection
        self._tree = tree
        self.behind = 0

    def differences(
        self, advance: Callable[[int], None] = lambda _documents: None
    ) -> Iterator[Difference]:
        """Yield what is not in the tree as the tables say, telling how many documents are done."""
        after = ""
        done = 0
        later: list[str] = []
        while page := self._page(after):
            for standing in page:
                if standing.is_done:
                    yield from self._of(standing)
                else:
                    later.append(standing.document_id)
            done += len(page)
            advance(done)
            after = page[-1].document_id
        yield from self._later(later)
        yield from self._strange_folders()

    def _later(self, document_ids: list[str]) -> Iterator[Difference]:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for document_id in document_ids:
            if (standing := self._done(document_id, deadline)) is not None:
                yield from self._of(standing)
            else:
                self.behind += 1

    def _done(self, document_id: str, deadline: float) -> _Standing | None:
        """Wait until the projector has got to the document; None if it does not in time."""
        while time.monotonic() < deadline:
            found = self._standings(_ONE, document_id=document_id)
            if not found or found[0].is_done:
                return found[0] if found else None
            time.sleep(_PAUSE_SECONDS)
        return None

    def of_document(self, document_id: str) -> list[Difference]:
        """Return what is wrong with one document's folder."""
        found = self._standings(_ONE, document_id=document_id)
        if found:
            return list(self._of(found[0]))
        folder = document_folder(document_id)
        return [d for d in self._strange_among([folder]) if self._tree.faults(document_id, {})]

    def _page(self, after: str) -> list[_Standing]:
        return self._standings(_NEXT, after=after, limit=PAGE_DOCUMENTS)

    def _standings(self, query: str, **parameters: object) -> list[_Standing]:
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            rows = cursor.execute(query.encode(), {"tree": TRACKING_NAME, **parameters})
            return [_standing(*row) for row in rows]

    def _of(self, standing: _Standing) -> Iterator[Difference]:
        """Look until nobody was at work on the folder meanwhile."""
        while not standing.is_parked:
            faults = self._tree.faults(standing.document_id, standing.wanted, standing.kept)
            if not faults:
                return
            now = self._standings(_ONE, document_id=standing.document_id)
            if now and not now[0].is_done:
                yield from self._later([standing.document_id])
                return
            if not now or now[0] == standing:
                for path, fault in faults:
                    yield _difference(standing, path, fault)
                return
            standing = now[0]

    def _strange_folders(self) -> Iterator[Difference]:
        """Yield the folders that are no document's."""
        page: list[str] = []
        for folder in self._tree.folders():
            page.append(folder)
            if len(page) == PAGE_DOCUMENTS:
                yield from self._strange_among(page)
                page = []
        yield from self._strange_among(page)

    def _strange_among(self, folders: list[str]) -> Iterator[Difference]:
        ids = {unquote(folder): folder for folder in folders}
        with self._connection.cursor(row_factory=tuple_row) as cursor:
            known = {row[0] for row in cursor.execute(_KNOWN, (_storable(ids),))}
            if any("~" in folder for folder in folders):
                long = cursor.execute(_LONG_IDS, (_MAX_PLAIN_ID_CHARS,))
                known.update(row[0] for row in long)
        taken = {document_folder(document_id) for document_id in known}
        for document_id, folder in ids.items():
            if folder not in taken:
                plain = document_folder(document_id) == folder
                detail = "the tree has a folder of this id, which no document has"
                yield Difference(document_id if plain else None, "tree-extra", detail)


def _standing(
    document_id: str,
    position: int,
    is_parked: bool,
    is_done: bool,
    is_present: bool,
    original_name: str | None,
    original_checksum: str | None,
    trouble: str | None,
    outputs: dict[str, str] | None,
    imported: list[str] | None,
) -> _Standing:
    wanted = dict(outputs or {}) if is_present else {}
    if is_present and original_checksum is not None:
        wanted[original_path(document_id, original_name)] = original_checksum
    kept = frozenset(imported or ())
    return _Standing(document_id, position, is_parked, is_done, wanted, kept, trouble)


def _difference(standing: _Standing, path: str, fault: Fault) -> Difference:
    why = f"; {standing.trouble}" if standing.trouble else ""
    return Difference(standing.document_id, _KINDS[fault], f"{path}{why}")


def _storable(ids: dict[str, str]) -> list[str]:
    """Return the ids that the database could hold."""
    return [i for i in ids if not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in i)]
