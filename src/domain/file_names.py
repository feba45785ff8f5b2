"""Names of files and folders in the storage: from outside text to safe relative paths.

Pure and total: every text gives a name, no name leaves its folder. The fold calls these functions
again whenever the log is replayed, so what they answer for a given input never changes.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

MAX_NAME_BYTES = 255  # NAME_MAX of the file systems in use, in UTF-8
UNNAMED = "unnamed"
CONTENT_SUFFIX = ".md"

_SEPARATORS = re.compile(r"[/\\]")
_REPLACED = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(
    r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³]) *(\.|$)", re.IGNORECASE
)
_PLAIN = re.compile("[A-Za-z0-9._-]+", re.ASCII)
# Most names: nothing in them goes or is replaced, which takes a tenth of the time to find.
_CLEAN = re.compile(r"[A-Za-z0-9_-]+(?:[ .][A-Za-z0-9_-]+)*", re.ASCII)
_PLAIN_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_JOINERS = "\u200c\u200d"  # scripts and emoji need them; every other format character goes
_ZWJ = "\u200d"
_MAX_EXTENSION_CHARS = 16
_NO_COMPONENTS = frozenset(("", ".", ".."))


@lru_cache(maxsize=1024)
def safe_name(raw: str) -> str:
    """Clean a file name from outside: one NFC path component of at most 255 bytes.

    Path parts, control and bidirectional characters go; leading dots and trailing dots and spaces
    go; what Windows forbids is replaced or prefixed by `_`. The extension survives a cut.
    """
    is_clean = len(raw) <= MAX_NAME_BYTES and _CLEAN.fullmatch(raw)
    name = _guarded(raw if is_clean else _tidied(_last_part(raw)))
    if is_clean and len(name) <= MAX_NAME_BYTES:
        return name
    stem, extension = split_extension(name)
    return _fitted(stem, extension)


def output_name(original_name: str | None, document_id: str, suffix: str) -> str:
    """Name a file made from a document: the original's stem, or without one the id, and `suffix`.

    `suffix` begins with a dot, e.g. `.opt.md`.
    """
    if original_name is None:
        return _encoded(document_id, MAX_NAME_BYTES - len(suffix.encode())) + suffix
    stem, room = _stem(original_name)
    if len(suffix) <= room and suffix[:1] == "." and suffix.isascii():
        return stem + suffix
    return _fitted(stem, suffix)


@lru_cache(maxsize=256)
def _stem(original_name: str) -> tuple[str, int]:
    """Return the stem, and how many characters of ASCII it can take as a suffix as it is."""
    stem = split_extension(safe_name(original_name))[0]
    fits = stem.isascii() and stem == stem.rstrip(" .") and not _RESERVED.match(stem)
    return stem, MAX_NAME_BYTES - len(stem) if fits else 0


def split_extension(name: str) -> tuple[str, str]:
    """Split off the last extension: `a.tar.gz` gives (`a.tar`, `.gz`), `2. Draft` has none."""
    stem, dot, extension = name.rpartition(".")
    if stem and extension.isalnum() and len(extension) <= _MAX_EXTENSION_CHARS:
        return stem, dot + extension
    return name, ""


@lru_cache(maxsize=256)
def document_folder(document_id: str) -> str:
    """Name the folder of a document: its id, percent-encoded where it is not `[A-Za-z0-9._-]`.

    Two ids never share a folder: one that is too long is cut and ends in `~` and its SHA-256.
    """
    return _encoded(document_id, MAX_NAME_BYTES)


def original_path(document_id: str, name: str | None) -> str:
    """Give the path of the original, relative to the storage root; no name means given as text."""
    component = output_name(None, document_id, CONTENT_SUFFIX) if name is None else _kept(name)
    return f"documents/{document_folder(document_id)}/original/{component}"


def output_path(document_id: str, stage: str, name: str) -> str:
    """Give the path of a stage's output file, relative to the storage root."""
    return f"documents/{document_folder(document_id)}/stages/{_stage_folder(stage)}/{_kept(name)}"


@lru_cache(maxsize=256)
def _stage_folder(stage: str) -> str:
    return _encoded(stage, MAX_NAME_BYTES)


def is_component(name: str) -> bool:
    """Tell whether a text can stand as one path component as it is."""
    if "/" in name or "\0" in name or name in _NO_COMPONENTS:
        return False
    if name.isascii():
        return len(name) <= MAX_NAME_BYTES
    return len(name.encode(errors="surrogatepass")) <= MAX_NAME_BYTES and not _has_surrogate(name)


def _kept(name: str) -> str:
    """Keep a name that this module made (`.id.md` too); clean any other."""
    return name if is_component(name) else safe_name(name)


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def _last_part(raw: str) -> str:
    parts = _SEPARATORS.split(raw)
    return next((part for part in reversed(parts) if part.strip(" .")), "")


def _tidied(part: str) -> str:
    plain = part.isascii() and part.isprintable()
    kept = part if plain else "".join(_shown(char) for char in part)
    named = _REPLACED.sub("_", unicodedata.normalize("NFC", kept))
    return named.lstrip(" .").rstrip(" .") or UNNAMED


def _shown(char: str) -> str:
    if char.isspace():
        return " "
    hidden = unicodedata.category(char) in ("Cc", "Cf", "Cs") and char not in _JOINERS
    return "" if hidden else char


def _guarded(name: str) -> str:
    return f"_{name}" if _RESERVED.match(name) else name


def _fitted(stem: str, suffix: str) -> str:
    fits = stem.isascii() and suffix.isascii() and len(stem) + len(suffix) <= MAX_NAME_BYTES
    cut = stem if fits else _cut(stem, MAX_NAME_BYTES - len(suffix.encode()))
    return _guarded(cut.rstrip(" .") + suffix)


def _cut(text: str, max_bytes: int) -> str:
    """Cut before the character cluster that would not fit; one too long itself is split."""
    if text.isascii() and len(text) <= max_bytes:
        return text
    prefix = text.encode()[:max_bytes].decode(errors="ignore")
    end = len(prefix)
    while end not in (0, len(text)) and not _is_boundary(text, end):
        end -= 1
    return text[:end] or prefix


def _is_boundary(text: str, index: int) -> bool:
    before, after = text[index - 1], text[index]
    if before == _ZWJ or after in _JOINERS or "\U0001f3fb" <= after <= "\U0001f3ff":
        return False
    if unicodedata.category(after).startswith("M"):
        return False
    return not (_is_flag_half(after) and _flag_halves_before(text, index) % 2)


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _flag_halves_before(text: str, index: int) -> int:
    start = index
    while start and _is_flag_half(text[start - 1]):
        start -= 1
    return index - start


def _encoded(text: str, max_bytes: int) -> str:
    if len(text) <= max_bytes and _PLAIN.fullmatch(text) and text not in (".", ".."):
        return text
    raw = text.encode(errors="surrogatepass")
    encoded = "".join(chr(b) if b in _PLAIN_BYTES else f"%{b:02X}" for b in raw)
    if encoded in ("", ".", ".."):
        return encoded.replace(".", "%2E") or "%"
    if len(encoded) <= max_bytes:
        return encoded
    tail = "~" + hashlib.sha256(raw).hexdigest()  # no other folder holds a `~`
    return encoded[: max_bytes - len(tail)] + tail
