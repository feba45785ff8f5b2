"""How a page of a list is found: newest first, whichever filters there are.

Documents lie in the order of the list, stages do not, so there are two ways to the documents of a
stage or of words. One walks along the documents and looks at each: right for what is common. The
other takes what matches from its own index and sorts it: right for what is rare. Which it is
depends also on where in the list it lies, so a walk is given up before it has cost more than the
other way does. Every page is found from its cursor: no row of an earlier one is read.
"""

# Every value is a parameter; only names and numbers of ours are put together here.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from api.title_words import TITLE_WORDS, CommonWords, prefix_query

MANY = 20_000
"""So many matches are taken for any number: counting them all would take longer than a page."""

_FEW = 1000
_REALM_WALK = 500
_LONG_WALK = 2 * MANY
# Most rare things are not where the walk begins: it may add a quarter to what the other way costs.
_WALK_SHARE = 4
# A title read and parsed on the walk costs as much as this many that the index on words gives.
_TITLE_COST = 8


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Which documents a list shows."""

    realm_id: str | None = None
    stage: str | None = None
    status: str | None = None
    words: str | None = None

    @property
    def by_stage(self) -> bool:
        """True if documents are asked for by a stage or a status."""
        return self.stage is not None or self.status is not None

    @property
    def by_words(self) -> bool:
        """True if documents are asked for by words of their titles."""
        return self.words is not None and bool(prefix_query(self.words))


@dataclass(frozen=True, slots=True)
class After:
    """The last row of the page before; legacy rows have no time."""

    created_at: str | None
    document_id: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """About how many documents match; `stages` says MANY for all that is more."""

    stages: int = MANY
    words: CommonWords = field(default_factory=CommonWords)


def count_query(wanted: DocumentFilter) -> tuple[str, Mapping[str, Any]]:
    """Return the query of how many documents match by stage and status, MANY at most."""
    matching = _matching(wanted, exactly=False)
    query = f"SELECT count(*) AS matches FROM (SELECT FROM ({matching}) m LIMIT {MANY}) counted"
    return query, {"stage": wanted.stage, "status": wanted.status}


def page_query(
    wanted: DocumentFilter, after: After | None, rows: int, estimate: Estimate, shown: str
) -> tuple[str, Mapping[str, Any]]:
    """Return the query of the `rows` documents after that one.

    Its rows are `shown` of documents d and their streams s as `body`, `created_at` and `id`.
    """
    search = _Search(wanted, after, rows, estimate)
    query = f"""
        WITH {", ".join(search.steps())}
        SELECT found.body, page.created_at::text AS created_at, page.id
        FROM page CROSS JOIN LATERAL (
            SELECT ({shown})::text AS body
            FROM documents d LEFT JOIN document_streams s ON s.document_id = d.id
            WHERE d.id = page.id OFFSET 0) found
        ORDER BY page.created_at DESC, page.id DESC
    """
    return query, search.values()


@dataclass(frozen=True, slots=True)
class _Search:
    wanted: DocumentFilter
    after: After | None
    rows: int
    estimate: Estimate

    def values(self) -> Mapping[str, Any]:
        wanted, after = self.wanted, self.after
        return {
            "realm_id": wanted.realm_id,
            "stage": wanted.stage,
            "status": wanted.status,
            "words": prefix_query(wanted.words or ""),
            "after_at": after and after.created_at,
            "after_id": after and after.document_id,
        }

    def steps(self) -> Iterator[str]:
        """Yield the common table expressions; the last one is the page."""
        if not self.wanted.by_stage and not self.wanted.by_words:
            yield f"page AS MATERIALIZED ({self._walk(self.rows)})"
            return
        walked = self._walk_length()
        if not walked:
            yield f"page AS MATERIALIZED ({self._sorted('true')})"
            return
        # A walk is read only as far as it takes: to the page's last row, or to its own end.
        yield f"walked AS MATERIALIZED ({self._walk(walked)})"
        yield f"""near AS MATERIALIZED (SELECT x.id, x.created_at FROM walked x
            WHERE {self._looked_at(words=True)} LIMIT {self.rows})"""
        yield f"""given_up AS MATERIALIZED (SELECT CASE
            WHEN (SELECT count(*) FROM near) = {self.rows} THEN false
            ELSE (SELECT count(*) FROM walked) = {walked} END AS yes)"""
        yield f"far AS MATERIALIZED ({self._sorted('(SELECT yes FROM given_up)')})"
        yield """page AS MATERIALIZED (SELECT id, created_at FROM near
            WHERE NOT (SELECT yes FROM given_up) UNION ALL SELECT id, created_at FROM far)"""

    def _walk_length(self) -> int:
        """Return how many documents are looked at before the other way is taken, 0 for none."""
        by_words = self._by_words()
        length = self._walk_for_words() if by_words else self._walk_for_stages()
        if self.wanted.realm_id is not None:
            # A realm may be small, and then its documents are all that there is to look at.
            length = max(length, _REALM_WALK)
        # A power of two, so that statements are few and can be prepared.
        return 1 << (length - 1).bit_length() if length else 0

    def _by_words(self) -> bool:
        """True if fewer documents match by words than by stages."""
        if not self.wanted.by_stage:
            return True
        return self.wanted.by_words and self._titles() < self.estimate.stages

    def _titles(self) -> float:
        words = self.estimate.words
        return words.share(self.wanted.words or "") * words.titles

    def _walk_for_stages(self) -> int:
        matches = self.estimate.stages
        if matches >= MANY:
            return _LONG_WALK
        return matches // _WALK_SHARE if matches > _FEW else 0

    def _walk_for_words(self) -> int:
        length = int(self._titles() / _TITLE_COST)
        share = self.estimate.words.share(self.wanted.words or "")
        return length if length * share > self.rows else 0

    def _walk(self, length: int) -> str:
        """Return the documents after the cursor in the order of the list, so many at most."""
        # Titles are beside the index that has the order; it alone is read without them.
        columns = "x.id, x.created_at" + (", x.title" if self.wanted.by_words else "")
        walk = f"SELECT {columns} FROM documents x WHERE {self._in_realm()}"
        order = f"ORDER BY x.created_at DESC, x.id DESC LIMIT {length}"
        if self.after is None or self.after.created_at is not None:
            return f"{walk} AND {self._after()} {order}"
        # An index gives each of these from its first row on, and not both of them at once.
        return f"""SELECT * FROM (
            ({walk} AND x.created_at IS NULL AND x.id < %(after_id)s {order})
            UNION ALL ({walk} AND x.created_at IS NOT NULL {order})) x {order}"""

    def _sorted(self, condition: str) -> str:
        """Return the page made of all that matches, if the condition holds."""
        conditions = f"{self._in_realm()} AND {self._after()}"
        order = f"ORDER BY x.created_at DESC, x.id DESC LIMIT {self.rows}"
        # OFFSET 0 keeps each of these to its own way, whatever the planner takes for common.
        if self._by_words():
            return f"""SELECT x.id, x.created_at FROM (SELECT x.id, x.created_at FROM documents x
                WHERE {TITLE_WORDS} @@ to_tsquery('simple', %(words)s) AND {conditions} OFFSET 0) x
                WHERE {condition} AND {self._looked_at(words=False)} {order}"""
        matching = _matching(self.wanted, exactly=True)
        if self.estimate.stages >= MANY:
            return f"""SELECT x.id, x.created_at FROM (
                SELECT x.id, x.created_at, x.title FROM documents x
                WHERE {conditions} AND x.id IN ({matching}) OFFSET 0) x
                WHERE {condition} AND {self._in_title()} {order}"""
        return f"""SELECT x.id, x.created_at FROM (
                SELECT DISTINCT m.document_id FROM ({matching}) m OFFSET 0) m
            CROSS JOIN LATERAL (SELECT x.id, x.created_at, x.title FROM documents x
                WHERE x.id = m.document_id AND {conditions} OFFSET 0) x
            WHERE {condition} AND {self._in_title()} {order}"""

    def _in_realm(self) -> str:
        return "true" if self.wanted.realm_id is None else "x.realm_id = %(realm_id)s"

    def _after(self) -> str:
        if self.after is None:
            return "true"
        # Newest first puts rows of a legacy application that have no time ahead of all others.
        if self.after.created_at is None:
            return "((x.created_at IS NULL AND x.id < %(after_id)s) OR x.created_at IS NOT NULL)"
        return "(x.created_at, x.id) < (%(after_at)s, %(after_id)s)"

    def _looked_at(self, *, words: bool) -> str:
        conditions = [self._in_title()] if words else []
        if self.wanted.by_stage:
            conditions.append(_stage_condition(self.wanted))
        return " AND ".join(conditions) or "true"

    def _in_title(self) -> str:
        if not self.wanted.by_words:
            return "true"
        return f"{TITLE_WORDS} @@ to_tsquery('simple', %(words)s)"


# Ids of later runs are longer, or greater where they are as long.
_NEWEST = """NOT EXISTS (SELECT FROM processing_workflows n WHERE n.document_id = w.document_id
    AND (length(n.id), n.id) > (length(w.id), w.id))"""

# The status is the second column of its index: it is asked for each name that there is.
_IN_STATUS = """
    WITH RECURSIVE names (name) AS (
        (SELECT stage_name FROM documents_processing_stages ORDER BY stage_name LIMIT 1)
        UNION ALL SELECT (SELECT p.stage_name FROM documents_processing_stages p
            WHERE p.stage_name > names.name ORDER BY p.stage_name LIMIT 1)
        FROM names WHERE names.name IS NOT NULL)
    SELECT p.document_id FROM names CROSS JOIN LATERAL (
        SELECT p.document_id FROM documents_processing_stages p
        WHERE p.stage_name = names.name AND p.status = %(status)s OFFSET 0) p
"""


def _matching(wanted: DocumentFilter, *, exactly: bool) -> str:
    """Return the ids that match by stage and status; if not exactly, there may be more."""
    if wanted.status is None:
        newest = _NEWEST if exactly else "true"
        return f"""SELECT w.document_id FROM processing_workflows w
            WHERE w.current_stage = %(stage)s AND {newest}"""
    if wanted.stage is None:
        return _IN_STATUS
    return """SELECT p.document_id FROM documents_processing_stages p
        WHERE p.stage_name = %(stage)s AND p.status = %(status)s"""


def _stage_condition(wanted: DocumentFilter) -> str:
    """Return whether document x matches by stage and status: a look at it alone."""
    if wanted.status is None:
        return f"""EXISTS (SELECT FROM processing_workflows w WHERE w.document_id = x.id
            AND w.current_stage = %(stage)s AND {_NEWEST} OFFSET 0)"""
    at_stage = "" if wanted.stage is None else "AND p.stage_name = %(stage)s"
    return f"""EXISTS (SELECT FROM documents_processing_stages p
        WHERE p.document_id = x.id AND p.status = %(status)s {at_stage} OFFSET 0)"""
