"""Every sample converts, with its words, headings and tables."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stages.conversion.detection import detect
from unit.stages.making import SAMPLES, converted, converted_bytes, pdf_of_chapters

_FORMATS = {
    "alder-river-survey.pdf": "pdf",
    "carnet-de-riviere.txt": "text",
    "expedition-log.md": "markdown",
    "gauge-readings.csv": "csv",
    "harbour-bulletin.pdf": "pdf",
    "harbour-stores.xlsx": "spreadsheet",
    "keepers-handbook.docx": "docx",
    "leuchtturm-varn.md": "markdown",
    "signal-code.html": "html",
    "the-lamp-at-varn.txt": "text",
    "tide-mill-briefing.pptx": "pptx",
    "toudai.txt": "text",
}


def markdown_of(name: str) -> str:
    return converted(SAMPLES / name).markdown


def headings(markdown: str) -> list[str]:
    return re.findall(r"^(#+ .*)$", markdown, re.MULTILINE)


def test_every_sample_is_known_here() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == set(_FORMATS)


@pytest.mark.parametrize(("name", "kind"), _FORMATS.items())
def test_content_tells_the_format_whatever_the_name_says(name: str, kind: str) -> None:
    path = SAMPLES / name
    assert detect(path, name, "application/octet-stream") == kind
    if kind not in ("text", "markdown", "csv"):  # those are all text: only their names part them
        assert detect(path, "wrong.csv", "text/csv") == kind


def test_binary_samples_are_made_the_same_each_time(tmp_path: Path) -> None:
    script = SAMPLES.parent / "scripts" / "make_samples.py"
    subprocess.run([sys.executable, script, tmp_path], check=True)
    made = list(tmp_path.iterdir())
    assert len(made) == 6
    for path in made:
        assert path.read_bytes() == (SAMPLES / path.name).read_bytes(), path.name


def test_pdf_keeps_headings_tables_lists_and_code() -> None:
    result = converted(SAMPLES / "alder-river-survey.pdf")
    markdown = result.markdown
    assert "# The Alder River Survey" in headings(markdown)
    assert "# 1. Reach 1 of the river" in headings(markdown)
    assert markdown.count("\n## ") == 10
    assert "| Station | Depth (m) | Bed |\n| --- | --- | --- |\n| A-11 | 1.57 | sand |" in markdown
    assert "| A-25 | 2.55 | sand |" in markdown  # a table without rules
    assert "\n- Two otters followed the boat from the weir to the bend" in markdown
    assert "```\ndef discharge(velocity, widths, depths):\n    area = sum(" in markdown
    assert result.metadata["pages"] == 5
    assert result.metadata["tables"] == 3


def test_pdf_drops_running_headers_but_one_and_page_numbers_unless_told_to_keep_them() -> None:
    path = SAMPLES / "alder-river-survey.pdf"
    dropped, kept = converted(path), converted(path, keepRunningHeaders=True)
    assert dropped.markdown.count("Harbour Office of Varn") == 1
    assert "Page 3" not in dropped.markdown
    assert dropped.metadata["runningLinesLeftOut"] == 9
    assert kept.markdown.count("Harbour Office of Varn") == 5
    assert "Page 3" in kept.markdown


def test_pdf_keeps_chapters_that_begin_a_page_each(tmp_path: Path) -> None:
    """Their numbers count as the pages do, and their lines stand in the same place."""
    path = tmp_path / "chapters.pdf"
    path.write_bytes(pdf_of_chapters(6))
    result = converted(path)
    assert [h for h in headings(result.markdown) if "Chapter" in h] == [
        f"# Chapter {number}: Varn in 190{number}" for number in range(1, 7)
    ]
    for number in range(1, 7):
        assert f"The gauge stood at {number * 7} cm on day {number + 40}." in result.markdown
    assert "\n\nChapters of Varn, page 3" in result.markdown


def test_pdf_reads_one_column_after_the_other() -> None:
    markdown = markdown_of("harbour-bulletin.pdf")
    assert headings(markdown) == [
        "# Harbour Bulletin of Varn",
        "## The bar grows",
        "## Notice to those who fish",
        "## The light",
        "## Tides of the month",
        "## From the mill",
    ]
    assert "wait for the second half of the flood before they come in.\n\nThe harbour" in markdown
    assert markdown.rstrip().endswith("The miller points out that he does not make the tide.")


def test_docx_keeps_nested_lists_emphasis_and_tables() -> None:
    markdown = markdown_of("keepers-handbook.docx")
    assert headings(markdown)[0] == "# The Keepers' Handbook"
    assert "**Read it before the first watch**, not *during* it." in markdown
    assert (
        "- Before the watch\n  - read the last page of the log\n"
        "  - look at the bowl in the lamp room\n    - if it is less than half full" in markdown
    )
    assert "1. Start the horn.\n2. Write down the hour." in markdown
    assert re.search(r"\| Spare prisms\s+\| 3\s+\| crate 18\s+\|", markdown)
    assert "> A lens that stands still can be heard." in markdown


def test_pptx_keeps_levels_tables_and_notes_unless_told_to_leave_those_out() -> None:
    path = SAMPLES / "tide-mill-briefing.pptx"
    markdown = converted(path).markdown
    assert len(headings(markdown)) == 4
    assert "- The flood fills the pond\n  - through two gates of oak" in markdown
    assert "| April | 1850 | 41 |" in markdown
    assert "> The left gate of the model sticks." in markdown
    assert "sticks" not in converted(path, speakerNotes=False).markdown


def test_xlsx_keeps_both_sheets_with_values_as_people_see_them() -> None:
    markdown = markdown_of("harbour-stores.xlsx")
    assert headings(markdown) == ["## Stores", "## Ships sighted"]
    assert "| Lamp oil (litres) | 240 | the lower store | 2025-03-01 | TRUE |" in markdown
    assert r"hemp \| manila" in markdown
    assert "| 1901 | 1877 | 74 | 5.14 |" in markdown


def test_html_keeps_code_nested_lists_and_pipes_in_cells() -> None:
    markdown = markdown_of("signal-code.html")
    assert "```python\ndef flashes(group, pause=8.0):" in markdown
    assert "        if pause > 0:" in markdown
    assert "  - a single short flash\n    1. before midnight: the tide has turned" in markdown
    assert r"0.5 \| 0.5 \| 2.0" in markdown
    assert "font-family" not in markdown


def test_csv_is_decoded_and_parted_as_it_was_written() -> None:
    result = converted(SAMPLES / "gauge-readings.csv")
    assert result.metadata["encoding"] == "cp1252"
    assert result.metadata["delimiter"] == ";"
    assert "| Mühle | 02.03.2025 | 2,18 | 5,1 | trüb nach Regen |" in result.markdown
    assert "| Öl; vom Boot des Müllers |" in result.markdown
    assert "Temperatur (°C)" in result.markdown


def test_markdown_stays_as_it_is() -> None:
    source = (SAMPLES / "expedition-log.md").read_text(encoding="utf-8")
    assert markdown_of("expedition-log.md") == source


def test_text_gets_headings_from_its_titles() -> None:
    found = headings(markdown_of("the-lamp-at-varn.txt"))
    assert found[0] == "# THE LAMP AT VARN"
    assert "## IV. The river" in found
    assert len(found) == 8


@pytest.mark.parametrize("name", [name for name in _FORMATS if name.endswith((".txt", ".md"))])
def test_no_word_of_a_text_is_lost(name: str, tmp_path: Path) -> None:
    source = (SAMPLES / name).read_bytes()
    markdown = converted_bytes(tmp_path, source, name).markdown
    assert re.findall(r"\w+", source.decode()) == re.findall(r"\w+", markdown)


def test_utf16_and_marks_of_byte_order_are_understood(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"):
        content = "Wasserstände am Pegel: zwölf Meter\n".encode(encoding)
        markdown = converted_bytes(tmp_path, content, "a.txt").markdown
        assert "Wasserstände am Pegel: zwölf Meter" in markdown, encoding


def test_declared_encodings_count_where_bytes_do_not_say(tmp_path: Path) -> None:
    russian = "<p>Маяк стоит на скале</p>".encode("koi8-r")
    page = b"<html><head><meta charset='koi8-r'></head><body>" + russian + b"</body></html>"
    assert "Маяк стоит на скале" in converted_bytes(tmp_path, page, "page").markdown
    table = "\n".join(["город;маяк", "дом;мыс"]).encode("cp1251")
    result = converted_bytes(tmp_path, table, "t.csv", "text/csv; charset=windows-1251")
    assert "| город | маяк |" in result.markdown


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n3,4\n", ","),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a|b|c\n1|2|3\n", "|"),
        ('"a, x";b\n"1, y";2\n', ";"),
        ("only\none\ncolumn\n", ","),
    ],
)
def test_csv_delimiters_are_told_from_the_rows(tmp_path: Path, text: str, delimiter: str) -> None:
    result = converted_bytes(tmp_path, text.encode(), "t.csv")
    assert result.metadata["delimiter"] == delimiter


def test_plain_text_is_not_taken_for_markup(tmp_path: Path) -> None:
    content = b"# not a heading at all, said he.\n* nor an item\n1. nor this <b>\n\na_b_c *x* `y`\n"
    markdown = converted_bytes(tmp_path, content, "a.txt").markdown
    assert "\\# not" in markdown
    assert "\\* nor" in markdown
    assert "1\\. nor" in markdown
    assert "\\<b>" in markdown
    assert "a_b_c \\*x\\* \\`y\\`" in markdown
