"""Count tokens without anybody's vocabulary.

A token is up to six ASCII letters, three other letters, three digits, one ideograph or syllable of
a script without spaces, one sign, or one run of line ends. On English prose that is about 15 %
less than the encodings of large language models give. The rule does not change within a version of
the chunker.
"""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(
    "[A-Za-z]{1,6}"
    "|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
    r"|\d{1,3}|[^\W\d_]{1,3}|\n+|[^\w\s]|_"
)


def count_tokens(text: str) -> int:
    """Return the number of tokens in a text; additive but for words cut in two."""
    return sum(1 for _ in _TOKEN.finditer(text))
