"""Siblings of the cases: each rule of WordprocessingML on documents of its own."""

from __future__ import annotations

import re
from pathlib import Path

import anydoc
import pytest

from stages.conversion.detection import Format
from stages.conversion.office.docx import convert as convert_docx
from stages.conversion.office.docx import second_reading
from stages.conversion.result import ConversionOptions, Source
from stages.errors import UnconvertibleDocument
from unit.stages.making import SAMPLES, converted, zip_of
from unit.stages.office.packages import CASES, markdown_of, paragraph, parts_of, relationships, word

_HEADINGS = (
    '<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Loop"><w:name w:val="a"/><w:basedOn w:val="Loop2"/>'
    '</w:style><w:style w:type="paragraph" w:styleId="Loop2"><w:name w:val="b"/>'
    '<w:basedOn w:val="Loop"/></w:style>'
    '<w:style w:type="character" w:styleId="Secret"><w:name w:val="Secret"/>'
    "<w:rPr><w:vanish/></w:rPr></w:style>"
    '<w:style w:type="character" w:styleId="Deep"><w:name w:val="Deep"/>'
    '<w:basedOn w:val="Secret"/></w:style>'
)


_WIDE = (
    f'<w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val="{10**9}"/></w:tcPr>{paragraph("x")}</w:tc>'
    f"<w:tc>{paragraph('y')}</w:tc></w:tr></w:tbl>"
)


def level(number: int, kind: str, text: str, extra: str = "") -> str:
    return (
        f'<w:lvl w:ilvl="{number}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/>'
        f'<w:lvlText w:val="{text}"/>{extra}</w:lvl>'
    )


def listed(text: str, num: int, at: int = 0) -> str:
    return paragraph(text, f'<w:numPr><w:ilvl w:val="{at}"/><w:numId w:val="{num}"/></w:numPr>')


def numbering(*levels: str, overrides: str = "") -> str:
    return (
        f'<w:abstractNum w:abstractNumId="0">{"".join(levels)}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
        f'<w:num w:numId="2"><w:abstractNumId w:val="0"/>{overrides}</w:num>'
    )


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("upperRoman", ["I)", "II)", "III)"]),
        ("lowerLetter", ["a)", "b)", "c)"]),
        ("ordinal", ["1st)", "2nd)", "3rd)"]),
        ("decimalZero", ["01)", "02)", "03)"]),
        ("cardinalText", ["One)", "Two)", "Three)"]),
        ("decimalEnclosedCircle", ["①)", "②)", "③)"]),
        ("japaneseCounting", ["一)", "二)", "三)"]),
        ("chicago", [r"\*)", "†)", "‡)"]),
    ],
)
def test_labels_are_written_as_word_writes_them(
    tmp_path: Path, kind: str, labels: list[str]
) -> None:
    body = "".join(listed(text, 1) for text in ("first", "second", "third"))
    markdown = markdown_of(tmp_path, word(body, numbering=numbering(level(0, kind, "%1)"))))
    assert markdown == "".join(
        f"- {label} {text}\n"
        for label, text in zip(labels, ("first", "second", "third"), strict=True)
    )


def test_levels_restart_under_each_new_one_and_legal_numbers_are_digits(tmp_path: Path) -> None:
    levels = numbering(level(0, "upperRoman", "%1."), level(1, "decimal", "%1.%2", "<w:isLgl/>"))
    body = "".join(listed(t, 1, at) for t, at in [("A", 0), ("b", 1), ("c", 1), ("D", 0), ("e", 1)])
    markdown = markdown_of(tmp_path, word(body, numbering=levels))
    assert markdown == "- I. A\n  - 1.1 b\n  - 1.2 c\n- II. D\n  - 2.1 e\n"


def test_a_level_that_never_restarts_goes_on(tmp_path: Path) -> None:
    levels = numbering(
        level(0, "decimal", "%1."), level(1, "decimal", "%2)", '<w:lvlRestart w:val="0"/>')
    )
    body = "".join(listed(t, 1, at) for t, at in [("A", 0), ("b", 1), ("C", 0), ("d", 1)])
    assert markdown_of(tmp_path, word(body, numbering=levels)) == ("1. A\n   1) b\n2. C\n   2) d\n")


