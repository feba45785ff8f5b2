"""One key a life of a document, under which what may be personal in its events is encrypted."""

from __future__ import annotations

import os
import threading
import time
from base64 import b64encode
from binascii import a2b_base64
from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import LogUnreadable

if TYPE_CHECKING:
    from eventsourcing.postgres import PostgresDatastore

_SELECT = "SELECT document_id, life, key_id, key FROM document_keys WHERE document_id = ANY(%s)"
_LIVES = """
    SELECT count(*) AS life FROM docledger_events
    WHERE originator_id = %s AND topic = 'DocumentRegistered'
"""
_KEY_ID_BYTES = 6
_KEY_BYTES = 32
_NONCE_BYTES = 12
_REMEMBER_SECONDS = 60.0
_MOST_REMEMBERED = 20_000

_Name = TypeVar("_Name", bound=Hashable)
_Kept = TypeVar("_Kept")

# To make a cipher takes longer than to use it, and the events of a document come together.
_cipher = lru_cache(maxsize=128)(AESGCM)


@dataclass(frozen=True)
class DocumentKey:
    """An AES-256 key and the id by which sealed text names it."""

    key_id: str
    key: bytes = field(repr=False)

    @staticmethod
    def generate() -> DocumentKey:
        """Return a new random key."""
        random = os.urandom(_KEY_ID_BYTES + _KEY_BYTES)
        return DocumentKey(random[:_KEY_ID_BYTES].hex(), random[_KEY_ID_BYTES:])

    def seal(self, plaintext: bytes, about: bytes) -> str:
        """Return the text that hides `plaintext` and is bound to `about`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + _cipher(self.key).encrypt(nonce, plaintext, about)
        return f"{self.key_id}.{b64encode(sealed).decode('ascii')}"

    def unseal(self, text: str, about: bytes) -> bytes:
        """Return what `seal` hid.

        Raises LogUnreadable when the text was altered or belongs to another event.
        """
        return self.unseal_base64(text.partition(".")[2].encode(), about)

    def unseal_base64(self, text: bytes, about: bytes) -> bytes:
        """Do the same of what comes after the key's id and its dot."""
        try:
            sealed = a2b_base64(text, strict_mode=True)
            return _cipher(self.key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except (InvalidTag, ValueError) as error:
            raise LogUnreadable("An event's sealed part was altered.") from error


@dataclass(frozen=True)
class SealingKey:
    """The key of a life; an append stores a new one, and checks that another is still there."""

    key: DocumentKey
    is_new: bool
    life: int = 1


DocumentLife = tuple[str, int]
"""A document's id, and the number of one of its lives."""


class DocumentKeys:
    """The keys in table `document_keys`, remembered for a minute so that erasure takes effect.

    A key is made when the first personal part of a document's life is sealed and stored by the
    append that stores the event, so that neither is ever there without the other. Lives that
    shared a key before keys were per life go on sharing it. Thread-safe.
    """

    def __init__(self, datastore: PostgresDatastore) -> None:
        self._datastore = datastore
        self._lock = threading.Lock()
        self._unsealing: _Memory[tuple[str, str], DocumentKey] = _Memory()
        self._sealing: _Memory[DocumentLife, SealingKey] = _Memory()

    def learn(self, stored: Mapping[DocumentLife, DocumentKey]) -> None:
        """Remember keys, by life, that were read just now together with what they unseal."""
        now = time.monotonic()
        with self._lock:
            for (document_id, life), key in stored.items():
                self._unsealing.put((document_id, key.key_id), key, now)
                self._sealing.put((document_id, life), SealingKey(key, False, life), now)

    def prefetch(self, named: Collection[tuple[str, str]]) -> None:
        """Read, in one query, the keys that sealed parts name: pairs of document id and key id.

        That such a key is not there is final, since it was stored with the event that names it.
        A key of another id says nothing: it may have taken the place of one erased.
        """
        now = time.monotonic()
        with self._lock:
            missing = {pair for pair in named if not self._unsealing.has(pair, now)}
        if missing:
            self._read_named(missing)

    def for_unsealing(self, document_id: str, key_id: str) -> DocumentKey | None:
        """Return the key of this id, or None if it is gone."""
        pair = (document_id, key_id)
        with self._lock:
            if self._unsealing.has(pair, time.monotonic()):
                return self._unsealing.get(pair)
        return self._read_named({pair})[pair]

    def prefetch_for_sealing(self, lives: Collection[DocumentLife]) -> None:
        """Read, in one query, the keys that events of these lives are to be sealed with."""
        now = time.monotonic()
        with self._lock:
            missing = [life for life in lives if not self._sealing.has(life, now)]
        if missing:
            self._read_for_sealing(missing)

    def for_sealing(self, document_id: str, life: int, *, begins: bool) -> SealingKey:
        """Return the key to seal with, a new one where the life has none.

        The event with which the life `begins` asks nobody, unless that went wrong before: no key
        should be there yet.
        """
        name = (document_id, life)
        with self._lock:
            found = self._sealing.get(name)
            if found is not None and self._sealing.has(name, time.monotonic()):
                return found
            ask = not begins or self._sealing.knows(name)
        return self._read_for_sealing([name])[name] if ask else self._new(name)

    def count_lives(self, document_id: str) -> int:
        """Return how many lives of the document the log has."""
        with self._datastore.get_connection() as connection:
            row = connection.execute(_LIVES, (document_id,)).fetchone()
        return int(row["life"]) if row else 0

    def settle(self, used: Mapping[DocumentLife, SealingKey], stored: Collection[str]) -> None:
        """Keep the keys of documents whose append was stored; ask for others again."""
        now = time.monotonic()
        with self._lock:
            for name, sealing in used.items():
                document_id, life = name
                if document_id in stored:
                    self._sealing.put(name, SealingKey(sealing.key, False, life), now)
                    self._unsealing.put((document_id, sealing.key.key_id), sealing.key, now)
                else:
                    self._sealing.put(name, None, now - _REMEMBER_SECONDS)

    def _new(self, name: DocumentLife) -> SealingKey:
        sealing = SealingKey(DocumentKey.generate(), True, name[1])
        with self._lock:
            self._sealing.put(name, sealing, time.monotonic())
        return sealing

    def _read_for_sealing(self, names: Collection[DocumentLife]) -> dict[DocumentLife, SealingKey]:
        now = time.monotonic()
        stored = self._read({document_id for document_id, _ in names})
        found = {name: SealingKey(stored[name], False, name[1]) for name in names if name in stored}
        with self._lock:
            for name, sealing in found.items():
                self._sealing.put(name, sealing, now)
        return found | {name: self._new(name) for name in names if name not in found}

    def _read_named(
        self, named: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], DocumentKey | None]:
        now = time.monotonic()
        stored = self._read({document_id for document_id, _ in named})
        keys = {(document_id, key.key_id): key for (document_id, _), key in stored.items()}
        found: dict[tuple[str, str], DocumentKey | None] = {pair: keys.get(pair) for pair in named}
        with self._lock:
            for pair, named_key in found.items():
                self._unsealing.put(pair, named_key, now)
        return found

    def _read(self, document_ids: Iterable[str]) -> dict[DocumentLife, DocumentKey]:
        with self._datastore.get_connection() as connection:
            rows = connection.execute(_SELECT, (list(document_ids),)).fetchall()
        return {
            (r["document_id"], r["life"]): DocumentKey(r["key_id"], bytes(r["key"])) for r in rows
        }


class _Memory(Generic[_Name, _Kept]):
    """What was found out lately, None for what is known not to be there."""

    def __init__(self) -> None:
        self._entries: OrderedDict[_Name, tuple[float, _Kept | None]] = OrderedDict()

    def knows(self, name: _Name) -> bool:
        """Tell whether there is an entry, however old."""
        return name in self._entries

    def has(self, name: _Name, now: float) -> bool:
        """Tell whether there is an entry that is young enough."""
        entry = self._entries.get(name)
        return entry is not None and now - entry[0] < _REMEMBER_SECONDS

    def get(self, name: _Name) -> _Kept | None:
        """Return what is kept under the name."""
        entry = self._entries.get(name)
        return None if entry is None else entry[1]

    def put(self, name: _Name, kept: _Kept | None, at: float) -> None:
        """Keep this as found out at that time, letting go of the oldest beyond the limit."""
        self._entries[name] = (at, kept)
        self._entries.move_to_end(name)
        if len(self._entries) > _MOST_REMEMBERED:
            self._entries.popitem(last=False)
