"""The parts of a mail (MIME): which of them a reader sees as text, and which are attachments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from typing import Final

from domain.media_types import suffix_of
from stages.conversion.text.decoding import Decoded, decode
from stages.conversion.text.encodings import page_charset
from stages.conversion.text.html_reading import text_of_page
from stages.conversion.words import WordCounts, pieces_of

MAX_DEPTH: Final = 8
_HEADERS: Final = ("From", "To", "Cc", "Date", "Subject")
_SAID_SHARE: Final = 0.9
# A multipart that has no parts is a damaged one: what it holds is shown as it stands.
_SHOWN: Final = frozenset(["text/plain", "text/html", "multipart/mixed", "multipart/related"])
_SIGNATURES: Final = frozenset(
    ["application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"]
)
_AS_IT_CAME: Final = policy.default.clone(refold_source="none")


@dataclass(frozen=True)
class Text:
    """One part that a reader sees as text."""

    decoded: Decoded
    is_html: bool
    is_flowed: bool = False

    @property
    def shown(self) -> tuple[str, Mapping[str, int]]:
        """The words that it shows, and the counts of those left out."""
        return text_of_page(self.decoded.text) if self.is_html else (self.decoded.text, {})


@dataclass(frozen=True)
class Attachment:
    """A part that is a file of its own; `content` gives its bytes."""

    name: str
    kind: str
    size_bytes: int
    content: Callable[[], bytes] = field(repr=False, compare=False)

    @property
    def is_document(self) -> bool:
        """Tell whether it says anything by itself, which a signature does not."""
        return self.kind not in _SIGNATURES and self.size_bytes > 0

    @property
    def file_name(self) -> str:
        """The name of the file that it is; a type that has a suffix gives one that lacks a name."""
        return self.name or f"attachment{suffix_of(self.kind)}"

    def __str__(self) -> str:
        small = self.size_bytes < 1024
        size = f"{self.size_bytes} bytes" if small else f"{self.size_bytes / 1024:.0f} KB"
        return f"{self.name} ({self.kind}, {size})" if self.name else f"{self.kind}, {size}"


@dataclass(frozen=True)
class Mail:
    """A message with what it holds, in order; `parts` may be messages themselves."""

    headers: Mapping[str, str]
    parts: tuple[Text | Mail, ...]
    attachments: tuple[Attachment, ...]
    content: Callable[[], bytes] = field(repr=False, compare=False)

    def all_texts(self) -> Iterator[Text]:
        """Return the texts of this message and of those within."""
        for part in self.parts:
            yield from [part] if isinstance(part, Text) else part.all_texts()

    def documents(self) -> Iterator[tuple[str, str, Callable[[], bytes]]]:
        """Return name, media type and content of each attachment and of each message within.

        What is attached to a message within is left to that message.
        """
        for attachment in self.attachments:
            if attachment.is_document:
                yield attachment.file_name, attachment.kind, attachment.content
        for part in self.parts:
            if isinstance(part, Mail):
                name = f"{part.headers.get('Subject') or 'message'}.eml"
                yield name, "message/rfc822", part.content


def mail_of(message: EmailMessage, depth: int = 0) -> Mail:
    """Return the message in terms of what a reader sees."""
    parts: list[Text | Mail] = []
    attachments: list[Attachment] = []
    _collect(message, parts, attachments, depth)
    return Mail(
        {name: text for name in _HEADERS if (text := _header(message, name))},
        tuple(parts),
        tuple(attachments),
        lambda: _bytes_of(message),
    )


def _bytes_of(message: EmailMessage) -> bytes:
    """Return a message as it stood in the one around it."""
    try:
        return message.as_bytes(policy=_AS_IT_CAME)
    except (UnicodeError, LookupError, ValueError, TypeError, AttributeError):
        return message.as_bytes(policy=policy.compat32)


def _header(message: EmailMessage, name: str) -> str:
    """Return a header decoded (RFC 2047); bytes beyond ASCII in it are read like text."""
    value = str(message.get(name) or "")
    if any("\udc80" <= sign <= "\udcff" for sign in value):
        value = decode(value.encode("utf-8", "surrogateescape")).text
    return " ".join(value.split())


def _collect(
    part: EmailMessage, parts: list[Text | Mail], attachments: list[Attachment], depth: int
) -> None:
    kind = part.get_content_type()
    if depth > MAX_DEPTH:
        attachments.append(_attachment(part))
    elif kind == "message/rfc822":
        parts.extend(mail_of(inner, depth + 1) for inner in _children(part))
    elif kind == "multipart/alternative":
        _collect_best(_children(part), parts, attachments, depth + 1)
    elif part.is_multipart():
        for child in _children(part):
            _collect(child, parts, attachments, depth + 1)
    elif kind in _SHOWN and not part.is_attachment():
        parts.append(_text(part))
    elif not _is_inline_picture(part):
        attachments.append(_attachment(part))


def _collect_best(
    choices: list[EmailMessage],
    parts: list[Text | Mail],
    attachments: list[Attachment],
    depth: int,
) -> None:
    """Take the text of the best alternative; files may be in the others alone."""
    best = _best(choices)
    for choice in choices:
        if choice is best:
            _collect(choice, parts, attachments, depth)
        elif choice.is_multipart():
            _collect(choice, [], attachments, depth)


def _best(choices: list[EmailMessage]) -> EmailMessage | None:
    """Choose the plain text if it says what the page says, else the page, else what there is."""
    plain = next((c for c in choices if c.get_content_type() == "text/plain"), None)
    rich = next((c for c in reversed(choices) if _pages(c)), None)
    if plain is None or rich is None:
        return plain or rich or (choices[-1] if choices else None)
    whole = WordCounts(piece for page in _pages(rich) for piece in pieces_of(_text(page).shown[0]))
    words = WordCounts(pieces_of(_text(plain).shown[0]))
    return plain if whole.matched(words) >= whole.total * _SAID_SHARE else rich


def _pages(part: EmailMessage) -> list[EmailMessage]:
    return [
        each
        for each in part.walk()
        if each.get_content_type() == "text/html" and not each.is_attachment()
    ]


def _is_inline_picture(part: EmailMessage) -> bool:
    """Tell whether a part is a picture that stands within the text."""
    if part.get_content_maintype() != "image" or part.is_attachment():
        return False
    return bool(part.get("Content-ID")) or part.get_content_disposition() == "inline"


def _children(part: EmailMessage) -> list[EmailMessage]:
    return [child for child in part.iter_parts() if isinstance(child, EmailMessage)]


def _text(part: EmailMessage) -> Text:
    raw = _content(part)
    is_html = part.get_content_type() == "text/html"
    label = part.get_content_charset() or (page_charset(raw) if is_html else None)
    return Text(decode(raw, label), is_html, part.get_param("format") == "flowed")


def _content(part: EmailMessage) -> bytes:
    raw = part.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""


def _attachment(part: EmailMessage) -> Attachment:
    name = " ".join((part.get_filename() or "").split())
    content = _content(part)
    return Attachment(name, part.get_content_type(), len(content), lambda: content)