def test_another_instance_goes_on_unless_it_says_where_to_start(tmp_path: Path) -> None:
    shared = numbering(level(0, "decimal", "%1."))
    body = listed("a", 1) + paragraph("Between.") + listed("b", 2)
    assert "\n2. b\n" in markdown_of(tmp_path, word(body, numbering=shared))
    restarted = numbering(
        level(0, "decimal", "%1."),
        overrides='<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>',
    )
    assert "\n7. b\n" in markdown_of(tmp_path, word(body, numbering=restarted))


def test_a_number_that_markdown_would_count_otherwise_is_kept_as_text(tmp_path: Path) -> None:
    restarted = numbering(
        level(0, "decimal", "%1."),
        overrides='<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>',
    )
    body = listed("a", 1) + listed("b", 1) + listed("again", 2) + listed("more", 2)
    markdown = markdown_of(tmp_path, word(body, numbering=restarted))
    assert markdown == "1. a\n2. b\n- 1\\. again\n- 2\\. more\n"


def test_numbering_of_a_style_is_that_of_the_level_tied_to_it_and_zero_takes_it_off(
    tmp_path: Path,
) -> None:
    styles = (
        '<w:style w:type="paragraph" w:styleId="Clause"><w:name w:val="Clause"/><w:pPr><w:numPr>'
        '<w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    )
    levels = numbering(
        level(0, "decimal", "%1"), level(1, "lowerLetter", "(%2)", '<w:pStyle w:val="Clause"/>')
    )
    off = '<w:pStyle w:val="Clause"/><w:numPr><w:numId w:val="0"/></w:numPr>'
    body = paragraph("x", '<w:pStyle w:val="Clause"/>') + paragraph("bare", off)
    markdown = markdown_of(tmp_path, word(body, styles=styles, numbering=levels))
    assert markdown == "- (a) x\n\nbare\n"


def test_fields_show_their_results_and_links_lead_somewhere(tmp_path: Path) -> None:
    def mark(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    body = (
        f'<w:p>{mark("begin")}<w:r><w:instrText>HYPERLINK "https://example.org/a b"</w:instrText>'
        f"</w:r>{mark('separate')}<w:r><w:t>the site</w:t></w:r>{mark('end')}"
        "<w:r><w:t xml:space='preserve'> and </w:t></w:r>"
        f"{mark('begin')}<w:r><w:instrText>IF </w:instrText></w:r>{mark('begin')}"
        f""
        f"<w:r><w:instrText>MERGEFIELD x</w:instrText></w:r>"
        f"{mark('separate')}<w:r><w:t>INNER</w:t></w:r>{mark('end')}"
        f"{mark('separate')}<w:r><w:t>result</w:t></w:r>{mark('end')}</w:p>"
    )
    assert markdown_of(tmp_path, word(body)) == (
        "[the site](<https://example.org/a b>) and result\n"
    )


def test_a_field_that_never_ends_hides_nothing(tmp_path: Path) -> None:
    body = (
        '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:t>Still here.</w:t></w:r></w:p>'
        + paragraph("And here.")
    )
    assert markdown_of(tmp_path, word(body)) == "Still here.\n\nAnd here.\n"


def test_boxes_and_choices_of_old_forms(tmp_path: Path) -> None:
    def form(inner: str) -> str:
        return (
            f'<w:r><w:fldChar w:fldCharType="begin"><w:ffData>{inner}</w:ffData></w:fldChar></w:r>'
            '<w:r><w:instrText>FORM</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
        )

    unticked = '<w:checkBox><w:default w:val="0"/></w:checkBox>'
    choice = (
        '<w:ddList><w:result w:val="1"/><w:listEntry w:val="South"/>'
        '<w:listEntry w:val="North"/></w:ddList>'
    )
    body = (
        f"<w:p>{form('<w:checkBox><w:checked/></w:checkBox>')}<w:r><w:t> Paid </w:t></w:r>"
        f"{form(unticked)}"
        f"<w:r><w:t> Late </w:t></w:r>{form(choice)}</w:p>"
    )
    assert markdown_of(tmp_path, word(body)) == "- [x] Paid [ ] Late North\n"


def test_hidden_and_deleted_words_are_left_out_and_counted(tmp_path: Path) -> None:
    body = (
        paragraph("Shown. ", run="")
        + paragraph("Two words", run='<w:rStyle w:val="Deep"/>')
        + "<w:p><w:ins><w:r><w:t>New.</w:t></w:r></w:ins><w:del><w:r><w:delText>Old one"
        "</w:delText></w:r></w:del></w:p>"
    )
    path = tmp_path / "a.docx"
    path.write_bytes(word(body, styles=_HEADINGS))
    source = Source(path, Format.DOCX, "a.docx", "")
    result = convert_docx(source, ConversionOptions())
    assert result.markdown == "Shown.\n\nNew."
    assert result.left_out == {"hiddenText": 2, "deletedText": 2}
    second = second_reading(source, ConversionOptions())
    assert second.text.split() == ["Shown.", "New."]
    assert second.left_out == {"hiddenText": 2, "deletedText": 2}


def test_notes_stand_where_they_are_called_and_are_told_below(tmp_path: Path) -> None:
    footnotes = (
        '<w:footnote w:type="separator" w:id="-1"><w:p><w:r><w:t>no</w:t></w:r></w:p></w:footnote>'
        f'<w:footnote w:id="2">{paragraph("The source.")}{paragraph("More.")}</w:footnote>'
    )
    body = (
        "<w:p><w:r><w:t>Fact</w:t></w:r><w:r><w:rPr><w:vertAlign w:val='superscript'/></w:rPr>"
        "<w:footnoteReference w:id='2'/></w:r></w:p>"
    )
    assert markdown_of(tmp_path, word(body, footnotes=footnotes)) == (
        "Fact[^1]\n\n[^1]: The source.\n\n    More.\n"
    )


def test_comments_are_an_option(tmp_path: Path) -> None:
    comments = f'<w:comment w:id="0" w:author="Ada">{paragraph("Is this so?")}</w:comment>'
    body = "<w:p><w:r><w:t>Claim</w:t></w:r><w:r><w:commentReference w:id='0'/></w:r></w:p>"
    content = word(body, comments=comments)
    assert markdown_of(tmp_path, content) == "Claim\n"
    assert markdown_of(tmp_path, content, comments=True) == "Claim[^1]\n\n[^1]: Ada: Is this so?\n"


def test_headers_come_once_and_page_numbers_never(tmp_path: Path) -> None:
    section = (
        '<w:sectPr><w:headerReference w:type="default" r:id="header1"/>'
        '<w:footerReference w:type="default" r:id="footer1"/></w:sectPr>'
    )
    body = (
        f"<w:p><w:pPr>{section}</w:pPr><w:r><w:t>One.</w:t></w:r></w:p>{paragraph('Two.')}{section}"
    )
    footer = (
        '<w:p><w:r><w:t xml:space="preserve">Page </w:t></w:r><w:fldSimple w:instr=" PAGE "><w:r>'
        "<w:t>3</w:t></w:r></w:fldSimple></w:p>" + paragraph("Harbour Office of Varn")
    )
    content = word(body, header1=paragraph("Letterhead"), footer1=footer)
    assert markdown_of(tmp_path, content) == (
        "Letterhead\n\nOne.\n\nTwo.\n\nHarbour Office of Varn\n"
    )


def test_embedded_pages_are_read_where_they_stand(tmp_path: Path) -> None:
    body = paragraph("Before.") + '<w:altChunk r:id="page"/>' + paragraph("After.")
    page = b"<html><body><p>From a <b>page</b>.</p></body></html>"
    content = word(body, parts={"word/page.html": page})
    assert markdown_of(tmp_path, content) == "Before.\n\nFrom a **page**.\n\nAfter.\n"


_ARCHIVE = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n--x\r\n"
    b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"<html><body><p>caf=C3=A9</p></body></html>\r\n--x--\r\n"
)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("word/c.mht", _ARCHIVE, "café"),
        ("word/c.txt", "plain tëxt".encode(), "plain tëxt"),
        ("word/c.rtf", rb"{\rtf1 rich}", "rich"),
        ("word/c.docx", word(paragraph("inner")), "inner"),
        ("word/c.bin", b"\x00\x01\x02", ""),
    ],
)
def test_embedded_documents_of_other_kinds(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    body = paragraph("Before.") + '<w:altChunk r:id="c"/>'
    markdown = markdown_of(tmp_path, word(body, parts={name: content}))
    assert markdown == f"Before.\n\n{expected}".rstrip() + "\n"


def test_emphasis_never_leaves_marks_in_the_text(tmp_path: Path) -> None:
    def mixed(*runs: tuple[str, str]) -> str:
        return (
            "<w:p>"
            + "".join(
                f'<w:r><w:rPr>{run}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'
                for text, run in runs
            )
            + "</w:p>"
        )

    cases = {
        mixed(("Note: ", "<w:b/>"), ("read.", "")): "**Note:** read.",
        mixed(("Fee:", "<w:b/>"), ("12", "")): "**Fee**:12",
        mixed(("a", "<w:b/>"), ("b", "<w:b/><w:i/>"), ("c", "")): "**a*b***c",
        mixed(("...", "<w:b/>"), ("x", "")): "...x",
        mixed(("价格", "<w:b/>"), ("是9元", "")): "**价格**是9元",
        mixed(("x", "<w:strike/>"), ("y", "")): "~~x~~y",
        mixed(("5 * 6 and _x_", "")): r"5 \* 6 and \_x\_",
    }
    for body, expected in cases.items():
        assert markdown_of(tmp_path, word(body)).strip() == expected


def test_what_would_begin_a_block_is_escaped(tmp_path: Path) -> None:
    body = "".join(map(paragraph, ["1. no list", "# no heading", "- no item", "&gt; no quote"]))
    assert markdown_of(tmp_path, word(body)) == (
        "1\\. no list\n\n\\# no heading\n\n\\- no item\n\n\\> no quote\n"
    )


def test_header_rows_of_a_table_become_one(tmp_path: Path) -> None:
    def row(*cells: str, header: bool = False) -> str:
        mark = "<w:trPr><w:tblHeader/></w:trPr>" if header else ""
        return f"<w:tr>{mark}{''.join(cells)}</w:tr>"

    def cell(text: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(text)}</w:tc>"

    table = (
        "<w:tbl>"
        + row(cell("Visitors", '<w:gridSpan w:val="3"/>'))
        + row(
            cell("Site", '<w:vMerge w:val="restart"/>'),
            cell("2025", '<w:gridSpan w:val="2"/>'),
        )
        + row(cell("", "<w:vMerge/>"), cell("Q1"), cell("Q2"))
        + row(cell("North | mole"), cell("1"), cell("2"))
        + "</w:tbl>"
    )
    assert markdown_of(tmp_path, word(table)) == (
        "Visitors\n\n"
        "| Site | 2025 Q1 | 2025 Q2 |\n| --- | --- | --- |\n| North \\| mole | 1 | 2 |\n"
    )


def test_strict_documents_are_read_like_others(tmp_path: Path) -> None:
    content = word(paragraph("Strict.", run="<w:b/>"))
    parts = parts_of(content)
    parts = {
        name: part.replace(
            b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
            b"http://purl.oclc.org/ooxml/wordprocessingml/main",
        ).replace(
            b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
            b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        )
        for name, part in parts.items()
    }
    assert markdown_of(tmp_path, zip_of(parts)) == "**Strict.**\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<w:p><w:hyperlink r:id="nowhere"><w:r><w:t>x</w:t></w:r></w:hyperlink></w:p>', "x"),
        ('<w:altChunk r:id="nowhere"/>' + paragraph("x"), "x"),
        (paragraph("x", '<w:pStyle w:val="Loop"/>'), "x"),
        (paragraph("x", '<w:numPr><w:numId w:val="99"/></w:numPr>'), "x"),
        ("<w:p><w:r><w:footnoteReference w:id='9'/><w:t>x</w:t></w:r></w:p>", "x"),
        (_WIDE, "| x | y |\n| --- | --- |"),
    ],
)
def test_what_leads_nowhere_is_left_out(tmp_path: Path, body: str, expected: str) -> None:
    assert markdown_of(tmp_path, word(body, styles=_HEADINGS)).strip() == expected


