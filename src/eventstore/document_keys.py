"""One key a document, under which what may be personal in its events is encrypted."""

from __future__ import annotations

import os
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Collection
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.postgres import PostgresDatastore

from domain.errors import LogUnreadable

_SELECT = "SELECT document_id, key_id, key FROM document_keys WHERE document_id = ANY(%s)"
_NONCE_BYTES = 12
_CACHE_SECONDS = 60.0
_CACHE_SIZE = 10_000


@dataclass(frozen=True)
class DocumentKey:
    """An AES-256 key and the id by which sealed text names it."""

    key_id: str
    key: bytes

    @staticmethod
    def generate() -> DocumentKey:
        """Return a new random key."""
        return DocumentKey(os.urandom(6).hex(), AESGCM.generate_key(bit_length=256))

    def seal(self, plaintext: bytes, about: bytes) -> str:
        """Return the text that hides `plaintext` and is bound to `about`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + AESGCM(self.key).encrypt(nonce, plaintext, about)
        return f"{self.key_id}.{b64encode(sealed).decode('ascii')}"

    def unseal(self, text: str, about: bytes) -> bytes | None:
        """Return what `seal` hid, or None if that was under another key, now gone.

        Raises LogUnreadable when the text was altered or belongs to another event.
        """
        key_id, _, encoded = text.partition(".")
        if key_id != self.key_id:
            return None
        try:
            sealed = b64decode(encoded, validate=True)
            return AESGCM(self.key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except (InvalidTag, ValueError) as error:
            raise LogUnreadable("An event's sealed part was altered.") from error


class DocumentKeys:
    """The keys in table `document_keys`, remembered for a minute so that erasure takes effect.

    A key is made when a document's first personal part is sealed and stored by the append that
    stores the event (`proposed`), so that neither is ever there without the other.
    """

    def __init__(self, datastore: PostgresDatastore) -> None:
        self._datastore = datastore
        self._known: dict[str, tuple[float, DocumentKey | None]] = {}
        self._proposed: dict[str, DocumentKey] = {}
        self._lock = threading.Lock()

    def prefetch(self, document_ids: Collection[str]) -> None:
        """Read the keys of these documents in one query."""
        now = time.monotonic()
        with self._lock:
            missing = [i for i in document_ids if self._remembered(i, now) is None]
        if missing:
            self._read(missing, now)

    def find(self, document_id: str) -> DocumentKey | None:
        """Return the document's key, or None if it has none (any more)."""
        now = time.monotonic()
        with self._lock:
            remembered = self._remembered(document_id, now)
        if remembered is None:
            self._read([document_id], now)
            with self._lock:
                remembered = self._known.get(document_id)
        return remembered[1] if remembered else None

    def for_sealing(self, document_id: str, version: int) -> DocumentKey:
        """Return the key to seal with, proposing a new one where there is none.

        The first event of a stream asks nobody: no key can be there yet.
        """
        with self._lock:
            if document_id in self._proposed:
                return self._proposed[document_id]
        key = None if version == 1 else self.find(document_id)
        if key is None:
            key = DocumentKey.generate()
            with self._lock:
                self._proposed[document_id] = key
        return key

    def proposed(self, document_ids: Collection[str]) -> dict[str, DocumentKey]:
        """Return the new keys that an append of these documents has to store."""
        with self._lock:
            return {i: self._proposed[i] for i in set(document_ids) if i in self._proposed}

    def settle(self, proposed: dict[str, DocumentKey], stored: Collection[str]) -> None:
        """Keep the keys of documents whose append was stored; forget what is known of others."""
        now = time.monotonic()
        with self._lock:
            for document_id, key in proposed.items():
                self._proposed.pop(document_id, None)
                self._known.pop(document_id, None)
                if document_id in stored:
                    self._known[document_id] = (now, key)

    def _remembered(self, document_id: str, now: float) -> tuple[float, DocumentKey | None] | None:
        entry = self._known.get(document_id)
        return entry if entry is not None and now - entry[0] < _CACHE_SECONDS else None

    def _read(self, document_ids: list[str], now: float) -> None:
        with self._datastore.get_connection() as connection:
            rows = connection.execute(_SELECT, (document_ids,)).fetchall()
        found = {r["document_id"]: DocumentKey(r["key_id"], bytes(r["key"])) for r in rows}
        with self._lock:
            if len(self._known) > _CACHE_SIZE:
                self._known.clear()
            for document_id in document_ids:
                self._known[document_id] = (now, found.get(document_id))
