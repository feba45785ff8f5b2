"""The port of the search store: what the ingestor fills and searches are answered from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.errors import InvalidValue, Unavailable
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

    `start` and `end` count code points of the Markdown that the chunk was cut from. `snippet` is
    plain text with `**` around what was found and without `<` and `>`, whatever the document holds.
    A greater `score` is better; scores of different searches do not compare.
    """

    document_id: str
    heading_path: tuple[str, ...]
    snippet: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class SearchPage:
    """Hits from the best on; `next_cursor` asks for those after them, None if there are none."""

    hits: tuple[SearchHit, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class Stored:
    """How many chunks and facts the store now holds of a document."""

    chunks: int
    facts: int


class SearchStore(Protocol):
    """Chunks and their facts by document, to be searched by words."""

    target: str

    def replace(
        self,
        document_id: str,
        realm_id: str | None,
        chunks: Sequence[Chunk],
        facts: Sequence[Fact],
    ) -> Stored:
        """Put these in the place of all that is held of the document, all at once.

        A document that is gone stays gone: nothing is stored. Raises SearchUnavailable.
        """
        ...

    def search(
        self,
        words: str,
        *,
        realm_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> SearchPage:
        """Return chunks that hold the words, of one realm or of all.

        `"…"` asks for a phrase, `or` for either side, a leading `-` for absence. Raises
        SearchUnavailable or CursorInvalid.
        """
        ...
