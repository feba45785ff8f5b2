"""The calls of pdfium that are made for each character or object, bound without conversions.

The library's binding checks and wraps each argument and result, which costs more than the call
itself. Handles are plain addresses here, so that they can be compared and used as keys.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

import pypdfium2.raw as pdfium

_NUMBERS: Final = (ctypes.c_int, ctypes.c_uint, ctypes.c_ulong, ctypes.c_double, ctypes.c_float)


def _bound(function: Any) -> Any:
    """Return the function with every pointer passed and returned as an address."""
    kinds = [kind if kind in _NUMBERS else ctypes.c_void_p for kind in function.argtypes]
    result = function.restype if function.restype in _NUMBERS else ctypes.c_void_p
    address = address_of(function)
    return ctypes.CFUNCTYPE(result, *kinds)(address)


def address_of(handle: Any) -> int:
    """Return the address that a handle of the library stands for."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


count_chars: Final = _bound(pdfium.FPDFText_CountChars)
unicode_of: Final = _bound(pdfium.FPDFText_GetUnicode)
text_of: Final = _bound(pdfium.FPDFText_GetText)
object_of: Final = _bound(pdfium.FPDFText_GetTextObject)
loose_box: Final = _bound(pdfium.FPDFText_GetLooseCharBox)
origin: Final = _bound(pdfium.FPDFText_GetCharOrigin)
font_size: Final = _bound(pdfium.FPDFText_GetFontSize)
char_matrix: Final = _bound(pdfium.FPDFText_GetMatrix)
font_name: Final = _bound(pdfium.FPDFText_GetFontInfo)
is_unmapped: Final = _bound(pdfium.FPDFText_HasUnicodeMapError)
is_hyphen: Final = _bound(pdfium.FPDFText_IsHyphen)
font_of: Final = _bound(pdfium.FPDFTextObj_GetFont)

count_marks: Final = _bound(pdfium.FPDFPageObj_CountMarks)
mark_of: Final = _bound(pdfium.FPDFPageObj_GetMark)
mark_text: Final = _bound(pdfium.FPDFPageObjMark_GetParamStringValue)

count_objects: Final = _bound(pdfium.FPDFPage_CountObjects)
page_object: Final = _bound(pdfium.FPDFPage_GetObject)
count_form_objects: Final = _bound(pdfium.FPDFFormObj_CountObjects)
form_object: Final = _bound(pdfium.FPDFFormObj_GetObject)
kind_of: Final = _bound(pdfium.FPDFPageObj_GetType)
object_matrix: Final = _bound(pdfium.FPDFPageObj_GetMatrix)
object_bounds: Final = _bound(pdfium.FPDFPageObj_GetBounds)
draw_mode: Final = _bound(pdfium.FPDFPath_GetDrawMode)
count_segments: Final = _bound(pdfium.FPDFPath_CountSegments)
segment_of: Final = _bound(pdfium.FPDFPath_GetPathSegment)
segment_kind: Final = _bound(pdfium.FPDFPathSegment_GetType)
segment_point: Final = _bound(pdfium.FPDFPathSegment_GetPoint)
segment_closes: Final = _bound(pdfium.FPDFPathSegment_GetClose)

Matrix: Final = pdfium.FS_MATRIX
Rectangle: Final = pdfium.FS_RECTF
