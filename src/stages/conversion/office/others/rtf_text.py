"""Prepare rich text (RTF 1.9.1): mark raised text and take out what is hidden.

One pass over the control words; a group restores the state that it began with.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from stages.conversion.office.others.marks import END, STARTS

_TOKEN: Final = re.compile(
    rb"\\bin(\d+) ?"  # 1: bytes that are no text
    rb"|\\([a-zA-Z]{1,32})(-?\d{1,10})? ?"  # 2: control word, 3: its number
    rb"|\\'[0-9a-fA-F]{2}"
    rb"|\\[^a-zA-Z]"
    rb"|([{}])"  # 4: group
    rb"|[^\\{}]+",
)
_MAX_GROUPS: Final = 10_000
_WORD: Final = re.compile(rb"[A-Za-z0-9]+")


@dataclass(frozen=True)
class _State:
    vertical: str = ""
    hidden: bool = False
    deleted: bool = False


def prepared(content: bytes, *, include_hidden: bool) -> tuple[bytes, Counter[str]]:
    """Return rich text with marks around raised runs, and the words left out, by kind."""
    out: list[bytes] = []
    states, open_mark, at = [_State()], "", 0
    left_out: Counter[str] = Counter()
    while match := _TOKEN.match(content, at):
        at = match.end()
        if match[1]:
            at = min(len(content), at + int(match[1]))
            continue
        _turn(states, match)
        state, is_text = states[-1], not (match[2] or match[4])
        kind = "deletedText" if state.deleted else "hiddenText" if state.hidden else ""
        if kind and is_text and (state.deleted or not include_hidden):
            left_out[kind] += len(_WORD.findall(match[0]))
            continue
        wanted = state.vertical
        if wanted != open_mark and (is_text or not wanted or match[4]):
            close = _written(END) if open_mark else b""
            start = _written(STARTS[wanted]) if wanted and is_text else b""
            if match[4] == b"}" and open_mark:  # the mark ends inside the group that it began in
                out += [close, match[0]]
            else:
                out += [close, start, match[0]]
            open_mark = wanted if start or not wanted else ""
            continue
        out.append(match[0])
    return b"".join(out), left_out


def _turn(states: list[_State], match: re.Match[bytes]) -> None:
    """Change the state as a group or a control word says."""
    if match[4] == b"{":
        if len(states) < _MAX_GROUPS:
            states.append(states[-1])
    elif match[4] == b"}":
        if len(states) > 1:
            states.pop()
    elif match[2]:
        states[-1] = _after(states[-1], match[2], match[3] != b"0")


def _after(state: _State, word: bytes, on: bool) -> _State:
    if word in (b"super", b"up"):
        return replace(state, vertical="sup" if on else "")
    if word in (b"sub", b"dn"):
        return replace(state, vertical="sub" if on else "")
    if word == b"nosupersub":
        return replace(state, vertical="")
    if word == b"v":
        return replace(state, hidden=on)
    if word == b"deleted":
        return replace(state, deleted=on)
    return _State() if word == b"plain" else state


def _written(mark: str) -> bytes:
    return b"{\\uc1\\u%d?}" % (ord(mark) - 0x10000)
