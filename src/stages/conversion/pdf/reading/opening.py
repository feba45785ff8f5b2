"""Open a PDF, or say why it cannot be."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pypdfium2

from stages.conversion.result import ConversionOptions
from stages.errors import UnconvertibleDocument

_LOGGER: Final = logging.getLogger("pypdfium2")
_PASSWORD_ERROR: Final = 4  # FPDF_ERR_PASSWORD
DAMAGED: Final = "The PDF is cut off or damaged and cannot be opened; export or download it again."


def content_of(path: Path) -> bytes:
    """Return the file from its header on, which need not stand at its very beginning."""
    content = path.read_bytes()
    return content[max(content.find(b"%PDF-"), 0) :]


@contextmanager
def opened(content: bytes, options: ConversionOptions) -> Iterator[Any]:
    """Open the document with its forms; raise UnconvertibleDocument if it cannot be read."""
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD_ERROR or "password" in str(error).lower():
            raise UnconvertibleDocument(
                "The PDF is protected by a password; remove the password and hand it in again."
            ) from error
        raise UnconvertibleDocument(DAMAGED) from error
    with document:
        _refuse_size(document, options)
        _prepare_forms(document)
        yield document


def _refuse_size(document: Any, options: ConversionOptions) -> None:
    if not len(document):
        raise UnconvertibleDocument(
            "The PDF has no pages, probably because it is cut off; export or download it again."
        )
    if len(document) > options.max_pages:
        raise UnconvertibleDocument(
            f"The PDF has {len(document)} pages and {options.max_pages} are allowed; split it, or "
            "raise maxPages in the options of this stage."
        )


def _prepare_forms(document: Any) -> None:
    """Let pdfium read the fields' values; a form that it cannot read leaves their appearance."""
    _LOGGER.setLevel(logging.ERROR)  # it warns of XFA forms, whose fields are read all the same
    try:
        document.init_forms()
    except pypdfium2.PdfiumError:
        return
