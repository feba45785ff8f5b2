"""Rules that tell which parts of a chunk state a fact, and of what kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from markdown_it.token import Token

from stages.markdown_reading import Lines, inline_text, parse_blocks
from stages.sentences import sentences


class Candidate(NamedTuple):
    """A possible fact; `start` and `end` count code points of the chunk's text."""

    kind: str
    statement: str
    start: int
    end: int


_DATE: Final = re.compile(
    r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b"
    r"|\b(?:1[5-9]|20)\d{2}\b"
    r"|\b\d{1,2}\.?\s+(?:de\s+)?[^\W\d_]{3,9}\.?\s+(?:de\s+)?\d{4}\b"
    r"|\d{4}年|\d{1,2}月"
)
_NUMBER: Final = re.compile(r"\d")
_DEFINITION: Final = re.compile(
    r"\b(?:is|are|was|were)\s+(?:an?|the|called|known|defined)\b"
    r"|\b(?:means|refers\s+to|denotes|stands\s+for)\b"
    r"|\b(?:ist|sind|war|waren)\s+(?:ein|eine|einer|der|die|das)\b|\bbezeichnet\b|\bheißt\b"
    r"|\b(?:est|sont|était)\s+(?:un|une|le|la|les|des)\b|\bsignifie\b|\bdésigne\b"
    r"|\b(?:es|son|era)\s+(?:un|una|el|la|los|las)\b|\bsignifica\b"
    r"|\b(?:è|sono)\s+(?:un|una|uno|il|la|lo|i|gli|le)\b"
    r"|\b(?:is|zijn|was)\s+(?:een|de|het)\b|とは|是一",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"(?<=[^\W\d_][\s,;:(\"“„»«])[^\W\d_a-zß-öø-ÿ][^\W\d_]{2,}")
_KEY_VALUE: Final = (
    re.compile(  # the key may be set in bold, italics or code, with its colon or not
        r"^[ \t]*(?:[-*+][ \t]+)?(?P<mark>\*\*|__|\*|_|`)?(?P<key>[^\W_][^:\n|]{0,58}?)[ \t]*"
        r"(?(mark)(?:(?P=mark)[ \t]*:|:[ \t]*(?P=mark))|:)[ \t]+(?P<value>\S[^\n]*?)(?P<end>\\?)$"
    )
)
_NOTE: Final = re.compile(r"\[\^[^\]\s]+\]:\s+")
_IDEOGRAPH: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_QUOTED: Final = re.compile(r"(?:[ \t]*>[ \t]?)*")
_BULLET: Final = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?")
_QUOTE_MARKS: Final = re.compile(r"\n[ \t]*(?:>[ \t]?)+")
_BETWEEN: Final = "\u2003\u2002\u2003"  # white space to the parser, which stands in no text
_MIN_WORDS, _MAX_WORDS = 4, 80


def candidates(text: str, language: str, context: str | None = None) -> Iterator[Candidate]:
    """Return what one chunk may state, in order: rows, items, key-value lines, sentences.

    `context` is what the chunk is read under: rows of a table take their columns' names from it.
    """
    whole, shift = _within(text, context)
    for found in _candidates(whole, language):
        cut = found.kind == "table_row" and _is_cut(whole, found, shift)
        if found.start >= shift and not cut:
            yield found._replace(start=found.start - shift, end=found.end - shift)


def first_sentence(text: str, language: str, context: str | None = None) -> Iterator[Candidate]:
    """Return the first sentence of some length, for a chunk in which no rule finds anything."""
    whole, shift = _within(text, context)
    lines = Lines(whole)
    for before, token in pairwise(parse_blocks(whole)):
        if token.type == "inline" and token.map and _is_prose(before):
            start, end = _lines_of(whole, lines, token.map)
            for found in _sentences(whole, max(start, shift), end, language):
                if len(found.statement.split()) >= _MIN_WORDS:
                    yield found._replace(start=found.start - shift, end=found.end - shift)
                    return


def _is_cut(text: str, row: Candidate, begin: int) -> bool:
    """Return whether a row is only a part, the rest of which is in another chunk."""
    at_edge = row.start == begin or row.end == len(text.rstrip())
    line = text[row.start : row.end].lstrip("> ")
    return at_edge and "\n| ---" in text and not (line.startswith("|") and line.endswith("|"))


def _within(text: str, context: str | None) -> tuple[str, int]:
    """Return the text under its context, and where it begins there."""
    return (f"{context}\n{text}", len(context) + 1) if context else (text, 0)


def _candidates(text: str, language: str) -> Iterator[Candidate]:
    lines = Lines(text)
    tokens = parse_blocks(text)
    header: list[str] = []
    for index, token in enumerate(tokens):
        if token.type == "tr_open" and token.map:
            cells = _cells(tokens, index)
            if tokens[index + 1].type == "th_open":
                header = cells
            else:
                yield from _row(header, cells, *_lines_of(text, lines, token.map))
        elif token.type == "inline" and token.map and _is_prose(tokens[index - 1]):
            start, end = _lines_of(text, lines, token.map)
            item = tokens[index - 1].level > 0 and _in_item(tokens, index)
            yield from _prose(text, start, end, token, language, item=item)