def test_nesting_without_end_is_refused_or_read(tmp_path: Path) -> None:
    shallow = "<w:tbl><w:tr><w:tc>" * 40 + paragraph("core") + "</w:tc></w:tr></w:tbl>" * 40
    assert "core" in markdown_of(tmp_path, word(shallow))
    deep = "<w:tbl><w:tr><w:tc>" * 1000 + paragraph("core") + "</w:tc></w:tr></w:tbl>" * 1000
    with pytest.raises(UnconvertibleDocument, match="too deeply"):
        markdown_of(tmp_path, word(deep))


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    entities = (
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">'
        '<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    )
    parts = parts_of(word(paragraph("x &b; &f; y")))
    parts["word/document.xml"] = entities.encode() + parts["word/document.xml"]
    markdown = markdown_of(tmp_path, zip_of(parts))
    assert "root" not in markdown
    assert "aaaa" not in markdown


def test_a_document_without_its_main_part_is_called_damaged(tmp_path: Path) -> None:
    content = zip_of(
        {
            "[Content_Types].xml": b"<Types>wordprocessingml.document.main</Types>",
            "_rels/.rels": relationships(("r", "officeDocument", "word/none.xml")).encode(),
        }
    )
    with pytest.raises(UnconvertibleDocument, match="damaged"):
        markdown_of(tmp_path, content)


def test_second_reading_agrees_on_the_cases() -> None:
    for name in ("docx-field-results-lost", "docx-row-shift-and-merge", "bug-text-box"):
        path = CASES / f"{name}.docx"
        text = second_reading(Source(path, Format.DOCX, path.name, ""), ConversionOptions()).text
        markdown = converted(path).markdown
        assert all(word in markdown for word in text.split())


def test_no_word_is_lost_that_another_reader_finds() -> None:
    """Compare with a library that shares no code with the converter."""
    for path in [SAMPLES / "keepers-handbook.docx", CASES / "bug-text-box.docx"]:
        other = anydoc.to_markdown(path)
        ours = set(re.findall(r"\w+", converted(path).markdown))
        assert set(re.findall(r"\w+", other)) <= ours


def controlled(state: str, content: str) -> str:
    return (
        f'<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="{state}"/></w14:checkbox></w:sdtPr>'
        f"<w:sdtContent>{content}</w:sdtContent></w:sdt>"
    )


def test_check_boxes_around_paragraphs_and_cells(tmp_path: Path) -> None:
    row = f"<w:tc>{paragraph('Paid')}</w:tc>"
    body = controlled("1", paragraph("☒")) + (
        f"<w:tbl><w:tr>{controlled('true', '<w:tc>' + paragraph('☒') + '</w:tc>')}{row}</w:tr>"
        f"<w:tr><w:tc>{controlled('0', paragraph('☐'))}</w:tc>{row}</w:tr></w:tbl>"
    )
    assert markdown_of(tmp_path, word(body)) == (
        "- [x]\n\n| [x] | Paid |\n| --- | --- |\n| [ ] | Paid |\n"
    )


def test_a_word_with_a_reading_that_a_field_draws(tmp_path: Path) -> None:
    field = (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>EQ \\* jc2 \\* hps10 '
        '\\o\\ad(\\s\\up 9(とう),東)</w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )
    body = f"<w:p>{field}<w:r><w:t>へ行く。</w:t></w:r></w:p>"
    assert markdown_of(tmp_path, word(body)) == "東(とう)へ行く。\n"


def test_a_paragraph_whose_end_was_deleted_runs_on(tmp_path: Path) -> None:
    ended = "<w:rPr><w:del w:id='1'/></w:rPr>"
    body = paragraph("One ", ended) + paragraph("and two.") + paragraph("Last", ended)
    assert markdown_of(tmp_path, word(body)) == "One and two.\n\nLast\n"


@pytest.mark.parametrize("mark", ["<w:del/>", "<w:vanish/>"])
def test_an_item_that_is_gone_is_not_counted(tmp_path: Path, mark: str) -> None:
    gone = (
        '<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
        f"<w:rPr>{mark}</w:rPr></w:pPr><w:del><w:r><w:delText>x</w:delText></w:r></w:del></w:p>"
    )
    content = word(
        listed("a", 1) + gone + listed("b", 1), numbering=numbering(level(0, "decimal", "%1."))
    )
    assert markdown_of(tmp_path, content) == "1. a\n2. b\n"


def test_the_second_reading_runs_on_over_a_deleted_end(tmp_path: Path) -> None:
    body = paragraph("to", "<w:rPr><w:del w:id='1'/></w:rPr>") + paragraph("gether")
    path = tmp_path / "a.docx"
    path.write_bytes(word(body))
    reading = second_reading(Source(path, Format.DOCX, "a.docx", ""), ConversionOptions())
    assert reading.text.split() == ["together"]
