"""`docledger seal` and `docledger prove`: what can be shown to others, and kept by them."""

from __future__ import annotations

import json as jsonlib
import os
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from psycopg import Connection

from docledger.bootstrap import Docledger, now
from docledger.settings import Settings
from domain.errors import DocledgerError, DocumentNotFound, InvalidValue
from domain.json_types import JsonObject
from eventstore.seals.checkpoint import Checkpoint, PublicKey, SignedNote, format_at, sign
from eventstore.seals.sealer import (
    AlteredSinceSealed,
    ProvenEvent,
    last_seal,
    position_of,
    prove,
    root_at,
    seal_all,
    size_until,
)

KEY_FILE = "seal.key"


class NothingSealed(DocledgerError):
    """The log holds no event up to there; there is nothing to seal."""


class SealKeyUnusable(DocledgerError):
    """The home's seal.key is no Ed25519 key; restore it, or move it away to have a new one."""


def seal(settings: Settings, *, until: int | None, public_key: bool) -> None:
    """Print a seal of the log up to a position, or the key that such seals are checked with."""
    key = signing_key(settings)
    if public_key:
        print(PublicKey(key.public_key()))
        return
    with _sealed(settings) as (_, connection):
        size = _size(connection, until)
        print(_note(connection, key, size), end="")


def show_proof(
    settings: Settings, document_id: str, *, kept_seal: Path | None, as_json: bool
) -> None:
    """Print the proof that the document's events are in the sealed log."""
    kept = None if kept_seal is None else read_note(kept_seal)
    with _sealed(settings) as (_, connection):
        size = _size(connection, None) if kept is None else kept.checkpoint.size
        if kept is not None:
            _require_root(connection, kept.checkpoint)
        proven = prove(connection, document_id, size)
        note = _note(connection, signing_key(settings), size)
    if not proven:
        raise DocumentNotFound(f"The sealed log holds no event of '{document_id}'.")
    if as_json:
        jsonlib.dump(_proof(document_id, proven, note), sys.stdout, indent=2)
        print()
    else:
        _print_proof(document_id, proven, note)


def _require_root(connection: Connection, kept: Checkpoint) -> None:
    newest = last_seal(connection)
    if newest is None or newest.size < kept.size or root_at(connection, kept.size) != kept.root:
        raise AlteredSinceSealed("The log is not the one that this seal is of, or was altered.")


@contextmanager
def _sealed(settings: Settings) -> Iterator[tuple[Docledger, Connection]]:
    """Seal what is not sealed yet and lend a connection."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        with docledger.connect("seal") as connection:
            connection.autocommit = True
            seal_all(connection, now)
            yield docledger, connection


def _size(connection: Connection, until: int | None) -> int:
    newest = last_seal(connection)
    size = 0 if newest is None else newest.size
    if until is not None:
        size = min(size, size_until(connection, until))
    if not size:
        raise NothingSealed
    return size


def _note(connection: Connection, key: Ed25519PrivateKey, size: int) -> str:
    checkpoint = Checkpoint(
        origin=PublicKey(key.public_key()).name,
        size=size,
        root=root_at(connection, size),
        position=position_of(connection, size),
        at=format_at(now()),
    )
    return sign(key, checkpoint.text())


def _proof(document_id: str, proven: list[ProvenEvent], note: str) -> JsonObject:
    checkpoint = SignedNote.parse(note).checkpoint
    return {
        "documentId": document_id,
        "size": checkpoint.size,
        "root": _text(checkpoint.root),
        "events": [
            {
                "index": event.index,
                "position": event.row.position,
                "version": event.row.version,
                "topic": event.row.topic,
                "state": _text(event.row.state),
                "proof": [_text(hashed) for hashed in event.proof],
            }
            for event in proven
        ],
        "seal": note,
    }


def _print_proof(document_id: str, proven: list[ProvenEvent], note: str) -> None:
    for event in proven:
        row = event.row
        print(f"{row.version:>5}  {row.at.decode()}  {row.topic:<24} number {event.index}")
    print(f"\n{document_id}: {len(proven)} events are in the log with this seal:\n\n{note}", end="")


def _text(content: bytes) -> str:
    return b64encode(content).decode("ascii")


def read_note(path: Path) -> SignedNote:
    """Return the seal in a file; raises InvalidValue if there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{path}: cannot be read as a seal.", field="--seal") from error
    return SignedNote.parse(text)


def signing_key(settings: Settings) -> Ed25519PrivateKey:
    """Return the key of this home, made when it is first asked for; only its owner can read it."""
    path = settings.home / KEY_FILE
    with suppress(FileExistsError):
        _make_key(path)
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SealKeyUnusable
    return key


def _make_key(path: Path) -> None:
    """Write a new key beside its place and link it there: it appears whole or not at all."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{KEY_FILE}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
        file.write(_pem(Ed25519PrivateKey.generate()))
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(temporary)
    finally:
        temporary.unlink()


def _pem(key: Ed25519PrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
