"""Documents of other formats that a Word document embeds as its text (altChunk, 17.17.2)."""

from __future__ import annotations

import email
import email.policy
import tempfile
from pathlib import Path

from stages.conversion.detection import Format
from stages.conversion.office.outline import PARAGRAPH, Block
from stages.conversion.office.package import Package
from stages.conversion.office.word.blocks import ReadChunk
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.errors import UnconvertibleDocument

_MAIL_STARTS = (b"MIME-Version:", b"From:", b"Content-Type: multipart", b"Date:")


def chunk_reader(package: Package, options: ConversionOptions) -> ReadChunk:
    """Return the function that reads an embedded document as blocks of Markdown."""

    def read(part: str, relationship_id: str) -> list[Block]:
        target = package.target(part, relationship_id)
        content = package.read(target.target) if target and not target.external else b""
        markdown = _markdown(content, target.target, options) if content and target else ""
        return [Block(PARAGRAPH, markdown)] if markdown.strip() else []

    return read


def _markdown(content: bytes, name: str, options: ConversionOptions) -> str:
    from stages.conversion.detection import detect
    from stages.conversion.executor import module_of

    content = _page_of_mail(content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chunk"
        path.write_bytes(content)
        try:
            kind = detect(path, name, "")
            if kind is Format.DOCX and _embeds(path):
                return ""
            converted: Converted = module_of(kind).convert(Source(path, kind, name, ""), options)
            return converted.markdown.strip()
        except UnconvertibleDocument:
            return ""


def _embeds(path: Path) -> bool:
    """Tell whether an embedded document embeds others: one level is read, no more."""
    with Package(path) as inner:
        part = inner.main_part()
        return bool(part) and any(True for _ in inner.related(part or "", "aFChunk"))


def _page_of_mail(content: bytes) -> bytes:
    """Return the page within a web archive (MHT), anything else as it is."""
    if not content.lstrip().startswith(_MAIL_STARTS):
        return content
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(("html", "plain"))
    page = body.get_content() if body is not None else ""
    return page.encode() if isinstance(page, str) and page else content
