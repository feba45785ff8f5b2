"""PDFs written object by object, for what no library that writes PDFs offers."""

from __future__ import annotations

from collections.abc import Sequence

_FIRST_FREE = 4  # after the catalogue, the pages and the font
HELVETICA = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def text_at(x: float, y: float, text: str, size: float = 12) -> bytes:
    """Return operators that show text of one font size at a place, in points from the bottom."""
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 {size} Tf {x} {y} Td ({escaped}) Tj ET\n".encode("cp1252")


def pdf_of(
    *pages: bytes,
    page: str = "",
    resources: str = "",
    catalog: str = "",
    font: bytes = HELVETICA,
    objects: Sequence[bytes] = (),
) -> bytes:
    """Return a PDF of pages with these contents; `objects` are numbered from 4 on.

    `page`, `resources` and `catalog` are put into the dictionaries of these names.
    """
    first = _FIRST_FREE + len(objects)
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(pages)))
    bodies = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        font,
        *objects,
    ]
    for number, content in enumerate(pages):
        bodies += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents "
            f"{first + 2 * number + 1} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> {resources} >> {page} >>".encode(),
            stream_of(content),
        ]
    return _written(bodies)


def stream_of(content: bytes, entries: str = "") -> bytes:
    """Return a stream object."""
    return f"<< /Length {len(content)} {entries} >>\nstream\n".encode() + content + b"\nendstream"


def _written(bodies: Sequence[bytes]) -> bytes:
    out = b"%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    trailer = f"trailer\n<< /Root 1 0 R /Size {len(bodies) + 1} >>\nstartxref\n{start}\n%%EOF\n"
    return out + trailer.encode()
