"""Repairs of a PDF's structure before its pages are read, made on a copy in memory.

pdfium has no access to layers and fonts by name, so what depends on them is looked up with pikepdf:
which layers are off, and which fonts name a vertical encoding that pdfium cannot decode.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

import pikepdf

HIDDEN_MARK: Final = "docledger: layer is off"
LAID_MARK: Final = "DocledgerLaid"
_UNREADABLE: Final = (
    pikepdf.PdfError, pikepdf.PasswordError, ValueError, TypeError, AttributeError, LookupError,
    RecursionError, OverflowError,
)  # fmt: skip
_HIDDEN_BEGIN: Final = f"/OC << /Name ({HIDDEN_MARK}) >> BDC\n".encode()
_HIDDEN_END: Final = b"\nEMC"
_SUSPECTS: Final = (b"/OCProperties", b"/ObjStm")


def with_marked_layers(content: bytes) -> bytes:
    """Return the PDF with the names of layers that are off replaced by `HIDDEN_MARK`.

    The content itself comes back if no layer is off, or if the file cannot be read.
    """
    if not any(suspect in content for suspect in _SUSPECTS):
        return content
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            return _saved(pdf) if _mark_layers(pdf) else content
    except _UNREADABLE:
        return content


def with_horizontal_fonts(content: bytes) -> bytes | None:
    """Return the PDF with vertical encodings of fonts that are not embedded as horizontal ones.

    None if there are no such fonts. Their names begin with `LAID_MARK`: what is read of them as a
    line is a column.
    """
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            changed = [_lay(font) for font in _fonts(pdf)]
            return _saved(pdf) if any(changed) else None
    except _UNREADABLE:
        return None


def _saved(pdf: pikepdf.Pdf) -> bytes:
    out = io.BytesIO()
    pdf.save(out, encryption=False)
    return out.getvalue()


def _mark_layers(pdf: pikepdf.Pdf) -> bool:
    off = _layers_off(pdf)
    if not off:
        return False
    for item in _dictionaries(pdf):
        if _is_off(item, off):
            item["/Name"] = pikepdf.String(HIDDEN_MARK)
        if item.get("/Subtype") == "/Form" and _is_off(item.get("/OC"), off):
            item.write(_HIDDEN_BEGIN + item.read_bytes() + _HIDDEN_END)
        if "/Annots" in item:
            _drop_annotations(item, off)
    return True


def _dictionaries(pdf: pikepdf.Pdf) -> Iterator[Any]:
    for item in pdf.objects:
        if isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
            yield item


def _layers_off(pdf: pikepdf.Pdf) -> frozenset[tuple[int, int]]:
    """Return the numbers of the layers that are off when the document is opened."""
    properties = pdf.Root.get("/OCProperties")
    if properties is None or "/D" not in properties:
        return frozenset()
    default = properties["/D"]
    off = {group.objgen for group in _array(default.get("/OFF"))}
    if default.get("/BaseState") == "/OFF":
        on = {group.objgen for group in _array(default.get("/ON"))}
        off |= {group.objgen for group in _array(properties.get("/OCGs"))} - on
    for usage in _array(default.get("/AS")):
        if usage.get("/Event") == "/View":
            off |= {g.objgen for g in _array(usage.get("/OCGs")) if _view_state(g) == "/OFF"}
    return frozenset(off)


def _view_state(group: Any) -> Any:
    return group.get("/Usage", {}).get("/View", {}).get("/ViewState")


def _array(value: Any) -> list[Any]:
    return list(value) if isinstance(value, pikepdf.Array) else []


def _is_off(item: Any, off: frozenset[tuple[int, int]]) -> bool:
    """Tell whether a group is off, or a membership by its policy (ISO 32000-1, 8.11.2.2)."""
    if not isinstance(item, pikepdf.Dictionary):
        return False
    if item.objgen in off:
        return True
    if item.get("/Type") != "/OCMD":
        return False
    groups = item.get("/OCGs")
    members = _array(groups) or ([groups] if isinstance(groups, pikepdf.Dictionary) else [])
    states = [member.objgen not in off for member in members]
    if not states:
        return False
    shown = {
        "/AllOn": all(states),
        "/AnyOff": not all(states),
        "/AllOff": not any(states),
    }.get(str(item.get("/P")), any(states))
    return not shown


def _drop_annotations(page: Any, off: frozenset[tuple[int, int]]) -> None:
    annotations = _array(page["/Annots"])
    kept = [each for each in annotations if not _is_off(_entry(each, "/OC"), off)]
    if len(kept) < len(annotations):
        page["/Annots"] = pikepdf.Array(kept)


def _entry(item: Any, key: str) -> Any:
    return item.get(key) if isinstance(item, pikepdf.Dictionary) else None


def _fonts(pdf: pikepdf.Pdf) -> Iterator[Any]:
    for item in _dictionaries(pdf):
        if item.get("/Subtype") == "/Type0":
            yield item


def _lay(font: Any) -> bool:
    encoding = str(font.get("/Encoding", ""))
    descriptor = font.DescendantFonts[0].get("/FontDescriptor", {})
    embedded = any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3"))
    if not encoding.endswith("-V") or encoding == "/Identity-V" or embedded:
        return False
    font["/Encoding"] = pikepdf.Name(encoding[:-1] + "H")
    for each in (font, font.DescendantFonts[0]):
        each["/BaseFont"] = pikepdf.Name(f"/{LAID_MARK}{str(each.get('/BaseFont', '/'))[1:]}")
    return True
