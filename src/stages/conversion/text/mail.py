"""Mail (RFC 5322, MIME): headers, the body that a reader sees, the names of attachments."""

from __future__ import annotations

import email
import email.policy
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from email.errors import MessageError
from itertools import islice
from typing import Final

from stages.conversion.markdown import blocks, escaped, heading, paragraph
from stages.conversion.result import ConversionOptions, Converted, Enclosed, Source
from stages.conversion.second_reading import SecondReading
from stages.conversion.text.html import page_to_markdown
from stages.conversion.text.mail_parts import Mail, Text, mail_of
from stages.errors import UnconvertibleDocument

_MAX_BOUNDARIES = 500  # the parser's time grows with lines times depth
_MAX_PARTS = 5_000
_CONVERTER = "mail/2"
_UNREADABLE = (
    "The message is damaged, or its parts are too many or nested too deep; save it again from the "
    "mail program, or hand in its text."
)
_FLOWED: Final = re.compile(r"(?<=[^\n ]) \n(?=[^\n>\s-])")


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert a message: its subject is the heading, attachments are listed by name and size.

    Attachments and messages within are `enclosed`, to become documents of their own.
    """
    mail = source.once(_read)
    left_out: Counter[str] = Counter()
    markdown = _markdown(mail, 1, left_out)
    texts = list(mail.all_texts())
    documents = list(mail.documents()) if options.attachments else []
    metadata = {
        "encoding": texts[0].decoded.encoding if texts else "utf-8",
        "attachments": len(mail.attachments),
    }
    if len(documents) > options.max_attachments:
        metadata["attachmentsNotExtracted"] = len(documents) - options.max_attachments
    return Converted(
        markdown,
        metadata,
        left_out=left_out,
        lossy=any(text.decoded.lossy for text in texts),
        converter=_CONVERTER,
        enclosed=tuple(Enclosed(*each) for each in islice(documents, options.max_attachments)),
    )


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:  # noqa: ARG001
    """Return headers, texts and names of attachments as they stand in the message."""
    left_out: Counter[str] = Counter()
    return SecondReading("\n".join(_shown(source.once(_read), left_out)), left_out)


def _read(source: Source) -> Mail:
    raw = source.path.read_bytes()
    lower = raw.lower()
    if lower.count(b"boundary=") > _MAX_BOUNDARIES or lower.count(b"content-type:") > _MAX_PARTS:
        raise UnconvertibleDocument(_UNREADABLE)
    try:
        return mail_of(email.message_from_bytes(raw, policy=email.policy.default))
    except (RecursionError, MessageError, ValueError, LookupError, TypeError) as error:
        raise UnconvertibleDocument(_UNREADABLE) from error


def _markdown_of(text: Text) -> tuple[str, Mapping[str, int]]:
    """Return the Markdown of a text, and the counts of words left out."""
    if text.is_html:
        return page_to_markdown(text.decoded.text)
    plain = _FLOWED.sub(" ", text.decoded.text) if text.is_flowed else text.decoded.text
    return blocks(_paragraphs(plain)), {}


def _markdown(mail: Mail, level: int, left_out: Counter[str]) -> str:
    subject = mail.headers.get("Subject", "")
    others = [name for name in mail.headers if name != "Subject"]
    pieces = [heading(subject, level) if subject else ""]
    pieces += [paragraph(f"{name}: {mail.headers[name]}") for name in others]
    for part in mail.parts:
        if isinstance(part, Mail):
            pieces.append(_markdown(part, level + 1, left_out))
            continue
        markdown, unseen = _markdown_of(part)
        left_out.update(unseen)
        pieces.append(markdown.strip("\n"))
    if mail.attachments:
        pieces.append(heading("Attachments", level + 1))
        pieces.append("\n".join(f"- {escaped(str(each))}" for each in mail.attachments))
    return blocks(pieces)


def _shown(mail: Mail, left_out: Counter[str]) -> Iterator[str]:
    for name, value in mail.headers.items():
        yield value if name == "Subject" else f"{name}: {value}"
    for part in mail.parts:
        if isinstance(part, Mail):
            yield from _shown(part, left_out)
            continue
        text, unseen = part.shown
        left_out.update(unseen)
        yield text
    if mail.attachments:
        yield "Attachments"
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
