"""Marks for raised, lowered and linked words, which stay in the text until it is Markdown.

Text is escaped when blocks are made of it, so what is to be markup travels as noncharacters of
Unicode, which no document holds, and is replaced last of all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from stages.conversion.pdf.word import Word

_SUP, _END_SUP, _SUB, _END_SUB = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
_LINK, _END_LINK, _ADDRESS_END = "\ufdd4", "\ufdd5", "\ufdd6"
TICKED, UNTICKED = "\ufdd7", "\ufdd8"
_TAGS: Final = {
    _SUP: "<sup>", _END_SUP: "</sup>", _SUB: "<sub>", _END_SUB: "</sub>",
    TICKED: "[x]", UNTICKED: "[ ]",
}  # fmt: skip
_SCRIPT: Final = re.compile(f"[{''.join(_TAGS)}]")
_LINKED: Final = re.compile(
    f"{_LINK}([^{_END_LINK}]*){_END_LINK}([^{_ADDRESS_END}]*){_ADDRESS_END}"
)
_RUN_ON: Final = re.compile("\ufdd5([^\ufdd6]*)\ufdd6( ?)\ufdd4(?=[^\ufdd5]*\ufdd5\\1\ufdd6)")
_MARKED: Final = re.compile(f"{_END_LINK}[^{_ADDRESS_END}]*{_ADDRESS_END}|[\ufdd0-\ufdd6]")
_SENTENCE_MARK: Final = re.compile(r"[.,;:!?)\]}»%\u201d\u2019]")
_SMALLER: Final = 0.86
_RAISED, _LOWERED = 0.12, 0.06  # of the base's size
_TUCKED: Final = -0.12  # likewise: letters of a logo are set over each other, no script is
_OVERLAP: Final = 0.7
_TOUCHING: Final = 0.25  # of the size of what stands before
_MAX_SCRIPT_CHARS: Final = 12
"""More than that is small print."""


def text_of(words: Sequence[Word]) -> str:
    """Return the words of a line with spaces between them, raised and lowered ones marked."""
    size = words[0].size
    for word in words:
        if word.size != size or word.glued or word.link:
            return _marked_text_of(words)
    return " ".join([word.text for word in words])


def _marked_text_of(words: Sequence[Word]) -> str:
    pieces: list[str] = []
    base: Word | None = None
    before: Word | None = None
    for number, word in enumerate(words):
        if base is None:
            base = _first_base(words, number)
        script = _script(word, base, before)
        if before is not None and not _attached(before, word, scripted=bool(script)):
            pieces.append(" ")
        pieces.append(_linked(f"{script[0]}{word.text}{script[1]}" if script else word.text, word))
        if not script:
            base = word
        before = word
    return "".join(pieces)


def _first_base(words: Sequence[Word], number: int) -> Word | None:
    """Return the word that a note's mark at the start of a line precedes."""
    return next((w for w in words[number + 1 : number + 2] if w.size > words[number].size), None)


def _script(word: Word, base: Word | None, before: Word | None) -> tuple[str, str] | None:
    """Return the marks around a small word that is raised or lowered beside its base."""
    if before is not None and not _TUCKED < (word.x0 - before.x1) / max(before.size, 1) < _TOUCHING:
        return None
    if base is None or word.size > base.size * _SMALLER or len(word.text) > _MAX_SCRIPT_CHARS:
        return None
    if not any(char.isalnum() or char in "+-\u2212*†‡§" for char in word.text):
        return None
    raised = base.baseline - word.baseline
    if base.size * _RAISED < raised < base.size:
        return _SUP, _END_SUP
    if base.size * _LOWERED < -raised < base.size * 0.6:
        return _SUB, _END_SUB
    return None


def _attached(before: Word, word: Word, *, scripted: bool) -> bool:
    gap = (word.x0 - before.x1) / max(before.size, word.size, 1)
    if word.glued and -_OVERLAP <= gap <= _TOUCHING:
        return True
    if _SENTENCE_MARK.match(word.text) and word.x0 - before.x1 <= before.size * 0.12:
        return True
    return scripted and 0 <= word.x0 - before.x1 + 1.0 <= max(before.size, word.size) * 0.15 + 1.0


def _linked(text: str, word: Word) -> str:
    if not word.link or _says(word.text, word.link):
        return text
    return f"{_LINK}{text}{_END_LINK}{word.link}{_ADDRESS_END}"


def _says(text: str, address: str) -> bool:
    """Tell whether a word is the address, or a part of it on its line."""
    plain = text.strip("<>()[].,;").lower()
    return len(plain) > 5 and plain in address.lower() and ("." in plain or "/" in plain)


def plain(text: str) -> str:
    """Return text without its marks."""
    return _MARKED.sub("", text) if _MARKED.search(text) else text


def unmarked(text: str) -> str:
    """Return text without its marks, raised and lowered words set apart."""
    return plain(_SCRIPT.sub(" ", text))


def rendered(markdown: str) -> str:
    """Return Markdown with the marks as tags and links."""
    markdown = _RUN_ON.sub(r"\2", markdown)
    markdown = _LINKED.sub(_link, markdown)
    return _SCRIPT.sub(lambda match: _TAGS[match[0]], markdown)


def _link(match: re.Match[str]) -> str:
    address = match[2].replace("\\", "")
    address = re.sub(r"[\s<>()]", lambda found: f"%{ord(found[0]):02X}", address)
    return f"[{match[1]}]({address})"
