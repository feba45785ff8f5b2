"""Answers questions from the table `search_chunks`, at a cost that common words do not raise.

At most `RANKED` chunks are ranked for a question. All are where no more are found; of common words
the index, or the documents with the last ids, give those that are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import psycopg

from domain.json_types import JsonObject
from stages.search.asking import Question, Term
from stages.search.frequencies import Frequencies
from stages.search_store import Ranked

RANKED: Final = 1000
"""How many chunks are ranked for one question at the most."""

_ORDERED: Final = 20_000  # chunks in which the order of words is looked at
_SCANNED: Final = 4_000
_COMMON_SHARE: Final = 0.3
_COMMON_CHUNKS: Final = 20_000
_ACROSS: Final = 1000  # documents looked at whose chunks have the words together
_ACROSS_COMMON: Final = 100  # of them where even the rarest word is common
_FACT_CHUNKS: Final = 200

_IN_REALM: Final = " AND ARRAY[realm_id] @> ARRAY[%(realm_id)s::text]"
_BY_INDEX: Final = """
    SELECT document_id, chunk_index, tsv FROM search_chunks
    WHERE tsv @@ %(broad_{number})s::tsquery{realm} LIMIT {most}
"""
_BY_ID: Final = """
    SELECT document_id, chunk_index, tsv FROM (
        SELECT document_id, chunk_index, realm_id, tsv FROM search_chunks
        ORDER BY document_id DESC, chunk_index DESC LIMIT {scanned}
    ) AS last WHERE tsv @@ %(broad_{number})s::tsquery{realm}
"""
_BRANCH: Final = """(
    SELECT document_id, chunk_index, tsv, {number} AS branch, row_number() OVER () AS number
    FROM ({source}) AS broadly_{number} WHERE {exactly} LIMIT {ranked})
"""
_SEARCH: Final = """
WITH candidates AS MATERIALIZED ({branches}), found AS MATERIALIZED (
    SELECT DISTINCT ON (document_id, chunk_index) document_id, chunk_index,
        0.5 + ts_rank_cd(tsv, %(exact)s::tsquery, 1 | 32)::float8 / 2 AS score
    FROM candidates WHERE number < {ranked}
), page AS (
    SELECT * FROM found
    WHERE %(after_score)s::float8 IS NULL
        OR (-score, document_id, chunk_index) > (
            -%(after_score)s::float8, %(after_document)s::text COLLATE "C", %(after_index)s::int)
    ORDER BY -score, document_id, chunk_index
    LIMIT %(limit)s
), counted AS (
    SELECT EXISTS (SELECT FROM search_chunks WHERE index_version < 2) AS has_earlier,
        coalesce(sum(least(ranked, {ranked} - 1)), 0)::int AS ranked,
        coalesce(max(ranked), 0) AS most,
        coalesce(sum(ranked) FILTER (WHERE branch = ANY (%(by_id)s)), 0) AS by_id
    FROM (SELECT branch, count(*) AS ranked FROM candidates GROUP BY branch) AS each
)
SELECT has_earlier, ranked, most, by_id, {columns}
FROM counted LEFT JOIN page ON true
LEFT JOIN search_chunks c
    ON c.document_id = page.document_id AND c.chunk_index = page.chunk_index
