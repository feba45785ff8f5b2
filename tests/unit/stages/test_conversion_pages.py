"""A page's own style sheets and the labels of its lists come out as a browser shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.conversion.result import Converted
from stages.conversion.text import html_slices
from unit.stages.making import converted_bytes


def page(tmp_path: Path, html: str) -> Converted:
    """Convert a page; every word that it shows is in the Markdown."""
    result = converted_bytes(tmp_path, f"<!doctype html>{html}".encode(), "a.html")
    assert result.metadata["wordRecall"] == 1.0
    return result


_HIDDEN = "<p>seen <span class=a>one two</span></p>"


@pytest.mark.parametrize(
    "sheet",
    [
        ".a{display:none}",
        "span.a { visibility : hidden }",
        "p > .a{display:none!important} .a{display:inline}",
        "@media screen{.a{display:none}}",
        ".b,.a{display:none}",
        ".a{display:inline} p .a{display:none}",
        "/* {} */ p{color:red} .x:nope{display:none} .a{display:none}",
    ],
)
def test_what_a_sheet_hides_is_left_out_and_counted(tmp_path: Path, sheet: str) -> None:
    result = page(tmp_path, f"<style>{sheet}</style>{_HIDDEN}")
    assert (result.markdown, result.left_out) == ("seen\n", {"hiddenText": 2})


@pytest.mark.parametrize(
    "head",
    [
        "<style>.a{display:none} p .a{display:inline}</style>",
        "<style>p .a{display:inline} .a{display:none}</style>",
        "<style media=print>.a{display:none}</style>",
        "<style>@media print{.a{display:none}} @media (max-width:9em){.a{display:none}}</style>",
        "<style>.a{display:none} .a:target{display:inline}</style>",
        "<style>.a{display:none}</style><script>show()</script>",
        "<style>body{visibility:hidden}</style>",
        "<style>.a{display:none</style><style>.a{display:inline}</style>",
    ],
)
def test_what_is_shown_or_may_be_shown_later_is_kept(tmp_path: Path, head: str) -> None:
    result = page(tmp_path, head + _HIDDEN)
    assert (result.markdown, result.left_out) == ("seen one two\n", {})


def test_an_inline_style_wins_over_a_sheet_that_does_not_insist(tmp_path: Path) -> None:
    style = "<style>.a{display:none} .b{display:none!important}</style>"
    shown = page(tmp_path, f"{style}<p class=a style='display:block'>kept<p class=b>gone")
    assert shown.markdown == "kept\n"


def test_a_sheet_strikes_raises_and_lowers(tmp_path: Path) -> None:
    style = (
        "<style>.o{text-decoration:line-through red} .u{vertical-align:super}"
        " .l{vertical-align:sub}</style><script></script>"
    )
    body = "<p><span class=o>43</span> 10<span class=u>6</span> H<span class=l>2</span>O"
    assert page(tmp_path, style + body).markdown == "~~43~~ 10<sup>6</sup> H<sub>2</sub>O\n"


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<ol type=a><li>x<li>y</ol>", "- a. x\n- b. y\n"),
        ("<ol type=I start=3><li>x<li>y</ol>", "- III. x\n- IV. y\n"),
        ("<ol reversed><li>x<li>y</ol>", "- 2\\. x\n- 1\\. y\n"),
        ("<ol reversed start=9><li>x<li>y</ol>", "- 9\\. x\n- 8\\. y\n"),
        ("<ol start=5><li>x<li>y</ol>", "5. x\n6. y\n"),
        ("<ol><li>x<li value=7>y<li>z</ol>", "- 1\\. x\n- 7\\. y\n- 8\\. z\n"),
        ("<ol><li value=1>x<li value=2>y</ol>", "1. x\n2. y\n"),
        ("<ol style='list-style: upper-alpha'><li>x</ol>", "- A. x\n"),
        (
            "<style>ol{list-style-type:lower-greek}</style><ol><li>x<li>y</ol>",
            "- \u03b1. x\n- β. y\n",
        ),
        ("<ol type=a><li>x<ol type=i><li>y</ol><li>z</ol>", "- a. x\n  - i. y\n- b. z\n"),
        ("<ol type=a start=26><li>x<li>y</ol>", "- z. x\n- aa. y\n"),
        ("<ol type=i start=0><li>x</ol>", "0. x\n"),
        ("<ol type=disc style='list-style:none'><li>x</ol>", "1. x\n"),
    ],
)
def test_list_labels_are_those_of_a_browser(tmp_path: Path, html: str, markdown: str) -> None:
    assert page(tmp_path, html).markdown == markdown


def test_nothing_is_escaped_that_marks_nothing(tmp_path: Path) -> None:
    body = "<p>co-exist x=y a + b - c -> d</p><p>- no list</p><p>=====</p><p>--opt=x > y"
    assert page(tmp_path, body).markdown == (
        "co-exist x=y a + b - c -> d\n\n\\- no list\n\n\\=====\n\n\\--opt=x > y\n"
    )


def test_a_label_over_all_columns_stands_above_the_table(tmp_path: Path) -> None:
    table = "<table><tr><th colspan=3>Part 4</th></tr><tr><td>Back<td>Up<td>On</table>"
    assert page(tmp_path, table).markdown == (
        "Part 4\n\n|  |  |  |\n| --- | --- | --- |\n| Back | Up | On |\n"
    )


@pytest.fixture
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_slices, "_MOST_TAGS", 500)
    monkeypatch.setattr(html_slices, "_LEAST_CHARS", 2_000)


def _large(tags: str, count: int) -> str:
    return "".join(tags.format(number) for number in range(count))


@pytest.mark.usefixtures("_small_slices")
def test_a_very_large_page_is_read_in_slices_and_keeps_every_word(tmp_path: Path) -> None:
    body = "<h1>All</h1>" + _large("<h2>Part {0}</h2><p>text{0} <b>of</b> it</p>", 400)
    markdown = page(tmp_path, body).markdown
    assert markdown.startswith("# All\n\n## Part 0\n\ntext0 **of** it\n\n")
    assert markdown.endswith("## Part 399\n\ntext399 **of** it\n")
    assert markdown.count("\n## ") == 400


@pytest.mark.usefixtures("_small_slices")
def test_rows_of_a_very_large_table_have_their_header_in_every_slice(tmp_path: Path) -> None:
    rows = _large("<tr><td>a{0}</td><td>b{0}</td></tr>", 400)
    markdown = page(tmp_path, f"<table><tr><th>A</th><th>B</th></tr>{rows}</table>").markdown
    assert markdown.count("| A | B |\n| --- | --- |\n") > 1
    assert markdown.count("| a") == 400


@pytest.mark.usefixtures("_small_slices")
def test_a_slice_knows_what_the_page_hides_and_reads_no_comment(tmp_path: Path) -> None:
    hidden = "<p class=h>one two</p><!-- <p>no --><script>'<p>'</script>"
    shown = _large("<p><i>text</i></p>", 600)
    style = "<style>.h{visibility:hidden}</style>"
    result = page(tmp_path, f"{style}{shown}{hidden}")
    assert "no" not in result.markdown
    assert "one" in result.markdown  # a script may show it
    assert page(tmp_path, f"{style}{shown}<p class=h>one two").left_out == {"hiddenText": 2}
