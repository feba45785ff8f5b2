"""multipart/form-data as it arrives: text fields in memory, the file straight into the storage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from api.http import strict_json
from api.http.bodies import refuse_long, too_large
from api.http.errors import FieldError, Malformed, Unprocessable
from api.http.strict_json import join, text_fault
from api.ports import BlobStore, BlobWriter
from domain.json_types import JsonObject

MAX_FIELD_BYTES = 1024**2
MAX_PARTS = 32
_PIECE_BYTES = 1024**2
_OVERHEAD_BYTES = MAX_FIELD_BYTES * 2
_NAMES = frozenset(("id", "fileName", "fileType"))
_EXTENDED_NAME = re.compile(
    rb"""; [ \t]* filename\* [ \t]* = [ \t]* "? (utf-8|iso-8859-1|us-ascii) '[^']*' ([^\s;"]*)""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass
class ReceivedFile:
    """A file part: what its sender said of it, and its content, not yet committed."""

    field: str
    file_name: str
    media_type: str
    writer: BlobWriter


@dataclass
class Form:
    """A whole form. Its receiver commits the file's writer, or aborts it."""

    fields: dict[str, str] = field(default_factory=dict)
    file: ReceivedFile | None = None

    @property
    def names(self) -> set[str]:
        """The fields that have come so far."""
        return {*self.fields, *([self.file.field] if self.file else ())}


class _Part:
    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.name = ""
        self.file_name: str | None = None
        self.content = bytearray()


