"""Mail (RFC 5322, MIME): headers, the body that a reader sees, the names of attachments."""

from __future__ import annotations

import email
import email.policy
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.message import EmailMessage
from typing import Final

from stages.conversion.markdown import blocks, escaped, heading, paragraph
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.second_reading import SecondReading
from stages.conversion.text.decoding import Decoded, decode
from stages.conversion.text.encodings import page_charset
from stages.conversion.text.html import page_to_markdown
from stages.conversion.text.html_reading import text_of_page
from stages.conversion.words import WordCounts, pieces_of
from stages.errors import UnconvertibleDocument

_HEADERS: Final = ("From", "To", "Cc", "Date", "Subject")
_SAID_SHARE: Final = 0.9
_MAX_DEPTH = 8
_MAX_BOUNDARIES = 500  # the parser's time grows with lines times depth
_MAX_PARTS = 5_000
_CONVERTER = "mail/1"
_UNREADABLE = (
    "The message is damaged, or its parts are too many or nested too deep; save it again from the "
    "mail program, or hand in its text."
)
_FLOWED: Final = re.compile(r"(?<=[^\n ]) \n(?=[^\n>\s-])")


@dataclass(frozen=True)
class _Text:
    """One part that a reader sees as text."""

    decoded: Decoded
    is_html: bool
    is_flowed: bool = False

    @property
    def shown(self) -> tuple[str, Mapping[str, int]]:
        """The words that it shows, and the counts of those left out."""
        return text_of_page(self.decoded.text) if self.is_html else (self.decoded.text, {})

    @property
    def markdown(self) -> tuple[str, Mapping[str, int]]:
        """Its Markdown, and the counts of words left out."""
        if self.is_html:
            return page_to_markdown(self.decoded.text)
        text = _FLOWED.sub(" ", self.decoded.text) if self.is_flowed else self.decoded.text
        return blocks(_paragraphs(text)), {}


@dataclass(frozen=True)
class _Attachment:
    name: str
    kind: str
    size_bytes: int

    def __str__(self) -> str:
        small = self.size_bytes < 1024
        size = f"{self.size_bytes} bytes" if small else f"{self.size_bytes / 1024:.0f} KB"
        return f"{self.name} ({self.kind}, {size})" if self.name else f"{self.kind}, {size}"


@dataclass(frozen=True)
class _Mail:
    """A message with what it holds, in order; `parts` may be messages themselves."""

    headers: Mapping[str, str]
    parts: tuple[_Text | _Mail, ...]
    attachments: tuple[_Attachment, ...]

    def all_texts(self) -> Iterator[_Text]:
        """Return the texts of this message and of those within."""
        for part in self.parts:
            yield from [part] if isinstance(part, _Text) else part.all_texts()


def convert(source: Source, options: ConversionOptions) -> Converted:  # noqa: ARG001
    """Convert a message: its subject is the heading, attachments are listed by name and size."""
    mail = _read(source)
    left_out: Counter[str] = Counter()
    markdown = _markdown(mail, 1, left_out)
    texts = list(mail.all_texts())
    return Converted(
        markdown,
        {
            "encoding": texts[0].decoded.encoding if texts else "utf-8",
            "attachments": len(mail.attachments),
        },
        left_out=left_out,
        lossy=any(text.decoded.lossy for text in texts),
        converter=_CONVERTER,
    )


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:  # noqa: ARG001
    """Return headers, texts and names of attachments as they stand in the message."""
    left_out: Counter[str] = Counter()
    return SecondReading("\n".join(_shown(_read(source), left_out)), left_out)


def _read(source: Source) -> _Mail:
    raw = source.path.read_bytes()
    lower = raw.lower()
    if lower.count(b"boundary=") > _MAX_BOUNDARIES or lower.count(b"content-type:") > _MAX_PARTS:
        raise UnconvertibleDocument(_UNREADABLE)
    try:
        return _mail(email.message_from_bytes(raw, policy=email.policy.default), 0)
    except (RecursionError, MessageError, ValueError, LookupError, TypeError) as error:
        raise UnconvertibleDocument(_UNREADABLE) from error


def _mail(message: EmailMessage, depth: int) -> _Mail:
    parts: list[_Text | _Mail] = []
    attachments: list[_Attachment] = []
    _collect(message, parts, attachments, depth)
    return _Mail(
        {name: text for name in _HEADERS if (text := _header(message, name))},
        tuple(parts),
        tuple(attachments),
    )