LEFT JOIN documents d ON d.id = page.document_id
ORDER BY -score, page.document_id, page.chunk_index
"""
_COLUMNS: Final = """page.document_id, page.chunk_index, score, d.title::text, c.heading_path,
    c.pages, c.body, c.config, c.index_version, c.start_offset, c.end_offset"""
_ACROSS_CHUNKS: Final = """
WITH first AS MATERIALIZED (
    SELECT DISTINCT document_id FROM (
        SELECT document_id FROM search_chunks
        WHERE tsv @@ %(first)s::tsquery{realm} LIMIT {most}
    ) AS holding
), together AS MATERIALIZED (
    SELECT document_id FROM first f WHERE {others}
), whole AS MATERIALIZED (
    SELECT document_id FROM together f
    WHERE NOT EXISTS (SELECT FROM search_chunks c WHERE c.document_id = f.document_id
            AND c.tsv @@ %(exact)s::tsquery OFFSET 0)
), found AS (
    SELECT w.document_id, best.chunk_index, best.score FROM whole w JOIN LATERAL (
        SELECT c.chunk_index, ts_rank_cd(c.tsv, %(any)s::tsquery, 1 | 32)::float8 / 2 AS score
        FROM search_chunks c WHERE c.document_id = w.document_id AND c.tsv @@ %(any)s::tsquery
        ORDER BY score DESC, c.chunk_index LIMIT 1
    ) AS best ON true
), page AS (
    SELECT * FROM found
    WHERE %(after_score)s::float8 IS NULL
        OR (-score, document_id, chunk_index) > (
            -%(after_score)s::float8, %(after_document)s::text COLLATE "C", %(after_index)s::int)
    ORDER BY -score, document_id, chunk_index
    LIMIT %(limit)s
)
SELECT {columns}
FROM page
JOIN search_chunks c ON c.document_id = page.document_id AND c.chunk_index = page.chunk_index
LEFT JOIN documents d ON d.id = page.document_id
ORDER BY -score, page.document_id, page.chunk_index
"""
# With OFFSET it is asked of each document by itself, not of all chunks that have a common word.
_OTHER: Final = """EXISTS (SELECT FROM search_chunks c WHERE c.document_id = f.document_id
    AND c.tsv @@ %(term_{number})s::tsquery OFFSET 0)"""
_RARER_OTHER: Final = """f.document_id IN (SELECT document_id FROM search_chunks
    WHERE tsv @@ %(term_{number})s::tsquery)"""
_FACTS: Final = """
    SELECT document_id, config, facts FROM search_chunks
    WHERE document_id = ANY (%s) AND tsv @@ %s::tsquery AND facts <> '[]'
    ORDER BY document_id, chunk_index LIMIT %s
"""


class FoundRow(NamedTuple):
    """A chunk that was found, as the tables have it."""

    document_id: str
    chunk_index: int
    score: float
    title: str | None
    heading_path: Sequence[str]
    pages: Sequence[int] | None
    body: str
    config: str
    index_version: int
    start: int
    end: int


class After(NamedTuple):
    """The last hit of the page before."""

    score: float | None = None
    document_id: str | None = None
    chunk_index: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page of rows, and what was ranked for it.

    `has_earlier` tells that there are rows made by version 1 of the index.
    """

    rows: tuple[FoundRow, ...]
    ranked: Ranked
    has_earlier: bool = False


