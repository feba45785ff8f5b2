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


def words(markdown: str) -> Counter[str]:
    """Return the words that a reader sees, code and what stands in tags among them."""
    said = [
        child.content + " ".join(str(value) for value in child.attrs.values())
        for token in parse(markdown)
        for child in (token.children or [token])
    ]
    return Counter(re.findall(r"[^\W_]+", " ".join(said)))


def code_of(markdown: str) -> list[str]:
    return [t.content.rstrip() for t in parse(markdown) if t.type in ("fence", "code_block")]


@given(MARKDOWN)
@settings(max_examples=150, deadline=None)
def test_optimising_twice_changes_nothing_more(markdown: str) -> None:
    once = optimize(markdown).markdown
    assert optimize(once).markdown == once


@given(DOCUMENTS)
@settings(max_examples=100, deadline=None)
def test_no_word_and_no_code_is_lost(markdown: str) -> None:
    optimized = optimize(markdown).markdown
    assert words(optimized) == words(markdown)
    assert code_of(optimized) == code_of(markdown)


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_samples_are_formatted_and_keep_their_words(path: Path) -> None:
    markdown = converted(path).markdown
    result = optimize(markdown)
    optimized = result.markdown
    assert result.formatted
    assert words(optimized) == words(markdown)
    assert optimize(optimized).markdown == optimized


def test_text_that_was_decoded_wrongly_is_repaired_outside_of_code() -> None:
    broken = "Größe".encode().decode("cp1252")
    markdown = f"Die {broken} der Linse.\n\n```\n{broken}\n```\n\nSo `{broken}` steht es da.\n"
    optimized = optimize(markdown).markdown
    assert "Die Größe der Linse." in optimized
    assert f"```\n{broken}\n```" in optimized
    assert f"`{broken}`" in optimized
    untouched = optimize(markdown, OptimizerOptions(fix_encoding=False)).markdown
    assert "Größe" not in untouched


def test_headings_leave_out_no_level() -> None:
    optimized = optimize("# One\n\n#### Far\n\n##### Farther\n\n## Two\n\n### Three\n").markdown
    assert re.findall(r"^#+", optimized, re.MULTILINE) == ["#", "##", "###", "##", "###"]


def test_what_looks_like_a_heading_in_code_stays() -> None:
    markdown = "# One\n\n```\n#### not one\n```\n"
    assert "#### not one" in optimize(markdown).markdown


def test_front_matter_stays_word_for_word() -> None:
    source = (SAMPLES / "expedition-log.md").read_text(encoding="utf-8")
    front_matter = source[: source.index("---", 4) + 4]
    optimized = optimize(source).markdown
    assert optimized.startswith(front_matter)
    assert "* * *" not in optimized


def test_one_way_of_writing() -> None:
    optimized = optimize("Title\n=====\n\n* a\n* b\n    * c\n\n|x|y|\n|-|-|\n|1|2|\n").markdown
    assert optimized == "# Title\n\n- a\n- b\n  - c\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n"


def test_numbers_of_lists_stay() -> None:
    assert optimize("3. c\n4. d\n").markdown == "3. c\n4. d\n"


def test_lists_that_would_take_for_ever_are_left_as_they_are() -> None:
    markdown = "* item\n" * 1_001
    result = optimize(markdown)
    assert (result.markdown, result.left) == (markdown, {"long": 1})
    assert optimize("* item\n" * 10).markdown == "- item\n" * 10


