"""Siblings of the cases: each rule of PresentationML on presentations of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.conversion.detection import Format
from stages.conversion.office.pptx import convert as convert_pptx
from stages.conversion.office.pptx import second_reading
from stages.conversion.result import ConversionOptions, Source
from stages.errors import UnconvertibleDocument
from unit.stages.making import zip_of
from unit.stages.office.packages import (
    CASES,
    markdown_of,
    package,
    parts_of,
    relationships,
    xml,
)

_KIND = "openxmlformats-officedocument.presentationml.presentation.main"


def deck(*slides: str, kind: str = _KIND, **parts: str) -> bytes:
    """Return a presentation of slides, each the XML of its shapes."""
    ids = "".join(f'<p:sldId id="{256 + n}" r:id="s{n}"/>' for n in range(len(slides) + 1))
    found: dict[str, str | bytes] = {
        "ppt/presentation.xml": xml("p:presentation", f"<p:sldIdLst>{ids}</p:sldIdLst>")
    }
    targets = [("s99", "slide", "slides/none.xml")]
    for number, shapes in enumerate(slides):
        show, _, inner = shapes.rpartition("|")
        root = xml("p:sld", f"<p:cSld><p:spTree>{inner}</p:spTree></p:cSld>")
        root = root.replace("<p:sld ", f"<p:sld {show} ", 1)
        found[f"ppt/slides/slide{number}.xml"] = root
        targets.append((f"s{number}", "slide", f"slides/slide{number}.xml"))
    for name, content in parts.items():
        found[f"ppt/{name}.xml"] = content
    if parts:
        found["ppt/slides/_rels/slide0.xml.rels"] = relationships(
            *((name, name.rstrip("1"), f"../{name}.xml") for name in parts)
        )
    return package("ppt/presentation.xml", kind, found, targets)


def place(x: int, y: int, width: int = 100, height: int = 50) -> str:
    off = f'<a:off x="{x * 10_000}" y="{y * 10_000}"/>'
    return f'{off}<a:ext cx="{width * 10_000}" cy="{height * 10_000}"/>'


def box(text: str, at: str, *, attributes: str = "", body: str = "") -> str:
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="1" name="b" {attributes}/><p:nvPr/></p:nvSpPr>'
        f"<p:spPr><a:xfrm>{at}</a:xfrm></p:spPr><p:txBody>"
        f"{body or f'<a:p><a:r><a:t>{text}</a:t></a:r></a:p>'}</p:txBody></p:sp>"
    )


def words(markdown: str) -> list[str]:
    return [line for line in markdown.split("\n") if line and not line.startswith("#")]


def test_columns_are_read_one_after_the_other_below_what_stands_over_both(tmp_path: Path) -> None:
    shapes = (
        box("l1", place(0, 100))
        + box("r1", place(300, 100))
        + box("l2", place(0, 200))
        + box("r2", place(300, 205))
        + box("foot", place(0, 400, 400))
        + box("top", place(0, 0, 400))
    )
    assert words(markdown_of(tmp_path, deck(shapes))) == ["top", "l1", "l2", "r1", "r2", "foot"]


def test_what_only_lies_lower_is_no_column(tmp_path: Path) -> None:
    shapes = box("low", place(0, 300)) + box("high", place(300, 0))
    assert words(markdown_of(tmp_path, deck(shapes))) == ["high", "low"]


def test_a_group_inside_a_group_is_placed_by_both(tmp_path: Path) -> None:
    def group(outer: str, inner: str, content: str) -> str:
        inner = inner.replace("a:off", "a:chOff").replace("a:ext", "a:chExt")
        return (
            '<p:grpSp><p:nvGrpSpPr><p:cNvPr id="1" name="g"/></p:nvGrpSpPr><p:grpSpPr><a:xfrm>'
            f"{outer}{inner}</a:xfrm></p:grpSpPr>{content}</p:grpSp>"
        )

    deep = group(place(0, 900), place(5, 5), box("second", place(5, 5)))
    outer = group(place(0, 100, 400, 400), place(0, 900, 400, 400), deep)
    shapes = box("third", place(0, 600)) + outer + box("first", place(0, 0))
    assert words(markdown_of(tmp_path, deck(shapes))) == ["first", "second", "third"]


def test_placeholders_stand_where_the_layout_puts_them(tmp_path: Path) -> None:
    def held(text: str, index: int, at: str = "") -> str:
        place_ = f"<a:xfrm>{at}</a:xfrm>" if at else ""
        return (
            f'<p:sp><p:nvSpPr><p:cNvPr id="1" name="h"/><p:nvPr><p:ph type="body" idx="{index}"/>'
            f"</p:nvPr></p:nvSpPr><p:spPr>{place_}</p:spPr><p:txBody><a:p><a:r><a:t>{text}</a:t>"
            "</a:r></a:p></p:txBody></p:sp>"
        )

    layout = xml(
        "p:sldLayout",
        f"<p:cSld><p:spTree>{held('', 1, place(0, 500))}{held('', 2, place(0, 100))}</p:spTree>"
        "</p:cSld>",
    )
    content = deck(held("below", 1) + held("above", 2), slideLayout1=layout)
    assert words(markdown_of(tmp_path, content)) == ["- above", "- below"]


def test_hidden_slides_and_shapes_are_left_out_and_counted(tmp_path: Path) -> None:
    hidden = box("unseen words", place(0, 100), attributes='hidden="1"')
    content = deck(box("seen", place(0, 0)) + hidden, 'show="0"|' + box("skipped", place(0, 0)))
    path = tmp_path / "a.pptx"
    path.write_bytes(content)
    source = Source(path, Format.PPTX, "a.pptx", "")
    result = convert_pptx(source, ConversionOptions())
    assert result.markdown == "## Slide 1\n\nseen"
    assert result.left_out == {"hiddenSlides": 1, "hiddenText": 2}
    second = second_reading(source, ConversionOptions())
    assert second.text.split() == ["seen"]
    assert second.left_out == result.left_out
    assert "skipped" in markdown_of(tmp_path, content, includeHidden=True)


def test_numbered_paragraphs_keep_their_numbers(tmp_path: Path) -> None:
    def line(text: str, scheme: str, level: int = 0, start: str = "") -> str:
        return (
            f'<a:p><a:pPr lvl="{level}"><a:buAutoNum type="{scheme}" {start}/></a:pPr>'
            f"<a:r><a:t>{text}</a:t></a:r></a:p>"
        )

    body = (
        line("a", "arabicPeriod", start='startAt="3"')
        + line("b", "arabicPeriod", start='startAt="3"')
        + line("x", "alphaLcParenBoth", 1)
        + line("y", "alphaLcParenBoth", 1)
    )
    markdown = markdown_of(tmp_path, deck(box("", place(0, 0), body=body)))
    assert "3. a\n4. b\n   - (a) x\n   - (b) y" in markdown


def test_a_diagram_nests_its_points_and_survives_circles(tmp_path: Path) -> None:
    def point(key: str, text: str, kind: str = "node") -> str:
        return (
            f'<dgm:pt modelId="{key}" type="{kind}"><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p>'
            "</dgm:t></dgm:pt>"
        )

    def link(source: str, target: str, order: int) -> str:
        ends = f'srcId="{source}" destId="{target}"'
        return f'<dgm:cxn modelId="c{source}{target}" {ends} srcOrd="{order}"/>'

    data = xml(
        "dgm:dataModel",
        f"<dgm:ptLst>{point('0', '', 'doc')}{point('2', 'Second')}{point('3', 'Under first')}"
        f"{point('1', 'First')}{point('9', 'Apart')}</dgm:ptLst><dgm:cxnLst>{link('0', '2', 1)}"
        f"{link('0', '1', 0)}{link('1', '3', 0)}{link('3', '1', 0)}</dgm:cxnLst>",
    )
    frame = (
        '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="4" name="d"/></p:nvGraphicFramePr>'
        f"<p:xfrm>{place(0, 0)}</p:xfrm><a:graphic><a:graphicData>"
        '<dgm:relIds r:dm="diagramData1"/></a:graphicData></a:graphic></p:graphicFrame>'
    )
    markdown = markdown_of(tmp_path, deck(frame, diagramData1=data))
    assert "- First\n  - Under first\n- Second\n- Apart" in markdown


@pytest.mark.parametrize(
    "kind",
    [
        "ms-powerpoint.presentation.macroEnabled.main",
        "ms-powerpoint.slideshow.macroEnabled.main",
        "ms-powerpoint.template.macroEnabled.main",
        "openxmlformats-officedocument.presentationml.slideshow.main",
        "openxmlformats-officedocument.presentationml.template.main",
    ],
)
def test_shows_and_templates_are_presentations(tmp_path: Path, kind: str) -> None:
    assert "## Slide 1\n\nseen" in markdown_of(tmp_path, deck(box("seen", place(0, 0)), kind=kind))


def test_only_what_is_damaged_is_called_so(tmp_path: Path) -> None:
    parts = parts_of(deck(box("seen", place(0, 0))))
    parts["ppt/slides/slide0.xml"] = parts["ppt/slides/slide0.xml"][:-40]
    with pytest.raises(UnconvertibleDocument, match="damaged"):
        markdown_of(tmp_path, zip_of(parts))


def test_second_reading_agrees_on_the_cases() -> None:
    for path in CASES.glob("*.pptx"):
        source = Source(path, Format.PPTX, path.name, "")
        markdown = convert_pptx(source, ConversionOptions()).markdown
        second = second_reading(source, ConversionOptions())
        assert all(word in markdown.replace("\\", "") for word in second.text.split())