class Finder:
    """Finds chunks for one question."""

    def __init__(
        self,
        connection: psycopg.Connection,
        question: Question,
        frequencies: Frequencies,
        realm_id: str | None,
    ) -> None:
        self._connection = connection
        self._question = question
        self._frequencies = frequencies
        self._realm_id = realm_id
        self._realm = "" if realm_id is None else _IN_REALM

    def page(self, after: After, limit: int) -> Found:
        """Return the best chunks: those that have all that is asked for, then documents that do."""
        found = self._within(after, limit)
        rows = list(found.rows)
        for branch in self._question.branches:
            if len(branch) > 1 and len(rows) < limit:
                rows += self._across(branch, after, limit - len(rows))
        best = {(row.document_id, row.chunk_index): row for row in reversed(rows)}
        ordered = sorted(best.values(), key=lambda r: (-r.score, r.document_id, r.chunk_index))
        return Found(tuple(ordered[:limit]), found.ranked, found.has_earlier)

    def _within(self, after: After, limit: int) -> Found:
        """Return chunks that have all that is asked for."""
        common = [self._is_common(branch) for branch in self._question.branches]
        if any(common):
            found, _, is_full = self._ranked(common, after, limit)
            if is_full:
                return _told(found, f"{RANKED:,} of the documents with the last ids")
        found, is_cut, _ = self._ranked([False] * len(common), after, limit)
        if is_cut or (self._question.is_ordered and self._may_be_many(_ORDERED)):
            return _told(found, f"the first {RANKED:,} that the index gives")
        return found

    def _is_common(self, branch: Sequence[Term]) -> bool:
        share = self._frequencies.of_branch(branch)
        return share >= _COMMON_SHARE and share * self._frequencies.chunks > _COMMON_CHUNKS

    def _may_be_many(self, many: int) -> bool:
        shares = map(self._frequencies.of_branch, self._question.branches)
        return max(shares) * self._frequencies.chunks > many

    def _ranked(self, by_id: Sequence[bool], after: After, limit: int) -> tuple[Found, bool, bool]:
        """Rank chunks, branches looked for by id as `by_id` says.

        Also tell whether there are more than may be ranked, and whether those by id are enough.
        """
        branches = [
            self._branch(number, _BY_ID if it else _BY_INDEX) for number, it in enumerate(by_id)
        ]
        query = _SEARCH.format(
            branches=" UNION ALL ".join(branches), ranked=RANKED + 1, columns=_COLUMNS
        )
        numbers = [number for number, it in enumerate(by_id) if it]
        rows = self._execute(query, after, limit, by_id=numbers, **self._broad())
        hits = tuple(FoundRow(*row[4:]) for row in rows if row[4] is not None)
        has_earlier, ranked, most, of_ids, *_ = rows[0]
        is_full = of_ids == len(numbers) * (RANKED + 1)
        return Found(hits, Ranked(ranked), has_earlier), most > RANKED, is_full

    def _branch(self, number: int, source: str) -> str:
        most = _ORDERED if self._question.is_ordered else RANKED + 1
        exactly = ["tsv @@ %(exact)s::tsquery"] if self._question.is_ordered else []
        return _BRANCH.format(
            number=number,
            source=source.format(number=number, realm=self._realm, most=most, scanned=_SCANNED),
            exactly=" AND ".join(exactly) or "true",
            ranked=RANKED + 1,
        )

    def _broad(self) -> dict[str, str]:
        return {
            f"broad_{number}": " & ".join(term.broad for term in branch)
            for number, branch in enumerate(self._question.branches)
        }

    def _across(self, branch: Sequence[Term], after: After, limit: int) -> Iterator[FoundRow]:
        """Return the best chunk of documents that have the terms in several chunks."""
        if after.score is not None and after.score >= 0.5:
            after = After()
        first, *others = sorted(branch, key=self._frequencies.of_term)
        query = _ACROSS_CHUNKS.format(
            realm=self._realm,
            most=_ACROSS_COMMON if self._is_common([first]) else _ACROSS,
            others=" AND ".join(self._other(number, term) for number, term in enumerate(others)),
            columns=_COLUMNS,
        )
        terms = {f"term_{number}": term.tsquery for number, term in enumerate(others)}
        of_branch = Question((tuple(branch),), self._question.excluded)
        asked = {"first": first.tsquery, "any": of_branch.any_term, **terms}
        return (FoundRow(*row) for row in self._execute(query, after, limit, **asked))

    def _other(self, number: int, term: Term) -> str:
        chunks = self._frequencies.of_branch([term]) * self._frequencies.chunks
        return (_OTHER if chunks > _ORDERED * 2 else _RARER_OTHER).format(number=number)

    def _execute(self, query: str, after: After, limit: int, **more: Any) -> list[Any]:
        parameters = {
            "exact": self._question.tsquery,
            "realm_id": self._realm_id,
            "after_score": after.score,
            "after_document": after.document_id,
            "after_index": after.chunk_index,
            "limit": limit,
            **more,
        }
        return self._connection.execute(query.encode(), parameters).fetchall()


def _told(found: Found, which: str) -> Found:
    return replace(found, ranked=replace(found.ranked, is_complete=False, order=which))


def facts_near(
    connection: psycopg.Connection, question: Question, document_ids: Sequence[str]
) -> list[tuple[str, str, list[JsonObject]]]:
    """Return the facts of chunks that have any of the terms: document, language, facts."""
    asked = (list(document_ids), question.any_term, _FACT_CHUNKS)
    return connection.execute(_FACTS, asked).fetchall()
