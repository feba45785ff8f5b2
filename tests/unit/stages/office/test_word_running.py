"""Headers and footers of Word: what a section inherits, and what no page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.stages.office.packages import paragraph, result_of, word


def reference(name: str, kind: str, page: str) -> str:
    return f'<w:{name}Reference w:type="{kind}" r:id="{page}"/>'


def section(inner: str) -> str:
    return f"<w:sectPr>{inner}</w:sectPr>"


def document(first: str, second: str, header1: str, footer1: str) -> bytes:
    body = f"<w:p><w:pPr>{section(first)}</w:pPr><w:r><w:t>One.</w:t></w:r></w:p>"
    return word(body + paragraph("Two.") + section(second), header1=header1, footer1=footer1)


TITLE = "<w:titlePg/>"
BOTH = reference("header", "default", "header1") + reference("header", "first", "footer1")


@pytest.mark.parametrize(
    ("first", "second", "markdown", "left_out"),
    [
        (BOTH, TITLE, "Usual\n\nTitle page\n\nOne.\n\nTwo.\n", {}),
        (BOTH + TITLE, "", "Usual\n\nTitle page\n\nOne.\n\nTwo.\n", {}),
        (BOTH, "", "Usual\n\nOne.\n\nTwo.\n", {"runningLines": 2}),
        ("", BOTH, "Usual\n\nOne.\n\nTwo.\n", {"runningLines": 2}),
        (reference("header", "even", "header1"), "", "One.\n\nTwo.\n", {"runningLines": 1}),
    ],
)
def test_a_section_has_the_headers_of_the_one_before(
    tmp_path: Path, first: str, second: str, markdown: str, left_out: dict[str, int]
) -> None:
    content = document(first, second, header1=paragraph("Usual"), footer1=paragraph("Title page"))
    result = result_of(tmp_path, content)
    assert (result.markdown, result.left_out) == (markdown, left_out)
    assert result.metadata["wordRecall"] == 1.0


def test_headers_count_for_precision_and_what_is_left_out_of_them_hides_no_loss(
    tmp_path: Path,
) -> None:
    words = " ".join(f"w{n}" for n in range(40))
    content = document(BOTH, "", header1=paragraph("Usual"), footer1=paragraph(words))
    result = result_of(tmp_path, content)
    assert result.left_out == {"runningLines": 40}
    assert (result.metadata["wordRecall"], result.metadata["wordPrecision"]) == (1.0, 1.0)


def test_a_document_of_several_bodies_is_read_whole(tmp_path: Path) -> None:
    content = word(paragraph("One.") + "</w:body><w:body>" + paragraph("Two."))
    assert result_of(tmp_path, content).markdown == "One.\n\nTwo.\n"
