"""Rules that tell which parts of a chunk state a fact, and of what kind."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from markdown_it.token import Token

from stages.markdown_reading import Lines, parse, plain_text

with warnings.catch_warnings():  # its patterns hold escapes that Python has begun to frown on
    warnings.simplefilter("ignore")
    import pysbd


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
_KEY_VALUE: Final = re.compile(
    r"^[ \t]*(?:[-*+][ \t]+)?(?P<key>[^\W_][^:\n|]{0,58}?)[ \t]*:[ \t]+(?P<value>\S[^\n]*)$"
)
_MARKUP: Final = re.compile(r"\\([^\w\s])|[*_~`]+|!?\[([^\]]*)\]\([^)]*\)")
_IDEOGRAPH: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_CELL_END: Final = re.compile(r"(?<!\\)\|")
_SENTENCE_PIECE_CHARS = 4_000  # the segmenter's time grows faster than its text
_MIN_WORDS, _MAX_WORDS = 4, 80


def candidates(text: str, language: str) -> Iterator[Candidate]:
    """Return what one chunk may state, in order: rows, items, key-value lines, sentences."""
    lines = Lines(text)
    tokens = parse(text)
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


def first_sentence(text: str, language: str) -> Iterator[Candidate]:
    """Return the first sentence of some length, for a chunk in which no rule finds anything."""
    lines = Lines(text)
    for before, token in pairwise(parse(text)):
        if token.type == "inline" and token.map and _is_prose(before):
            for start, end in sentences(text, *_lines_of(text, lines, token.map), language):
                statement = _plain(text[start:end])
                if len(statement.split()) >= _MIN_WORDS:
                    yield Candidate("statement", statement, start, end)
                    return


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
            found.append(plain_text(token))
    return found


def _row(header: Sequence[str], cells: Sequence[str], start: int, end: int) -> Iterator[Candidate]:
    named = [
        f"{name}: {cell}" if name else cell
        for name, cell in zip([*header, *[""] * len(cells)], cells, strict=False)
        if cell
    ]
    if len(named) >= 2:
        yield Candidate("table_row", "; ".join(named), start, end)


def _lines_of(text: str, lines: Lines, rows: Sequence[int]) -> tuple[int, int]:
    return _trimmed(text, lines.start(rows[0]), lines.start(rows[1]))


def _prose(
    text: str, start: int, end: int, token: Token, language: str, *, item: bool
) -> Iterator[Candidate]:
    pairs = [_key_value(text, line) for line in _line_spans(text, start, end)]
    if pairs and all(pairs):
        yield from (pair for pair in pairs if pair is not None)
        return
    if item and len(plain_text(token).split()) <= _MAX_WORDS:
        begin = _after_marker(text, start, end)
        statement = plain_text(token)
        if len(statement.split()) >= 2 or _NUMBER.search(statement):
            yield Candidate(_kind(statement) or "list_item", statement, begin, end)
        return
    for first, last in sentences(text, start, end, language):
        statement = _plain(text[first:last])
        kind = _kind(statement) if _is_statement(statement) else None
        if kind:
            yield Candidate(kind, statement, first, last)


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
    return Candidate("key_value", statement, span[0] + match.start("key"), span[1])


def _line_spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans, position = [], start
    for line in text[start:end].split("\n"):
        spans.append(_trimmed(text, position, position + len(line)))
        position += len(line) + 1
    return spans


def _after_marker(text: str, start: int, end: int) -> int:
    match = re.match(r"(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?", text[start:end])
    return start + match.end() if match else start


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _plain(piece: str) -> str:
    """Take the markup out of a piece of source that may begin or end anywhere."""
    return " ".join(_MARKUP.sub(lambda m: m[1] or m[2] or "", piece).split())


@lru_cache(maxsize=8)
def _segmenter(language: str) -> pysbd.Segmenter:
    return pysbd.Segmenter(language=language, clean=False)


def sentences(text: str, start: int, end: int, language: str) -> Iterator[tuple[int, int]]:
    """Return the spans of the sentences between two places of a text.

    The segmenter's own spans go wrong where a sentence returns; each is looked up again instead.
    """
    position = start
    for piece in _pieces(text[start:end]):
        for sentence in _segmenter(language).segment(piece):
            wanted = sentence.strip()
            found = text.find(wanted, position, end) if wanted else -1
            if found >= 0:
                position = found + len(wanted)
                yield found, position


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _SENTENCE_PIECE_CHARS):
        yield text[start : start + _SENTENCE_PIECE_CHARS]
