"""The media type of a file: what its sender said, or what its name says.

The table is docledger's own. Those of the system and of Python differ from machine to machine and
from release to release, and a document's type is stored for good.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from domain.file_names import split_extension

MAX_MEDIA_TYPE_CHARS = 255
UNKNOWN = "application/octet-stream"
MARKDOWN = "text/markdown"

_TOKEN = r"[A-Za-z0-9!#$&^_.+-]+"  # noqa: S105  (RFC 6838's restricted name, without its length)
_ESSENCE = re.compile(f"{_TOKEN}/{_TOKEN}")
_PARAMETERS = re.compile(r'(?:\s*;\s*[!#-+\--9A-Za-z^_`|~.]+=(?:"[\x20-\x7e]*"|[\x21-\x7e]+))*\s*')
_UNSAID = frozenset(("", UNKNOWN, "application/x-www-form-urlencoded"))
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
_MACROS = ".macroenabled.12"

BY_SUFFIX: Mapping[str, str] = MappingProxyType(
    {
        # documents
        ".pdf": "application/pdf",
        ".docx": _OFFICE + "wordprocessingml.document",
        ".dotx": _OFFICE + "wordprocessingml.template",
        ".docm": "application/vnd.ms-word.document" + _MACROS,
        ".doc": "application/msword",
        ".pptx": _OFFICE + "presentationml.presentation",
        ".ppsx": _OFFICE + "presentationml.slideshow",
        ".potx": _OFFICE + "presentationml.template",
        ".pptm": "application/vnd.ms-powerpoint.presentation" + _MACROS,
        ".ppt": "application/vnd.ms-powerpoint",
        ".xlsx": _OFFICE + "spreadsheetml.sheet",
        ".xltx": _OFFICE + "spreadsheetml.template",
        ".xlsm": "application/vnd.ms-excel.sheet" + _MACROS,
        ".xlsb": "application/vnd.ms-excel.sheet.binary" + _MACROS,
        ".xls": "application/vnd.ms-excel",
        ".odt": _OPEN + "text",
        ".ott": _OPEN + "text-template",
        ".ods": _OPEN + "spreadsheet",
        ".odp": _OPEN + "presentation",
        ".odg": _OPEN + "graphics",
        ".rtf": "application/rtf",
        ".epub": "application/epub+zip",
        ".ps": "application/postscript",
        ".eml": "message/rfc822",
        ".msg": "application/vnd.ms-outlook",
        # text
        ".md": MARKDOWN,
        ".markdown": MARKDOWN,
        ".mdown": MARKDOWN,
        ".txt": "text/plain",
        ".text": "text/plain",
        ".log": "text/plain",
        ".rst": "text/x-rst",
        ".adoc": "text/asciidoc",
        ".tex": "text/x-tex",
        ".html": "text/html",
        ".htm": "text/html",
        ".xhtml": "application/xhtml+xml",
        ".mhtml": "multipart/related",
        ".csv": "text/csv",
        ".tsv": "text/tab-separated-values",
        ".json": "application/json",
        ".jsonl": "application/jsonl",
        ".ndjson": "application/x-ndjson",
        ".ipynb": "application/x-ipynb+json",
        ".xml": "application/xml",
        ".yaml": "application/yaml",
        ".yml": "application/yaml",
        ".toml": "application/toml",
        ".css": "text/css",
        ".js": "text/javascript",
        ".py": "text/x-python",
        ".ics": "text/calendar",
        ".vcf": "text/vcard",
        # pictures, sound, film
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".gif": "image/gif",
        ".webp": "image/webp",
        ".avif": "image/avif",
        ".heic": "image/heic",
        ".bmp": "image/bmp",
        ".tif": "image/tiff",
        ".tiff": "image/tiff",
        ".svg": "image/svg+xml",
        ".mp3": "audio/mpeg",
        ".wav": "audio/wav",
        ".ogg": "audio/ogg",
        ".flac": "audio/flac",
        ".mp4": "video/mp4",
        ".webm": "video/webm",
        # archives
        ".zip": "application/zip",
        ".gz": "application/gzip",
        ".tar": "application/x-tar",
        ".7z": "application/x-7z-compressed",
    }
)
"""Every suffix that is known, in lower case and with its dot."""


def media_type_of(file_name: str | None, said: str = "") -> str:
    """Return `said` in lower case without its parameters if it says anything, else by the name."""
    essence = said.partition(";")[0].strip().lower()
    if says_something(essence) and is_media_type(essence):
        return essence
    return BY_SUFFIX.get(split_extension(file_name or "")[1].lower(), UNKNOWN)


def suffix_of(media_type: str) -> str:
    """Return the suffix of files of this type, empty for one that is not known."""
    return next((suffix for suffix, known in BY_SUFFIX.items() if known == media_type), "")


def says_something(media_type: str) -> bool:
    """Tell whether a media type is more than what programs send that know none."""
    return media_type.lower() not in _UNSAID


def is_media_type(text: str) -> bool:
    """Tell whether a text is a media type, with parameters or without, that can be stored."""
    if len(text) > MAX_MEDIA_TYPE_CHARS:
        return False
    match = _ESSENCE.match(text)
    return match is not None and _PARAMETERS.fullmatch(text, match.end()) is not None
