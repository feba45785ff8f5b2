"""Documents meant to harm, or broken on the way: each ends completed or with a clear reason."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.conversion.office.package import Package
from stages.errors import UnconvertibleDocument
from unit.stages.making import zip_of
from unit.stages.office.packages import (
    CASES,
    markdown_of,
    paragraph,
    parts_of,
    relationships,
    word,
    xml,
)


def _with(case: str, changes: dict[str, bytes]) -> bytes:
    return zip_of({**parts_of((CASES / case).read_bytes()), **changes})


def _numbered(level: str) -> bytes:
    numbering = (
        f'<w:abstractNum w:abstractNumId="0">{level}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    )
    listed = '<w:numPr><w:ilvl w:val="99"/><w:numId w:val="1"/></w:numPr>'
    return word(paragraph("kept", listed) * 3, numbering=numbering)


def _note_within_itself() -> bytes:
    call = "<w:p><w:r><w:footnoteReference w:id='1'/><w:t>kept</w:t></w:r></w:p>"
    return word(call, footnotes=f'<w:footnote w:id="1">{call}</w:footnote>')


def _linked_lists() -> bytes:
    numbering = "".join(
        f'<w:abstractNum w:abstractNumId="{n}"><w:styleLink w:val="s{n}"/>'
        f'<w:numStyleLink w:val="s{1 - n}"/></w:abstractNum>'
        for n in (0, 1)
    )
    numbering += '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    return word(paragraph("kept", '<w:numPr><w:numId w:val="1"/></w:numPr>'), numbering=numbering)


def _chunk_of_itself() -> bytes:
    inner = word('<w:altChunk r:id="self"/>' + paragraph("inner"), parts={"word/self.docx": b"x"})
    return word(paragraph("kept") + '<w:altChunk r:id="c"/>', parts={"word/c.docx": inner})


def _deep_formula() -> bytes:
    formula = "<m:rad><m:e>" * 100 + "<m:r><m:t>x</m:t></m:r>" + "</m:e></m:rad>" * 100
    return word(f"<w:p><m:oMath>{formula}</m:oMath><w:r><w:t>kept</w:t></w:r></w:p>")


_COMPLETED: dict[str, Callable[[], bytes]] = {
    "levels beyond the last": lambda: _numbered(
        '<w:lvl w:ilvl="8"><w:start w:val="99999999999999999999"/><w:numFmt w:val="chicago"/>'
        '<w:lvlText w:val="%9%8%1"/></w:lvl>'
    ),
    "a note that calls itself": _note_within_itself,
    "lists that are each other's": _linked_lists,
    "a document that embeds one that embeds": _chunk_of_itself,
    "a formula a hundred roots deep": _deep_formula,
    "a part outside of the package": lambda: word(
        paragraph("kept") + '<w:altChunk r:id="x"/>', parts={"word/x.html": b""}
    ),
    "no styles, no numbering": lambda: word(paragraph("kept", '<w:pStyle w:val="Gone"/>')),
    "many empty runs": lambda: word(f"<w:p>{'<w:r/>' * 20_000}</w:p>{paragraph('kept')}"),
    "many fields that never end": lambda: word(
        "<w:p>" + '<w:r><w:fldChar w:fldCharType="begin"/></w:r>' * 5_000 + "</w:p>"
        + paragraph("kept")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _COMPLETED)
def test_what_can_be_read_is_read(tmp_path: Path, name: str) -> None:
    assert "kept" in markdown_of(tmp_path, _COMPLETED[name]())


_DEEP = "<p:grpSp>" * 1000 + "</p:grpSp>" * 1000
_REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a bomb in Word's clothes": (
        lambda: _with("bug-tabs.docx", {"word/document.xml": b" " * (70 << 20)}),
        "unpacks to",
    ),
    "a bomb in Excel's clothes": (
        lambda: _with("bug-number-formats.xlsx", {"xl/sharedStrings.xml": b"0" * (70 << 20)}),
        "unpacks to",
    ),
    "groups in groups": (
        lambda: _with(
            "bug-two-cards.pptx",
            {
                "ppt/slides/slide1.xml": xml(
                    "p:sld", f"<p:cSld><p:spTree>{_DEEP}</p:spTree></p:cSld>"
                ).encode()
            },
        ),
        "too deeply",
    ),
    "a main part that is elsewhere": (
        lambda: _with(
            "bug-tabs.docx",
            {
                "_rels/.rels": relationships(
                    ("r", "officeDocument", "https://example.org/x"), external=True
                ).encode()
            },
        ),
        "damaged",
    ),
    "a main part above the package": (
        lambda: _with(
            "bug-tabs.docx",
            {"_rels/.rels": relationships(("r", "officeDocument", "../../etc/passwd")).encode()},
        ),
        "damaged",
    ),
    "relationships that are none": (
        lambda: _with("bug-tabs.docx", {"_rels/.rels": b"<"}),
        "damaged",
    ),
    "a workbook that is a page": (
        lambda: _with("bug-number-formats.xlsx", {"xl/workbook.xml": b"<html/>"}),
        "no text|damaged",
    ),
}


@pytest.mark.parametrize("name", _REFUSED)
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str) -> None:
    make, reason = _REFUSED[name]
    with pytest.raises(UnconvertibleDocument, match=reason):
        markdown_of(tmp_path, make())


@pytest.mark.parametrize("seed", range(12))
def test_parts_that_lost_pieces_never_fail_otherwise(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    names = sorted(p.name for p in CASES.iterdir() if p.suffix.endswith("x"))
    for _ in range(4):
        parts = parts_of((CASES / dice.choice(names)).read_bytes())
        for name in dice.sample(sorted(parts), 2):
            cut = dice.randrange(len(parts[name]) + 1)
            parts[name] = dice.choice([b"", parts[name][:cut], parts[name].replace(b'="', b'="x')])
        try:
            markdown_of(tmp_path, zip_of(parts))
        except UnconvertibleDocument as error:
            assert str(error)  # noqa: PT017  (either end is right)


def test_names_of_parts_know_no_case(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(word(paragraph("x")))
    with Package(path) as package:
        assert package.has("/Word/DOCUMENT.xml")
        assert package.main_part() == "word/document.xml"
