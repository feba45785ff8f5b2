"""Presentations as people make them: what a slide shows comes out, in the order of reading."""

from __future__ import annotations

import pytest

from unit.stages.making import converted
from unit.stages.office.packages import CASES

_CHART = [
    "Sales by month\n\n|  | Sales | Small |\n| --- | --- | --- |\n| Jan | 1234567 |",
    "| Feb | 98765432.1 | 3.14159265 |",
    "| Points | 1.5 | 20 |\n| Points | 2.5 | 30 |",
    "\nL1\n\nL2\n\nR1\n\nR2\n",
]
_RIGHT = {
    "bug-group-space.pptx": [
        "FIRST: upper card head\n\nSECOND: upper card text\n\nTHIRD: lower card head\n\n",
        "\n\nFOURTH: lower card text\n\nLAST: footer remark at the bottom",
    ],
    "bug-slide-power.pptx": [
        "- The basin holds 4 × 10<sup>5</sup> litres\n- ~~old price 40~~ new price 55",
        "| North | 10 | 12 |\n| All piers | 22 |  |",
    ],
    "bug-smartart.pptx": [
        "- Report by radio\n- Wait at buoy 7\n- Pay the fee\n- Enter the basin\n\nAsk the keeper"
    ],
    "bug-two-cards.pptx": [
        "Left card\n\nLeft text one\n\nLeft text two\n\nRight card\n\nRight text one\n\nRight",
    ],
    "pptx-box-with-equation-lost.pptx": [
        "Speed is $v=d/t$ as known",
        "[site](https://example.org/x) **bold**",
        "x<sup>2</sup>",
    ],
    "pptx-chart-six-digits.pptx": _CHART,
    "pptx-picture-description-lost.pptx": [
        "A chart of growth",
        "1\\. not a list",
        "\\# not heading",
    ],
    "pptx-slideshow-called-damaged.ppsx": _CHART,
}


def test_every_case_of_this_kind_is_here() -> None:
    assert {path.name for path in CASES.glob("*.pp?x")} == set(_RIGHT)


@pytest.mark.parametrize("name", _RIGHT)
def test_what_a_slide_shows_comes_out(name: str) -> None:
    markdown = converted(CASES / name).markdown
    for expected in _RIGHT[name]:
        assert expected in markdown
