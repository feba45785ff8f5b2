"""Carry raised and lowered text through a library that does not know it, by private characters."""

from __future__ import annotations

import re
from typing import Final

STARTS: Final = {"sup": "\ue0f0", "sub": "\ue0f1"}
END: Final = "\ue0f2"
_MARKED: Final = re.compile("([\ue0f0\ue0f1])([^\ue0f0-\ue0f2]*)\ue0f2")
_LEFT_OVER: Final = re.compile("[\ue0f0-\ue0f2]")
_NAMES: Final = {start: name for name, start in STARTS.items()}
_BLANK_HEADER: Final = re.compile(r"^\|(?:[ ]*\|)+\n(\|(?: ?:?-+:? ?\|)+)\n(\|.*\|)$", re.MULTILINE)


def with_notation(markdown: str) -> str:
    """Return Markdown whose marked text stands in `<sup>` and `<sub>`; headers are never blank."""
    marked = _MARKED.sub(_tagged, markdown)
    return _BLANK_HEADER.sub(r"\2\n\1", _LEFT_OVER.sub("", marked))


def _tagged(match: re.Match[str]) -> str:
    name, text = _NAMES[match[1]], match[2]
    bare = text.strip()
    if not bare:
        return text
    return text.replace(bare, f"<{name}>{bare}</{name}>", 1)
