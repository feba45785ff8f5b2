"""Stored content as an answer: entity tags, ranges, and headers that keep browsers careful."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple
from urllib.parse import quote

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.http.conditional import byte_range, none_match
from api.ports import BlobStore
from domain.media_types import UNKNOWN, is_media_type, media_type_of
from files.blobs import Blob


class Content(NamedTuple):
    """A blob, and the name and media type under which it goes out."""

    checksum: str
    size_bytes: int
    mime_type: str
    name: str


class ListedFile(NamedTuple):
    """A file as an import listed it, its content still to be found; what was not said is None."""

    file_path: str
    checksum: str | None
    mime_type: str | None

    @property
    def name(self) -> str:
        """The last part of the path, in the form in which callers name it."""
        return unicodedata.normalize("NFC", self.file_path.rpartition("/")[2])

    def with_content(self, blob: Blob) -> Content:
        """Return the content that was found."""
        mime_type = self.mime_type or media_type_of(self.name)
        return Content(blob.checksum, blob.size_bytes, mime_type, self.name)


async def content_response(request: Request, blobs: BlobStore, content: Content) -> Response:
    """Answer with the content, a range of it, or 304 if the caller has it already."""
    headers = _headers(content)
    if none_match(request.headers.get("if-none-match"), content.checksum):
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = _content_type(content.mime_type)
    wanted = _range(request, content)
    start, end = wanted or (0, content.size_bytes)
    headers["Content-Length"] = str(end - start)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.size_bytes}"
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    pieces = await run_in_threadpool(blobs.open, content.checksum, start, end - start)
    return StreamingResponse(iterate_in_threadpool(pieces), status, headers)


def _content_type(stored: str | None) -> str:
    """Return a stored media type, which another system may have filled in, as it can be sent."""
    return stored if stored is not None and is_media_type(stored) else UNKNOWN


def _range(request: Request, content: Content) -> tuple[int, int] | None:
    condition = request.headers.get("if-range")
    if condition is not None and condition.strip() != f'"{content.checksum}"':
        return None
    return byte_range(request.headers.get("range"), content.size_bytes)


def _headers(content: Content) -> dict[str, str]:
    return {
        "ETag": f'"{content.checksum}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition(content.name),
        # Whatever was uploaded is never run in a browser under this server's name.
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def disposition(name: str) -> str:
    """Return a Content-Disposition that saves the file under `name`, whatever that holds."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
