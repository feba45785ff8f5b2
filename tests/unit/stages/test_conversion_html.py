"""Pages come out as a browser shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from stages.conversion.result import Converted
from unit.stages.making import converted, converted_bytes

CASES = Path(__file__).parents[2] / "fixtures" / "cases" / "documents"


def page(tmp_path: Path, body: str, *, head: str = "") -> Converted:
    html = f"<!doctype html><html><head><meta charset=utf-8>{head}</head><body>{body}</body></html>"
    return converted_bytes(tmp_path, html.encode(), "page.html")


def markdown_of(tmp_path: Path, body: str) -> str:
    return page(tmp_path, body).markdown.strip()


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        (
            "bug-bold-cjk.html",
            ["**免费**：不需要", "**稳定性**：很少", "**Fee**:12 crowns. before(*middle*)after"],
        ),
        ("bug-ids.html", ["max_idle_time is 5", r"\_\_main\_\_ runs"]),
        ("bug-soft-hyphen.html", ["# Hafenordnung", "Liegeplatzgebühr", "Nicht-raucherbereich"]),
        (
            "bug-strike.html",
            [
                "~~40~~ 55",
                "~~41~~ 56",
                "~~42~~ 57",
                "~~43~~ 58",
                "~~44~~ 59",
                "H<sub>2</sub>O",
                "10<sup>-3</sup>",
            ],
        ),
        (
            "bug-superscript.html",
            ["3 × 10<sup>6</sup> litres", "2<sup>128</sup>", "5×10<sup>9</sup>"],
        ),
        ("html-deep-table-cells-joined.html", ["| Bolt | 12 |"]),
        ("html-gb2312-short-garbage.html", ["朱镕基"]),
        ("html-iso-8859-8-i-garbage.html", ["שלום עולם"]),
        ("html-iso2022jp-garbage.html", ["会議の議事録です。"]),
        ("html-iso8859-1-loses-quotes-euro.html", ["It’s “quoted” – costs 10 € … Acme™ • item Š"]),
        ("html-us-ascii-label-garbage.html", ["It’s “quoted” – costs 10 € … Acme™"]),
        ("html-x-cp1251-garbage.html", ["Привет"]),
        (
            "html-mathml-roots-matrix-joined.html",
            [
                r"$\sqrt{x+1}$",
                r"$\sqrt[3]{8}$",
                r"$\sum_{1}^{n}i$",
                r"$\begin{matrix}1 & 2 \\ 3 & 4\end{matrix}$",
            ],
        ),
        (
            "html-unclosed-font-flattened.html",
            ["# Price list", "\n\nLine 9\n\n", "| Part | Price |", "| Bolt | 12 |"],
        ),
    ],
)
def test_handed_pages_come_out_right(name: str, texts: list[str]) -> None:
    result = converted(CASES / name)
    for text in texts:
        assert text in result.markdown
    assert not result.lossy
    assert result.metadata["wordRecall"] == 1.0


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("latin1", "cp1252", "It’s 10 € … ™"),
        ("ascii", "cp1252", "“quoted”"),
        ("iso-8859-9", "cp1254", "Şişli ığ €"),
        ("windows-874", "cp874", "สวัสดี"),
        ("tis-620", "cp874", "ขนมปัง"),
        ("x-sjis", "cp932", "会議①㈱"),
        ("ms_kanji", "cp932", "東京"),
        ("euc-jp", "euc_jp", "会議の議事録"),
        ("gbk", "gb18030", "朱镕基€"),
        ("chinese", "gb18030", "你好"),
        ("big5-hkscs", "big5hkscs", "會議"),
        ("ks_c_5601-1987", "cp949", "똠방각하"),
        ("korean", "cp949", "안녕"),
        ("logical", "iso8859-8", "שלום"),
        ("csiso88598e", "iso8859-8", "שלום"),
        ("cp866", "cp866", "Привет"),
        ("koi8-ru", "koi8-u", "Привіт ґ"),
        ("x-mac-cyrillic", "mac-cyrillic", "Привет"),
        ("macintosh", "mac-roman", "Größe"),
        ("l2", "iso8859-2", "Łódź"),
        ("iso-8859-16", "iso8859-16", "Țara"),
        ("sun_eu_greek", "iso8859-7", "Αθήνα"),
    ],
)
def test_labels_mean_what_the_web_means_by_them(
    tmp_path: Path, label: str, codec: str, text: str
) -> None:
    raw = f'<meta charset="{label}"><p>{text}</p>'.encode(codec)
    assert text in converted_bytes(tmp_path, raw, "a.html").markdown


@pytest.mark.parametrize(
    "head",
    [
        '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">',
        "<META content='text/html;charset=KOI8-R' http-equiv=content-type>",
        '<?xml version="1.0" encoding="koi8-r"?><html>',
        '<!-- <meta charset="big5"> --><meta charset=koi8-r>',
        '<meta name=x content="charset=big5"><meta charset="koi8-r">',
    ],
)
def test_a_page_declares_its_encoding_in_several_ways(tmp_path: Path, head: str) -> None:
    raw = f"{head}<p>Маяк стоит на скале</p>".encode("koi8-r")
    assert "Маяк стоит" in converted_bytes(tmp_path, raw, "a.html").markdown


def test_byte_order_marks_and_media_types_go_before_what_the_page_says(tmp_path: Path) -> None:
    text = '<meta charset="koi8-r"><p>Größe</p>'
    for codec in ("utf-8-sig", "utf-16"):
        assert "Größe" in converted_bytes(tmp_path, text.encode(codec), "a.html").markdown
    raw = '<meta charset="koi8-r"><p>Привет</p>'.encode("cp1251")
    result = converted_bytes(tmp_path, raw, "a.html", "text/html; charset=windows-1251")
    assert "Привет" in result.markdown


def test_utf_8_is_read_as_such_whatever_a_page_says(tmp_path: Path) -> None:
    raw = '<meta charset="iso-8859-1"><p>Größe 5 €, 会議</p>'.encode()
    assert "Größe 5 €, 会議" in converted_bytes(tmp_path, raw, "a.html").markdown


@pytest.mark.parametrize(
    ("formula", "latex"),
    [
        ("<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mi>c</mi></mfrac>", r"\frac{a+b}{c}"),
        ("<mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup>", "E=m c^{2}"),
        ("<msubsup><mo>∫</mo><mn>0</mn><mn>1</mn></msubsup>", r"\int_{0}^{1}"),
        ("<mover><mi>x</mi><mo>¯</mo></mover>", r"\overline{x}"),
        ("<mover><mi>v</mi><mo>→</mo></mover>", r"\vec{v}"),
        ("<munder><mi>lim</mi><mi>n</mi></munder>", r"\lim_{n}"),
        ("<mover><mo>=</mo><mtext>def</mtext></mover>", r"\overset{\text{def}}{=}"),
        (
            "<mmultiscripts><mi>C</mi><mn>6</mn><none/><mprescripts/><none/><mn>14</mn></mmultiscripts>",
            "{}^{14}C_{6}",
        ),
        ("<mfenced open='['><mn>0</mn><mn>1</mn></mfenced>", r"\left[ 0, 1\right)"),
        ("<mn>50</mn><mo>%</mo><mo>{</mo>", r"50\%\{"),
        (
            "<semantics><mi>q</mi><annotation encoding='x-tex'>q_1</annotation></semantics>",
            "q_1",
        ),
        ("<menclose notation='radical'><mi>x</mi></menclose>", r"\sqrt{x}"),
        ("<mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac>", r"\binom{n}{k}"),
        ("<mphantom><mi>z</mi></mphantom><mi>y</mi>", "y"),
    ],
)
def test_formulas_are_latex(tmp_path: Path, formula: str, latex: str) -> None:
    assert markdown_of(tmp_path, f"<p>So <math>{formula}</math> holds</p>") == f"So ${latex}$ holds"
    shown = markdown_of(tmp_path, f"<math display=block>{formula}</math>")
    assert shown == f"$${latex}$$"


def test_a_formula_that_a_page_holds_twice_comes_out_once(tmp_path: Path) -> None:
    body = (
        "<p>So <span class=katex><span class=katex-mathml><math><semantics><mi>x</mi>"
        "<annotation encoding='application/x-tex'>x^2</annotation></semantics></math></span>"
        "<span class=katex-html aria-hidden=true>x2</span></span></p>"
    )
    assert markdown_of(tmp_path, body) == "So $x^2$"


@pytest.mark.parametrize(
    ("body", "markdown"),
    [
        ("<p>a <span style='text-decoration:underline line-through red'>b</span></p>", "a ~~b~~"),
        ("<p style='TEXT-DECORATION : Line-Through'>b <b>c</b></p>", "~~b **c**~~"),
        ("<div style='text-decoration:line-through'><p>a</p><p>b</p></div>", "~~a~~\n\n~~b~~"),
        ("<p><s style='text-decoration:none'>a</s></p>", "a"),
        ("<p><s>a <span style='text-decoration:line-through'>b</span></s></p>", "~~a b~~"),
        ("<p>10<span style='vertical-align:super'>6</span></p>", "10<sup>6</sup>"),
        ("<p>H<span style='vertical-align: sub'>2</span>O</p>", "H<sub>2</sub>O"),
        ("<p>x<sup></sup>y</p>", "xy"),
        ("<p><i style='text-decoration:line-through'>(a)</i>b</p>", "~~(a~~)b"),
        ("<ul><li style='text-decoration:line-through'>a<li>b</ul>", "- ~~a~~\n- b"),
        ("<pre>a <b style='text-decoration:line-through'>b</b></pre>", "```\na b\n```"),
        ("<pre>2<sup>10</sup> a<sub>1</sub></pre>", "```\n2^10 a_1\n```"),
        ("<p>run <code>2<sup>8</sup></code></p>", "run `2^8`"),
    ],
)
def test_struck_raised_and_lowered_text_is_marked_by_any_means(
    tmp_path: Path, body: str, markdown: str
) -> None:
    assert markdown_of(tmp_path, body) == markdown


@pytest.mark.parametrize(
    ("hidden", "kind", "words"),
    [
        ("<p hidden>not seen here</p>", "hiddenText", 3),
        ("<p style='display:none'>not seen</p>", "hiddenText", 2),
        ("<p style='display : none !important; display: block'>not seen</p>", "hiddenText", 2),
        ("<p style='visibility:hidden'>not seen</p>", "hiddenText", 2),
        ("<table><tr style='visibility:collapse'><td>not<td>seen</table>", "hiddenText", 2),
        (
            "<div style='display:none'><p style='display:none'>not seen</p> so</div>",
            "hiddenText",
            3,
        ),
        ("<template><p>not seen</p></template>", "template", 2),
        ("<noscript><p>not seen</p></noscript>", "noscript", 2),
        ("<dialog>not seen</dialog>", "hiddenText", 2),
        ("<video>not seen</video>", "mediaFallback", 2),
        ("<iframe>not seen</iframe>", "mediaFallback", 2),
    ],
)
def test_what_a_browser_does_not_show_is_left_out_and_counted(
    tmp_path: Path, hidden: str, kind: str, words: int
) -> None:
    result = page(tmp_path, f"<p>Shown before.</p>{hidden}<p>Shown after.</p>")
    assert result.markdown.strip() == "Shown before.\n\nShown after."
    assert result.left_out == {kind: words}
    assert result.recorded["wordsLeftOut"] == words
    assert result.metadata["wordRecall"] == 1.0


@pytest.mark.parametrize(
    "shown",
    [
        "<p hidden=until-found>seen words</p>",
        "<p hidden style='display:block'>seen words</p>",
        "<p style='display:block; x: none'>seen words</p>",
        "<div style='visibility:hidden'><p style='visibility:visible'>seen words</p></div>",
        "<details><summary>seen</summary>words</details>",
        "<dialog open>seen words</dialog>",
        "<p style='/* display:none */'>seen words</p>",
    ],
)
def test_what_a_browser_shows_or_opens_stays(tmp_path: Path, shown: str) -> None:
    result = page(tmp_path, shown)
    assert re.findall(r"\w+", result.markdown) == ["seen", "words"]
    assert not result.left_out


@pytest.mark.parametrize(
    ("body", "markdown"),
    [
        ("<ruby>東京<rp>(</rp><rt>とうきょう</rt><rp>)</rp></ruby>へ", "東京(とうきょう)へ"),
        ("<ruby>東<rt>とう</rt>京<rt>きょう</rt></ruby>", "東(とう)京(きょう)"),
        ("<ruby><rb>東<rb>京<rt>とう<rt>きょう</ruby>", "東京(とうきょう)"),
        (
            "<p><input type=checkbox checked> Paid <input type=checkbox> Sent</p>",
            "[x] Paid [ ] Sent",
        ),
        (
            "<ul><li><input type=checkbox checked>Paid<li><input type=checkbox>Sent</ul>",
            "- [x] Paid\n- [ ] Sent",
        ),
        (
            "<p>Name <input value='Ada Lovelace'><input type=hidden value=no></p>",
            "Name Ada Lovelace",
        ),
        ("<p>super<wbr>cali</p>", "supercali"),
        ("<p>Zug&shy;luft</p>", "Zugluft"),
        ("<p>a<!-- no -->b &lt;b&gt; &amp;amp;</p>", r"ab \<b> \&amp;"),
        ("<p>note<sup><a href='#gone'>1</a></sup></p>", "note<sup>[1](#gone)</sup>"),
        ("<p><img src=a.png alt='A chart'></p>", "![A chart](a.png)"),
        ("<pre><a href=x>int</a> <b>f</b>();</pre>", "```\nint f();\n```"),
        ("<h2>Title<a href='#t'>¶</a></h2>", "## Title"),
        ("<p>a<font color=red>b</font><span>c</span></p>", "abc"),
    ],
)
def test_parts_of_lines(tmp_path: Path, body: str, markdown: str) -> None:
    assert markdown_of(tmp_path, body) == markdown


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<b>注意：</b>閉館は9時です。", "注意：閉館は9時です。"),
        ("x<b>“q”</b>y", "x“q”y"),
        ("<em>(a)</em>b", "(a)b"),
        ("a<i>.</i>b", "a.b"),
        ("<b>a</b><i>b</i>c", "abc"),
        ("<b>a</b><b>b</b>", "ab"),
        ("x<strong><em>y!</em></strong>z", "xy!z"),
        ("1<del>2,</del>3", "12,3"),
        ("<a href=u><b>k:</b></a>v", "k:v"),
        ("Art.<b>5.</b>ff", "Art.5.ff"),
        ("<i>a<b>.</b></i>b", "a.b"),
        ("<b> x </b>y", "x y"),
    ],
)
def test_no_mark_of_emphasis_is_left_in_the_text(tmp_path: Path, body: str, text: str) -> None:
    html = (
        MarkdownIt("commonmark")
        .enable("strikethrough")
        .render(markdown_of(tmp_path, f"<p>{body}</p>"))
    )
    assert re.sub("<[^>]*>", "", html).strip() == text


@pytest.mark.parametrize(
    ("body", "markdown"),
    [
        (
            "<dl><dt>Berth<dd>A place for <b>one</b> boat<dt>Pier<dd>Two</dl>",
            "Berth: A place for **one** boat\n\nPier: Two",
        ),
        ("<dl><dt>Tide<dt>Flood<dd>Water comes</dl>", "Tide, Flood: Water comes"),
        ("<dl><dt>Fee:<dd><p>Twelve</p><p>crowns</p></dl>", "Fee: Twelve\n\ncrowns"),
        ("<dl><dt>Code<dd><pre>x = 1</pre></dl>", "Code:\n\n```\nx = 1\n```"),
        ("<dl><dt><p>Term</p></dt><dd>Text</dd></dl>", "Term: Text"),
        ("<dl><div><dt>Term</dt><dd>Text</dd></div></dl>", "Term: Text"),
        ("<dl><dt>One<dd>first<dd>second</dl>", "One: first\n\nsecond"),
    ],
)
def test_terms_stay_with_their_definitions(tmp_path: Path, body: str, markdown: str) -> None:
    assert markdown_of(tmp_path, body) == markdown


def test_a_formula_in_a_cell_does_not_end_the_cell(tmp_path: Path) -> None:
    formula = "<math><mo>|</mo><mi>x</mi><mo>|</mo></math>"
    body = f"<table><tr><th>a<th>b</tr><tr><td>{formula}<td>1</tr></table>"
    assert markdown_of(tmp_path, body).endswith("| $\\vert x\\vert$ | 1 |")


def test_a_page_that_is_xml_ends_elements_in_their_own_tags(tmp_path: Path) -> None:
    page = b"<?xml version='1.0'?><html><head><title/><script src='a/b'/></head><body><a id='x'/>"
    result = converted_bytes(tmp_path, page + b"<p>All <br/>there</p></body></html>", "a.xhtml")
    assert result.markdown.split() == ["All", "there"]


def test_footnotes_become_footnotes(tmp_path: Path) -> None:
    body = (
        '<p>Sure<sup id="r1"><a href="#f1">[1]</a></sup> and'
        '<a class="footnote-ref" href="#f2" id="r2">2</a>.</p>'
        '<ol><li id="f1"><a href="#r1">^</a> First source.</li>'
        '<li id="f2"><p>Second source. <a href="#r2">↩</a></p></li></ol>'
    )
    assert markdown_of(tmp_path, body) == (
        "Sure[^1] and[^2].\n\n[^1]: First source.\n\n[^2]: Second source."
    )


def test_spanning_cells_are_in_each_of_their_rows(tmp_path: Path) -> None:
    body = (
        "<table><tr><th rowspan=2>Site<th colspan=2>2025</tr><tr><th>Q1<th>Q2</tr>"
        "<tr><td rowspan=2>North<td>10<td>11</tr><tr><td>12<td>13</tr>"
        "<tr><td>South<td colspan=2>closed</tr></table>"
    )
    assert markdown_of(tmp_path, body) == (
        "| Site | 2025 Q1 | 2025 Q2 |\n| --- | --- | --- |\n| North | 10 | 11 |\n"
        "| North | 12 | 13 |\n| South | closed |  |"
    )


def test_a_title_over_all_columns_is_no_column_name(tmp_path: Path) -> None:
    body = "<table><tr><th colspan=2>Fees</tr><tr><th>Boat<th>Fee</tr><tr><td>A<td>1</tr></table>"
    assert markdown_of(tmp_path, body) == "Fees\n\n| Boat | Fee |\n| --- | --- |\n| A | 1 |"


def test_a_span_of_very_many_columns_makes_no_more_than_there_are(tmp_path: Path) -> None:
    rows = "<tr><td colspan=1000>wide</td></tr>" + "<tr><td>a<td>b</tr>" * 50
    markdown = markdown_of(tmp_path, f"<table>{rows}</table>")
    assert len(markdown) < 2_000
    assert markdown.count("| a | b |") == 50


def test_tables_that_lay_a_page_out_keep_its_structure(tmp_path: Path) -> None:
    table = "<table><tr><th>Part<th>Price</tr><tr><td>Bolt<td>12</tr></table>"
    nested = f"<h1>Shop</h1><p>Welcome</p>{table}"
    for _ in range(12):
        nested = f"<table><tr><td>menu</td><td>{nested}</td></tr></table>"
    markdown = markdown_of(tmp_path, nested)
    assert "# Shop\n\nWelcome\n\n| Part | Price |\n| --- | --- |\n| Bolt | 12 |" in markdown


@pytest.mark.parametrize(
    "opening",
    [
        "<div>",
        "<b>",
        "<font size=2>",
        "<span>",
        "<blockquote>",
        "<ul><li>",
        "<i><b>",
        "<table><tr><td>",
        "<section>",
        "<a href=x>",
        "<center>",
    ],
)
@pytest.mark.parametrize("times", [60, 420, 2_000])
def test_open_tags_and_depth_do_not_flatten_a_page(
    tmp_path: Path, opening: str, times: int
) -> None:
    lines = "".join(f"<p>{opening}Line {n}" for n in range(times)) if times < 1_000 else ""
    table = "<table><tr><th>Part<th>Price</tr><tr><td>Bolt<td>12</tr></table>"
    body = f"<h1>Price list</h1>{lines or opening * times}<h2>Table</h2>{table}<p>end"
    result = page(tmp_path, body)
    assert result.metadata["wordRecall"] == 1.0
    assert not re.search(r"PartPrice|Bolt12|Line \d+Line", result.markdown)
    if opening not in ("<blockquote>", "<ul><li>", "<table><tr><td>"):
        assert "# Price list" in result.markdown
        assert re.search(r"Part \| Price \|", result.markdown)


def test_cells_and_blocks_part_words_in_the_fallback_too(tmp_path: Path) -> None:
    from stages.conversion.text import html

    path = tmp_path / "a.html"
    path.write_text("<table><tr><th>Bolt<td>12</table><dl><dt>a<dd>b</dl><p>c<br>d<p>e<li>f")
    from stages.conversion.detection import Format
    from stages.conversion.result import ConversionOptions, Source

    source = Source(path, Format.HTML, "a.html", "text/html")
    flat = html.fallback(source, ConversionOptions())
    assert flat.markdown.split() == ["Bolt", "12", "a", "b", "c", "d", "e", "f"]
    assert flat.converter == "html-text/1"


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (
            "<table><tr><th>Born<td>1901</tr><tr><th>Died<td>1980</table>",
            ["|  |  |", "| --- | --- |", "| Born | 1901 |", "| Died | 1980 |"],
        ),
        (  # a title above, the label of a group between, a label over two rows
            ("<table><tr><th colspan=3>Ada</tr><tr><th rowspan=2>Born<td>1815<td>London</tr>"
            "<tr><td>10 December<td>Marylebone</tr><tr><th colspan=3>Work</tr>"
            "<tr><th>Field<td>Numbers<td>Engines</table>"),
            ["Ada", "|  |  |  |", "| --- | --- | --- |", "| Born | 1815 | London |",
             "| Born | 10 December | Marylebone |", "| Work |  |  |",
             "| Field | Numbers | Engines |"],
        ),
        (  # heads of columns too
            "<table><tr><td><th>Q1<th>Q2</tr><tr><th>A<td>1<td>2</table>",
            ["|  | Q1 | Q2 |", "| --- | --- | --- |", "| A | 1 | 2 |"],
        ),
        (
            "<table><thead><tr><th>Name<td>Fee</tr></thead><tr><th>Boat<td>1</table>",
            ["| Name | Fee |", "| --- | --- |", "| Boat | 1 |"],
        ),
        (  # a label between the rows is none of the columns'
            ("<table><tr><th>Name<th>Fee</tr><tr><td>Boat<td>1</tr><tr><th>Late<th>Fee</tr>"
            "<tr><td colspan=2>none</tr></table>"),
            ["| Name | Fee |", "| --- | --- |", "| Boat | 1 |", "| Late | Fee |", "| none |  |"],
        ),
    ],
)  # fmt: skip
def test_only_heads_of_columns_are_a_tables_header(
    tmp_path: Path, body: str, lines: list[str]
) -> None:
    assert [line for line in markdown_of(tmp_path, body).split("\n") if line] == lines


@pytest.mark.parametrize(
    ("body", "markdown"),
    [
        ("<s><b>Gone</b></s>stays", "~~Gone~~stays"),
        ("<del>was <i>gone</i></del>stays", "~~was gone~~stays"),
        ("x<s><b>Gone</b> in</s> stays", "x~~Gone in~~ stays"),
        ("<span style='text-decoration:line-through'><b>Gone</b></span>stays", "~~Gone~~stays"),
        ("<b>was <s>gone</s></b>stays", "was ~~gone~~stays"),
        ("<s><b>Gone</b></s> stays", "~~**Gone**~~ stays"),
        ("<b><s>Gone</s></b> stays", "**~~Gone~~** stays"),
        ("<s><b><i>Gone</i></b></s>stays", "~~Gone~~stays"),
    ],
)
def test_a_strike_is_kept_beside_a_letter(tmp_path: Path, body: str, markdown: str) -> None:
    assert markdown_of(tmp_path, f"<p>{body}</p>") == markdown
    assert "~" not in MarkdownIt("commonmark").enable("strikethrough").render(markdown)
