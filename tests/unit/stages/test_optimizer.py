"""Optimised Markdown says the same, in one way of writing."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings

from stages.errors import InputMissing, OptionsInvalid, UnconvertibleDocument
from stages.markdown_reading import parse
from stages.optimizer import MarkdownOptimizer, OptimizerOptions, optimize
from unit.stages.making import SAMPLES, converted, input_file, task_of
from unit.stages.markdown_texts import DOCUMENTS, MARKDOWN

_NUMBERING = re.compile(r"^[ \t>]*(?:[-+*][ \t]+)*\d{1,9}[.)](?=\s|$)", re.MULTILINE)


def words(markdown: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", _NUMBERING.sub("", markdown)))


def code_of(markdown: str) -> list[str]:
    return [t.content.rstrip() for t in parse(markdown) if t.type in ("fence", "code_block")]


@given(MARKDOWN)
@settings(max_examples=150, deadline=None)
def test_optimising_twice_changes_nothing_more(markdown: str) -> None:
    once, _ = optimize(markdown)
    assert optimize(once)[0] == once


@given(DOCUMENTS)
@settings(max_examples=100, deadline=None)
def test_no_word_and_no_code_is_lost(markdown: str) -> None:
    optimized, _ = optimize(markdown)
    assert words(optimized) == words(markdown)
    assert code_of(optimized) == code_of(markdown)


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_samples_are_formatted_and_keep_their_words(path: Path) -> None:
    markdown = converted(path).markdown
    optimized, formatted = optimize(markdown)
    assert formatted
    assert words(optimized) == words(markdown)
    assert optimize(optimized)[0] == optimized


def test_text_that_was_decoded_wrongly_is_repaired_outside_of_code() -> None:
    broken = "Größe".encode().decode("cp1252")
    markdown = f"Die {broken} der Linse.\n\n```\n{broken}\n```\n\nSo `{broken}` steht es da.\n"
    optimized, _ = optimize(markdown)
    assert "Die Größe der Linse." in optimized
    assert f"```\n{broken}\n```" in optimized
    assert f"`{broken}`" in optimized
    untouched, _ = optimize(markdown, OptimizerOptions(fix_encoding=False))
    assert "Größe" not in untouched


def test_headings_leave_out_no_level() -> None:
    optimized, _ = optimize("# One\n\n#### Far\n\n##### Farther\n\n## Two\n\n### Three\n")
    assert re.findall(r"^#+", optimized, re.MULTILINE) == ["#", "##", "###", "##", "###"]


def test_what_looks_like_a_heading_in_code_stays() -> None:
    markdown = "# One\n\n```\n#### not one\n```\n"
    assert "#### not one" in optimize(markdown)[0]


def test_front_matter_stays_word_for_word() -> None:
    source = (SAMPLES / "expedition-log.md").read_text(encoding="utf-8")
    front_matter = source[: source.index("---", 4) + 4]
    optimized, _ = optimize(source)
    assert optimized.startswith(front_matter)
    assert "* * *" not in optimized


def test_one_way_of_writing() -> None:
    optimized, _ = optimize("Title\n=====\n\n* a\n* b\n    * c\n\n|x|y|\n|-|-|\n|1|2|\n")
    assert optimized == "# Title\n\n- a\n- b\n  - c\n\n| x | y |\n| -- | -- |\n| 1 | 2 |\n"


def test_numbers_of_lists_stay() -> None:
    assert optimize("3. c\n4. d\n")[0] == "3. c\n4. d\n"


def test_lists_that_would_take_for_ever_are_left_as_they_are() -> None:
    markdown = "* item\n" * 1_001
    assert optimize(markdown) == (markdown, False)
    assert optimize("* item\n" * 10) == ("- item\n" * 10, True)


def test_the_stage_reads_markdown_and_writes_optimized_markdown(tmp_path: Path) -> None:
    source = tmp_path / "a.md"
    source.write_text("* a\n", encoding="utf-8")
    file = input_file(source, file_type="markdown", stage_name="markdown-conversion")
    executor = MarkdownOptimizer()
    outcome = executor.run(task_of("markdown-optimizer", tmp_path / "work", file))
    assert outcome.files[0].path.read_text(encoding="utf-8") == "- a\n"
    assert outcome.metadata == {"formatted": True, "changed": True}


def test_it_says_what_is_missing_or_wrong(tmp_path: Path) -> None:
    executor = MarkdownOptimizer()
    with pytest.raises(InputMissing, match="'markdown'"):
        executor.run(task_of("markdown-optimizer", tmp_path / "a"))
    bad = tmp_path / "bad.md"
    bad.write_bytes(b"\xff\xfe\xfa")
    file = input_file(bad, file_type="markdown")
    with pytest.raises(UnconvertibleDocument, match="UTF-8"):
        executor.run(task_of("markdown-optimizer", tmp_path / "b", file))
    with pytest.raises(OptionsInvalid, match="wrapAt"):
        executor.run(task_of("markdown-optimizer", tmp_path / "c", file, options={"wrapAt": 80}))
