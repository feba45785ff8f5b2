"""The port of the search store: what the ingestor fills and searches are answered from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.errors import InvalidValue, Unavailable
from domain.json_types import JsonMapping
from stages.shapes import Chunk, Fact


class SearchUnavailable(Unavailable):
    """The search store cannot be reached just now; try again in a moment."""


class CursorInvalid(InvalidValue):
    """The cursor is not one that a search gave; begin again without it."""

    def __init__(self) -> None:
        super().__init__(field="cursor")


@dataclass(frozen=True)
class SearchHit:
    """A chunk that answers a search.

    `title` is the document's, `pages` are the first and the last of the chunk, from 1, where its
    document has any. `snippet` is plain text without `<` and `>`, whatever the document holds;
    `highlights` are the code points of it that were found, ends not included. `start` and `end`
    count code points of the Markdown that the chunk was cut from. A greater `score` is better;
    scores of different searches do not compare. `facts` are the document's that hold anything of
    what was asked for, if they were asked for.
    """

    document_id: str
    title: str | None
    heading_path: tuple[str, ...]
    pages: tuple[int, ...] | None
    snippet: str
    highlights: tuple[tuple[int, int], ...]
    start: int
    end: int
    score: float
    facts: tuple[JsonMapping, ...] = ()


@dataclass(frozen=True)
class Understood:
    """How a search was understood: what is looked for, what must be absent, what was left out."""

    terms: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ranked:
    """How many chunks were compared with each other; `order` says which if there are more."""

    chunks: int
    is_complete: bool = True
    order: str | None = None


@dataclass(frozen=True)
class SearchPage:
    """Hits from the best on; `next_cursor` asks for those after them, None if there are none."""

    hits: tuple[SearchHit, ...]
    next_cursor: str | None
    understood: Understood
    ranked: Ranked


@dataclass(frozen=True)
class Stored:
    """How many chunks and facts the store now holds of a document."""

    chunks: int
    facts: int


@dataclass(frozen=True)
class IndexedFrom:
    """What a document's rows are made of: checksums of its chunks and of its facts, if any."""

    chunks_checksum: str
    facts_checksum: str | None


@dataclass(frozen=True)
class Comparison:
    """How many chunks there should be, and how many are missing, too many or other than that."""

    expected: int
    missing: int
    surplus: int
    changed: int

    @property
    def is_equal(self) -> bool:
        """Tell whether everything is as it should be."""
        return not (self.missing or self.surplus or self.changed)


class SearchStore(Protocol):
    """Chunks and their facts by document, to be searched by words."""

    target: str

    def replace(
        self,
        document_id: str,
        chunks: Sequence[Chunk],
        facts: Sequence[Fact],
        made_from: IndexedFrom,
        *,
        after_version: int | None = None,
    ) -> Stored:
        """Put these in the place of all that is held of the document, all at once.

        They are found in the realm that the document has. Of a document that is gone, or was
        deleted after that version of its stream, nothing is stored. Raises SearchUnavailable.
        """
        ...

    def search(
        self,
        words: str,
        *,
        realm_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        include_facts: bool = False,
    ) -> SearchPage:
        """Return chunks that hold the words, of one realm or of all.

        `"…"` asks for a phrase, `or` for either side, a leading `-` for absence, a `*` at a word's
        end for words that begin so. Documents that have the words in several chunks come last.
        Raises SearchUnavailable or CursorInvalid.
        """
        ...
