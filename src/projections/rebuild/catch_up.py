"""Brings the new tables from the position that they were built at to the end of the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from psycopg import Connection

from postgres.lock_retry import LockedByOthers, lock_holders
from projections.log_reader import LogReader
from projections.rebuild.filler import Filler
from projections.rebuild.rows import read_parked
from projections.rebuild.shadow import quoted
from projections.tables import lock_documents

_READ_EVENTS = 2000
_WRITTEN_DOCUMENTS = 200


class CatchUp:
    """Writes documents again that have events after `position`, from their first event on.

    Whole documents, since one table alone does not hold what the fold needs to continue.
    """

    def __init__(
        self,
        connection: Connection,
        log: LogReader,
        filler: Filler,
        schema: str,
        tables: Iterable[str],
    ) -> None:
        self.position = filler.until
        self._connection = connection
        self._log = log
        self._filler = filler
        self._deletes = [
            f"DELETE FROM {quoted(schema, name)} WHERE document_id = ANY(%s::text[])".encode()  # noqa: S608
            for name in tables
        ]
        self._owed: set[str] = set()

    def to(self, until: int) -> None:
        """Bring the tables to this position, some documents a transaction.

        What another session has locked is left for the next time.
        """
        touched = sorted(self._touched(until) | self._owed | self._parked_or_going_again())
        self._owed = set()
        self._filler.until = until
        for index in range(0, len(touched), _WRITTEN_DOCUMENTS):
            with self._connection.transaction():
                self._write(touched[index : index + _WRITTEN_DOCUMENTS], until)
        self.position = until

    @contextmanager
    def whole(self, until: int) -> Iterator[None]:
        """Bring the tables to exactly this position for the rest of the caller's transaction.

        Raises LockedByOthers if another session has a document locked.
        """
        before = self.position, self._owed
        try:
            self.to(until)
            self._require_all()
            yield
        except BaseException:
            self.position, self._owed = before
            raise

    def _parked_or_going_again(self) -> set[str]:
        """Return the documents whose parking has changed; from now on it is as it is now."""
        before, now = self._filler.folds.parked, read_parked(self._connection)
        self._filler.folds = replace(self._filler.folds, parked=now)
        return {i for i in {*before, *now} if before.get(i) != now.get(i)}

    def _require_all(self) -> None:
        if self._owed:
            raise LockedByOthers(
                lock_holders(self._connection, ["public.documents"]) or "a deletion"
            )

    def _touched(self, until: int) -> set[str]:
        touched: set[str] = set()
        position = self.position
        while position < until:
            events = self._log.after(position, _READ_EVENTS)
            if not events:
                break
            touched.update(r.event.document_id for r in events if r.position <= until)
            position = events[-1].position
        return touched

    def _write(self, document_ids: Sequence[str], until: int) -> None:
        locks = lock_documents(self._connection, document_ids)
        self._owed |= locks.locked
        ids = [i for i in document_ids if i not in locks.locked]
        for statement in self._deletes:
            self._connection.execute(statement, (ids,))
        for document_id, stream in self._log.streams(ids).items():
            until_now = [recorded for recorded in stream if recorded.position <= until]
            is_present = document_id in locks.row_versions
            self._filler.add(document_id, until_now, is_present=is_present)
        self._filler.flush()
