"""The text of a file, with what a page declares of its encoding (HTML 13.2.3.2)."""

from __future__ import annotations

import re
from typing import Final

import webencodings

from stages.conversion.result import Source
from stages.conversion.text.decoding import Decoded, declared_charset, decode

_PRESCAN_BYTES = 1024  # HTML 13.2.3.2
_HEAD_BYTES = 64 * 1024
_COMMENT: Final = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_META: Final = re.compile(rb"<meta[\s/]((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(
    rb"([^\s=/>\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?"
)
_CHARSET: Final = re.compile(
    rb"charset\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s;\"']+))", re.IGNORECASE
)
_XML: Final = re.compile(rb"\A\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([\w.:-]+)[\"']", re.IGNORECASE)
_READ_AS: Final[dict[str, str]] = {
    "utf-16le": "utf-8",
    "utf-16be": "utf-8",
    "x-user-defined": "windows-1252",
}
_BODY: Final = re.compile(rb"<body[\s>]", re.IGNORECASE)


def decode_page(source: Source) -> Decoded:
    """Return the text of an HTML page.

    A byte order mark comes first, then the media type, then what the page declares.
    """
    return source.once(_decoded_page)


def _decoded_page(source: Source) -> Decoded:
    raw = source.path.read_bytes()
    return decode(raw, declared_charset(source.mime_type) or page_charset(raw))


def decode_file(source: Source) -> Decoded:
    """Return the text of a document that is text and nothing else."""
    return source.once(_decoded_file)


def _decoded_file(source: Source) -> Decoded:
    return decode(source.path.read_bytes(), declared_charset(source.mime_type))


def page_charset(raw: bytes) -> str | None:
    """Return the label that a page declares: `meta` within the head, or the XML declaration."""
    declared = _XML.match(raw[:_PRESCAN_BYTES])
    if declared:
        return declared[1].decode("ascii")
    body = _BODY.search(raw, 0, _HEAD_BYTES)
    head = raw[: max(_PRESCAN_BYTES, body.start() if body else _HEAD_BYTES)]
    for meta in _META.finditer(_COMMENT.sub(b" ", head)):
        label = _label(meta[1])
        if label and webencodings.lookup(label):
            return _of_meta(label)
    return None


def _label(attributes: bytes) -> str | None:
    found: dict[bytes, bytes] = {
        name.lower(): double or single or bare
        for name, double, single, bare in _ATTRIBUTE.findall(attributes)
    }
    if found.get(b"charset"):
        return found[b"charset"].strip().decode("ascii", "replace")
    if found.get(b"http-equiv", b"").lower() == b"content-type":
        match = _CHARSET.search(found.get(b"content", b""))
        label: bytes = next(filter(None, match.groups())) if match else b""
        return label.decode("ascii", "replace")
    return None


def _of_meta(label: str) -> str:
    """A page whose `meta` can be read is not in UTF-16, whatever it says (HTML 13.2.3.2)."""
    known = str(webencodings.lookup(label).name)
    return _READ_AS.get(known, label)
