"""Characters of Word's symbol fonts in Unicode (17.3.3.30)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PRIVATE: Final = 0xF000
_SYMBOL_ROWS: Final[Mapping[int, str]] = {
    0x20: " !∀#∃%&∋()∗+,−./0123456789:;<=>?",
    0x40: "≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_",
    0x60: "‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼",
    0xA0: "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵",
    0xC0: "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓",
    0xE0: "◊〈®©™∑",
    0xF1: "〉∫⌠⎮⌡",
}
_SYMBOL: Final = {
    first + index: char for first, row in _SYMBOL_ROWS.items() for index, char in enumerate(row)
}
_WINGDINGS: Final = {
    0x22: "✂", 0x28: "☎", 0x29: "✆", 0x2A: "✉", 0x4A: "☺", 0x4B: "😐", 0x4C: "☹", 0x6C: "●",
    0x6E: "■", 0x6F: "□", 0x71: "❑", 0x72: "❒", 0x73: "⬧", 0x74: "⧫", 0x75: "◆", 0x76: "❖",
    0x77: "⬥", 0x78: "☒", 0x9E: "·", 0x9F: "•", 0xA7: "▪", 0xA8: "☐", 0xAB: "★", 0xD8: "➢",
    0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE7: "⬅", 0xE8: "➔", 0xEF: "⇦", 0xF0: "⇨",
    0xF3: "⇔", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
    **{0x8C + digit: chr(0x2776 + digit - 1) for digit in range(1, 11)},
    **{0x81 + digit - 1: chr(0x2460 + digit - 1) for digit in range(1, 11)},
}  # fmt: skip
_WINGDINGS_2: Final = {
    0x4F: "✗", 0x50: "✓", 0x51: "☒", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "□",
}  # fmt: skip
_WINGDINGS_3: Final = {0x5B: "⮞", 0x66: "←", 0x67: "→", 0x68: "↑", 0x69: "↓", 0xC6: "→"}
_FONTS: Final[Mapping[str, Mapping[int, str]]] = {
    "symbol": _SYMBOL,
    "wingdings": _WINGDINGS,
    "wingdings 2": _WINGDINGS_2,
    "wingdings 3": _WINGDINGS_3,
}


def symbol(font: str | None, code: int) -> str:
    """Return the character that a symbol font shows for a code; nothing if it is not known."""
    own = code - _PRIVATE if code >= _PRIVATE else code
    known = _FONTS.get((font or "").lower())
    if known is not None:
        return known.get(own, "")
    return chr(code) if 0x20 <= code < 0xD800 else ""


def readable(text: str, font: str | None) -> str:
    """Return text whose private characters are those of its symbol font."""
    known = _FONTS.get((font or "").lower())
    if known is None:
        return text
    return "".join(
        known.get(ord(char) - _PRIVATE, "") if "\uf000" <= char < "\uf100" else char
        for char in text
    )
