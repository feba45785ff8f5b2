"""How often words are found, by the statistics that PostgreSQL keeps of the search store."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from stages.search.asking import Place, Term

_FRESH_SECONDS: Final = 60.0
_STATISTICS: Final = """
    SELECT greatest(c.reltuples, 0), s.most_common_elems::text::text[], s.most_common_elem_freqs
    FROM pg_class c
    LEFT JOIN pg_stats s ON s.schemaname = c.relnamespace::regnamespace::text
        AND s.tablename = c.relname AND s.attname = 'tsv'
    WHERE c.oid = to_regclass('search_chunks')
"""


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How many chunks there are, and in what share of them each of the commonest lexemes stands."""

    chunks: float = 0.0
    shares: Mapping[str, float] | None = None

    def of_branch(self, terms: Sequence[Term]) -> float:
        """Return in what share of the chunks all of the terms stand, at the most.

        Words that are not among the commonest count as 0.
        """
        return min(1.0, *map(self.of_term, terms)) if self.shares else 0.0

    def of_term(self, term: Term) -> float:
        """Return in what share of the chunks a term stands, at the most."""
        shares = self.shares or {}
        others = sum(shares.get(lexeme, 0.0) for lexeme in term.instead)
        return others + min(self._of_place(place, shares) for place in term.places)

    def _of_place(self, place: Place, shares: Mapping[str, float]) -> float:
        # A stem and the words that have it stand in the same chunks.
        found = max((shares.get(lexeme, 0.0) for lexeme in place.lexemes), default=0.0)
        if place.prefix is None:
            return found
        begins = place.prefix
        return sum((share for it, share in shares.items() if it.startswith(begins)), found)


class FrequencyCache:
    """The statistics of a minute ago at the most."""

    def __init__(self) -> None:
        self._found = Frequencies()
        self._read_at: float | None = None

    def read(self, connection: psycopg.Connection) -> Frequencies:
        """Return the statistics, read again when they are a minute old."""
        now = time.monotonic()
        if self._read_at is None or now - self._read_at > _FRESH_SECONDS:
            self._read_at, self._found = now, _read(connection)
        return self._found


def _read(connection: psycopg.Connection) -> Frequencies:
    row = connection.execute(_STATISTICS).fetchone()
    if row is None:
        return Frequencies()
    chunks, lexemes, shares = row
    # Ahead of the shares' last entries, which are their bounds, is one for each lexeme.
    return Frequencies(chunks, dict(zip(lexemes or (), shares or (), strict=False)))
