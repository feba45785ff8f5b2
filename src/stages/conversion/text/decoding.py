"""Bytes to text: byte order marks, what was declared, UTF-8, then the likeliest old encoding."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

import webencodings

from stages.conversion.markdown import printable
from stages.conversion.text.guessing import guess, switches_by_escapes

_MARKS: Final[tuple[tuple[bytes, str], ...]] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1a\x1b\x08"))
_MAX_CONTROL_SHARE = 0.02
_SAMPLE_BYTES = 4096
_INVALID: Final = re.compile("[\udc80-\udcff]")
_SEQUENCE: Final = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")
_THREE_BYTES: Final = re.compile("[\u0800-\uffff]")
# What the web reads by these names, where Python's codec of that name knows less.
_WIDER: Final = {"gbk": "gb18030", "gb2312": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932"}
_NOT_ON_THE_WEB: Final = {"hz-gb-2312": "hz", "iso-2022-kr": "iso2022_kr"}
_NO_ENCODINGS: Final = ("utf-7", "unicode_escape", "raw-unicode-escape", "punycode", "undefined")
_KOREAN_ESCAPE: Final = b"\x1b$)C"  # RFC 1557: at the beginning, once
_SWITCHING: Final = ("iso2022_jp", "hz", "iso2022_kr")


@dataclass(frozen=True)
class Decoded:
    """Text with line feeds only, the encoding it was in, and whether characters were dropped."""

    text: str
    encoding: str
    lossy: bool


def looks_like_text(head: bytes) -> bool:
    """Tell whether bytes are text in some encoding, a few stray controls allowed."""
    if any(head.startswith(mark) for mark, _ in _MARKS) or _wide_without_mark(head):
        return True
    controls = len(head) - len(head.translate(None, _OTHER_CONTROLS))
    return controls <= len(head) * _MAX_CONTROL_SHARE


def decode(raw: bytes, declared: str | None = None) -> Decoded:
    """Return the text of `raw`, which is in some encoding; U+FFFD stands for what is not.

    What is valid UTF-8 is UTF-8, whatever was declared: hardly anything else happens to be. The
    exceptions are encodings that look like ASCII, and East Asian ones in short texts.
    """
    codec = _codec_of(raw, declared_codec(declared))
    text = _decoded(raw, codec)
    shown = printable(text)
    return Decoded(shown, _name_of(codec), "\x00" in text or "\ufffd" in text)


def declared_charset(mime_type: str) -> str | None:
    """Return the charset that a media type declares, e.g. of `text/csv; charset=windows-1252`."""
    match = re.search(r"charset\s*=\s*\"?([\w.:-]+)", mime_type, re.IGNORECASE)
    return match[1] if match else None


def declared_codec(label: str | None) -> str | None:
    """Return Python's codec for a label, by the table of the web (WHATWG Encoding 4.2)."""
    if not label or not label.isascii():
        return None
    known = _NOT_ON_THE_WEB.get(label.strip().lower())
    encoding = None if known else webencodings.lookup(label)
    name = known or (encoding.codec_info.name if encoding else label)
    try:
        codec = codecs.lookup(name).name
        b"a".decode(codec, errors="replace")
    except (LookupError, ValueError, UnicodeError, TypeError, AttributeError):
        return None
    return None if codec in _NO_ENCODINGS else _WIDER.get(codec, codec)


def _codec_of(raw: bytes, declared: str | None) -> str:
    marked = next((name for mark, name in _MARKS if raw.startswith(mark)), None)
    wide = marked or _wide_without_mark(raw)
    if wide:
        return wide
    if declared in _SWITCHING or (declared and declared.startswith(("utf-16", "utf-32"))):
        return declared
    if switches_by_escapes(raw):
        return "iso2022_jp"
    if raw.startswith(_KOREAN_ESCAPE):
        return "iso2022_kr"
    if raw.isascii():
        return "utf-8"
    return _eight_bit(raw, declared)


def _eight_bit(raw: bytes, declared: str | None) -> str:
    text = raw.decode("utf-8", errors="surrogateescape")
    invalid = len(_INVALID.findall(text))
    if not invalid:
        doubtful = declared in HANZI_CODECS and not _THREE_BYTES.search(text)
        return declared if doubtful and declared else "utf-8"
    if declared and declared != "utf-8":
        return declared
    return "utf-8" if len(_SEQUENCE.findall(text)) > invalid else guess(raw)


HANZI_CODECS: Final = frozenset(["gb18030", "big5hkscs", "cp949", "cp932", "euc_jp"])


def _wide_without_mark(raw: bytes) -> str | None:
    """Recognise UTF-16 and UTF-32 by where their zeros are: in blanks, digits, Latin letters."""
    sample = raw[:_SAMPLE_BYTES]
    if len(sample) < 4 or b"\x00" not in sample:
        return None
    for codec, top in (("utf-32-le", 3), ("utf-32-be", 0)) if len(raw) % 4 == 0 else ():
        if not any(sample[top::4]) and _is_writing(sample[: len(sample) // 4 * 4], codec):
            return codec
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if len(raw) % 2 or min(even, odd) * 20 > max(even, odd):
        return None
    codec = "utf-16-le" if odd > even else "utf-16-be"
    return codec if _is_writing(sample[: len(sample) // 2 * 2], codec) else None


def _is_writing(sample: bytes, codec: str) -> bool:
    """Tell whether nearly all that a sample decodes to is printable."""
    text = sample.decode(codec, errors="replace")
    printed = sum(sign.isprintable() or sign in "\t\r\n\f\ufeff" for sign in text)
    return printed - text.count("\ufffd") >= len(text) * 0.95


def _decoded(raw: bytes, codec: str) -> str:
    if codec == "cp1252":
        return raw.decode(codec, errors="docledger-control")
    if codec in ("euc_jp", "iso2022_jp"):
        return raw.decode(codec, errors="docledger-jis")
    return raw.decode(codec, errors="replace")


def _control(error: UnicodeError) -> tuple[str, int]:
    """The five bytes that windows-1252 leaves free are control characters on the web."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return chr(error.object[error.start]), error.start + 1


def _vendor_sign(error: UnicodeError) -> tuple[str, int]:
    """Read rows of JIS X 0208 that only vendors filled (circled digits, units) by code page 932."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    pair = bytes(byte & 0x7F for byte in error.object[error.start : error.start + 2])
    if len(pair) == 2 and all(0x21 <= byte <= 0x7E for byte in pair):
        row, cell = pair[0] - 0x21, pair[1]
        lead = (row >> 1) + (0x81 if row < 62 else 0xC1)
        trail = cell + 0x7E if row & 1 else cell + 0x1F + (cell >= 0x60)
        sign = bytes((lead, trail)).decode("cp932", errors="replace")
        if "\ufffd" not in sign:
            return sign, error.start + 2
    return "\ufffd", error.start + 1


codecs.register_error("docledger-control", _control)
codecs.register_error("docledger-jis", _vendor_sign)


def _name_of(codec: str) -> str:
    return codec.removesuffix("-sig")
