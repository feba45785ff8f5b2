"""Convert a document by `anydoc`, which reads many formats; nothing leaves this machine."""

from __future__ import annotations

from typing import Final, Literal

import anydoc

from stages.conversion.office.native import native_panics
from stages.conversion.office.others.marks import with_notation
from stages.errors import UnconvertibleDocument

CONVERTER: Final = "anydoc/1"

Kind = Literal["odt", "odp", "ods", "rtf", "doc", "ppt"]

_LOCKED: Final = (
    "The document is protected by a password; remove the password and hand it in again."
)
_TOO_LARGE: Final = (
    "The document unpacks to more, or nests deeper, than is safe to read; split or flatten it in "
    "the program that made it."
)
_OLDER: Final = "invalid FIB magic"  # the library's words for a document of before Word 97
_WORD_95: Final = (
    "The document is of Word 95 or older, a format that cannot be read here; open it in a word "
    "processor, save it as DOCX and hand in that."
)
_DAMAGED: Final = (
    "The document is damaged; open it in the program that made it, save it again and hand in that."
)


def markdown_of(content: bytes, kind: Kind) -> str:
    """Return a document's Markdown, or raise UnconvertibleDocument."""
    try:
        with native_panics(_DAMAGED):
            return with_notation(anydoc.to_markdown_bytes(content, kind))
    except anydoc.EncryptedError as error:
        raise UnconvertibleDocument(_LOCKED) from error
    except anydoc.ResourceLimitError as error:
        raise UnconvertibleDocument(_TOO_LARGE) from error
    except (anydoc.ConvertError, ValueError) as error:
        is_older = kind == "doc" and _OLDER in str(error)
        raise UnconvertibleDocument(_WORD_95 if is_older else _DAMAGED) from error
