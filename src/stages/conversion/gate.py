"""No conversion is completed that lost words: Markdown against a second reading of the document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from stages.conversion.markdown import tidied
from stages.conversion.markdown_words import shown
from stages.conversion.result import ConversionOptions, Converted
from stages.conversion.second_reading import SecondReading
from stages.conversion.words import WordCounts, pieces_of
from stages.errors import UnconvertibleDocument

_SHORT_WORDS: Final = 50
_MAX_UNCONFIRMED_SHARE: Final = 0.5


@dataclass(frozen=True)
class Agreement:
    """How far a conversion and the second reading agree.

    `recall` is the share of the document's words that are in the Markdown, `precision` the share of
    the Markdown's words that are in the document. `kept` decides: it is the recall, but for a
    document of fewer than 50 words it counts letters where that is more favourable, for there one
    word that the two readings part differently is a loss of several percent.
    """

    source_words: int
    missing: int
    recall: float
    precision: float
    kept: float

    @property
    def metadata(self) -> Mapping[str, float]:
        """The figures to record with the stage."""
        return {"wordRecall": round(self.recall, 4), "wordPrecision": round(self.precision, 4)}


_EQUAL: Final = Agreement(source_words=0, missing=0, recall=1.0, precision=1.0, kept=1.0)


def agreement(converted: Converted, reading: SecondReading) -> Agreement:
    """Compare the words of a conversion with those of the second reading."""
    return _Source(reading).compare(converted)


def checked(
    converted: Converted,
    reading: SecondReading,
    options: ConversionOptions,
    fallback: Callable[[], Converted] | None = None,
) -> Converted:
    """Return the conversion that keeps more words, its figures in the metadata.

    Raises UnconvertibleDocument if even that one keeps less than `options.fail_below`.
    """
    source = _Source(reading)
    found = source.compare(converted)
    if found.kept < options.minimum_recall and fallback is not None:
        converted, found = _better(source, (converted, found), fallback)
    if found.kept < options.fail_below:
        raise UnconvertibleDocument(_loss(converted, found, options))
    left_out = _by_kind(converted.left_out, reading.left_out)
    return replace(converted, left_out=left_out, metadata={**converted.metadata, **found.metadata})


def unchecked(converted: Converted, error: Exception) -> Converted:
    """Return the conversion with a warning that nothing has checked it, and the kind of fault."""
    kind = type(error).__name__
    warning = f"The words were not checked: the second reading failed with {kind}."
    figures = {"wordRecall": None, "wordPrecision": None, "warning": warning}
    return replace(converted, metadata={**converted.metadata, **figures})


class _Source:
    """The document's words, counted once for both converters."""

    def __init__(self, reading: SecondReading) -> None:
        self._reading = reading
        self._left_out = reading.left_out
        self._unread = reading.unread

    @cached_property
    def _words(self) -> WordCounts:
        text = self._reading.text
        return WordCounts(shown(text) if self._reading.is_markdown else pieces_of(text))

    @cached_property
    def _all(self) -> WordCounts:
        reading = self._reading
        if not reading.optional:
            return self._words
        return WordCounts([*pieces_of(reading.text), *pieces_of(reading.optional)])

    def compare(self, converted: Converted) -> Agreement:
        if self._reading.is_markdown and tidied(self._reading.text) == converted.markdown:
            return _EQUAL
        markdown = WordCounts(shown(converted.markdown))
        matched = self._words.matched(markdown)
        expected = max(matched, self._words.total - self._unconfirmed(converted.left_out))
        recall = _share(matched, expected)
        letters = self._letters_kept(markdown) if expected < _SHORT_WORDS else 0
        return Agreement(
            source_words=expected,
            missing=expected - matched,
            recall=recall,
            precision=_share(
                matched if self._all is self._words else self._all.matched(markdown), markdown.total
            ),
            kept=max(recall, letters),
        )

    def _unconfirmed(self, left_out: Mapping[str, int]) -> int:
        """Count words that the converter alone says it left out on purpose.

        It is believed for half of the document: a rule that takes more for, say, running lines is
        at fault.
        """
        words = sum(
            max(0, count - self._left_out.get(kind, 0))
            for kind, count in left_out.items()
            if kind not in self._unread
        )
        return min(words, int(self._words.total * _MAX_UNCONFIRMED_SHARE))

    def _letters_kept(self, markdown: WordCounts) -> float:
        source = self._words.letters()
        return _share((source & markdown.letters()).total(), source.total())


def _better(
    source: _Source, first: tuple[Converted, Agreement], fallback: Callable[[], Converted]
) -> tuple[Converted, Agreement]:
    """Try the fallback; it wins if it keeps more words and adds no wrong ones."""
    try:
        other = fallback()
    except UnconvertibleDocument:
        return first
    found, before = source.compare(other), first[1]
    wins = found.recall > before.recall and found.precision >= before.precision
    return (other, found) if wins else first


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _by_kind(*counts: Mapping[str, int]) -> dict[str, int]:
    """Return the larger count of each kind: both readings see the same words."""
    merged: Counter[str] = Counter()
    for each in counts:
        merged |= Counter(each)
    return dict(merged)


def _loss(converted: Converted, found: Agreement, options: ConversionOptions) -> str:
    return (
        f"The conversion would lose {found.missing} of the document's {found.source_words} words "
        f"(recall {found.recall:.3f}, at least {options.fail_below:.2f} is needed; converter "
        f"{converted.converter or 'unnamed'}); save the document in another format, such as DOCX, "
        "PDF or HTML, and hand in that, or accept the loss by failBelow in the options of this "
        "stage."
    )
