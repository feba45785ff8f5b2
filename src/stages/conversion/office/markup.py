"""Write runs of formatted text as Markdown: marks stand only where CommonMark takes them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from stages.conversion.markdown import escaped, plain_line

PAGE_BREAK: Final = "\f"
_SOFT_HYPHEN: Final = "\u00ad"
_HARD_HYPHEN: Final = "\u2011"
_LINE_END: Final = re.compile(r"[ \t]*\n[ \t]*")
_BLANKS: Final = re.compile(r"[ \t]{2,}")
_NO_EDGE: Final = frozenset("\\*_~`<>[]$&")
_BARE_ADDRESS: Final = re.compile(r"[^\s()<>\\]+")


@dataclass(frozen=True)
class Span:
    """A piece of text in one formatting; `raw` text is Markdown already.

    `vertical` is "sup", "sub" or nothing, `link` an address or nothing.
    """

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    vertical: str = ""
    link: str = ""
    raw: bool = False

    @property
    def formatting(self) -> tuple[object, ...]:
        """All but the text."""
        return (self.bold, self.italic, self.strike, self.vertical, self.link, self.raw)


def without_hyphenation(text: str) -> str:
    """Return text without soft hyphens, its hyphens that do not break as ordinary ones."""
    return text.replace(_SOFT_HYPHEN, "").replace(_HARD_HYPHEN, "-")


def inline(spans: Iterable[Span], *, emphasis: bool = True) -> str:
    """Return the Markdown of a line of spans; line feeds within become hard breaks."""
    merged = _merged(_parted(_merged(spans))) if emphasis else _merged(spans)
    marks = _MARKS if emphasis else _MARKS[:1]
    text = _BLANKS.sub(" ", _marked(merged, marks))
    return _LINE_END.sub("  \n", text).strip(" \t\n")


def split_at_breaks(spans: Iterable[Span]) -> list[list[Span]]:
    """Return the spans before, between and after page breaks."""
    groups: list[list[Span]] = [[]]
    for span in spans:
        first, *others = span.text.split(PAGE_BREAK)
        groups[-1].append(replace(span, text=first))
        groups += [[replace(span, text=text)] for text in others]
    return groups


def one_line(spans: Iterable[Span], *, emphasis: bool = True) -> str:
    """Return the Markdown of spans for a place that holds one line, such as a heading."""
    return " ".join(inline(spans, emphasis=emphasis).split())


def cell_line(spans: Iterable[Span]) -> str:
    """Return the Markdown of spans for a table's cell."""
    lines = (" ".join(line.split()) for line in inline(spans).split("\n"))
    return "<br>".join(line for line in lines if line).replace("|", r"\|")


def lines_of_block(markdown: str) -> str:
    """Return inline Markdown as a paragraph: no line of it begins another kind of block."""
    return "\n".join(_kept_break(line) for line in markdown.split("\n") if line.strip())


def _kept_break(line: str) -> str:
    return plain_line(line) + ("  " if line.endswith("  ") else "")


def plain(spans: Iterable[Span]) -> str:
    """Return the text alone."""
    return "".join(span.text for span in spans)


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in spans:
        if not span.text:
            continue
        if merged and merged[-1].formatting == span.formatting and not span.raw:
            span = replace(span, text=merged.pop().text + span.text)  # noqa: PLW2901
        elif merged and not span.text.strip() and not (merged[-1].raw or span.raw or span.vertical):
            last = merged.pop()  # blanks have no formatting that can be seen
            span = replace(last, text=last.text + span.text)  # noqa: PLW2901
        merged.append(span)
    return merged


def _parted(spans: Sequence[Span]) -> list[Span]:
    """Drop italics that touch bold text: their asterisks would be read as one run."""
    beside = [None, *spans], [*spans[1:], None]
    return [
        replace(span, italic=False)
        if span.italic and not span.bold and (_touches(before, span) or _touches(span, after))
        else span
        for before, span, after in zip(beside[0], spans, beside[1], strict=False)
    ]


def _touches(first: Span | None, second: Span | None) -> bool:
    if first is None or second is None or first.bold == second.bold:
        return False
    parted = first.text[-1].isspace() or second.text[0].isspace()
    return not parted and first.strike == second.strike


_MARKS: Final[Sequence[tuple[Callable[[Span], object], str]]] = (
    (lambda span: span.strike, "~~"),
    (lambda span: span.bold, "**"),
    (lambda span: span.italic, "*"),
)


