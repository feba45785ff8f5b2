"""Which storage is this database's: adopted once, checked by every role that uses one.

The storage has an id in an object at its root, the database the same id in a row.

                                      id absent         another id
    log empty, or names no content    gets a new id     joined: shared, nothing is swept
    content of the log is found       gets a new id     joined: shared, nothing is swept
    it is not found                   refused           refused

`up`, `process` and `migrate up` go by this table; `docledger storage adopt` gives the storage a
new id, so that another database that had it refuses to work with it. A storage that two databases
name content of must not be swept by either: each would remove what only the other names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

import psycopg
from psycopg.rows import tuple_row

from domain.errors import DocledgerError
from domain.storage_errors import StorageError, StorageUnavailable
from eventstore.named_blobs import some_named
from files.identity import Marker, MarkerUnreadable
from files.storage import Storage
from postgres import advisory_locks

_SAMPLE = 32

_HAS_TABLE = "SELECT to_regclass('public.docledger_storage') IS NOT NULL"
_READ = "SELECT storage_id, location FROM public.docledger_storage"
_WRITE = """
    INSERT INTO public.docledger_storage (storage_id, location, adopted_at) VALUES (%s, %s, %s)
    ON CONFLICT (is_only) DO UPDATE SET storage_id = excluded.storage_id,
        location = excluded.location, adopted_at = excluded.adopted_at
"""

Connection: TypeAlias = psycopg.Connection
State: TypeAlias = Literal["adopted", "shared", "other", "none", "unreachable"]


class OtherStorage(DocledgerError):
    """The storage is not the one that belongs to this database."""


class ContentMissing(OtherStorage):
    """The storage lacks the content that the log names."""


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """How storage and database stand to each other; `other` also is a storage without an id."""

    state: State
    location: str
    storage_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Own:
    """The row of the database."""

    storage_id: str
    location: str


@dataclass(frozen=True, slots=True)
class _Sample:
    """How many of some contents that the log names were found."""

    asked: int
    found: int

    @property
    def fits(self) -> bool:
        """True when the log names nothing, or most of it is there."""
        return self.found * 2 > self.asked or not self.asked

    def __str__(self) -> str:
        return f"Of {self.asked} contents that the log names, {self.found} were found in it"


class Adoption:
    """Adopts the storage that this process is set up with, or tells that it is another."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        open_storage: Callable[[], Storage],
        location: str,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._connect = connect
        self._open_storage = open_storage
        self._location = location
        self._clock = clock
        self._new_id = new_id

    def status(self) -> StorageStatus:
        """Return how the storage stands."""
        with self._connected() as connection:
            own = _own(connection)
        storage_id = None if own is None else own.storage_id
        return StorageStatus(self._state(storage_id), self._location, storage_id)

    def _state(self, storage_id: str | None) -> State:
        try:
            marker = self._open_storage().identity.read()
        except StorageUnavailable:
            return "unreachable"
        except MarkerUnreadable:
            return "other"
        if storage_id is None:
            return "none"
        if marker is None or marker.storage_id != storage_id:
            return "other"
        return "shared" if marker.is_shared else "adopted"

    def require(self) -> None:
        """Raise OtherStorage unless the storage is the database's."""
        with self._connected() as connection:
            own = _own(connection)
        marker = self._open_storage().identity.read()
        if own is None:
            raise OtherStorage(
                "This database has no storage yet; run 'docledger migrate up' with the "
                "DOCLEDGER_STORAGE_URL that all roles are given."
            )
        if marker is None or marker.storage_id != own.storage_id:
            raise OtherStorage(self._refusal(own, marker))

    def adopt_if_fits(self) -> bool:
        """Adopt the storage by the table above; return False if it is the database's already.

        Raises ContentMissing.
        """
        with self._locked() as connection:
            own, marker = _own(connection), self._open_storage().identity.read()
            if own is not None and marker is not None and marker.storage_id == own.storage_id:
                return False
            sample = self._sample(connection)
            if not sample.fits:
                raise ContentMissing(f"{self._refusal(own, marker)} {sample}.")
            if marker is None and not self._mark_first(connection):
                marker = self._open_storage().identity.read()
            if marker is not None:
                self._join(connection, marker)
        return True

    def adopt(self, *, force: bool) -> str:
        """Make the storage this database's alone, under a new id; return what was found in it.

        Raises ContentMissing unless `force`.
        """
        with self._locked() as connection:
            sample = self._sample(connection)
            if not sample.fits and not force:
                raise ContentMissing(
                    f"The storage at {self._location} is not adopted. {sample}. Correct "
                    "DOCLEDGER_STORAGE_URL, or say --force if the rest is lost."
                )
            marker = Marker(self._new_id())
            self._write(connection, marker.storage_id)
            self._open_storage().identity.replace(marker)
        return str(sample)

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Take the id off the storage if the database's row is dropped in the block."""
        own = None
        with suppress(psycopg.OperationalError), self._connected() as connection:
            own = _own(connection)
        yield
        if own is None:
            return
        with self._connected() as connection:
            is_gone = _own(connection) is None
        if is_gone:
            with suppress(StorageError, StorageUnavailable):
                identity = self._open_storage().identity
                if identity.read() == Marker(own.storage_id):
                    identity.remove()

    def has_one(self) -> bool:
        """Tell whether the database has a storage, whichever that is."""
        with self._connected() as connection:
            return _own(connection) is not None

    def _mark_first(self, connection: Connection) -> bool:
        """Give the storage an id; return False if another database was first.

        The row comes first: a row whose id is nowhere is replaced at the next start, while an id
        that no row has would look like another database's.
        """
        marker = Marker(self._new_id())
        self._write(connection, marker.storage_id)
        return self._open_storage().identity.create(marker)

    def _join(self, connection: Connection, marker: Marker) -> None:
        self._open_storage().identity.replace(Marker(marker.storage_id, is_shared=True))
        self._write(connection, marker.storage_id)

    def _write(self, connection: Connection, storage_id: str) -> None:
        connection.execute(_WRITE, (storage_id, self._location, self._clock()))

    def _sample(self, connection: Connection) -> _Sample:
        checksums = some_named(connection, _SAMPLE)
        return _Sample(len(checksums), sum(map(self._open_storage().blobs.exists, checksums)))

    def _refusal(self, own: _Own | None, marker: Marker | None) -> str:
        has = "has no id" if marker is None else f"has the id {marker.storage_id}"
        known = "" if own is None else f", and that of this database, {own.storage_id}, was at"
        where = "" if own is None else f" {own.location} when it was adopted"
        return (
            f"The storage at {self._location} is not this database's: it {has}{known}"
            f"{where}. Correct DOCLEDGER_STORAGE_URL, or run 'docledger storage adopt' if it was "
            "moved or restored."
        )

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._connect() as connection:
            connection.autocommit = True
            yield connection

    @contextmanager
    def _locked(self) -> Iterator[Connection]:
        """Let one process at a time adopt; the lock ends with the connection."""
        with self._connected() as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (advisory_locks.STORAGE,))
            yield connection


def _own(connection: Connection) -> _Own | None:
    """Return the database's row; None too where the schema is older than its table."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        has_table = cursor.execute(_HAS_TABLE).fetchone()
        row = cursor.execute(_READ).fetchone() if has_table and has_table[0] else None
    return None if row is None else _Own(*row)
