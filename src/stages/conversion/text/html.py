"""HTML: a browser's parser reads the page, rules of ours settle what Markdown has no word for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from html_to_markdown import ConversionOptions as HtmlOptions
from html_to_markdown import PreprocessingOptions
from html_to_markdown import convert as html_to_markdown
from selectolax.lexbor import LexborHTMLParser

from stages.conversion.markdown import blocks, paragraph
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.text import html_blocks, html_inline, html_lists, html_tables
from stages.conversion.text.encodings import decode_page
from stages.conversion.text.html_depth import parsed, shallow
from stages.conversion.text.html_nodes import Inserts
from stages.conversion.text.html_reading import second_reading, text_of_page
from stages.conversion.text.html_slices import slices
from stages.conversion.text.visibility import leave_out_unseen

__all__ = ["convert", "fallback", "markdown_of", "second_reading"]

_OPTIONS: Final = HtmlOptions(
    extract_metadata=False,
    escape_misc=True,
    escape_asterisks=True,
    escape_underscores=True,
    br_in_tables=True,
    bullets="-",
    inline_data_media="alt_text_only",
    sup_symbol="<sup>",
    sub_symbol="<sub>",
    highlight_style="none",
    compact_tables=True,
    preprocessing=PreprocessingOptions(
        preset="minimal", remove_navigation=False, remove_forms=False
    ),
)
_ESCAPED: Final = re.compile(
    r"\\(?:(?<=\d\\)([.)])|"
    r"((?<=[^\W_]\\)_(?=[^\W_])|(?<=<su[bp]>\\)[_+-]"
    r"|(?<=[^\s\\]\\)[-=+>]|(?<=[^\s>*+.)|\\-][ ]\\)[-=+>]))"  # not where a line begins
)
_FENCE: Final = re.compile(r"^[ \t>-]*```", re.MULTILINE)
_MAX_MARKER_CHARS = 200
_ONLY_NUMBER: Final = re.compile(r"[\s>*+-]*(?:\d{1,9}[.)]\s+)*\d{1,9}")


def convert(source: Source, options: ConversionOptions) -> Converted:  # noqa: ARG001
    """Convert a page; what a browser does not show is left out and counted."""
    page = decode_page(source)
    markdown, left_out = page_to_markdown(page.text)
    return Converted(
        markdown,
        {"encoding": page.encoding},
        left_out=left_out,
        lossy=page.lossy,
        converter="html-to-markdown/3",
    )


def fallback(source: Source, options: ConversionOptions) -> Converted:  # noqa: ARG001
    """Make paragraphs of the page's text, without lists, tables or emphasis."""
    page = decode_page(source)
    text, left_out = text_of_page(page.text)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return Converted(
        blocks(paragraph(line) for line in lines),
        {"encoding": page.encoding, "flattened": True},
        left_out=left_out,
        lossy=page.lossy,
        converter="html-text/1",
    )


def markdown_of(html: str) -> str:
    """Return the Markdown of HTML."""
    return page_to_markdown(html)[0]


def page_to_markdown(html: str) -> tuple[str, Mapping[str, int]]:
    """Return the Markdown of a page, and the counts of words left out by kind."""
    left_out: Counter[str] = Counter()
    pieces = []
    for part in slices(html):
        markdown, unseen = _part_to_markdown(part)
        pieces.append(markdown)
        left_out.update(unseen)
    return (pieces[0] if len(pieces) == 1 else blocks(pieces)), left_out


def _part_to_markdown(html: str) -> tuple[str, Mapping[str, int]]:
    inserts = Inserts()
    page = parsed(inserts.cleared(html))
    left_out = leave_out_unseen(page)
    page = shallow(page)
    html_inline.mark_formulas(page, inserts)
    _settle(page, inserts)
    result = html_to_markdown(page.html or "", _OPTIONS)
    markdown = _with_fewer_escapes(result.content or "")
    markdown = markdown.replace("\u00ad", "").replace("\u2011", "-")
    return inserts.filled(html_blocks.definitions_tied(markdown)), left_out


def _settle(page: LexborHTMLParser, inserts: Inserts) -> None:
    html_inline.mark_styles(page, inserts)
    html_inline.plain_code(page)
    html_inline.write_ruby(page)
    html_inline.write_fields(page, inserts)
    html_inline.drop_permalinks(page)
    html_inline.unwrap_what_marks_nothing(page)
    html_inline.settle_emphasis(page)
    html_lists.write_labels(page, inserts)
    html_blocks.mark_footnotes(page, inserts)
    html_blocks.tie_definitions(page)
    html_tables.unwrap_layout(page)
    html_tables.spread_spans(page)


def _with_fewer_escapes(markdown: str) -> str:
    """Take back escapes of what marks nothing where it stands: `1\\.5`, `a\\_b`, `co\\-op`."""
    if "\\" not in markdown:
        return markdown
    pieces, end, in_code = [], 0, False
    for fence in _FENCE.finditer(markdown):
        piece = markdown[end : fence.start()]
        pieces += [piece if in_code else _ESCAPED.sub(_unescaped, piece), fence[0]]
        in_code, end = not in_code, fence.end()
    piece = markdown[end:]
    return "".join([*pieces, piece if in_code else _ESCAPED.sub(_unescaped, piece)])


def _unescaped(match: re.Match[str]) -> str:
    if match[2]:
        return match[2]
    text, start, end = match.string, match.start(), match.end()
    line = text.rfind("\n", max(0, start - _MAX_MARKER_CHARS), start)
    if line < 0 and start > _MAX_MARKER_CHARS:
        return match[1]
    before = text[line + 1 : start]
    begins_list = _ONLY_NUMBER.fullmatch(before) and (end == len(text) or text[end].isspace())
    return match[0] if begins_list else match[1]
