"""Chunks and facts say on which pages their text stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.values import PAGE_STARTS
from stages.chunker import Chunker, ChunkerOptions, chunk
from stages.conversion.executor import MarkdownConversion
from stages.executor import Executor, InputFile
from stages.facts import FactGenerator, facts
from stages.optimizer import MarkdownOptimizer, optimize
from stages.optimizer.executor import carried
from stages.pages import PageMap, located, page_map
from unit.stages.making import SAMPLES, input_file, pdf_of_chapters, task_of
from unit.stages.office.test_other_kinds import open_document
from unit.stages.pdf_making import pdf_of, text_at

_SMALL = ChunkerOptions(min_tokens=8, max_tokens=40)
_BROKEN = "Größe".encode().decode("cp1252")

# Every word says by its end which page it stands on: the sign # is replaced by the page and a q.
_WORDS = st.sampled_from(
    ["lamp#", "Der#", "**bold# text#**", "*lit#*", "[link#](https://varn.example/#)", "灯台#",
     f"{_BROKEN}#", "R&amp;D#", "`code#`", "a#\u200bb#", "lit#.", "(see#)", "max_idle#", "ﬁn#",
     "Mr.# Fog#.", "—dash#", "“q#”", "5#%", "x#\\*y#"]
)  # fmt: skip
_LINES = st.lists(_WORDS, min_size=1, max_size=9).map(" ".join)
_SOME = st.lists(_LINES, min_size=1, max_size=4)
_BLOCKS = st.one_of(
    _LINES,
    _LINES,
    _LINES.map(lambda line: f"#### {line}".replace("#### ", "@@@@ ")),
    _LINES.map(lambda line: f"{line}\n===="),
    _SOME.map(lambda lines: "\n".join(f"* {line}" for line in lines)),
    _SOME.map(lambda lines: "\n\n".join(f"0{n}) {line}" for n, line in enumerate(lines, 1))),
    _SOME.map(lambda lines: "\n".join(f">  {line}" for line in lines)),
    _SOME.map(lambda lines: "~~~\n" + "\n".join(lines) + "\n~~~"),
    _SOME.map(lambda lines: "\n".join(["|h#|i#|\n|-|-|", *(f"|{line}|j#|" for line in lines)])),
)  # fmt: skip
_PAGES = st.lists(
    st.tuples(st.lists(_BLOCKS, max_size=4), st.sampled_from(["\n\n", "\n\n", " ", "\n"])),
    min_size=1,
    max_size=6,
)


def _tagged(pages: list[tuple[list[str], str]]) -> tuple[str, list[str]]:
    """Return the Markdown of pages, and each page's own."""
    whole, alone = "", []
    for number, (blocks, joint) in enumerate(pages, start=1):
        page = "\n\n".join(blocks).replace("#", f"{number}q").replace("@@@@", "####")
        plain = page[:1].isalpha() and "\n" not in whole.rpartition("\n\n")[2]
        alone.append(page)
        whole += (joint if plain else "\n\n") + page if whole and page else page
    return whole, alone


def _pages_told(text: str) -> tuple[int, int] | None:
    """Return the first and the last page that its words tell.

    None if it has no word, or begins or ends with marks on a line of their own.
    """
    tags = list(re.finditer(r"(\d)q", text))
    if not tags or "\n" in text[: tags[0].start()].lstrip() + text[tags[-1].end() :].rstrip():
        return None
    return int(tags[0][1]), int(tags[-1][1])


@given(_PAGES)
@settings(max_examples=60, deadline=None)
def test_pages_are_those_where_the_text_stood(pages: list[tuple[list[str], str]]) -> None:
    markdown, alone = _tagged(pages)
    plain = located(alone, markdown)
    optimized = optimize(markdown).markdown
    moved = carried(plain, markdown, optimized) if plain else None
    for text, found in ((markdown, plain), (optimized, moved)):
        assert found is not None
        assert len(found.starts) == len(pages)
        chunks = chunk(text, _SMALL, found)
        spans = [(each.text, each.pages) for each in chunks]
        spans += [(each.quote, each.pages) for each in facts(chunks, None, found)]
        for piece, on in spans:
            assert _pages_told(piece) in (None, on)


