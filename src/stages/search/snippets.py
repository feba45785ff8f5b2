"""Pieces of text that show what was found."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from stages.search.asking import Question, Term
from stages.search.words import Position, signs_spans, token_positions, tokens, word_positions

_CHARS: Final = 300
_BEFORE: Final = 60
_READ_CHARS: Final = 200_000
_BEGINNING: Final = 3
_TAGS: Final = string.ascii_uppercase
_WORD: Final = re.compile("[A-Za-z0-9]")
_BLANKS: Final = re.compile(r"\s+")
_INERT: Final = str.maketrans("<>", "\u2039\u203a")


class Snippet(NamedTuple):
    """A line of plain text without `<` and `>`, and the code points in it that were found."""

    text: str
    highlights: tuple[tuple[int, int], ...]


class Span(NamedTuple):
    """Where a term, by its number, stands in a text."""

    start: int
    end: int
    term: int


class Matcher:
    """Finds in texts what a question asks for; one for all texts of an answer."""

    def __init__(self, question: Question) -> None:
        self._terms = question.terms
        places = [place for term in self._terms for place in term.places]
        self._lexemes = {lexeme for place in places for lexeme in place.lexemes}
        self._lexemes.update(lexeme for term in self._terms for lexeme in term.instead)
        self._prefixes = tuple(place.prefix for place in places if place.prefix is not None)
        # By language: how many positions a word takes that is not asked for.
        self._passed: dict[str, dict[str, int]] = {}
        self._beginnings = self._compiled()

    def spans(self, text: str, language: str) -> list[Span]:
        """Return where the terms stand, in order."""
        text = text[:_READ_CHARS]
        placed = self._quickly(text, language) or list(self._placed(text, language))
        found = {
            span
            for number, term in enumerate(self._terms)
            for span in _standing(placed, term, number)
        }
        return sorted(found)

    def terms_in(self, text: str, language: str) -> set[int]:
        """Return the numbers of the terms that the text holds."""
        return {span.term for span in self.spans(text, language)}

    def _placed(self, text: str, language: str) -> Iterator[_Placed]:
        """Yield the positions at which anything may be that is asked for."""
        passed = self._passed.setdefault(language, {})
        position = 0
        for match in tokens(text):
            token = match[0]
            if count := passed.get(token):
                position += count
                continue
            is_run = match.lastgroup is not None
            each = token_positions(token, is_run, language)
            if any(map(self._touches, each)):
                yield from _placed(match, position, each, is_run=is_run)
            else:
                passed[token] = len(each)
            position += len(each)

    def _compiled(self) -> re.Pattern[str] | None:
        """Return what finds the beginnings of all that is asked for in a text of ASCII.

        None if words may stand in for others, which does not show in their beginnings.
        """
        asked = {lexeme.lstrip(_TAGS)[:_BEGINNING] for lexeme in self._lexemes}
        asked.update(prefix[:_BEGINNING] for prefix in self._prefixes)
        beginnings = sorted(beginning for beginning in asked if beginning.isascii())
        if not beginnings or any(term.instead for term in self._terms):
            return None
        return re.compile(f"(?<![a-z0-9])(?:{'|'.join(map(re.escape, beginnings))})[a-z0-9]*")

    def _quickly(self, text: str, language: str) -> list[_Placed]:
        """Return the same for plain words in a text of ASCII, without looking at every word."""
        if self._beginnings is None or not text.isascii():
            return []
        found: list[_Placed] = []
        position = before = 0
        for match in self._beginnings.finditer(text.lower()):
            start, end = match.span()
            [lexemes, *_] = word_positions(text[start:end], language)
            if self._touches(lexemes):
                position += 2 if _WORD.search(text, before, start) else 1
                found.append(_Placed(position, start, end, end, lexemes))
                before = end
        return found

    def _touches(self, lexemes: Position) -> bool:
        return not self._lexemes.isdisjoint(lexemes) or any(
            lexeme.startswith(self._prefixes) for lexeme in lexemes
        )


def _placed(
    match: re.Match[str], position: int, each: Sequence[Position], *, is_run: bool
) -> Iterator[_Placed]:
    token, begin = match[0], match.start()
    spans = signs_spans(token) if is_run else []
    if len(spans) != len(each):
        spans = [(0, len(token))] * len(each)
    for offset, (lexemes, (start, end)) in enumerate(zip(each, spans, strict=True)):
        # In a run each position stands for a sign and the one after it.
        last = spans[min(offset + 1, len(spans) - 1)][1] if is_run else end
        yield _Placed(position + offset, begin + start, begin + end, begin + last, lexemes)


class _Placed(NamedTuple):
    position: int
    start: int
    first_end: int
    end: int
    lexemes: Position


def _standing(placed: Sequence[_Placed], term: Term, number: int) -> Iterator[Span]:
    length = len(term.places)
    for index, first in enumerate(placed):
        if term.instead and not set(term.instead).isdisjoint(first.lexemes):
            yield Span(first.start, first.end, number)
            continue
        rest = placed[index : index + length]
        if len(rest) == length and all(
            one.position == first.position + offset and place.matches(one.lexemes)
            for offset, (one, place) in enumerate(zip(rest, term.places, strict=True))
        ):
            for one, place in zip(rest, term.places, strict=True):
                is_begin = place.prefix is not None and len(one.lexemes) == 1
                yield Span(one.start, one.first_end if is_begin else one.end, number)


def snippet(text: str, spans: Sequence[Span]) -> Snippet:
    """Return the piece of the text where most of what was found stands together."""
    start, end = _window(text, spans)
    line, highlights, position = "", [], start
    for span in _merged(spans):
        if span[0] < start or span[1] > end:
            continue
        line = _appended(line, text[position : span[0]])
        begin = len(line)
        line = _appended(line, text[span[0] : span[1]])
        highlights.append((begin, len(line)))
        position = span[1]
    line = _appended(line, text[position:end]).rstrip()
    return Snippet(line.translate(_INERT), tuple(highlights))


def _appended(line: str, piece: str) -> str:
    flat = _BLANKS.sub(" ", piece)
    return line + (flat.lstrip() if not line or line.endswith(" ") else flat)


def _window(text: str, spans: Sequence[Span]) -> tuple[int, int]:
    """Return the bounds of a piece with many terms, at blanks where there are some nearby."""
    if not spans:
        return 0, _blank_before(text, _CHARS)
    first = max(spans, key=lambda span: (_worth(spans, span.start), -span.start))
    start = max(0, first.start - _BEFORE)
    if start:
        blank = _BLANKS.search(text, start, first.start)
        start = blank.end() if blank else start
    return start, max(_blank_before(text, start + _CHARS), first.end)


def _worth(spans: Sequence[Span], start: int) -> tuple[int, int]:
    inside = [span for span in spans if start <= span.start < start + _CHARS - _BEFORE]
    return len({span.term for span in inside}), len(inside)


def _blank_before(text: str, end: int) -> int:
    if end >= len(text):
        return len(text)
    blank = max(text.rfind(" ", end - _BEFORE, end), text.rfind("\n", end - _BEFORE, end))
    return blank if blank > 0 else end


def _merged(spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Yield where anything stands, what touches as one."""
    begin = end = -1
    for span in sorted(spans):
        if span.start <= end:
            end = max(end, span.end)
            continue
        if begin >= 0:
            yield begin, end
        begin, end = span.start, span.end
    if begin >= 0:
        yield begin, end
