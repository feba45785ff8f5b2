"""What is indexed of a chunk: its text as a reader sees it, and where its lexemes stand in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from stages.search.visible import visible
from stages.search.words import positions
from stages.shapes import Chunk, Fact

_MAX_CHARS: Final = 200_000
_MAX_BYTES: Final = 900_000  # a tsvector holds at most a megabyte
_LAST_POSITION: Final = 16_383
_MAX_PLACES: Final = 255
_GAP: Final = 10  # no phrase goes from one part of a chunk into the next
# NUL is what PostgreSQL does not take; the others say where a word may be parted, or nothing.
_UNSEEN: Final = {0: " ", 0xAD: None, 0x2060: None, 0xFEFF: None}
_PLACES: Final = tuple(map(str, range(_LAST_POSITION + 1)))


class Prepared(NamedTuple):
    """A chunk's visible text, and its `tsvector` in PostgreSQL's own notation."""

    body: str
    lexemes: str


def prepared(chunk: Chunk, facts: Sequence[Fact], title: str | None, language: str) -> Prepared:
    """Return what the store holds of a chunk; `title` is the document's if this chunk carries it.

    In order: title and headings, which weigh more; the text; the addresses of its links; what facts
    say beyond it.
    """
    seen = visible("\n\n".join(filter(None, (chunk.context, chunk.text))))
    body = seen.text.translate(_UNSEEN).strip()
    index = _Index(language)
    index.add(filter(None, (title, *chunk.heading_path)), weight="A")
    index.add([body])
    index.add(seen.addresses)
    index.add(visible(fact.statement).text for fact in facts if _says_more(fact, body))
    return Prepared(body, index.notation())


def _says_more(fact: Fact, body: str) -> bool:
    return fact.statement not in body and fact.statement != fact.quote


class _Index:
    def __init__(self, language: str) -> None:
        self._language = language
        self._places: dict[str, list[str]] = {}
        self._position = 0
        self._bytes = 0
        self._chars = 0

    def add(self, texts: Iterable[str], weight: str = "") -> None:
        """Add texts after what there is; what a `tsvector` cannot hold is left out."""
        places, position = self._places, self._position
        for text in texts:
            if self._bytes > _MAX_BYTES or self._chars > _MAX_CHARS:
                break
            self._chars += len(text)
            start = position + 1 + (_GAP if position else 0)
            for position, lexemes in enumerate(positions(text[:_MAX_CHARS], self._language), start):
                place = _PLACES[min(position, _LAST_POSITION)] + weight
                for lexeme in lexemes:
                    if lexeme in places:
                        places[lexeme].append(place)
                    elif self._bytes <= _MAX_BYTES:
                        places[lexeme] = [place]
                        self._bytes += 4 * len(lexeme) + 8
        self._position = position

    def notation(self) -> str:
        """Return the lexemes as `tsvector` takes them; letters and digits alone need no escape."""
        return " ".join(
            [
                f"'{lexeme}':{','.join(places[:_MAX_PLACES])}"
                for lexeme, places in self._places.items()
            ]
        )
