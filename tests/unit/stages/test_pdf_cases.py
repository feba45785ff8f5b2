"""PDFs that once lost words, numbers or order: each comes out as a viewer shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stages.conversion.result import Converted
from stages.errors import UnconvertibleDocument
from unit.stages.making import converted

_CASES = Path(__file__).parents[2] / "fixtures" / "cases" / "documents"


def case(name: str) -> Converted:
    return converted(_CASES / f"{name}.pdf")


def lines(markdown: str) -> list[str]:
    return [line for line in markdown.split("\n") if line]


def test_a_number_that_counts_up_within_a_line_is_data() -> None:
    result = case("bug-invoice-a-page")
    for number, due in zip(range(1041, 1046), (45, 45, 45, 60, 45), strict=True):
        assert f"Invoice {number}" in lines(result.markdown)
        assert f"Amount due: {due} crowns" in result.markdown
    assert result.markdown.count("Amount due: 45 crowns") == 4
    assert result.metadata["runningLinesLeftOut"] == 0


def test_rows_that_are_equal_on_all_pages_stay_in_their_tables() -> None:
    markdown = case("bug-last-row-a-page").markdown
    assert markdown.count("| Pier | Visits | Fines |\n| --- | --- | --- |\n| North |") == 4
    assert markdown.count("\n| West | 0 | 0 |\n") == 4


def test_form_values_ticks_and_choices_stand_behind_their_labels() -> None:
    assert lines(case("bug-filled-form").markdown)[1:6] == [
        "Name of boat: Marigold",
        "Length in m: 12.4",
        "Arrival: 2026-06-14",
        "Shore power needed: [x]",
        "Berth: North mole",
    ]
    assert lines(case("pdf-form-values-lost").markdown)[:2] == ["Name: Ada Lovelace", "Paid: [x]"]


def test_lines_that_begin_with_labels_are_lines_and_prose_is_a_paragraph() -> None:
    found = lines(case("bug-label-lines").markdown)
    assert found[1:6] == [
        "Boat: Marigold",
        "Owner: A. Sample",
        "Length: 12.4 m",
        "Draught: 1.9 m",
        "Fee paid: yes",
    ]
    assert found[6:9] == ["A. Sample", "Harbour Street 4", "1021 Varn"]
    assert found[9].startswith("The boat came in on the 3rd")
    assert found[9].endswith("who paid for both.")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "bug-superscript",
            [
                "3 x 10<sup>6</sup> litres",
                "10<sup>-3</sup> m over 120 m<sup>2</sup>.",
                "H<sub>2</sub>O",
                "45<sup>1</sup> crowns",
                "<sup>1</sup> Before tax.",
            ],
        ),
        ("pdf-superscript-joined", ["3 x 10<sup>8</sup> m/s", "CO<sub>2</sub> is"]),
    ],
)
def test_raised_and_lowered_characters_are_kept_apart(name: str, parts: list[str]) -> None:
    markdown = case(name).markdown
    for part in parts:
        assert part in markdown


def test_a_table_over_two_pages_is_one() -> None:
    markdown = case("bug-table-two-pages").markdown
    rows = re.findall(r"^\| (B\d\d) \| Boat number (\d+) \| ", markdown, re.MULTILINE)
    assert rows == [(f"B{number:02d}", str(number)) for number in range(1, 61)]
    assert markdown.count("| Berth | Boat | Length |") == 1
    assert markdown.count("\n| --- |") == 1


def test_entries_of_a_table_of_contents_are_lines() -> None:
    assert lines(case("pdf-contents-lines-joined").markdown) == [
        "1 Introduction … 3",
        "2 Methods … 17",
        "2.1 Samples … 18",
    ]


def test_a_pdf_behind_something_else_is_found() -> None:
    assert "XXX" not in case("pdf-garbage-ahead-becomes-text").markdown
    assert "Secret text is here." in case("pdf-garbage-ahead-becomes-text").markdown


def test_right_to_left_lines_are_in_the_order_in_which_they_are_read() -> None:
    markdown = case("pdf-hebrew-words-reversed").markdown
    assert "שלום עולם זה משפט" in markdown
    assert "המספר 123 בתוך טקסט" in markdown


def test_what_is_not_shown_is_left_out_and_counted() -> None:
    hidden = case("pdf-layer-off-shown")
    assert lines(hidden.markdown) == ["Shown text.", "End."]
    assert hidden.left_out == {"hiddenLayers": 4}
    outside = case("pdf-outside-crop-shown")
    assert lines(outside.markdown) == ["Inside crop."]
    assert outside.left_out == {"outsidePage": 3}


def test_a_letterspaced_heading_is_words() -> None:
    assert lines(case("pdf-letterspaced-heading-split").markdown)[0] == "ANNUAL REPORT"


def test_turned_pages_and_sideways_text_are_read_along_their_lines() -> None:
    turned = " ".join(lines(case("pdf-rotate90-page-garbled").markdown))
    assert turned == "First line rotated page Second line rotated page Third line here"
    sideways = case("pdf-sideways-table-garbled").markdown
    assert "Sideways page: sales by region\n" in sideways
    assert "The table below is printed across the page.\n" in sideways
    assert (
        "| Region | Units | Price |\n| --- | --- | --- |\n| North | 120 | 4.50 |\n"
        "| South | 95 | 4.75 |\n| West | 60 | 5.00 |\n" in sideways
    )


def test_typed_notes_and_links_are_kept() -> None:
    found = lines(case("pdf-typed-note-lost").markdown)
    assert found == [
        "[See the linked page](https://example.org/linked)",
        "Typed note on page",
        "End.",
    ]


def test_a_font_without_unicode_fails_and_names_text_recognition() -> None:
    with pytest.raises(UnconvertibleDocument, match=r"\(OCR\)"):
        case("pdf-unreadable-font-accepted")


def test_vertical_japanese_is_read_from_the_right() -> None:
    columns = "".join(case("pdf-vertical-japanese-columns-reversed").markdown.split())
    assert columns == "春はあけぼの、やうやう白くなりゆく山ぎは、すこしあかりて。"
    lost = case("pdf-vertical-japanese-lost").markdown
    assert all(part in lost for part in ("秋の空の月", "夏の海の船", "春の山の鳥"))
