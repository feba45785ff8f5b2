"""Every fact rests on words that stand in its chunk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.chunker import Chunker, ChunkerOptions, chunk
from stages.errors import UnconvertibleDocument
from stages.facts import FactGenerator, FactOptions, facts
from stages.languages import language_of
from stages.sentences import sentences
from stages.shapes import Fact
from unit.stages.making import SAMPLES, converted, input_file, output_of, task_of
from unit.stages.markdown_texts import ANY_TEXT, MARKDOWN

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


@pytest.mark.parametrize(
    ("markdown", "statement"),
    [
        ("The limit max_retry_count is 5 by default.", None),
        ("The file __init__.py sets MAX_BATCH_SIZE to 20.", None),
        (
            r"The key max\_idle and \_\_main\_\_ is 5 now.",
            "The key max_idle and __main__ is 5 now.",
        ),
        ("In Bonn 2*3*4 gives 24 units.", None),
        ("In Bonn a*b*c gives 24 and x**2 + y**2 gives 5.", None),
        ("If <b and c> or a<b and b>c then List<Invoice> of <name> is 5.", None),
        (
            "Press <kbd>Ctrl</kbd> in Bonn for <!-- so --> 5 lamps.",
            "Press Ctrl in Bonn for 5 lamps.",
        ),
        ("The product of 4 * 5 * 6 is 120 by the table.", None),
        ("The load is ~5 % of all units in Berlin.", None),
        (
            "The **load** is *five*, says [Ada](https://varn.example/a_b).",
            "The load is five, says Ada.",
        ),
        (
            "The load is 3 \u00d7 10<sup>6</sup> N of H<sub>2</sub>O.",
            "The load is 3 \u00d7 10^6 N of H2O.",
        ),
        ("The price is ~~40~~ 55 crowns today.", "The price is ~~40~~ 55 crowns today."),
        ("Fish &amp; chips cost 5 &lt; 6 crowns.", "Fish & chips cost 5 < 6 crowns."),
        ("Use `a_b *c*` for all 12 lamps.", "Use a_b *c* for all 12 lamps."),
    ],
)
def test_statements_keep_every_sign_that_a_reader_sees(
    markdown: str, statement: str | None
) -> None:
    assert [fact.statement for fact in found_in(markdown)] == [statement or markdown]


@pytest.mark.parametrize(
    ("markdown", "statement"),
    [
        ("In Bonn $a*b*c$ and \\(x_1\\) are 5 by law.", None),
        ("The matrix $$1 & 2 \\\\ 3 & 4$$ stands in Bonn.", None),
        ("The file `__init__.py` has 5 lines.", "The file __init__.py has 5 lines."),
        ("See the [manual][1] of Bonn for 5 things.", "See the manual of Bonn for 5 things."),
        ("The value of row[0][1] is 5 now.", None),
        ("A claim of Bonn[^1] on 5 lamps.", None),
    ],
)
def test_statements_keep_formulas_and_code(markdown: str, statement: str | None) -> None:
    assert [fact.statement for fact in found_in(markdown)] == [statement or markdown]


def test_marks_that_open_emphasis_are_of_the_sentence_that_they_open() -> None:
    found = found_in("これは灯台の文です。**重要**な点は5です。")
    assert [fact.statement for fact in found] == ["これは灯台の文です。", "重要な点は5です。"]


def test_no_value_comes_under_another_column_where_a_row_is_cut() -> None:
    rows = "".join(f"| R{n} | {'word ' * 450}| {n} |\n" for n in range(3))
    found = found_in(f"| Id | Text | Fee |\n| --- | --- | --- |\n{rows}")
    assert all(
        "Text: " not in fact.statement[:8] for fact in found if "Id: R" not in fact.statement
    )
    assert not any(fact.statement.startswith("Id: word") for fact in found)


def test_emphasis_may_run_over_sentences_and_quotes_over_lines() -> None:
    markdown = "> **The lamp of Varn was lit\n> in 1871. It is 12 m high.** All know the tower."
    assert [fact.statement for fact in found_in(markdown)] == [
        "The lamp of Varn was lit in 1871.",
        "It is 12 m high.",
    ]


def test_rows_have_their_columns_names_wherever_a_chunk_begins() -> None:
    rows = "".join(f"| item{n} | {n * 7} | Bonn |\n" for n in range(300))
    found = found_in(f"| Item | Amount | City |\n| --- | --- | --- |\n{rows}")
    assert [fact.statement for fact in found] == [
        f"Item: item{n}; Amount: {n * 7}; City: Bonn" for n in range(300)
    ]


def test_labels_may_be_set_in_bold_and_lines_end_by_a_mark() -> None:
    markdown = "**Owner:** A. Sample\\\n**Length**: 12.4 m\\\n`key`: a_b\n"
    found = found_in(markdown)
    assert [fact.statement for fact in found] == ["Owner: A. Sample", "Length: 12.4 m", "key: a_b"]
    assert [fact.quote for fact in found] == [
        "**Owner:** A. Sample",
        "**Length**: 12.4 m",
        "`key`: a_b",
    ]


def test_notes_are_facts_without_their_marks() -> None:
    markdown = "[^1]: Counted in 2001 by Ada.\n[^b]: See the book of 1900.\n"
    found = [fact.statement for fact in found_in(markdown)]
    assert found == ["Counted in 2001 by Ada.", "See the book of 1900."]


def test_a_row_under_an_empty_header_is_a_label_and_its_value() -> None:
    found = found_in("|  |  |\n| --- | --- |\n| Born | 1901 |\n| Died | 1980 |\n")
    assert [fact.statement for fact in found] == ["Born: 1901", "Died: 1980"]


def test_code_that_goes_on_in_another_chunk_is_no_fact() -> None:
    code = "".join(f"x = {n}  # it was {n} in 1871, said Varn of the lamp.\n" for n in range(300))
    assert len(chunk(f"```python\n{code}```\n")) > 3
    assert found_in(f"```python\n{code}```\n") == []


def test_pictures_hold_no_facts() -> None:
    payload = "data:image/png;base64," + "QUJD7" * 1_000
    assert found_in(f"![x]({payload})\n") == []


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Am 3. Mai 1871 kam Dr. Abel, z. B. mit dem Zug, an. Die Lampe (ca. 3 m hoch) brannte.",
            2,
        ),
        ("Die Anlage kostet ca. 1.000 Euro nach Abs. 2 Satz 3. Sie steht in Varn am Meer.", 2),
        ("会议于5月1日举行并决定建造灯塔。他说“灯塔有12米高。”然后他走回灯塔。", 3),
        ("会議の議事録です。「灯台は12mです。」と彼は言った。", 2),
        ("灯塔有十二米高。“海很大。”他说。“我一点都不怕。”", 3),
        ("At 10.30 a.m. 5 men came. They left at 5 p.m. in Varn.", 2),
        ("Das 19. Jahrhundert endete. Otto regierte bis 1918. Das war das Ende von Varn.", 3),
        ("Il a payé la Sté. Générale en 2003. Tout va bien à Varn.", 2),
        ("Then it is \\[ a_i = 10. \\] Hence the $x. Y$ is 4.", 1),
        ("Run the `a. B` 3 times. Then $5 and $7 are paid.", 2),
        (
            "It is at No. 4, Harbour St. in Varn. Mr. J. R. Abel left 9... He lit the 3 lamps.",
            3,
        ),
        ("M. Dupont est arrivé à 10 h à Varn. Le Dr. Martin est parti en 1871.", 2),
        ("Die Fa. Abel baute 3 Lampen nach Kap. IV des Buches. Sie stehen noch in Varn.", 2),
        ("The song ♬ of 1999 is sold. The ♭ key of 1871 is lost. The ∯ sign is 12 m high.", 3),
        ("The lamp… burns 3 litres a night. It is the lamp of Varn.", 2),
    ],
)
def test_sentences_end_where_readers_end_them(text: str, sentences: int) -> None:
    found = found_in(text)
    assert len(found) == sentences, [fact.statement for fact in found]
    assert "".join(fact.quote for fact in found).replace(" ", "") == text.replace(" ", "")


@given(ANY_TEXT, st.sampled_from(["en", "de", "fr", "ja", "xx"]))
@settings(deadline=None)
def test_sentences_tile_any_text(text: str, language: str) -> None:
    wide = text.replace("a", "B\u2028.").replace("b", "\u00a0. ")
    spans = list(sentences(wide, 0, len(wide), language))
    assert "".join(wide[start:end] for start, end in spans) == wide
