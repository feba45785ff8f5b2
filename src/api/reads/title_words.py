"""The words of titles: how they are asked for, and how common they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.json_types import JsonMapping

TITLE_WORDS = (
    "to_tsvector('simple', regexp_replace(coalesce(x.title, ''), '[!-/:-@[-`{-~]+', ' ', 'g'))"
)
"""The words of a title as idx_documents_title_words has them: punctuation always parts words."""

COMMON_WORDS = """
    SELECT c.reltuples AS titles, s.most_common_elems::text::text[] AS words,
        s.most_common_elem_freqs AS shares
    FROM pg_class c LEFT JOIN pg_stats s ON s.schemaname = 'public'
        AND s.tablename = 'idx_documents_title_words'
    WHERE c.oid = 'public.documents'::regclass
"""
"""What ANALYZE found in that index: the most common words and their shares of the titles."""

_MAX_WORD_CHARS = 255  # no word of a title is longer, and PostgreSQL takes 2 KB
_ASCII_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~\s]+")


def prefix_query(words: str) -> str:
    """Return the tsquery of titles in which each of these begins a word, '' without a word."""
    return " & ".join(f"({' | '.join(map(_prefix, forms))})" for forms in _forms(words))


def _prefix(form: str) -> str:
    return f"'{form}':*"


def _forms(words: str) -> Iterable[Sequence[str]]:
    for part in _ASCII_PUNCTUATION.sub(" ", words).split():
        word = part[:_MAX_WORD_CHARS]
        # A database of locale C knows the case of ASCII letters only.
        forms = {word, word.lower(), word.upper(), word.capitalize()}
        yield [word] if word.isascii() else sorted(forms)


@dataclass(frozen=True, slots=True)
class CommonWords:
    """How many titles there are, and the share of them in which each of the common words is."""

    titles: float = 0.0
    shares: Sequence[tuple[str, float]] = ()

    @staticmethod
    def of(row: JsonMapping) -> CommonWords:
        """Return what a row of COMMON_WORDS says; a table that was not analysed says nothing."""
        # Behind the shares are the least and the greatest of them.
        shares = tuple(zip(row["words"] or (), row["shares"] or (), strict=False))
        return CommonWords(max(0.0, row["titles"]), shares)

    def share(self, words: str) -> float:
        """Return about what share of the titles has all of these; 0 if one of them is rare."""
        return min((self._share(forms) for forms in _forms(words)), default=1.0)

    def _share(self, forms: Sequence[str]) -> float:
        beginnings = tuple(form.lower() for form in forms)
        return min(1.0, sum(it for word, it in self.shares if word.startswith(beginnings)))
