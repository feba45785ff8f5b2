"""PDF: words with their places by pdfium, layout by rules of our own."""

from __future__ import annotations

from stages.conversion.pdf.conversion import convert
from stages.conversion.pdf.second_reading import fallback, second_reading

__all__ = ["convert", "fallback", "second_reading"]