def test_a_start_within_a_word_or_a_table_is_found_again() -> None:
    markdown = "|Item|Price|\n|-|-|\n|Bolt|12|\n|Nut|7|\n\nAn unbro* ken* word."
    starts = (0, markdown.index("|Nut"), markdown.index("bro"))
    moved = carried(PageMap(starts), markdown, optimize(markdown).markdown)
    assert moved is not None
    optimized = optimize(markdown).markdown
    assert optimized != markdown
    assert [optimized[start : start + 4] for start in moved.starts] == ["| It", "| Nu", "bro\\"]


@pytest.mark.parametrize(
    "known", [None, [], "0", [0, 5, 3], [0, -1], [0, True], [0, 1.0], [0, None]]
)
def test_a_map_that_makes_no_sense_is_none(known: object) -> None:
    assert page_map(known) is None


def test_pages_that_are_not_in_the_text_are_not_guessed() -> None:
    assert located(["灯台は塔です。" * 30, "Маяк. " * 40], "nothing of that " * 60) is None
    assert located([], "text") is None


def _made(executor: Executor, folder: Path, *inputs: InputFile) -> InputFile:
    """Run a stage, and hand its file on as a worker does."""
    outcome = executor.run(task_of(executor.stage_name, folder / executor.stage_name, *inputs))
    (file,) = outcome.files
    made = input_file(file.path, file_type=executor.file_type, stage_name=executor.stage_name)
    return InputFile(
        **{
            **vars(made),
            "page_starts": json.loads(json.dumps(dict(file.metadata))).get(PAGE_STARTS),
        }
    )


def _deck_of_odp() -> bytes:
    def slide(*texts: str) -> str:
        boxes = (
            f"<draw:frame><draw:text-box><text:p>{t}</text:p></draw:text-box></draw:frame>"
            for t in texts
        )
        return f"<draw:page>{''.join(boxes)}</draw:page>"

    shown = slide("Chapter 1 of Varn", "The gauge stood at 7 cm.")
    return open_document("presentation", shown + slide() + slide("The gauge stood at 21 cm."))


_DOCUMENTS = {
    "chapters.pdf": (pdf_of_chapters(3), {"stood at 7 cm": 1, "14 cm on": 2, "9 o'clock": 3}),
    "empty-page.pdf": (
        pdf_of(text_at(70, 700, "The lamp of Varn was lit at 7."), b"",
               text_at(70, 700, "The keeper of Varn slept at 9.")),
        {"lit at 7": 1, "slept at 9": 3},
    ),
    "slides.odp": (_deck_of_odp(), {"at 7 cm": 1, "at 21 cm": 3}),
    "tide-mill-briefing.pptx": (
        (SAMPLES / "tide-mill-briefing.pptx").read_bytes(),
        {"flood fills": 2, "Month: May": 3, "The dredger is free": 4},
    ),
}  # fmt: skip


@pytest.mark.parametrize("optimizing", [True, False])
@pytest.mark.parametrize("name", _DOCUMENTS)
def test_pages_go_through_the_stages(tmp_path: Path, name: str, optimizing: bool) -> None:
    content, expected = _DOCUMENTS[name]
    path = tmp_path / name
    path.write_bytes(content)
    markdown = _made(MarkdownConversion(), tmp_path, input_file(path))
    if optimizing:
        markdown = _made(MarkdownOptimizer(), tmp_path, markdown)
    chunks_file = _made(Chunker(), tmp_path, markdown)
    facts_file = _made(FactGenerator(), tmp_path, chunks_file)
    chunks = json.loads(chunks_file.path.read_bytes())["chunks"]
    found = json.loads(facts_file.path.read_bytes())["facts"]
    assert all(each["pages"][0] <= each["pages"][1] for each in (*chunks, *found))
    assert chunks[0]["pages"][0] == 1
    assert chunks[-1]["pages"][1] == max(expected.values())
    for words, page in expected.items():
        on = {tuple(fact["pages"]) for fact in found if words in fact["statement"]}
        assert on == {(page, page)}
