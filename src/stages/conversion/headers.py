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
    texts = [text.strip().replace("\\", "") for text in row]
    numbers = [text for text in texts if not _PERIOD.fullmatch(text)]
    return bool(numbers) and all(map(_NUMBER.fullmatch, numbers))
