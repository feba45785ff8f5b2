"""HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

from html_to_markdown import ConversionOptions as HtmlOptions
from html_to_markdown import PreprocessingOptions, WarningKind
from html_to_markdown import convert as html_to_markdown

from stages.conversion.markdown import blocks, paragraph
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.text.decoding import declared_charset, decode

_OPTIONS: Final = HtmlOptions(
    extract_metadata=False,
    escape_misc=True,
    escape_asterisks=True,
    escape_underscores=True,
    br_in_tables=True,
    bullets="-",
    inline_data_media="alt_text_only",
    preprocessing=PreprocessingOptions(
        preset="minimal", remove_navigation=False, remove_forms=False
    ),
)
_META_CHARSET: Final = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_ESCAPED_DOT: Final = re.compile(r"(?<=\d)\\([.)])")
_ONLY_NUMBER: Final = re.compile(r"[\s>*+-]*(?:\d{1,9}[.)]\s+)*\d{1,9}")
_META_WITHIN_BYTES = 4096
_SAFE_DEPTH = 400  # the library drops what is nested deeper, and says so only sometimes
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>]*)>")
_VOID: Final = (
    " area base br col embed hr img input link meta param source track wbr p li td tr th dt dd "
)
_UNSEEN: Final = frozenset(["script", "style", "template", "head"])
_BLOCKS: Final = (
    " p div section article h1 h2 h3 h4 h5 h6 li ul ol tr table br pre blockquote dt dd "
)


def convert(source: Source, options: ConversionOptions) -> Converted:  # noqa: ARG001
    """Convert a page; its declared encoding counts where its bytes do not say."""
    raw = source.path.read_bytes()
    declared = declared_charset(source.mime_type) or _meta_charset(raw)
    decoded = decode(raw, declared)
    flattened = _depth(decoded.text) > _SAFE_DEPTH
    markdown = _flat(decoded.text) if flattened else markdown_of(decoded.text)
    metadata = {"encoding": decoded.encoding, "flattened": flattened}
    return Converted(markdown, metadata, lossy=decoded.lossy, converter="html/2")


def markdown_of(html: str) -> str:
    """Return the Markdown of HTML; what is nested too deep comes out as plain paragraphs."""
    result = html_to_markdown(html, _OPTIONS)
    if any(warning.kind == WarningKind.DEPTH_LIMIT_EXCEEDED for warning in result.warnings):
        return _flat(html)
    return _with_plain_numbers(result.content or "")


def _with_plain_numbers(markdown: str) -> str:
    """Take back escapes of dots in numbers where no list could begin."""
    in_code = False
    lines = markdown.split("\n")
    for index, line in enumerate(lines):
        in_code ^= line.lstrip().startswith("```")
        if not in_code and "\\" in line:
            lines[index] = _ESCAPED_DOT.sub(_plain_number, line)
    return "\n".join(lines)


def _plain_number(match: re.Match[str]) -> str:
    before, after = match.string[: match.start()], match.string[match.end() :]
    begins_list = _ONLY_NUMBER.fullmatch(before) and (not after or after[0].isspace())
    return match[0] if begins_list else match[1]


def _meta_charset(raw: bytes) -> str | None:
    match = _META_CHARSET.search(raw[:_META_WITHIN_BYTES])
    return match[1].decode("ascii", "replace") if match else None


def _depth(html: str) -> int:
    deepest = depth = 0
    for closing, name, rest in _TAG.findall(html):
        if f" {name.lower()} " in _VOID or rest.endswith("/"):
            continue
        depth = max(0, depth - 1) if closing else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _flat(html: str) -> str:
    parser = _TextOnly()
    parser.feed(html)
    parser.close()
    return blocks(paragraph(text) for text in parser.texts())


class _TextOnly(HTMLParser):
    """Collects text by blocks, at any depth, without building a tree."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Begin a block, or something that readers do not see."""
        self._unseen += tag in _UNSEEN
        if f" {tag} " in _BLOCKS:
            self._pieces.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        """End a block, or something that readers do not see."""
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))
        if f" {tag} " in _BLOCKS:
            self._pieces.append("\n\n")

    def handle_data(self, data: str) -> None:
        """Keep text that readers see."""
        if not self._unseen:
            self._pieces.append(data)

    def texts(self) -> list[str]:
        """Return the text of each block."""
        return [" ".join(text.split()) for text in re.split(r"\n\n+", "".join(self._pieces))]
