"""Read zip containers that may be meant to harm."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from stages.errors import UnconvertibleDocument

_MAX_ENTRIES = 20_000
_MAX_UNPACKED_BYTES = 1 << 30
_SUSPECT_BYTES = 64 << 20  # below this no ratio matters
_MAX_RATIO = 100  # XML packs 10 to 40 times
_MAX_PART_BYTES = 16 << 20

_ENCRYPTED_FLAG = 0x1


def is_package(path: Path) -> bool:
    """Tell whether a file is a zip container, not one that merely has one within.

    Excel puts its theme, which is one, at the end of the old binary format.
    """
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def read_part(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return one small part; raise ValueError if it is too large to be what it should be."""
    with archive.open(name) as part:
        content = part.read(_MAX_PART_BYTES + 1)
    if len(content) > _MAX_PART_BYTES:
        raise ValueError("the part is too large")
    return content


def refuse_harmful_archive(path: Path) -> None:
    """Raise UnconvertibleDocument for a container that is damaged, encrypted or a bomb."""
    opened(path).close()


def opened(path: Path) -> zipfile.ZipFile:
    """Open a container; raise UnconvertibleDocument for a damaged or encrypted one, or a bomb.

    Readers unpack no more of an entry than its header declares, so the headers are enough.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UnconvertibleDocument(
            "The file is cut off or damaged (its zip container cannot be read); export or download "
            "it again."
        ) from error
    try:
        _refuse_harmful(archive.infolist(), path)
    except UnconvertibleDocument:
        archive.close()
        raise
    return archive


def _refuse_harmful(entries: Sequence[zipfile.ZipInfo], path: Path) -> None:
    if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
        raise UnconvertibleDocument(
            "The document is protected by a password; remove the password and hand it in again."
        )
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, path.stat().st_size)
    bomb = unpacked > _SUSPECT_BYTES and unpacked / packed > _MAX_RATIO
    if len(entries) > _MAX_ENTRIES or unpacked > _MAX_UNPACKED_BYTES or bomb:
        raise UnconvertibleDocument(
            f"The file unpacks to {unpacked >> 20} MiB, more than is safe to open; split the "
            "document, or save it again without what it does not need."
        )
