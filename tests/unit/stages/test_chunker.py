"""Chunks tile the Markdown, know where they stand, and are the same each time."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.chunker import Chunker, ChunkerOptions, chunk
from stages.errors import OptionsInvalid
from stages.tokens import TOKENIZER, count_tokens
from unit.stages.making import SAMPLES, converted, input_file, task_of
from unit.stages.markdown_texts import ANY_TEXT, MARKDOWN

_SMALL = ChunkerOptions(min_tokens=4, max_tokens=12)


@given(MARKDOWN, st.sampled_from([ChunkerOptions(), _SMALL]))
@settings(max_examples=300, deadline=None)
def test_spans_tile_any_text(markdown: str, options: ChunkerOptions) -> None:
    chunks = chunk(markdown, options)
    assert "".join(each.text for each in chunks) == markdown
    assert [each.index for each in chunks] == list(range(len(chunks)))
    for each in chunks:
        assert markdown[each.start : each.end] == each.text
        assert each.text
        assert each.token_count == count_tokens(each.text)
    assert [each.end for each in chunks[:-1]] == [each.start for each in chunks[1:]]


@given(ANY_TEXT)
@settings(deadline=None)
def test_tokens_are_counted_for_any_text(text: str) -> None:
    letters = sum(char.isalnum() for char in text)
    assert count_tokens(text) <= len(text.encode())
    assert letters == 0 or count_tokens(text) > 0


def test_chunks_keep_to_their_size() -> None:
    markdown = (SAMPLES / "the-lamp-at-varn.txt").read_text(encoding="utf-8")
    options = ChunkerOptions(min_tokens=50, max_tokens=100)
    counts = [each.token_count for each in chunk(markdown, options)]
    assert max(counts) <= 100
    assert len(counts) > 10


def test_heading_paths_lead_to_the_chunk() -> None:
    markdown = (
        "Before.\n\n# The *lamp*\n\nText of the lamp.\n\n## The `lens`\n\nText of the lens.\n\n"
        "```\n# not a heading\n```\n\n# The river\n\nText of the river.\n"
    )
    paths = {each.text.strip(): each.heading_path for each in chunk(markdown, _SMALL)}
    assert paths["Before."] == ()
    assert ("The lamp",) in paths.values()
    assert ("The lamp", "The lens") in paths.values()
    assert paths[next(text for text in paths if "not a heading" in text)] == (
        "The lamp",
        "The lens",
    )
    assert paths[next(text for text in paths if "of the river" in text)] == ("The river",)


def test_headings_of_files_with_other_line_ends() -> None:
    markdown = "# One\r\n\r\ntext of one\r\n\r\n# Two\r\rtext of two, and some more of it\r"
    found = {each.heading_path for each in chunk(markdown, _SMALL)}
    assert {("One",), ("Two",)} <= found


def run(folder: Path, *, optimized: bool, options: dict[str, object] | None = None) -> bytes:
    original = folder / "a.md"
    original.write_text("# Lamp\n\nÜber das Licht.\n", encoding="utf-8")
    better = folder / "a.opt.md"
    better.write_text("# Lamp\n\nBesser.\n", encoding="utf-8")
    files = [input_file(original, file_type="markdown", stage_name="markdown-conversion")]
    if optimized:
        files.append(
            input_file(better, file_type="optimized_markdown", stage_name="markdown-optimizer")
        )
    task = task_of("chunker", folder / "work", *files, options=options)
    return Chunker().run(task).files[0].path.read_bytes()


def test_the_document_is_as_in_the_contract_and_the_same_each_time(tmp_path: Path) -> None:
    content = run(tmp_path, optimized=False)
    assert content == run(tmp_path, optimized=False)
    document = json.loads(content)
    assert document["source"]["fileType"] == "markdown"
    assert len(document["source"]["checksum"]) == 64
    assert document["chunks"] == [
        {
            "index": 0,
            "text": "# Lamp\n\nÜber das Licht.\n",
            "start": 0,
            "end": 24,
            "headingPath": ["Lamp"],
            "tokenCount": document["chunks"][0]["tokenCount"],
        }
    ]
    assert "Über" in content.decode()  # not escaped


def test_the_best_markdown_is_taken(tmp_path: Path) -> None:
    document = json.loads(run(tmp_path, optimized=True))
    assert document["source"]["fileType"] == "optimized_markdown"
    assert "Besser" in document["chunks"][0]["text"]


@pytest.mark.parametrize(
    "options",
    [{"maxTokens": 0}, {"minTokens": 50, "maxTokens": 40}, {"size": 3}, {"maxTokens": "many"}],
)
def test_bad_options_are_refused(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(OptionsInvalid, match="stage 'chunker'"):
        run(tmp_path, optimized=False, options=options)


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_samples_are_tiled(path: Path) -> None:
    markdown = converted(path).markdown
    assert "".join(each.text for each in chunk(markdown)) == markdown


TABLE = "| No | Pump |\n| --- | --- |\n" + "".join(f"| {n} | pump {n} |\n" for n in range(200))
CODE = "```python\n" + "".join(f"call_number({n})\n" for n in range(200)) + "```\n"


def test_what_goes_on_is_read_under_its_heading_and_header() -> None:
    chunks = chunk(f"# Harbour\n\n## Pumps\n\n{TABLE}")
    assert len(chunks) > 2
    assert chunks[0].context is None
    for each in chunks[1:]:
        assert each.context == "## Pumps\n\n| No | Pump |\n| --- | --- |"
        assert each.heading_path == ("Harbour", "Pumps")
        assert each.text.startswith("| ")


def test_code_that_goes_on_is_read_under_the_mark_that_opens_it() -> None:
    chunks = chunk(CODE)
    assert len(chunks) > 2
    assert {each.context for each in chunks[1:]} == {"```python"}


@pytest.mark.parametrize("body", [TABLE, CODE, "word " * 2_000, "- an item\n" * 500])
def test_no_heading_fence_mark_or_table_header_is_alone(body: str) -> None:
    """Whatever stands ahead, so that cuts come near each place."""
    for ahead in range(0, 60, 7):
        markdown = "Some words ahead. " * ahead + f"\n\n# One\n\n## Two\n\n{body}\n\n## End\n"
        for each in chunk(markdown, ChunkerOptions(min_tokens=40, max_tokens=60)):
            lines = [line for line in each.text.splitlines() if line.strip()]
            assert any(not line.startswith("#") for line in lines), lines
            assert lines[-1] != "```python", lines
            assert lines != ["```"]
            assert not lines[-1].startswith(("# ", "| No", "| ---")), lines


def test_a_section_begins_a_chunk_once_there_is_a_quarter_of_the_least() -> None:
    markdown = "# One\n\n" + "Words of one. " * 20 + "\n\n# Two\n\n" + "Words of two. " * 200
    chunks = chunk(markdown)
    assert chunks[1].text.startswith("# Two")


def test_a_picture_is_kept_apart_and_its_description_is_not() -> None:
    payload = "data:image/png;base64," + "QUJD" * 100_000
    markdown = f"# Plot\n\nBefore.\n\n![a gauge]({payload})\n\nAfter.\n\n[ref]: {payload}\n"
    chunks = chunk(markdown)
    assert "".join(each.text for each in chunks) == markdown
    indexed = "".join(each.text for each in chunks if each.indexed)
    assert "QUJD" not in indexed
    assert "a gauge" in indexed
    assert "After." in indexed
    assert len(chunks) == 4


def test_chunks_share_as_many_tokens_as_asked_for() -> None:
    markdown = "".join(f"This is sentence number {n}. " for n in range(400))
    chunks = chunk(markdown, ChunkerOptions(overlap_tokens=30))
    for before, each in pairwise(chunks):
        shared = markdown[each.start : before.end]
        assert 15 < count_tokens(shared) <= 30
        assert each.text.startswith(shared)


def test_tokens_are_those_of_the_vocabulary_that_is_named() -> None:
    """Counts of `o200k_base`, as its publisher's own tokenizer gives them."""
    assert TOKENIZER == "o200k_base"
    assert count_tokens("hello world") == 2
    assert count_tokens("ประเทศไทย") < 9
    assert count_tokens("7" * 9) == 3


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000,
        "- x\n" * 20_000,
        "> " * 2_000 + "x",
        "|" * 9_999,
        "\n" * 200_000,
        "# a\n\n" * 10_000,
        "灯" * 100_000,
        "```\n" * 9_999,
        "[" * 100_000,
        f"![a](data:image/png;base64,{'QUJD' * 500_000})",
    ],
    ids=lambda text: repr(text[:6]),
)
def test_strange_texts_are_tiled_and_keep_to_their_size(text: str) -> None:
    chunks = chunk(text)
    assert "".join(each.text for each in chunks) == text
    assert max(each.token_count for each in chunks if each.indexed) <= 400
