"""Which way a page of a list is found: newest first, whichever filters there are.

Documents lie in the order of the list, stages do not, so there are two ways to the documents of a
stage or of words. One walks along the documents and looks at each: right for what is common. The
other takes what matches from its own index and sorts it: right for what is rare. Which it is
depends also on where in the list it lies, so a walk is given up before it has cost more than the
other way does. Every page is found from its cursor: no row of an earlier one is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from api.reads.listing_sql import MANY, Way, count_sql, page_sql
from api.reads.title_words import CommonWords, prefix_query
from domain.json_types import JsonMapping

_FEW = 1000
_REALM_WALK = 512
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


class PageQuery(NamedTuple):
    """The query of a page. One that `keeps_plan` has one plan whatever its values are."""

    sql: str
    values: JsonMapping
    keeps_plan: bool


def count_query(wanted: DocumentFilter) -> tuple[str, JsonMapping]:
    """Return the query of how many documents match by stage and status, MANY at most."""
    query = count_sql(by_stage=wanted.stage is not None, by_status=wanted.status is not None)
    return query, {"stage": wanted.stage, "status": wanted.status}


def page_query(
    wanted: DocumentFilter, after: After | None, limit: int, estimate: Estimate, shown: str
) -> PageQuery:
    """Return the query of the `limit` documents after that one; it gives one row.

    `bodies` has `shown`, the JSON of a document d with its stream s, of each, joined by commas;
    `last_at` and `last_id` are the last one's, null if no other follows.
    """
    way = _way(wanted, after, limit, estimate)
    values = {
        "realm_id": wanted.realm_id,
        "stage": wanted.stage,
        "status": wanted.status,
        "words": prefix_query(wanted.words or ""),
        "after_at": after and after.created_at,
        "after_id": after and after.document_id,
    }
    # What is common is found in the same way wherever it is, and to plan that takes as long as many
    # a page does. What is rare needs a plan for its very values.
    keeps_plan = way.walk > 0 and way.other != "few"
    return PageQuery(page_sql(way, shown), values, keeps_plan)


def _way(wanted: DocumentFilter, after: After | None, limit: int, estimate: Estimate) -> Way:
    by_stage, by_words = wanted.by_stage, wanted.by_words
    share = estimate.words.share(wanted.words or "") if by_words else 1.0
    titles = share * estimate.words.titles
    words_first = by_words and (not by_stage or titles < estimate.stages)
    if words_first:
        length = _walk_for_words(titles, share, limit)
    else:
        length = _walk_for_stages(estimate.stages)
    if wanted.realm_id is not None:
        # A realm may be small, and then its documents are all that there is to look at.
        length = max(length, _REALM_WALK)
    return Way(
        by_realm=wanted.realm_id is not None,
        by_stage=wanted.stage is not None,
        by_status=wanted.status is not None,
        by_words=by_words,
        begins="anywhere" if after is None else "untimed" if after.created_at is None else "timed",
        limit=limit,
        # A power of two, so that statements are few and can be prepared.
        walk=1 << length.bit_length() >> 1,
        other="words" if words_first else "many" if estimate.stages >= MANY else "few",
    )


def _walk_for_stages(matches: int) -> int:
    """Return how many documents are looked at before the other way is taken, 0 for none."""
    if matches >= MANY:
        return _LONG_WALK
    return matches // _WALK_SHARE if matches > _FEW else 0


def _walk_for_words(titles: float, share: float, limit: int) -> int:
    length = int(titles / _TITLE_COST)
    return length if length * share > limit else 0
