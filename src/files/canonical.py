"""Checksums that tell whether content is the same to whoever reads it, not byte for byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from domain.json_types import JsonObject
from files.blobs import PIECE_BYTES, BlobStore, system_errors

MAX_PARSED_BYTES = 16 * 1024 * 1024  # parsed JSON takes some ten times its size in memory


def canonical_checksum(mime_type: str, content: bytes | Path) -> str:
    """Give the SHA-256, in hex, of content in its canonical form.

    JSON is taken with sorted keys and without white space; a chunks document without its `source`,
    so that equal chunks of different source bytes are equal. Everything else is taken as it is, and
    so is JSON that is larger than `MAX_PARSED_BYTES`, malformed, or has a key twice.
    """
    size_bytes = len(content) if isinstance(content, bytes) else _size(content)
    if _is_json(mime_type) and size_bytes <= MAX_PARSED_BYTES:
        return _json_checksum(content if isinstance(content, bytes) else _read(content))
    return _plain_checksum(content)


def stored_canonical_checksum(blobs: BlobStore, checksum: str, mime_type: str) -> str:
    """Give the same of a blob, which is read only if its canonical form may be another."""
    if not _is_json(mime_type):
        return checksum
    with blobs.local_path(checksum) as path:
        return canonical_checksum(mime_type, path)


def _is_json(mime_type: str) -> bool:
    essence = mime_type.partition(";")[0].strip().lower()
    return essence == "application/json" or essence.endswith("+json")


def _json_checksum(raw: bytes) -> str:
    try:
        document = json.loads(raw, object_pairs_hook=_without_repeats)
        canonical = json.dumps(
            _without_source(document),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )
    except (ValueError, RecursionError):
        return _plain_checksum(raw)
    return _plain_checksum(canonical.encode(errors="surrogatepass"))


def _without_repeats(pairs: list[tuple[str, Any]]) -> JsonObject:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return members


def _without_source(document: object) -> Any:
    if isinstance(document, dict) and isinstance(document.get("chunks"), list):
        return {key: value for key, value in document.items() if key != "source"}
    return document


def _plain_checksum(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256()
    with system_errors(), content.open("rb", buffering=0) as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _size(path: Path) -> int:
    with system_errors():
        return path.stat().st_size


def _read(path: Path) -> bytes:
    with system_errors():
        return path.read_bytes()
