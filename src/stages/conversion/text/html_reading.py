"""HTML read for the second time: the text nodes that a browser shows, and nothing of structure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from selectolax.lexbor import LexborHTMLParser

from stages.conversion.result import ConversionOptions, Source
from stages.conversion.second_reading import SecondReading
from stages.conversion.text.encodings import decode_page
from stages.conversion.text.html_depth import parsed
from stages.conversion.text.html_slices import slices
from stages.conversion.text.visibility import leave_out_unseen, style_of

# Words run on through these; every other element parts them, and so does each end of a link.
_WITHIN_WORDS: Final = [
    "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em",
    "font", "i", "ins", "kbd", "label", "mark", "nobr", "q", "s", "samp", "small", "span",
    "strike", "strong", "time", "tt", "u", "var",
]  # fmt: skip
_VALUES: Final = (
    "input[value]:not([type=hidden]):not([type=password]):not([type=checkbox]):not([type=radio])"
    ":not([type=range]):not([type=color]):not([type=image]):not([type=file])"
)


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:  # noqa: ARG001
    """Return the text that the page shows, by the same parser and rules of visibility."""
    return SecondReading(*text_of_page(decode_page(source).text))


def text_of_page(html: str) -> tuple[str, Mapping[str, int]]:
    """Return the text of a page, parted by line feeds, and the counts of words left out."""
    left_out: Counter[str] = Counter()
    texts = []
    for part in slices(html):
        text, unseen = _text_of_part(part)
        texts.append(text)
        left_out.update(unseen)
    return "\n".join(texts), left_out


def _text_of_part(html: str) -> tuple[str, Mapping[str, int]]:
    page = parsed(html)
    left_out = leave_out_unseen(page)
    for node in page.css("annotation,annotation-xml"):
        node.decompose()
    for math in page.css("math"):
        math.replace_with(f" {math.text(deep=True, separator=' ')} ")
    for node in page.css("wbr"):
        node.decompose()
    _part_raised_text(page)
    for picture in page.css("img[alt]"):
        picture.insert_before(f" {picture.attributes['alt']} ")
    for field in page.css(_VALUES):
        field.insert_before(f" {field.attributes['value']} ")
    body = page.body or page.root
    if body is None:
        return "", left_out
    body.unwrap_tags(_WITHIN_WORDS)
    body.merge_text_nodes()
    texts = (
        node.text_content or "" for node in body.traverse(include_text=True) if node.is_text_node
    )
    return "\n".join(texts), left_out


def _part_raised_text(page: LexborHTMLParser) -> None:
    """Part what an inline style raises or lowers from what it stands beside, as `sup` does."""
    for node in page.css('[style*="vertical-align" i]'):
        if style_of(node).get("vertical-align") in ("super", "sub"):
            node.insert_before(" ")
            node.insert_after(" ")
