"""Tell a table's header from its first row of data, where the format does not say it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_NUMBER: Final = re.compile(r"[-+(]?\s?[$€£¥]?\s?\d[\d.,'\u00a0\u202f ]*\s?[%$€£¥]?\)?")
_PERIOD: Final = re.compile(r"(?:1[89]|20)\d\d(?:-\d\d){0,2}")


def is_data(row: Sequence[str]) -> bool:
    """Tell whether a table's first row is numbers throughout; years and dates alone may be heads.

    Cells are plain text or Markdown.
    """
    texts = [text for text in row if not _PERIOD.fullmatch(text.strip())]
    return bool(texts) and all(map(is_number, texts))


def is_number(text: str) -> bool:
    """Tell whether a text is a number as tables have them: signs, separators, a unit of money."""
    return _NUMBER.fullmatch(text.strip().replace("\\", "")) is not None
