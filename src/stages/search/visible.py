"""Chunks of Markdown as a reader sees them: what is indexed, and what snippets are cut from."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

# Elements of HTML; every other `<…>` is text of the document.
_ELEMENTS: Final = (
    "a|abbr|address|article|aside|b|bdi|bdo|big|blockquote|body|br|caption|center|cite|code|col"
    "|colgroup|dd|del|details|dfn|div|dl|dt|em|figcaption|figure|font|footer|h[1-6]|head|header|hr"
    "|html|i|img|ins|kbd|li|main|mark|nav|ol|p|picture|pre|q|rp|rt|ruby|s|samp|section|small|span"
    "|strike|strong|sub|summary|sup|svg|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var|wbr"
)
_INLINE: Final = re.compile(r"a|abbr|b|bdi|bdo|big|del|em|font|i|ins|kbd|mark|s|small|span|strong"
                            r"|strike|su[bp]|tt|u|wbr")  # fmt: skip
_FENCE: Final = re.compile(r"^[ \t>]*+(?:[-*+][ \t]++)?(`{3,}|~{3,})[^`\n]*$", re.MULTILINE)
_ATTRIBUTE: Final = r"""\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=]+)"""
_MARK: Final = re.compile(
    r"(?P<code>(?<!`)(?P<ticks>`+)(?!`)(?P<coded>(?:(?!\n\n)[\s\S]){1,2000}?)(?<!`)(?P=ticks)(?!`))"
    r"|\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|<(?P<address>[A-Za-z][\w+.-]+:[^<>\s]*|[\w.+-]+@[\w.-]+)>"
    rf"|</?(?P<element>{_ELEMENTS})(?:{_ATTRIBUTE})*\s*/?>"
    r"|<!--(?:(?!-->)[\s\S]){0,1000}-->"
    r"|&(?P<entity>\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});"
    r"|\]\((?P<target>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?\)"
    r"|\]\[[^\[\]\n]*\]"
    r"|^[ ]{0,3}\[(?!\^)[^\[\]\n]+\]:[ \t]*(?P<definition>\S+)[^\n]*$"
    r"|!?\[(?=[^\[\]]{0,1000}\][(\[])"
    r"|^[ \t>]*(?:\#{1,6}(?=[ \t])|(?:[-*_][ \t]*){3,}$|\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t:-]*)+$"
    r"|[-*+][ \t]+(?:\[[ xX]\][ \t]+)?|(?:>[ \t]*)+)"
    r"|(?<=[ \t])\#+(?=[ \t]*$)"
    r"|(?<!\d)\*+(?=\S)|(?<=\S)\*+(?!\d)"  # between digits they multiply
    r"|~~+|(?<=\w)~(?P<lowered>\w{1,8})~"
    r"|(?<![^\W_])_+(?=[^\W_])|(?<=[^\W_])_+(?![\w])"
    r"|(?P<cell>\|)",
    re.MULTILINE,
)
_FIRST: Final = re.compile(r"[`\\<&\[\]*~_#|>]|^[ \t]*[-+]", re.MULTILINE)


class Visible(NamedTuple):
    """The text that a reader sees, and the addresses that links lead to."""

    text: str
    addresses: tuple[str, ...]


def visible(markdown: str) -> Visible:
    """Return the text without marks of Markdown and tags of HTML; code stays as it is.

    What has the form of a tag and is no element of HTML is text. Takes time in proportion to the
    length.
    """
    if not _FIRST.search(markdown):
        return Visible(markdown, ())
    addresses: list[str] = []
    pieces, position, fence = [], 0, ""
    for line in _FENCE.finditer(markdown):
        marks = line[1]
        if fence and not (marks.startswith(fence) and line[0].strip(" \t>") == marks):
            continue
        piece = markdown[position : line.start()]
        pieces.append(piece if fence else _read(piece, addresses))
        fence, position = "" if fence else marks, line.end()
    rest = markdown[position:]
    pieces.append(rest if fence else _read(rest, addresses))
    return Visible("".join(pieces), tuple(addresses))


def _read(piece: str, addresses: list[str]) -> str:
    return _MARK.sub(lambda match: _SEEN[match.lastgroup](match, addresses), piece)


def _nothing(_: re.Match[str], _addresses: list[str]) -> str:
    return ""


def _blank(_: re.Match[str], _addresses: list[str]) -> str:
    return " "


def _itself(match: re.Match[str], _addresses: list[str]) -> str:
    return match[match.lastgroup or 0]


def _target(match: re.Match[str], addresses: list[str]) -> str:
    address = match[match.lastgroup or 0].strip("<>")
    if not address.startswith("data:"):
        addresses.append(address)
    return "" if match.lastgroup == "target" else " "


def _code(match: re.Match[str], _addresses: list[str]) -> str:
    return match["coded"].strip() or match[0]


def _element(match: re.Match[str], _addresses: list[str]) -> str:
    return "" if _INLINE.fullmatch(match["element"]) else " "


def _entity(match: re.Match[str], _addresses: list[str]) -> str:
    return html.unescape(match[0])


_SEEN: Final[Mapping[str | None, Callable[[re.Match[str], list[str]], str]]] = {
    None: _nothing,
    "target": _target,
    "definition": _target,
    "code": _code,
    "escaped": _itself,
    "address": _itself,
    "lowered": _itself,
    "element": _element,
    "entity": _entity,
    "cell": _blank,
}
