"""No conversion is completed that lost words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import lists, sampled_from, text

from stages.conversion import executor, words
from stages.conversion.gate import agreement, checked
from stages.conversion.markdown_words import shown
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.second_reading import SecondReading
from stages.conversion.words import WordCounts, count_words, words_of
from stages.errors import UnconvertibleDocument
from unit.stages.making import converted_bytes

_TEXT = " ".join(f"word{n}" for n in range(1000))


def part(share: float) -> str:
    return " ".join(_TEXT.split()[: int(1000 * share)])


def check(markdown: str, source: str = _TEXT, **options: float) -> Converted:
    return checked(
        Converted(markdown, converter="first/2"),
        SecondReading(source),
        ConversionOptions.model_validate(options),
    )


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ("One, two; THREE_four 5.5", 6),
        ("東京へ行く", 5),
        ("ภาษา", 4),
        ("ﬁne \u212bngström", 2),
        ("Hafen\u00adordnung", 1),
        ("...", 0),
    ],
)
def test_words_are_runs_of_letters_and_digits_or_single_signs(said: str, count: int) -> None:
    assert count_words(said) == count


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("10<sup>6</sup> H<sub>2</sub>O", "10 6 H 2 O"),
        ("**W**ord and x~~y~~z", "Word and xyz"),
        (r"a\*b max\_size \[x\]", "a b max size x"),
        ("[text](https://example.org/a_(b) \"title\") ![sight](data:image/png;base64,QUJD)",
         "text sight"),
        ("| a | b |\n| --- | --- |\n| 1<br>2 | 3 |", "a b 1 2 3"),
        ("```python\nx = [a](b)\n```\n[a](b)", "x a b a"),
        ("`char *p` in `a*b`", "char p in a b"),
        (r"$\sqrt{x+\beta}$ and $$\frac{\sin x}{\text{speed}}$$", "x β and sin x speed"),
        ("it costs $5 and $6 &amp; more", "it costs 5 and 6 more"),
        ("a[^1]\n\n[^1]: note", "a 1 1 note"),
    ],
)  # fmt: skip
def test_markdown_is_read_as_a_reader_sees_it(markdown: str, text: str) -> None:
    seen, expected = WordCounts(shown(markdown)), WordCounts([text])
    assert (seen.total, seen.matched(expected)) == (expected.total, expected.total)


def test_what_is_whole_passes_with_its_figures() -> None:
    metadata = check(_TEXT.upper() + " extra").metadata
    assert metadata == {"wordRecall": 1.0, "wordPrecision": 0.999}


def test_a_loss_of_a_tenth_fails_with_counts_and_no_word_of_the_document() -> None:
    with pytest.raises(UnconvertibleDocument) as caught:
        check(part(0.85))
    message = str(caught.value)
    assert "150 of the document's 1000 words" in message
    assert "0.850" in message
    assert "first/2" in message
    assert "word9" not in message
    assert not caught.value.retryable
    assert check(part(0.85), failBelow=0.8).metadata["wordRecall"] == 0.85


def test_words_that_occur_twice_must_come_out_twice() -> None:
    with pytest.raises(UnconvertibleDocument):
        check(_TEXT, _TEXT + " " + part(0.5))


@pytest.mark.parametrize(
    ("other", "wins"),
    [
        (_TEXT, True),
        (part(0.95) + " wrong" * 400, False),  # more words, but false ones
        (part(0.92), False),
    ],
)
def test_a_fallback_wins_only_if_recall_rises_and_precision_does_not_fall(
    other: str, wins: bool
) -> None:
    asked = []

    def fallback() -> Converted:
        asked.append(1)
        return Converted(other, converter="second/1")

    reading = SecondReading(_TEXT)
    result = checked(Converted(part(0.93)), reading, ConversionOptions(), fallback)
    assert (result.converter == "second/1") is wins
    assert asked
    asked.clear()
    checked(Converted(part(0.98)), reading, ConversionOptions(), fallback)
    assert not asked


def test_a_fallback_that_refuses_changes_nothing() -> None:
    def fallback() -> Converted:
        raise UnconvertibleDocument

    converted = Converted(part(0.93))
    result = checked(converted, SecondReading(_TEXT), ConversionOptions(), fallback)
    assert result.markdown == converted.markdown


def test_words_left_out_on_purpose_are_no_loss_but_not_without_bound() -> None:
    def recall(kept: float, left_out: int) -> float:
        markdown = Converted(part(kept), left_out={"runningLines": left_out})
        return agreement(markdown, SecondReading(_TEXT)).recall

    assert recall(0.8, 200) == 1.0
    assert recall(0.8, 100) == pytest.approx(800 / 900)
    assert recall(0.001, 999) < 0.01


def test_both_readings_leave_the_same_words_out_once() -> None:
    markdown = Converted(_TEXT, left_out={"hiddenText": 7, "runningLines": 2})
    reading = SecondReading(_TEXT, {"hiddenText": 7})
    assert agreement(markdown, reading).source_words == 998 + 2  # all of them matched
    result = checked(markdown, reading, ConversionOptions())
    assert result.recorded["leftOut"] == {"hiddenText": 7, "runningLines": 2}
    assert result.recorded["wordsLeftOut"] == 9


def test_a_short_document_fails_for_text_that_is_missing_not_for_words_parted_differently() -> None:
    assert check("On ly four words here", "Only four words here").metadata["wordRecall"] < 0.9
    with pytest.raises(UnconvertibleDocument):
        check("four words here", "Only four words here")


def test_a_document_without_words_lost_none() -> None:
    assert check("→ ★", "→ ★").metadata["wordRecall"] == 1.0


def test_very_many_different_words_are_counted_in_bounded_memory() -> None:
    words = [f"w{n}" for n in range(450_000)]
    whole, less = WordCounts([" ".join(words)]), WordCounts([" ".join(words[:360_000])])
    assert whole.matched(less) == less.matched(whole) == 360_000
    assert not whole._exact


@dataclass(frozen=True)
class _Module:
    """A format's module, as far as the executor looks at it."""

    markdown: str
    fails: bool = False

    def convert(self, source: Source, options: ConversionOptions) -> Converted:
        return Converted(self.markdown)

    def second_reading(self, source: Source, options: ConversionOptions) -> SecondReading:
        if self.fails:
            raise ValueError("cannot read it")
        return SecondReading(_TEXT)


