"""Where blobs are below the storage root."""

from __future__ import annotations

from typing import Literal, TypeAlias

from domain.storage_errors import BlobNotFound
from domain.values import CHECKSUM

Area: TypeAlias = Literal["sha256", "trash"]
"""A folder below `blobs`: content in use, or content that waits to be deleted."""

LIVE: Area = "sha256"
TRASH: Area = "trash"

HEX_PAIRS = [f"{number:02x}" for number in range(256)]
"""The names of folders of blobs, on both levels, in order."""


def blob_path(checksum: str, area: Area = LIVE) -> str:
    """Give the path of a blob below the storage root; what is no checksum is not found."""
    if not CHECKSUM.fullmatch(checksum):
        raise BlobNotFound("This is not a SHA-256 checksum in lower-case hex.")
    return f"blobs/{area}/{checksum[:2]}/{checksum[2:4]}/{checksum}"
