"""Every fact rests on words that stand in its chunk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from stages.chunker import Chunker, ChunkerOptions, chunk
from stages.errors import UnconvertibleDocument
from stages.facts import FactGenerator, FactOptions, facts
from stages.languages import language_of
from stages.shapes import Fact
from unit.stages.making import SAMPLES, converted, input_file, output_of, task_of
from unit.stages.markdown_texts import MARKDOWN

_SMALL = ChunkerOptions(min_tokens=4, max_tokens=24)


def found_in(markdown: str) -> list[Fact]:
    return facts(chunk(markdown))


def statements(markdown: str, kind: str) -> list[str]:
    return [fact.statement for fact in found_in(markdown) if fact.kind == kind]


@given(MARKDOWN)
@settings(max_examples=200, deadline=None)
def test_quotes_stand_word_for_word_where_they_say(markdown: str) -> None:
    chunks = chunk(markdown, _SMALL)
    for number, fact in enumerate(facts(chunks)):
        assert fact.index == number
        assert fact.quote.strip()
        assert fact.quote in chunks[fact.chunk_index].text
        assert markdown[fact.start : fact.end] == fact.quote
        assert chunks[fact.chunk_index].start <= fact.start
        assert fact.end <= chunks[fact.chunk_index].end
        assert fact.statement


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_sample_gives_facts_that_hold(path: Path) -> None:
    markdown = converted(path).markdown
    found = found_in(markdown)
    assert len(found) >= 4
    assert all(markdown[fact.start : fact.end] == fact.quote for fact in found)


def test_kinds() -> None:
    markdown = (
        "A weir is a low wall across a river. It was built on 12 March 1836 by the miller.\n"
        "The drop is 3.5 metres. What is that? Nobody ever came back from Varn again.\n"
        "plain words without anything\n\n"
        "Depth: 0.4 m\n\n- two lamps\n- one *rope*\n\n"
        "| Year | Ships |\n| --- | --- |\n| 1881 | 1204 |\n"
    )
    assert "A weir is a low wall across a river." in statements(markdown, "definition")
    assert statements(markdown, "date") == ["It was built on 12 March 1836 by the miller."]
    assert statements(markdown, "quantity") == ["The drop is 3.5 metres."]
    assert statements(markdown, "statement") == ["Nobody ever came back from Varn again."]
    assert statements(markdown, "key_value") == ["Depth: 0.4 m"]
    assert statements(markdown, "list_item") == ["two lamps", "one rope"]
    assert statements(markdown, "table_row") == ["Year: 1881; Ships: 1204"]


@pytest.mark.parametrize(
    ("text", "definition"),
    [
        (
            "Ein Nebelhorn ist ein Gerät, das Signale gibt. Das war es für die Nacht.",
            "Ein Nebelhorn ist ein Gerät, das Signale gibt.",
        ),
        (
            "Le phare est une tour de pierre dans la mer. Il pleut sur les quais.",
            "Le phare est une tour de pierre dans la mer.",
        ),
        (
            "El faro es una torre de piedra en la costa. Llueve por la noche.",
            "El faro es una torre de piedra en la costa.",
        ),
        (
            "Il faro è una torre di pietra sulla costa. Piove di notte con il vento.",
            "Il faro è una torre di pietra sulla costa.",
        ),
        (
            "霧笛とは、音で知らせる装置のことです。とても大きな音です。",
            "霧笛とは、音で知らせる装置のことです。",
        ),
    ],
)
def test_definitions_in_several_languages(text: str, definition: str) -> None:
    assert definition in statements(text, "definition")


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("the-lamp-at-varn.txt", "en"),
        ("leuchtturm-varn.md", "de"),
        ("carnet-de-riviere.txt", "fr"),
        ("toudai.txt", "ja"),
    ],
)
def test_languages_are_told(name: str, language: str) -> None:
    assert language_of((SAMPLES / name).read_text(encoding="utf-8")) == language


def test_code_and_headings_are_no_facts() -> None:
    markdown = "# In 1871 it was built\n\n```\nx = 12  # it was 12 in 1871, said Varn.\n```\n"
    assert found_in(markdown) == []


def test_what_is_said_twice_is_one_fact() -> None:
    assert len(found_in("The lamp burns 3 litres a night.\n\n" * 5)) == 1


def test_a_chunk_gives_no_more_than_it_may() -> None:
    markdown = "\n".join(f"- item number {n} of the list" for n in range(50))
    assert len(facts(chunk(markdown), FactOptions(max_facts_per_chunk=7))) <= 7 * len(
        chunk(markdown)
    )


def test_the_stage_reads_chunks_and_writes_facts_the_same_each_time(tmp_path: Path) -> None:
    source = input_file(SAMPLES / "leuchtturm-varn.md", file_type="markdown", stage_name="x")
    chunker, generator = Chunker(), FactGenerator()
    chunks = output_of(chunker, chunker.run(task_of("chunker", tmp_path / "chunks", source)))
    contents = [
        generator.run(task_of("fact-generator", tmp_path / name, chunks)).files[0].path.read_bytes()
        for name in ("one", "two")
    ]
    assert contents[0] == contents[1]
    first = json.loads(contents[0])["facts"][0]
    assert list(first) == sorted(
        ["index", "kind", "statement", "quote", "chunkIndex", "start", "end"]
    )


@pytest.mark.parametrize("content", ["", "[]", '{"chunks": [{"index": 1}]}', '{"chunks": {}}'])
def test_chunks_in_another_format_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "chunks.json"
    path.write_text(content, encoding="utf-8")
    file = input_file(path, file_type="chunks_json")
    with pytest.raises(UnconvertibleDocument, match="run the stage that makes it again"):
        FactGenerator().run(task_of("fact-generator", tmp_path / "work", file))