def test_the_stage_reads_markdown_and_writes_optimized_markdown(tmp_path: Path) -> None:
    source = tmp_path / "a.md"
    source.write_text("* a\n", encoding="utf-8")
    file = input_file(source, file_type="markdown", stage_name="markdown-conversion")
    executor = MarkdownOptimizer()
    outcome = executor.run(task_of("markdown-optimizer", tmp_path / "work", file))
    assert outcome.files[0].path.read_text(encoding="utf-8") == "- a\n"
    assert outcome.metadata == {
        "formatted": True,
        "changed": True,
        "blocks": 1,
        "blocksLeft": {},
    }


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


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        # what is written otherwise and says the same
        (
            "# T\n\n#### Deep\n\n* a\n* b\n\n---\n\nMore.\n",
            "# T\n\n## Deep\n\n- a\n- b\n\n---\n\nMore.\n",
        ),
        (
            "# T\n\n#### Deep\n\nFish &amp; chips &copy; 2026\n",
            "# T\n\n## Deep\n\nFish & chips © 2026\n",
        ),
        ("Say max\\_idle\\_time *now*\n", "Say max_idle_time *now*\n"),
        # what has a meaning that CommonMark does not know
        ("$$\na_1 * b_2 * c\n\\\\\nx < y\n$$\n\nand $a*b*c$ plus \\(x_1\\) and \\[ y \\]\n", None),
        ("A claim[^1] here.\n\n[^1]: The source of it.\n", None),
        ("Set _x_$y$ and _claim_[^1] of _exports_\\[_a_\\] to *b*\\(c\\).\n", None),
        ("Top\n===\n\n### Far\n", "# Top\n\n## Far\n"),
        ("See [[Harbour Office|the office]] and ![[lamp.png]].\n", None),
        ("The file __init__.py runs.\n", None),
        ('See [it](src/__init__.py "and __this__") and <https://varn.example/__a__/>.\n', None),
        ("Before zq0z.\n\n![a](data:image/png;base64," + "QUJD" * 99 + ")\n\nzqq1z $x_1$\n", None),
        ("4. d\n5. e\n", None),
        ("- [ ] open\n- [x] done\n", None),
        (
            "See [the code][c] and [here].\n\n[c]: https://varn.example/c\n[here]: /h 'Title'\n",
            None,
        ),
        ("".join(f"{n}. it\n" for n in range(8, 12)), "8.  it\n9.  it\n10. it\n11. it\n"),
        ("- a\n\n  ---\n\n  b\n", "- a\n\n  ***\n\n  b\n"),
        ("a &nbsp; b\n", "a b\n"),
        ("## One\n\n##\n\n* a\n", "## One\n\n##\n\n- a\n"),
        ("See C:\\\\(temp\\\\) and `\\(x`.\n", None),
        # emphasis that shows its marks
        ("**注意\uff1a**閉館は9時です。\n", "**注意**\uff1a閉館は9時です。\n"),
        ("**Art.**5 and before**(middle)**after\n", "**Art**.5 and before(**middle**)after\n"),
        ("**免费\uff1a**\n", None),
        ("注意**\uff01**关闭\n", "注意\uff01关闭\n"),
        ("x*(y)*z\n\n2*(3+4)*5\n", "x\\*(y)\\*z\n\n2\\*(3+4)\\*5\n"),
        ("**Fee:** 12 crowns and 2*3*4\n", None),
        ("`**注意\uff1a**閉館`\n", None),
    ],
)
def test_it_says_the_same_in_one_way(markdown: str, expected: str | None) -> None:
    result = optimize(markdown)
    assert result.markdown == (expected or markdown)
    assert result.formatted
    assert not result.left
    assert optimize(result.markdown).markdown == result.markdown


def test_what_cannot_be_formatted_is_counted_by_reason_and_the_rest_is_formatted() -> None:
    long = "word _by_ word " * 2_000
    result = optimize(f"{long.strip()}\n\n" + "* a\n\ntext\n\n" * 20)
    assert result.left == {"long": 1}
    assert result.formatted
    assert "- a\n\ntext\n" in result.markdown
    assert long.strip() in result.markdown


def test_blocks_that_are_apart_stay_apart() -> None:
    for markdown in (
        "- a\n\n* b\n",
        "- a\n\n<!-- -->\n\n- b\n",
        "1. a\n\n1) b\n",
        "- a\n\n\n      code\n",
    ):
        kinds = [token.type.replace("code_block", "fence") for token in parse(markdown)]
        assert [token.type for token in parse(optimize(markdown).markdown)] == kinds


def test_a_table_keeps_cells_beyond_its_header() -> None:
    markdown = "| a | b |\n| --- | --- |\n| 1 | 2 | three |\n"
    result = optimize(markdown)
    assert (result.markdown, result.left) == (markdown, {"notTheSame": 1})


@pytest.mark.parametrize(
    "note",
    [
        "[^1]: First.\n\n    Second *of* it.",
        "[^a]: First.\n\n    - an item\n\n    | A | B |\n    | --- | --- |\n    | 1 | 2 |",
    ],
)
def test_further_blocks_of_a_footnote_are_no_code(note: str) -> None:
    markdown = f"Text[^1]\n\n{note}\n\n[^2]: Other.\n\nEnd.\n"
    result = optimize(markdown)
    assert (result.markdown, result.left) == (markdown, {})


def test_indented_lines_after_a_paragraph_are_code() -> None:
    assert optimize("Text.\n\n    code\n").markdown == "Text.\n\n```\ncode\n```\n"
