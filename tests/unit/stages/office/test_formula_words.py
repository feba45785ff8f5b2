"""Words within formulas stay words, and what was typed as LaTeX stays so."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.stages.office.packages import result_of, word


@pytest.mark.parametrize(
    ("typed", "latex"),
    [
        ("xdx", "xdx"),
        ("area of a ring", r"\text{area of} a \text{ring}"),
        ("rate=2", r"\text{rate}=2"),
        ("limsup", "limsup"),
        (r"\int_{0}^{1}x", r"\int_{0}^{1}x"),
        (r"\int_{0", r"\backslash int\_\lbrace 0"),
        ("a_b", r"a\_b"),
    ],
)
def test_letters_in_a_row(tmp_path: Path, typed: str, latex: str) -> None:
    content = word(f"<w:p><m:oMath><m:r><m:t>{typed}</m:t></m:r></m:oMath></w:p>")
    result = result_of(tmp_path, content)
    assert result.markdown == f"${latex}$\n"
    assert result.metadata["wordRecall"] == 1.0
