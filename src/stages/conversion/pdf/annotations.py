"""Read what lies on a page: values of form fields, typed notes and links.

Fields are read by their values, so that a tick is a tick and a choice its label; what else is
painted on the page (notes, stamps) is flattened into it and read with its text.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import pypdfium2.raw as pdfium

from stages.conversion.pdf.frames import Box, Frame
from stages.conversion.pdf.inline import TICKED, UNTICKED
from stages.conversion.pdf.word import Word

_MAX_LINK_CHARS: Final = 2_000
_PASSWORD_FLAG: Final = 1 << 13
_HIDDEN_FLAGS: Final = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW
_CHOICES: Final = (pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX)
_TICKS: Final = (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON)
_SHOWN_SCHEMES: Final = ("http://", "https://", "mailto:", "ftp://", "tel:")


class Field(NamedTuple):
    """The value of a form field, or a typed note, and its box in the file's coordinates."""

    value: str
    box: Box


class Link(NamedTuple):
    """An address and the box, in the file's coordinates, that leads there."""

    address: str
    box: Box


@dataclass
class Overlay:
    """What lies on a page."""

    fields: list[Field] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    to_flatten: bool = False


def read_overlay(document: Any, page: Any) -> Overlay:
    """Return fields, notes and links; annotations whose value is returned leave the page.

    `to_flatten` tells that others are left that show text of their own.
    """
    overlay = Overlay()
    form = document.formenv.raw if document.formenv else None
    for index in reversed(range(pdfium.FPDFPage_GetAnnotCount(page.raw))):
        annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            taken = _take(annotation, document, form, overlay)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
        if taken:
            pdfium.FPDFPage_RemoveAnnot(page.raw, index)
    overlay.fields.reverse()
    overlay.links.reverse()
    return overlay


def _take(annotation: Any, document: Any, form: Any, overlay: Overlay) -> bool:
    """Take what the annotation says; return whether it shall not be painted any more."""
    kind = pdfium.FPDFAnnot_GetSubtype(annotation)
    if kind == pdfium.FPDF_ANNOT_LINK:
        address = _address(document, annotation)
        if address:
            overlay.links.append(Link(address, _box(annotation)))
        return False
    if kind == pdfium.FPDF_ANNOT_POPUP or pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN_FLAGS:
        return False
    if kind == pdfium.FPDF_ANNOT_WIDGET and form:
        value = _value(annotation, form)
        if value is not None:
            if value:
                overlay.fields.append(Field(value, _box(annotation)))
            return True
    painted = _has_appearance(annotation)
    overlay.to_flatten |= painted
    if kind == pdfium.FPDF_ANNOT_FREETEXT and not painted:
        note = _string(annotation, b"Contents")
        if note.strip():
            overlay.fields.append(Field(note, _box(annotation)))
    return False


def _value(annotation: Any, form: Any) -> str | None:
    """Return what a field shows, None if only its appearance tells."""
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in _TICKS:
        return TICKED if pdfium.FPDFAnnot_IsChecked(form, annotation) else UNTICKED
    if kind in _CHOICES:
        chosen = ", ".join(_chosen(annotation, form))
        return chosen or _field_value(annotation, form) or None
    if kind == pdfium.FPDF_FORMFIELD_TEXTFIELD:
        if pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD_FLAG:
            return ""
        return _field_value(annotation, form) or None
    return None


def _chosen(annotation: Any, form: Any) -> Iterator[str]:
    for index in range(max(pdfium.FPDFAnnot_GetOptionCount(form, annotation), 0)):
        if pdfium.FPDFAnnot_IsOptionSelected(form, annotation, index):
            yield _read_utf16(
                lambda buffer, size, index=index: pdfium.FPDFAnnot_GetOptionLabel(
                    form, annotation, index, buffer, size
                )
            )


def _field_value(annotation: Any, form: Any) -> str:
    return _read_utf16(
        lambda buffer, size: pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size)
    ).strip()


def _string(annotation: Any, key: bytes) -> str:
    return _read_utf16(
        lambda buffer, size: pdfium.FPDFAnnot_GetStringValue(annotation, key, buffer, size)
    )


def _read_utf16(read: Any) -> str:
    """Call twice, first for the length in bytes, then for the content with its closing zero."""
    size = read(None, 0)
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    read(buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", "replace")


def _has_appearance(annotation: Any) -> bool:
    mode = pdfium.FPDF_ANNOT_APPEARANCEMODE_NORMAL
    return bool(pdfium.FPDFAnnot_GetAP(annotation, mode, None, 0) > 2)


def _box(annotation: Any) -> Box:
    rect = pdfium.FS_RECTF()
    pdfium.FPDFAnnot_GetRect(annotation, rect)
    return (
        min(rect.left, rect.right),
        min(rect.bottom, rect.top),
        max(rect.left, rect.right),
        max(rect.bottom, rect.top),
    )


def _address(document: Any, annotation: Any) -> str:
    action = pdfium.FPDFLink_GetAction(pdfium.FPDFAnnot_GetLink(annotation))
    if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
        return ""
    size = pdfium.FPDFAction_GetURIPath(document.raw, action, None, 0)
    if not 1 < size <= _MAX_LINK_CHARS:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFAction_GetURIPath(document.raw, action, buffer, size)
    address = buffer.value.decode("utf-8", "replace").strip()
    return address if address.lower().startswith(_SHOWN_SCHEMES) else ""


def words_of(field_: Field, frame: Frame) -> Iterator[Word]:
    """Give the words of a value, set within its field: a line each, from the top if several."""
    x0, top, x1, bottom = frame.box(*field_.box)
    lines = [line for line in field_.value.splitlines() if line.strip()]
    pitch = (bottom - top) / max(len(lines), 1)
    size = round(min(max(pitch * 0.7, 4.0), 10.0) * 2) / 2
    for number, line in enumerate(lines):
        middle = top + pitch * (number + 0.5)
        advance = min(size * 0.5, (x1 - x0) / max(len(line), 1))
        at = x0
        for text in line.split(" "):
            if text:
                yield Word(
                    text, at, middle - size / 2, at + advance * len(text), middle + size / 2,
                    size, bold=False, mono=False,
                )  # fmt: skip
            at += advance * (len(text) + 1)
