"""Word documents."""

from __future__ import annotations

from collections.abc import Iterator
from zipfile import BadZipFile

from lxml import etree

from stages.conversion.markdown import blocks
from stages.conversion.office.outline import Block, markdown_of
from stages.conversion.office.package import Element, Package
from stages.conversion.office.word.blocks import StoryReader
from stages.conversion.office.word.chunks import chunk_reader
from stages.conversion.office.word.document import Document
from stages.conversion.office.word.names import W, child
from stages.conversion.office.word.running import footers, headers
from stages.conversion.office.word.second_reading import second_reading
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.errors import UnconvertibleDocument

__all__ = ["convert", "second_reading"]

_DAMAGED = (
    "The Word document is damaged; open it in a word processor, save it again and hand in that."
)


def convert(source: Source, options: ConversionOptions) -> Converted:
    """Convert a Word document; what is hidden or deleted is left out and counted."""
    try:
        with Package(source.path) as package:
            part = package.main_part()
            root = package.xml(part) if part else None
            if part is None or root is None or child(root, "body") is None:
                raise UnconvertibleDocument(_DAMAGED)
            document = Document(package, part, comments=options.comments)
            markdown = _markdown(document, root, options)
    except (etree.XMLSyntaxError, BadZipFile, ValueError, EOFError, OSError, KeyError) as error:
        raise UnconvertibleDocument(_DAMAGED) from error
    return Converted(markdown, {}, left_out=dict(document.left_out), converter="docx-xml/2")


def _markdown(document: Document, root: Element, options: ConversionOptions) -> str:
    story = StoryReader(document, document.part, root, chunk_reader(document.package, options))
    bodies = root.iterchildren(f"{W}body")  # one, but for programs that glue documents together
    main = [block for body in bodies for block in story.blocks(body)]
    found = [*headers(document, root), *main, *footers(document, root)]
    text = markdown_of(found)
    notes = "".join(_notes(document)).rstrip()
    if not document.comments:
        for comment in document.notes.elements("comment").values():
            document.leave_out("comments", " ".join(t.text or "" for t in comment.iter(f"{W}t")))
    return blocks([text, notes])


def _notes(document: Document) -> Iterator[str]:
    for number, kind, element, part in document.notes.in_order():
        found = StoryReader(document, part, element).blocks(element)
        if kind == "comment":
            found = _by_author(element, found)
        text = markdown_of(found).replace("\n", "\n    ").replace("\n    \n", "\n\n")
        yield f"[^{number}]: {text}" + ("\n\n" if "\n\n" in text else "\n")


def _by_author(comment: Element, found: list[Block]) -> list[Block]:
    author = comment.get(f"{W}author", "").strip()
    if not author or not found:
        return found
    first, *others = found
    return [Block(first.kind, f"{author}: {first.text}", first.level, first.label), *others]
