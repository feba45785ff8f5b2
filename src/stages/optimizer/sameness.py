"""Whether two Markdown texts say the same to a reader."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any, Final

from markdown_it.token import Token

from domain.json_types import JsonObject
from stages.markdown_reading import parse

_LEAVES: Final = frozenset({"code_inline", "html_inline", "math_inline"})
_BLANKS: Final = re.compile("[ \t]+")
_BREAKS: Final = frozenset({"softbreak", "hardbreak"})


def says_the_same(before: str, after: str, env: MutableMapping[str, Any] | None = None) -> bool:
    """Return whether structure, text, code and links are equal, however they are written.

    `env` holds the definitions of links that the texts refer to.
    """
    if before == after:
        return True
    return list(_said(parse(before, _copy(env)))) == list(_said(parse(after, _copy(env))))


def _copy(env: MutableMapping[str, Any] | None) -> JsonObject:
    return {"references": dict((env or {}).get("references", {}))}


def _said(tokens: Sequence[Token]) -> Iterator[tuple[object, ...]]:
    for token in tokens:
        if token.type == "inline":
            yield from _inline(token.children or [])
        elif token.type in ("fence", "code_block"):
            yield ("code", token.info.strip(), token.content.rstrip("\n"))
        elif token.type == "html_block":
            yield ("html", token.content.strip())
        elif token.type in ("heading_open", "ordered_list_open", "th_open", "td_open"):
            yield (token.type, token.tag, *sorted(token.attrs.items()))
        else:
            yield (token.type,)


def _inline(children: Sequence[Token]) -> Iterator[tuple[object, ...]]:
    text: list[str] = []
    for child in children:
        if child.type == "text":
            text.append(child.content)
        elif child.type in _BREAKS:
            text.append("\n" if child.type == "hardbreak" else " ")
        else:
            yield _text(text)
            text = []
            content = child.content if child.type in _LEAVES else ""
            yield (child.type, content, *sorted(child.attrs.items()))
            if child.type == "image":
                yield from _inline(child.children or [])
    yield _text(text)


def _text(pieces: Sequence[str]) -> tuple[object, ...]:
    """Return the text, its blanks as they are shown: runs of them are one."""
    return ("text", _BLANKS.sub(" ", "".join(pieces)))
