"""What a search asks for: its words read, and told back as they were understood."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from stages.search.folding import exact, folded, umlauts
from stages.search.stems import plain_stems, stems, stop_languages
from stages.search.words import (
    MAX_WORD_CHARS,
    joined_of,
    parts_of,
    run_positions,
    signs_of,
)
from stages.search.words import (
    tokens as tokens_of,
)

_QUOTES: Final = str.maketrans(dict.fromkeys("“”„‟«»", '"'))
_PIECE: Final = re.compile(
    r'(?P<minus>(?<!\S)-(?=["\w]))?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))'
)
_MIN_PREFIX: Final = 2
_MAX_TERMS: Final = 32
_MAX_BRANCHES: Final = 8
_MAX_POSITIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Place:
    """What may stand at one position: any of these lexemes, or any that begins with `prefix`."""

    lexemes: tuple[str, ...]
    prefix: str | None = None

    def matches(self, lexemes: Iterable[str]) -> bool:
        """Tell whether one of these lexemes is asked for."""
        return any(
            lexeme in self.lexemes or (self.prefix is not None and lexeme.startswith(self.prefix))
            for lexeme in lexemes
        )

    @property
    def tsquery(self) -> str:
        """The place as `tsquery` takes it."""
        each = [f"'{lexeme}'" for lexeme in self.lexemes]
        if self.prefix is not None:
            each.append(f"'{self.prefix}':*")
        return each[0] if len(each) == 1 else f"({' | '.join(each)})"


@dataclass(frozen=True, slots=True)
class Term:
    """A word, a phrase or the beginning of a word; `text` is as it was asked for.

    `places` follow each other. `instead` are lexemes that may stand for all of it, `earlier` is
    what an index of version 1 has for it, `word` the exact form if it is a single word.
    """

    text: str
    places: tuple[Place, ...]
    instead: tuple[str, ...] = ()
    earlier: str | None = None
    word: str | None = None

    @property
    def tsquery(self) -> str:
        """The term as `tsquery` takes it."""
        return self._query(" <-> ")

    @property
    def broad(self) -> str:
        """The term without the order of its words, which an index cannot check."""
        return self._query(" & ")

    @property
    def is_ordered(self) -> bool:
        """Whether the order of its words counts."""
        return len(self.places) > 1

    def _query(self, between: str) -> str:
        whole = between.join(place.tsquery for place in self.places)
        others = [f"'{lexeme}'" for lexeme in self.instead]
        if self.earlier is not None:
            others.append(self.earlier)
        if others:
            return f"(({whole}) | {' | '.join(others)})"
        return f"({whole})" if len(self.places) > 1 else whole


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: all terms of one of the branches, and none that is excluded.

    `ignored` are stop words and signs. Without branches nothing is asked for.
    """

    branches: tuple[tuple[Term, ...], ...]
    excluded: tuple[Term, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of all branches."""
        return tuple(term for branch in self.branches for term in branch)

    @property
    def tsquery(self) -> str:
        """What a chunk must hold."""
        each = (" & ".join(term.tsquery for term in branch) for branch in self.branches)
        return f"({' | '.join(f'({branch})' for branch in each)}){self._without}"

    @property
    def any_term(self) -> str:
        """What a chunk must hold to have a part of it."""
        return f"({' | '.join(term.tsquery for term in self.terms)}){self._without}"

    @property
    def is_ordered(self) -> bool:
        """Whether an index alone cannot tell what is found."""
        return bool(self.excluded) or any(term.is_ordered for term in self.terms)

    @property
    def _without(self) -> str:
        return "".join(f" & !{term.tsquery}" for term in self.excluded)


def understood(words: str, *, legacy: bool = False) -> Question:
    """Return what is asked for by words, `"phrases"`, `-exclusions`, `or` and `prefix*`.

    Stop words are ignored unless there is nothing else; in phrases they count. With `legacy` also
    what was indexed by version 1 is found.
    """
    reading = _Reading(legacy)
    for piece in _PIECE.finditer(words.translate(_QUOTES)):
        reading.take(piece)
    return reading.question()


class _Reading:
    def __init__(self, legacy: bool) -> None:
        self._legacy = legacy
        self._branches: list[list[Term]] = [[]]
        self._excluded: list[Term] = []
        self._ignored: list[str] = []
        self._count = 0

    def take(self, piece: re.Match[str]) -> None:
        """Take a word or a phrase."""
        quoted = piece["phrase"] is not None
        text = piece["phrase"] if quoted else piece["word"]
        if not quoted and not piece["minus"] and text.lower() == "or":
            if len(self._branches) < _MAX_BRANCHES:
                self._branches.append([])
            return
        self._count += 1
        term = None if self._count > _MAX_TERMS else self._term(text.strip(), quoted)
        if term is None:
            self._ignored += [text.strip()] if text.strip() else []
        elif piece["minus"]:
            self._excluded.append(term)
        else:
            self._branches[-1].append(term)

    def question(self) -> Question:
        """Return all that was taken, without stop words where anything else is asked for."""
        branches = [branch for branch in self._branches if branch]
        stop = _stop_words(term for branch in branches for term in branch)
        telling = [[term for term in branch if term.text not in stop] for branch in branches]
        if any(telling):
            ignored = [t.text for branch in branches for t in branch if t.text in stop]
            self._ignored += ignored
            branches = [branch for branch in telling if branch]
        return Question(
            tuple(tuple(_once(branch)) for branch in branches),
            tuple(_once(self._excluded)),
            tuple(dict.fromkeys(self._ignored)),
        )

    def _term(self, text: str, quoted: bool) -> Term | None:
        """Return a term; None if the text has no letter and no digit."""
        tokens = [(match[0], match.lastgroup is not None) for match in tokens_of(text)]
        if not tokens:
            return None
        if not quoted and text.endswith("*"):
            return self._prefix(text, tokens)
        if not quoted:
            tokens = _without_possessive(tokens)
        places = tuple(self._places(tokens))
        if quoted or len(tokens) > 1:
            return Term(text, places)
        [(token, is_run)] = tokens
        if is_run:
            earlier = _earlier_run(token) if self._legacy else None
            return Term(text, places, earlier=earlier)
        word = exact(token) if len(places) == 1 else None
        return Term(text, places, tuple(_instead(token)), word=word)

    def _prefix(self, text: str, tokens: Sequence[tuple[str, bool]]) -> Term:
        *before, last = self._places(tokens)
        token, is_run = tokens[-1]
        beginning = "" if is_run else folded(exact(parts_of(token)[-1]))
        if len(beginning) >= _MIN_PREFIX:
            last = Place((), beginning)
        return Term(text, (*before, last))

    def _places(self, tokens: Sequence[tuple[str, bool]]) -> list[Place]:
        found: list[Place] = []
        for number, (token, is_run) in enumerate(tokens, 1):
            if is_run:
                found += _run_places(token, is_last=number == len(tokens))
            else:
                found += [_place(exact(part), legacy=self._legacy) for part in parts_of(token)]
        return found[:_MAX_POSITIONS]


def _run_places(run: str, *, is_last: bool) -> Iterator[Place]:
    """Yield pairs of signs, and the last sign where no pair has it or more is to follow."""
    signs = signs_of(run)
    for lexemes in run_positions(run)[:-1]:
        yield Place(lexemes)
    if len(signs) == 1 or not is_last:
        yield Place((), signs[-1])


def _earlier_run(run: str) -> str:
    return "('" + "' <-> '".join(signs_of(run)) + "')"


def _place(word: str, *, legacy: bool) -> Place:
    word = word[:MAX_WORD_CHARS]
    found = [folded(word), *stems(word)]
    if other := umlauts(word):
        found.append(other)
    if legacy:
        found += [word, *plain_stems(word)]
    return Place(tuple(dict.fromkeys(found)))


def _without_possessive(tokens: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Return the tokens without the `'s` of their last word, which names the same thing."""
    *before, (last, is_run) = tokens
    bare = re.sub(r"['’]s$", "", last)
    return [*before, (bare or last, is_run)]


def _instead(token: str) -> list[str]:
    joined = joined_of(token)
    return [joined] if joined and len(parts_of(token)) > 1 else []


def _stop_words(terms: Iterable[Term]) -> set[str]:
    """Return the words that are stop words in the language with most of them."""
    languages = {t.text: stop_languages(t.word) for t in terms if t.word is not None}
    counts = Counter(language for found in languages.values() for language in found)
    most = max(counts.values(), default=0)
    chosen = {language for language, count in counts.items() if count == most}
    return {text for text, found in languages.items() if chosen.intersection(found)}


def _once(terms: Sequence[Term]) -> Iterator[Term]:
    yield from {term.tsquery: term for term in terms}.values()
