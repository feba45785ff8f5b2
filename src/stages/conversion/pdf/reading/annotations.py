"""Read what lies on a page: values of form fields, typed notes and links.

Fields are read by their values, so that a tick is a tick and a choice its label; what else is
painted on the page (notes, stamps) is flattened into it and read with its text.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

import pypdfium2.raw as pdfium

from stages.conversion.pdf.frames import Box, Frame
from stages.conversion.pdf.inline import TICKED, UNTICKED
from stages.conversion.pdf.word import ASCENT, DESCENT, Word

_MAX_LISTED: Final = 30  # options of a list: of more, only those that are chosen
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
    """What lies on a page; `left_out` counts words that are not shown or not chosen, by kind."""

    fields: list[Field] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    to_flatten: bool = False
    left_out: Counter[str] = field(default_factory=Counter)


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
        value = _value(annotation, form, overlay.left_out)
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


def _value(annotation: Any, form: Any, left_out: Counter[str]) -> str | None:
    """Return what a field shows, None if only its appearance tells."""
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in _TICKS:
        return TICKED if pdfium.FPDFAnnot_IsChecked(form, annotation) else UNTICKED
    if kind in _CHOICES:
        chosen, others = _options(annotation, form)
        if kind == pdfium.FPDF_FORMFIELD_LISTBOX:
            if 0 < len(chosen) + len(others) <= _MAX_LISTED:
                return _ticked(annotation, form)
            left_out["optionsNotChosen"] += sum(len(other.split()) for other in others)
        return ", ".join(chosen) or _field_value(annotation, form) or None
    if kind == pdfium.FPDF_FORMFIELD_TEXTFIELD:
        if pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD_FLAG:
            left_out["passwordFields"] += 1 + len(_field_value(annotation, form)) // 6
            return ""
        return _field_value(annotation, form) or None
    return None


def _options(annotation: Any, form: Any) -> tuple[list[str], list[str]]:
    """Return the labels of a field's options: those that are chosen, and the others."""
    chosen: list[str] = []
    others: list[str] = []
    for index in range(max(pdfium.FPDFAnnot_GetOptionCount(form, annotation), 0)):
        label = _read_utf16(partial(pdfium.FPDFAnnot_GetOptionLabel, form, annotation, index))
        is_chosen = pdfium.FPDFAnnot_IsOptionSelected(form, annotation, index)
        (chosen if is_chosen else others).append(label)
    return chosen, others


def _ticked(annotation: Any, form: Any) -> str:
    """Return the options of a list, a line each, those that are chosen ticked."""
    lines = []
    for index in range(pdfium.FPDFAnnot_GetOptionCount(form, annotation)):
        label = _read_utf16(partial(pdfium.FPDFAnnot_GetOptionLabel, form, annotation, index))
        chosen = pdfium.FPDFAnnot_IsOptionSelected(form, annotation, index)
        lines.append(f"{TICKED if chosen else UNTICKED} {label}")
    return "\n".join(lines)


def _field_value(annotation: Any, form: Any) -> str:
    return _read_utf16(partial(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)).strip()


def _string(annotation: Any, key: bytes) -> str:
    return _read_utf16(partial(pdfium.FPDFAnnot_GetStringValue, annotation, key))


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


def words_of(field_: Field, frame: Frame, printed: Sequence[Word]) -> Iterator[Word]:
    """Give the words of a value, set within its field: a line each, from the top if several.

    The first line stands on the baseline of what is printed beside the field, its label.
    """
    x0, top, x1, bottom = frame.box(*field_.box)
    lines = [line for line in field_.value.splitlines() if line.strip()]
    pitch = (bottom - top) / max(len(lines), 1)
    size = min(max(pitch * 0.7, 4.0), 10.0)
    baseline = top + pitch / 2 + size * (DESCENT + 0.05)
    label = _label((x0, top, x1, bottom), printed)
    if label is not None:
        size, baseline = label.size, label.baseline
    for number, line in enumerate(lines):
        advance = min(size * 0.5, (x1 - x0) / max(len(line), 1))
        at, level = x0, baseline + number * max(min(pitch, size * 1.2), 1.0)
        for text in line.split(" "):
            if text:
                yield Word(
                    text, at, level - size * ASCENT, at + advance * len(text),
                    level + size * DESCENT, size, bold=False, mono=False,
                )  # fmt: skip
            at += advance * (len(text) + 1)


def _label(box: Box, printed: Sequence[Word]) -> Word | None:
    """Return the word nearest to the field, before or behind it on its height."""
    x0, top, x1, bottom = box
    beside = [
        word
        for word in printed
        if top < word.baseline < bottom + word.size / 2 and (word.x1 <= x0 + 2 or word.x0 >= x1 - 2)
    ]
    return min(beside, key=lambda w: max(x0 - w.x1, 2 * (w.x0 - x1)), default=None)
