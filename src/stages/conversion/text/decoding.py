"""Bytes to text: byte order marks, UTF-8, then the likeliest of the old encodings."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from stages.conversion.markdown import printable
from stages.errors import UnconvertibleDocument

_MARKS: Final[tuple[tuple[bytes, str], ...]] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TEXT_CONTROLS: Final = frozenset(b"\t\n\r\x0b\x0c\x1a\x1b\x08\x85")
_MAX_CONTROL_SHARE = 0.02
_SAMPLE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Decoded:
    """Text with line feeds only, the encoding it was in, and whether characters were dropped."""

    text: str
    encoding: str
    lossy: bool


def looks_like_text(head: bytes) -> bool:
    """Tell whether bytes are text in some encoding, a few stray controls allowed."""
    if any(head.startswith(mark) for mark, _ in _MARKS) or _utf16_without_mark(head):
        return True
    controls = sum(head.count(byte) for byte in range(32) if byte not in _TEXT_CONTROLS)
    return controls <= len(head) * _MAX_CONTROL_SHARE


def decode(raw: bytes, declared: str | None = None) -> Decoded:
    """Return the text of `raw`; raise UnconvertibleDocument if it is not text in any encoding.

    What is valid UTF-8 is UTF-8, whatever was declared: hardly anything else happens to be.
    """
    encoding = _marked(raw) or _utf16_without_mark(raw) or "utf-8"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text, encoding = _as_declared(raw, declared) or _guessed(raw)
    shown = printable(text)
    return Decoded(shown, encoding.removesuffix("-sig"), "\x00" in text or "\ufffd" in text)


def _marked(raw: bytes) -> str | None:
    return next((name for mark, name in _MARKS if raw.startswith(mark)), None)


def _utf16_without_mark(raw: bytes) -> str | None:
    """Recognise UTF-16 by where its zeros are; mostly Latin text has every other byte zero."""
    sample = raw[:4096]
    if len(sample) < 8 or len(raw) % 2:
        return None
    half = len(sample) // 2
    even, odd = sample[::2].count(0) / half, sample[1::2].count(0) / half
    if odd > 0.6 and even < 0.05:
        return "utf-16-le"
    if even > 0.6 and odd < 0.05:
        return "utf-16-be"
    return None


def declared_charset(mime_type: str) -> str | None:
    """Return the charset that a media type declares, e.g. of `text/csv; charset=windows-1252`."""
    match = re.search(r"charset\s*=\s*\"?([\w.:-]+)", mime_type, re.IGNORECASE)
    return match[1] if match else None


def _as_declared(raw: bytes, declared: str | None) -> tuple[str, str] | None:
    try:
        codec = codecs.lookup(declared or "")
        return raw.decode(codec.name), codec.name
    except (UnicodeError, LookupError, ValueError, AssertionError):
        return None


def _guessed(raw: bytes) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    almost = raw.decode("utf-8", errors="replace")
    if almost.count("\ufffd") <= len(almost) // 1000:
        return almost, "utf-8"  # a cut or a stray byte, not another encoding
    sample = raw[:_SAMPLE_BYTES]
    best = from_bytes(sample).best()
    guesses = [_western(sample), best.encoding if best else None, "cp1252", "latin-1"]
    for encoding in filter(None, guesses):
        try:
            return raw.decode(encoding), encoding
        except (UnicodeDecodeError, LookupError):
            continue
    raise UnconvertibleDocument(
        "The text is in an encoding that cannot be told; save it as UTF-8 and hand it in again."
    )


def _western(sample: bytes) -> str | None:
    """Prefer cp1252 where nearly every byte beyond ASCII is a letter or sign of Western Europe.

    Statistics confuse it with its neighbours on short texts; letters beside ASCII letters do not.
    """
    high = [byte for byte in sample if byte >= 0x80]
    if not high or len(high) > len(sample) * 0.15:
        return None
    common = sum(byte in _WESTERN_BYTES for byte in high)
    return "cp1252" if common >= len(high) * 0.98 else None


_WESTERN_BYTES: Final = frozenset(
    "äöüßÄÖÜéèêëàâçîïôùûœÉÈÀÇñáíóúÑÁÍÓÚ¡¿åøæÅØÆãõ€°²³µ§…£«»·½ìò".encode("cp1252")
    + b"\x91\x92\x93\x94\x84\x96\x97"  # quotation marks and dashes
)