def test_a_stage_whose_words_are_lost_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(executor, "module_of", lambda kind: _Module(part(0.5)))
    with pytest.raises(UnconvertibleDocument, match="500 of the document's 1000 words"):
        converted_bytes(tmp_path, b"text", "a.txt")


def test_a_second_reading_that_fails_leaves_the_document_unchecked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(executor, "module_of", lambda kind: _Module(part(0.5), fails=True))
    recorded = converted_bytes(tmp_path, b"text", "a.txt").recorded
    assert (recorded["wordRecall"], recorded["wordPrecision"]) == (None, None)
    assert recorded["warning"] == (
        "The words were not checked: the second reading failed with ValueError."
    )


def test_a_second_reading_that_runs_out_of_memory_fails_the_stage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Greedy(_Module):
        def second_reading(self, source: Source, options: ConversionOptions) -> SecondReading:
            raise MemoryError

    monkeypatch.setattr(executor, "module_of", lambda kind: Greedy(part(0.5)))
    with pytest.raises(MemoryError):
        converted_bytes(tmp_path, b"text", "a.txt")


@given(text(alphabet="aB1_ é\u2019—\u00ad\u00a0ﬁΣς東カﾊﾞ½™İ\u0301\n-", max_size=40))
def test_words_are_the_same_where_they_are_found_fast(source: str) -> None:
    plain = re.sub("[\u00ad\u200b-\u200f\u2060\ufeff]", "", source)
    whole = unicodedata.normalize("NFKC", plain).casefold()
    assert words_of(source) == words._WORD.findall(whole)


@given(lists(sampled_from("abc")), lists(sampled_from("abc")))
def test_matched_words_are_the_smaller_count_of_each(one: list[str], other: list[str]) -> None:
    counts = [WordCounts([" ".join(each)]) for each in (one, other)]
    assert counts[0].matched(counts[1]) == (Counter(one) & Counter(other)).total()


def test_markdown_that_differs_from_its_source_is_compared_word_by_word() -> None:
    reading = SecondReading("a\\_b *c* [d](e)\n", is_markdown=True)
    assert agreement(Converted("a\\_b *c* [d](e)\n"), reading).recall == 1.0
    assert agreement(Converted("a\\_b *c*\n"), reading).recall == pytest.approx(3 / 4)


def test_what_was_found_is_recorded(tmp_path: Path) -> None:
    recorded = converted_bytes(tmp_path, b"Some text of a file.", "a.txt").recorded
    assert recorded["converter"] == "plain-text/2"
    assert recorded["wordRecall"] == recorded["wordPrecision"] == 1.0
    assert (recorded["lossy"], recorded["leftOut"], recorded["wordsLeftOut"]) == (False, {}, 0)