def _is_prose(opening: Token) -> bool:
    return opening.type == "paragraph_open"


def _in_item(tokens: Sequence[Token], index: int) -> bool:
    return any(
        t.type == "list_item_open" and t.level == tokens[index - 1].level - 1
        for t in tokens[max(0, index - 2) : index]
    )


def _cells(tokens: Sequence[Token], row: int) -> list[str]:
    found = []
    for token in tokens[row + 1 :]:
        if token.type == "tr_close":
            break
        if token.type == "inline":
            found.append(_plain(token.content))
    return found


def _row(header: Sequence[str], cells: Sequence[str], start: int, end: int) -> Iterator[Candidate]:
    named = [
        f"{name}: {cell}" if name else cell
        for name, cell in zip([*header, *[""] * len(cells)], cells, strict=False)
        if cell
    ]
    # Under an empty header the first cell names what stands beside it.
    joint = ": " if len(named) == 2 and header and not any(header) else "; "
    if len(named) >= 2:
        yield Candidate("table_row", joint.join(named), start, end)


def _lines_of(text: str, lines: Lines, rows: Sequence[int]) -> tuple[int, int]:
    return _trimmed(text, lines.start(rows[0]), lines.start(rows[1]))


def _prose(
    text: str, start: int, end: int, token: Token, language: str, *, item: bool
) -> Iterator[Candidate]:
    pairs = [_key_value(text, line) for line in _line_spans(text, start, end)]
    if pairs and all(pairs):
        yield from (pair for pair in pairs if pair is not None)
        return
    begin = _after_marks(text, start, end, item=item)
    statement = _plain(token.content) if item else ""
    if item and len(statement.split()) <= _MAX_WORDS:
        if len(statement.split()) >= 2 or _NUMBER.search(statement):
            yield Candidate(_kind(statement) or "list_item", statement, begin, end)
        return
    for found in _sentences(text, begin, end, language):
        kind = _kind(found.statement) if _is_statement(found.statement) else None
        if kind:
            yield found._replace(kind=kind)


def _sentences(text: str, start: int, end: int, language: str) -> Iterator[Candidate]:
    """Return the sentences between two places as statements of no kind yet.

    They are parsed together, since emphasis may run over several.
    """
    spans = [_trimmed(text, *span) for span in sentences(text, start, end, language)]
    spans = [
        (note.end() if (note := _NOTE.match(text, *span)) else span[0], span[1]) for span in spans
    ]
    pieces = [_QUOTE_MARKS.sub("\n", text[first:last]) for first, last in spans]
    parsed = inline_text(_BETWEEN.join(pieces)).split(_BETWEEN)
    if len(parsed) != len(pieces):  # one lies within an address or a tag
        parsed = [inline_text(piece) for piece in pieces]
    for (first, last), statement in zip(spans, parsed, strict=True):
        if first < last:
            yield Candidate("statement", " ".join(statement.split()), first, last)


def _kind(statement: str) -> str | None:
    if _DEFINITION.search(statement):
        return "definition"
    if _DATE.search(statement):
        return "date"
    if _NUMBER.search(statement):
        return "quantity"
    return "statement" if _NAME.search(statement) or _IDEOGRAPH.search(statement) else None


def _is_statement(statement: str) -> bool:
    if statement.rstrip().endswith(("?", "\uff1f", "\u061f", ":")):
        return False
    if _IDEOGRAPH.search(statement):
        return 6 <= len(statement) <= 400
    return _MIN_WORDS <= len(statement.split()) <= _MAX_WORDS


def _key_value(text: str, span: tuple[int, int]) -> Candidate | None:
    match = _KEY_VALUE.match(text[span[0] : span[1]])
    if match is None or len(match["key"].split()) > 6 or "//" in match["value"][:3]:
        return None
    statement = f"{_plain(match['key'])}: {_plain(match['value'])}"
    begin = span[0] + match.start("mark" if match["mark"] else "key")
    return Candidate("key_value", statement, begin, span[0] + match.end("value"))


def _line_spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans, position = [], start
    for line in text[start:end].split("\n"):
        spans.append(_trimmed(text, position, position + len(line)))
        position += len(line) + 1
    return spans


def _after_marks(text: str, start: int, end: int, *, item: bool) -> int:
    """Return where the words of a paragraph begin, behind quote marks and an item's bullet."""
    start += len(_QUOTED.match(text[start:end])[0])  # type: ignore[index]  # it matches nothing too
    bullet = _BULLET.match(text, start, end) if item else None
    return bullet.end() if bullet else start


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _plain(source: str) -> str:
    """Return inline Markdown as readers see it, on one line."""
    return " ".join(inline_text(source).split())
