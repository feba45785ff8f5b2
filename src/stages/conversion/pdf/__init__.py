"""PDF: words with their places by pdfium, layout by rules of our own."""

from __future__ import annotations

from stages.conversion.pdf.conversion import convert

__all__ = ["convert"]