def _header(message: EmailMessage, name: str) -> str:
    """Return a header decoded (RFC 2047); bytes beyond ASCII in it are read like text."""
    value = str(message.get(name) or "")
    if any("\udc80" <= sign <= "\udcff" for sign in value):
        value = decode(value.encode("utf-8", "surrogateescape")).text
    return " ".join(value.split())


def _collect(
    part: EmailMessage, parts: list[_Text | _Mail], attachments: list[_Attachment], depth: int
) -> None:
    kind = part.get_content_type()
    if depth > _MAX_DEPTH:
        attachments.append(_attachment(part))
    elif kind == "message/rfc822":
        parts.extend(_mail(inner, depth + 1) for inner in _children(part))
    elif part.is_multipart():
        for child in _best(_children(part)) if kind == "multipart/alternative" else _children(part):
            _collect(child, parts, attachments, depth + 1)
    elif kind in ("text/plain", "text/html") and not part.is_attachment():
        parts.append(_text(part))
    elif not (part.get("Content-ID") and kind.startswith("image/")):
        attachments.append(_attachment(part))


def _children(part: EmailMessage) -> list[EmailMessage]:
    return [child for child in part.iter_parts() if isinstance(child, EmailMessage)]


def _best(choices: list[EmailMessage]) -> list[EmailMessage]:
    """Choose the plain text if it says what the page says, else the richest form."""
    plain = next((c for c in choices if c.get_content_type() == "text/plain"), None)
    rich = next((c for c in reversed(choices) if c.get_content_type() != "text/plain"), None)
    if plain is None or rich is None:
        return [each for each in (plain, rich) if each is not None]
    page = next((p for p in rich.walk() if p.get_content_type() == "text/html"), None)
    if page is None:
        return [plain]
    whole, words = (WordCounts(pieces_of(_text(each).shown[0])) for each in (page, plain))
    return [plain] if whole.matched(words) >= whole.total * _SAID_SHARE else [rich]


def _text(part: EmailMessage) -> _Text:
    raw = _content(part)
    is_html = part.get_content_type() == "text/html"
    label = part.get_content_charset() or (page_charset(raw) if is_html else None)
    return _Text(decode(raw, label), is_html, part.get_param("format") == "flowed")


def _content(part: EmailMessage) -> bytes:
    raw = part.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""


def _attachment(part: EmailMessage) -> _Attachment:
    name = " ".join((part.get_filename() or "").split())
    return _Attachment(name, part.get_content_type(), len(_content(part)))


def _markdown(mail: _Mail, level: int, left_out: Counter[str]) -> str:
    subject = mail.headers.get("Subject", "")
    others = [name for name in _HEADERS if name != "Subject" and name in mail.headers]
    pieces = [heading(subject, level) if subject else ""]
    pieces += [paragraph(f"{name}: {mail.headers[name]}") for name in others]
    for part in mail.parts:
        if isinstance(part, _Mail):
            pieces.append(_markdown(part, level + 1, left_out))
            continue
        markdown, unseen = part.markdown
        left_out.update(unseen)
        pieces.append(markdown.strip("\n"))
    if mail.attachments:
        pieces.append(heading("Attachments", level + 1))
        pieces.append("\n".join(f"- {escaped(str(each))}" for each in mail.attachments))
    return blocks(pieces)


def _shown(mail: _Mail, left_out: Counter[str]) -> Iterator[str]:
    yield from mail.headers.values()
    for part in mail.parts:
        if isinstance(part, _Mail):
            yield from _shown(part, left_out)
            continue
        text, unseen = part.shown
        left_out.update(unseen)
        yield text
    yield from map(str, mail.attachments)


def _paragraphs(text: str) -> Iterator[str]:
    """Return the paragraphs of a plain text; lines that quote another message are quotations."""
    quoted: list[str] = []
    plain: list[str] = []
    for line in [*text.split("\n"), ""]:
        is_quoted = line.startswith(">")
        if (is_quoted and plain) or not line.strip():
            yield paragraph("\n".join(plain))
            plain = []
        if not is_quoted and quoted:
            yield _quotation(quoted)
            quoted = []
        if line.strip():
            (quoted if is_quoted else plain).append(line)


def _quotation(lines: list[str]) -> str:
    inner = (line[1:].removeprefix(" ") for line in lines)
    return "\n".join(f"> {line}" for line in blocks(_paragraphs("\n".join(inner))).split("\n"))
