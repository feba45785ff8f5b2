"""Lines of PDFs that are items or labels: each stays a line, and its number what it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from stages.conversion.result import Converted
from unit.stages.making import converted_bytes
from unit.stages.pdf_making import pdf_of, text_at

Convert = Callable[[bytes], Converted]


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    return lambda content: converted_bytes(tmp_path, content, "a.pdf")


def set_out(lines: Sequence[str], lead: float = 14) -> bytes:
    return b"".join(text_at(72, 700 - n * lead, line, 11) for n, line in enumerate(lines))


@pytest.mark.parametrize("lead", [13, 14, 18, 22])
def test_a_page_of_labels_alone_has_a_line_for_each(convert: Convert, lead: float) -> None:
    labels = ["Boat: Marigold", "Owner: A. Sample", "Length: 12.4 m", "Draught: 1.9 m"]
    assert convert(pdf_of(set_out(labels, lead))).markdown == "\n\n".join(labels) + "\n"


@pytest.mark.parametrize(
    "marks",
    [
        ("a)", "b)", "c)"),
        ("(a)", "(b)", "(c)"),
        ("(i)", "(ii)", "(iii)"),
        ("iii.", "iv.", "v."),
        ("A.", "B.", "C."),
        ("h)", "i)", "j)"),
    ],
)
def test_items_with_letters_or_roman_numbers_are_lines(
    convert: Convert, marks: tuple[str, ...]
) -> None:
    items = [f"{marks[0]} Rope and more", f"{marks[1]} Nails", f"{marks[2]} Sailcloth"]
    assert convert(pdf_of(set_out(items))).markdown == "\n\n".join(items) + "\n"


def test_items_with_letters_keep_the_lines_that_wrap(convert: Convert) -> None:
    content = set_out(["a) The owner pays the fee for the berth before the", "b) The harbour"], 28)
    content += text_at(86, 686, "boat arrives.", 11)
    assert convert(pdf_of(content)).markdown == (
        "a) The owner pays the fee for the berth before the boat arrives.\n\nb) The harbour\n"
    )


def test_a_line_of_prose_that_begins_like_an_item_is_prose(convert: Convert) -> None:
    lines = [
        "It has been said by A. Sample, in particular by B.",
        "C. Miller, that the harbour at noon is where all,",
        "i. e. everyone will meet. That is so because the part",
        "a) holds, and that is where it ends, they say.",
    ]
    assert convert(pdf_of(set_out(lines))).markdown == " ".join(lines) + "\n"


@pytest.mark.parametrize(
    "lines",
    [
        ["1. Januar", "6. Januar", "1. Mai", "3. Oktober"],
        ["01. Januar", "02. Januar"],
        ["4. Rope", "3. Nails", "2. Sailcloth"],
    ],
)
def test_numbers_that_do_not_follow_one_another_are_no_list(
    convert: Convert, lines: list[str]
) -> None:
    expected = "\n\n".join(line.replace(".", r"\.", 1) for line in lines) + "\n"
    assert convert(pdf_of(set_out(lines))).markdown == expected


def test_numbers_that_follow_one_another_are_a_list_over_pages_too(convert: Convert) -> None:
    pages = set_out(["3. Rope", "4. Nails"]), set_out(["5. Sailcloth", "6. Tar"])
    assert convert(pdf_of(*pages)).markdown == "3. Rope\n4. Nails\n5. Sailcloth\n6. Tar\n"


def test_a_list_right_after_another_keeps_its_numbers(convert: Convert) -> None:
    lines = ["1. Rope", "2. Nails", "1. Sailcloth", "2. Tar"]
    assert convert(pdf_of(set_out(lines))).markdown == (
        "1. Rope\n2. Nails\n\n1\\. Sailcloth\n\n2\\. Tar\n"
    )
    apart = set_out([*lines[:2], "Also in the shed are these:", *lines[2:]], 30)
    assert convert(pdf_of(apart)).markdown == (
        "1. Rope\n2. Nails\n\nAlso in the shed are these:\n\n1. Sailcloth\n2. Tar\n"
    )
