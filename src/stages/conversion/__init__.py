"""The stage that makes Markdown of a document, whatever its format."""

from __future__ import annotations

from stages.conversion.executor import MarkdownConversion

__all__ = ["MarkdownConversion"]