class FormReader:
    """Reads one request's form; `file_field` names the only part that may be a file."""

    def __init__(self, request: Request, blobs: BlobStore, file_field: str, limit: int) -> None:
        self._request = request
        self._blobs = blobs
        self._file_field = file_field
        self._limit_bytes = limit
        self._form = Form()
        self._part = _Part()
        self._parts = 0
        self._header = b""
        self._value = b""
        self._happened: list[tuple[str, Any]] = []
        self._ended = False

    async def read(self) -> Form:
        """Return the form; on any error nothing is left in the storage.

        Raises Malformed, TooLarge, or Unprocessable for fields that cannot be.
        """
        try:
            await self._read()
        except BaseException:
            await self.abort()
            raise
        return self._form

    async def abort(self) -> None:
        """Drop the file."""
        if self._form.file is not None:
            await run_in_threadpool(self._form.file.writer.abort)

    async def _read(self) -> None:
        refuse_long(self._request, self._limit_bytes + _OVERHEAD_BYTES)
        parser = MultipartParser(self._boundary(), self._callbacks())
        try:
            async for chunk in self._request.stream():
                parser.write(chunk)
                await self._handle()
            parser.finalize()
        except FormParserError:
            raise Malformed("The body is not well-formed multipart/form-data.") from None
        except ClientDisconnect:
            raise Malformed("The body ended before it was complete.") from None
        if not self._ended:
            raise Malformed("The multipart body ended before its last boundary.")

    def _boundary(self) -> bytes:
        _, parameters = parse_options_header(self._request.headers.get("content-type", ""))
        boundary = parameters.get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:
            raise Malformed("The Content-Type names no boundary of 1 to 70 characters.")
        return boundary

    def _callbacks(self) -> Any:
        def slice_of(kind: str) -> Any:
            def callback(buffer: bytes, start: int, end: int) -> None:
                self._happened.append((kind, buffer[start:end]))

            return callback

        def moment(kind: str) -> Any:
            return lambda: self._happened.append((kind, None))

        return {
            "on_part_begin": moment("begin"),
            "on_header_field": slice_of("header"),
            "on_header_value": slice_of("value"),
            "on_header_end": moment("header_end"),
            "on_headers_finished": moment("headers"),
            "on_part_data": slice_of("data"),
            "on_part_end": moment("part_end"),
            "on_end": moment("end"),
        }

    async def _handle(self) -> None:
        happened, self._happened = self._happened, []
        for kind, piece in happened:
            match kind:
                case "begin":
                    self._begin_part()
                case "header":
                    self._header += piece
                case "value":
                    self._value += piece
                case "header_end":
                    self._end_header()
                case "headers":
                    await self._begin_content()
                case "data":
                    await self._add(piece)
                case "part_end":
                    await self._end_part()
                case "end":
                    self._ended = True

    def _begin_part(self) -> None:
        self._part = _Part()
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise Malformed(f"The form has more than {MAX_PARTS} parts.")

    def _end_header(self) -> None:
        self._part.headers[self._header.lower()] = self._value
        self._header = self._value = b""

    async def _begin_content(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise Malformed("A part of the form has no name.")
        part.name = _text(options[b"name"])
        if part.name in self._form.names:
            raise Unprocessable.of(join("", part.name), "The form has this field more than once.")
        part.file_name = _file_name(options, part.headers[b"content-disposition"])
        if part.file_name is None:
            return
        self._check_file(part)
        writer = await run_in_threadpool(self._blobs.begin)
        self._form.file = ReceivedFile(
            part.name, part.file_name, _text(part.headers.get(b"content-type", b"")), writer
        )

    def _check_file(self, part: _Part) -> None:
        if part.name != self._file_field:
            raise Unprocessable.of(
                join("", part.name), f"Only the field '{self._file_field}' may be a file."
            )
        if why := text_fault(part.file_name or ""):
            raise Unprocessable.of(self._file_field, f"The file's name: {why}")

    async def _add(self, piece: bytes) -> None:
        part = self._part
        part.content += piece
        if part.file_name is None:
            if len(part.content) > MAX_FIELD_BYTES:
                raise too_large(MAX_FIELD_BYTES)
        elif len(part.content) >= _PIECE_BYTES:
            await self._write_out()

    async def _write_out(self) -> None:
        file = self._form.file
        piece = bytes(self._part.content)
        if file is None or not piece:
            return
        self._part.content.clear()
        if file.writer.size_bytes + len(piece) > self._limit_bytes:
            raise too_large(self._limit_bytes)
        await run_in_threadpool(file.writer.write, piece)

    async def _end_part(self) -> None:
        part = self._part
        if part.file_name is not None:
            await self._write_out()
            return
        try:
            text = part.content.decode()
        except UnicodeDecodeError:
            raise Unprocessable.of(join("", part.name), "The text is not UTF-8.") from None
        if why := text_fault(text):
            raise Unprocessable.of(join("", part.name), why)
        self._form.fields[part.name] = text


async def receive_raw(request: Request, blobs: BlobStore, limit_bytes: int) -> BlobWriter:
    """Stream a raw body into the storage; its writer is not yet committed."""
    refuse_long(request, limit_bytes)
    writer = await run_in_threadpool(blobs.begin)
    try:
        await _receive(request, writer, limit_bytes)
    except ClientDisconnect:
        await run_in_threadpool(writer.abort)
        raise Malformed("The body ended before it was complete.") from None
    except BaseException:
        await run_in_threadpool(writer.abort)
        raise
    return writer


async def _receive(request: Request, writer: BlobWriter, limit_bytes: int) -> None:
    pending = bytearray()
    async for piece in request.stream():
        pending += piece
        if writer.size_bytes + len(pending) > limit_bytes:
            raise too_large(limit_bytes)
        if len(pending) >= _PIECE_BYTES:
            await run_in_threadpool(writer.write, bytes(pending))
            pending.clear()
    if pending:
        await run_in_threadpool(writer.write, bytes(pending))


def form_values(fields: Mapping[str, str], json_field: str) -> JsonObject:
    """Return a form's values as JSON would have them; an empty field is one not filled in.

    A name that is empty is kept, to be refused: whatever filled it in meant to name something.
    Raises Unprocessable, naming the field, for text in `json_field` that is not JSON.
    """
    values: JsonObject = {n: text for n, text in fields.items() if text or n in _NAMES}
    if json_field in values:
        values[json_field] = _json_value(json_field, values[json_field])
    return values


def _json_value(name: str, text: str) -> Any:
    try:
        return strict_json.parse(text.encode())
    except Malformed as error:
        raise Unprocessable.of(name, str(error)) from None
    except Unprocessable as error:
        inside = [FieldError(f"{name}.{e.field}".rstrip("."), e.detail) for e in error.errors]
        raise Unprocessable(inside) from None


def _file_name(options: Mapping[bytes, bytes], disposition: bytes) -> str | None:
    """Return a part's file name: `filename`, or where only that is there, `filename*` (RFC 8187).

    RFC 7578 forbids the second in forms, and some clients send nothing else for a name that is
    not ASCII.
    """
    if b"filename" in options:
        return _text(options[b"filename"])
    match = _EXTENDED_NAME.search(disposition)
    if match is None:
        return None
    try:
        return unquote_to_bytes(match[2]).decode(match[1].decode())
    except UnicodeDecodeError:
        raise Malformed("A part's filename* is not in the charset that it names.") from None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
