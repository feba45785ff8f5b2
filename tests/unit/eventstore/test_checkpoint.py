"""Seals as signed texts: what is signed, what is refused."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.errors import InvalidValue
from eventstore.seals.checkpoint import Checkpoint, PublicKey, SignedNote, sign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PublicKey(KEY.public_key())
CHECKPOINT = Checkpoint(PUBLIC.name, 216, bytes(range(32)), 230, "2026-11-24T03:55:39Z")
NOTE = sign(KEY, CHECKPOINT.text())


def test_a_note_looks_as_the_format_says() -> None:
    root = b64encode(bytes(range(32))).decode()
    lines = NOTE.split("\n")
    assert lines[:6] == [
        PUBLIC.name,
        "216",
        root,
        "position 230",
        "at 2026-11-24T03:55:39Z",
        "",
    ]
    assert lines[6].startswith(f"\u2014 {PUBLIC.name} ")
    assert lines[7:] == [""]


def test_keys_and_signatures_are_those_of_the_format() -> None:
    """The example in the documentation of golang.org/x/mod/sumdb/note."""
    key = PublicKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    signature = (
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
        "otpRZb6KE6RyyBwJnAM="
    )
    assert key.has_signed(SignedNote(text, ((key.name, b64decode(signature)),), CHECKPOINT))
    assert not key.has_signed(SignedNote(text[1:], ((key.name, b64decode(signature)),), CHECKPOINT))


def test_a_note_is_read_as_it_was_written() -> None:
    note = SignedNote.parse(NOTE)
    assert note.checkpoint == CHECKPOINT
    assert PUBLIC.has_signed(note)
    assert PublicKey.parse(str(PUBLIC)).has_signed(note)
    assert PUBLIC.has_signed(SignedNote.parse(NOTE.replace("\n", "\r\n")))


@pytest.mark.parametrize(
    ("old", "new"),
    [("216", "217"), ("position 230", "position 231"), ("AAEC", "AAED"), ("03:55", "03:56")],
)
def test_a_note_that_was_changed_is_not_signed(old: str, new: str) -> None:
    assert old in NOTE
    assert not PUBLIC.has_signed(SignedNote.parse(NOTE.replace(old, new, 1)))


def test_another_key_has_not_signed() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert not PublicKey(other.public_key()).has_signed(SignedNote.parse(NOTE))
    pretended = PublicKey(other.public_key(), PUBLIC.name)
    assert not pretended.has_signed(SignedNote.parse(NOTE))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        NOTE.replace("216", "many"),
        NOTE.replace("216", "0"),
        NOTE.replace("AAEC", "A"),
        NOTE.replace("\u2014", "-"),
        NOTE.split("\n\n")[0],
        NOTE.replace("position 230", "position x"),
    ],
)
def test_what_is_no_seal_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="This is no seal"):
        SignedNote.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "a+b+c", str(PUBLIC)[:-4], str(PUBLIC).replace("docledger/", "other/"), f"x{PUBLIC}"],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="This is no public key"):
        PublicKey.parse(text)
