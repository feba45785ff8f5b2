"""The media type of a file: what its sender said, or what its name says."""

from __future__ import annotations

import mimetypes
import re

from domain.file_names import split_extension

_ESSENCE = re.compile(r"[a-z0-9!#$&^_.+-]{1,50}/[a-z0-9!#$&^_.+-]{1,49}")
_UNSAID = frozenset(("", "application/octet-stream", "application/x-www-form-urlencoded"))
_OFFICE = "application/vnd.openxmlformats-officedocument."
_BY_EXTENSION = {
    "pdf": "application/pdf",
    "docx": _OFFICE + "wordprocessingml.document",
    "pptx": _OFFICE + "presentationml.presentation",
    "xlsx": _OFFICE + "spreadsheetml.sheet",
    "html": "text/html",
    "htm": "text/html",
    "csv": "text/csv",
    "txt": "text/plain",
    "md": "text/markdown",
    "markdown": "text/markdown",
    "json": "application/json",
}
_TYPES = mimetypes.MimeTypes()  # without the tables of the system
UNKNOWN = "application/octet-stream"


def media_type_of(file_name: str | None, said: str = "") -> str:
    """Return `said` without its parameters if it says anything, else what the name tells.

    The names that stages know are told apart here, since Python's table lacks some.
    """
    essence = said.partition(";")[0].strip().lower()
    if essence not in _UNSAID and _ESSENCE.fullmatch(essence):
        return essence
    extension = split_extension(file_name or "")[1].lower()
    known = _BY_EXTENSION.get(extension[1:])
    return known or _TYPES.guess_type(f"x{extension}")[0] or UNKNOWN