def _marked(spans: Sequence[Span], marks: Sequence[tuple[Callable[[Span], object], str]]) -> str:
    if not marks:
        return _joined_links(spans)
    key, mark = marks[0]
    pieces = [
        (bool(set_), list(group)) for set_, group in groupby(spans, key=lambda s: bool(key(s)))
    ]
    texts = [*(_marked(group, marks[1:]) for _, group in pieces), ""]
    out = ""
    for (wanted, group), text, following in zip(pieces, texts, texts[1:], strict=False):
        if wanted and (_is_mixed(group) or not _closes(text, mark, out, following)):
            text = _marked(group, ())  # noqa: PLW2901  # no marks within: they are punctuation
        out += _emphasised(text, mark, out, following) if wanted else text
    return out


def _is_mixed(spans: Sequence[Span]) -> bool:
    """Tell whether bold text has italics at both ends alone: which marks end where is lost then."""
    both_ends = spans[0].bold and spans[-1].bold and spans[0].italic and spans[-1].italic
    return both_ends and not all(span.italic for span in spans)


def _closes(text: str, mark: str, before: str, after: str) -> bool:
    head, body, tail = _trimmed(text, str.isspace)
    return _holds(mark, before + head, body, tail + after)


def _joined_links(spans: Sequence[Span]) -> str:
    text = ""
    for link, group in groupby(spans, key=lambda span: span.link):
        linked = _linked(link, list(group))
        if link and linked.startswith("[") and text.endswith("!"):
            text = f"{text[:-1]}\\!"  # else it is a picture
        text += linked
    return text


def _linked(link: str, spans: Sequence[Span]) -> str:
    text = "".join(map(_leaf, spans))
    if not link or not text.strip():
        return text
    bare = text.strip()
    before, after = text[: text.index(bare)], text[text.index(bare) + len(bare) :]
    return f"{before}[{bare}]({_address(link)}){after}"


def _address(link: str) -> str:
    link = "".join(link.split("\n"))
    return link if _BARE_ADDRESS.fullmatch(link) else f"<{re.sub('[<>]', '', link)}>"


def _leaf(span: Span) -> str:
    text = span.text if span.raw else escaped(without_hyphenation(span.text))
    if not span.vertical or not text.strip():
        return text
    bare = text.strip()
    before, after = text[: text.index(bare)], text[text.index(bare) + len(bare) :]
    return f"{before}<{span.vertical}>{bare}</{span.vertical}>{after}"


def _emphasised(text: str, mark: str, before: str, after: str) -> str:
    """Put marks around a text; they move inwards, or are left out, where they would not be marks.

    A mark opens or closes only at the edge of a word, or of punctuation beside a blank or other
    punctuation (CommonMark 6.2). Striking out is kept in any case: it changes what is said.
    """
    head, body, tail = _trimmed(text, str.isspace)
    if not _holds(mark, before + head, body, tail + after):
        lead, core, trail = _trimmed(body, _is_edge)
        is_image = (trail + tail + after).startswith("![")
        if not is_image and _holds(mark, before + head + lead, core, trail + tail + after):
            head, body, tail = head + lead, core, trail + tail
        elif mark != "~~" or not body:
            return text
    return f"{head}{mark}{body}{mark}{tail}"


def _trimmed(text: str, is_edge: Callable[[str], bool]) -> tuple[str, str, str]:
    start, end = 0, len(text)
    while start < end and is_edge(text[start]):
        start += 1
    while end > start and is_edge(text[end - 1]) and text[max(start, end - 2)] != "\\":
        end -= 1
    return text[:start], text[start:end], text[end:]


def _is_edge(char: str) -> bool:
    return char not in _NO_EDGE and (char.isspace() or _is_punctuation(char))


def _holds(mark: str, before: str, body: str, after: str) -> bool:
    if not body or before.endswith(mark[0]) or "\n\n" in body:
        return False
    inner = body.strip(mark[0]) or body  # marks beside each other are one run
    opens = not _is_punctuation(inner[0]) or _parts(before[-1:])
    closes = not _is_punctuation(inner[-1]) or _parts(after[:1])
    return opens and closes


def _parts(char: str) -> bool:
    return not char or char.isspace() or _is_punctuation(char)


def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char)[0] in "PS"
