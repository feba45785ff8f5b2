"""Seals as short signed texts that can be kept elsewhere.

The formats are those of transparency logs: a checkpoint (c2sp.org/tlog-checkpoint) in a signed note
(c2sp.org/signed-note) with an Ed25519 signature. Two lines more tell the position and the time.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.errors import InvalidValue
from eventstore.merkle import HASH_BYTES

_ED25519 = b"\x01"
_DASH = "\u2014 "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a seal says: the root over the first `size` events, the last of them at `position`."""

    origin: str
    size: int
    root: bytes
    position: int
    at: str

    def text(self) -> str:
        """Return the lines that are signed."""
        root = b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\nposition {self.position}\nat {self.at}\n"


class PublicKey:
    """Checks signatures. As text: name, key id and key, joined by plus signs."""

    def __init__(self, key: Ed25519PublicKey, name: str | None = None) -> None:
        self._key = key
        self._raw = key.public_bytes_raw()
        self.name = name or f"docledger/{hashlib.sha256(self._raw).hexdigest()[:16]}"

    @property
    def key_id(self) -> bytes:
        """The 4 bytes by which a signature names the key."""
        named = f"{self.name}\n".encode() + _ED25519 + self._raw
        return hashlib.sha256(named).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(_ED25519 + self._raw).decode()}"

    @staticmethod
    def parse(text: str) -> PublicKey:
        """Return the key of a text; raises InvalidValue for one that is none."""
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            raw = b64decode(encoded, validate=True)
            key = PublicKey(Ed25519PublicKey.from_public_bytes(raw[1:]), name)
        except ValueError as error:
            raise _invalid_key() from error
        if raw[:1] != _ED25519 or key.key_id.hex() != key_id:
            raise _invalid_key()
        return key

    def has_signed(self, note: SignedNote) -> bool:
        """Tell whether one of the note's signatures is by this key."""
        for name, signature in note.signatures:
            if name == self.name and signature[:4] == self.key_id:
                try:
                    self._key.verify(signature[4:], note.text.encode())
                except InvalidSignature:
                    continue
                return True
        return False


def _invalid_key() -> InvalidValue:
    return InvalidValue(
        "This is no public key; take the line that 'docledger seal --public-key' prints.",
        field="--public-key",
    )


def sign(key: Ed25519PrivateKey, text: str) -> str:
    """Return the text with a signature below it."""
    public = PublicKey(key.public_key())
    signature = b64encode(public.key_id + key.sign(text.encode())).decode()
    return f"{text}\n{_DASH}{public.name} {signature}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text and who signed it: pairs of a name and what stands for key id and signature."""

    text: str
    signatures: tuple[tuple[str, bytes], ...]
    checkpoint: Checkpoint

    @staticmethod
    def parse(note: str) -> SignedNote:
        """Take a note apart, its signatures unchecked; raises InvalidValue for what is none."""
        try:
            return _parsed(note.replace("\r\n", "\n"))
        except (ValueError, IndexError, binascii.Error) as error:
            raise InvalidValue(
                "This is no seal; take what 'docledger seal' printed, all lines of it.",
                field="--seal",
            ) from error


def _parsed(note: str) -> SignedNote:
    body, _, below = note.strip("\n").rpartition("\n\n")
    text = f"{body}\n"
    origin, size, encoded, *others = body.split("\n")
    said = {word: rest for word, _, rest in (line.partition(" ") for line in others)}
    position, at = int(said.get("position", "0")), said.get("at", "")
    checkpoint = Checkpoint(origin, int(size), b64decode(encoded, validate=True), position, at)
    if not origin or checkpoint.size < 1 or len(checkpoint.root) != HASH_BYTES:
        raise ValueError("a line is wrong")
    signatures = tuple(map(_signature, below.split("\n")))
    return SignedNote(text, signatures, checkpoint)


def _signature(line: str) -> tuple[str, bytes]:
    if not line.startswith(_DASH):
        raise ValueError("no signature")
    name, signature = line.removeprefix(_DASH).split(" ")
    return name, b64decode(signature, validate=True)


def format_at(at: datetime) -> str:
    """Return a time as notes tell it: UTC, to the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
