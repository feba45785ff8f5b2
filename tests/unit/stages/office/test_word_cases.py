"""Word documents as people write them: what Word shows comes out, and nothing else."""

from __future__ import annotations

import pytest

from unit.stages.making import converted
from unit.stages.office.packages import CASES

_RIGHT = {
    "bug-bold-cjk": [
        "**注意**：閉館は9時です。",
        "これは「**重要**」です。",
        "5 holds.",
        "before(*middle*)after",
    ],
    "bug-double-strike": ["~~40 crowns~~ 55 crowns", "~~100 crowns~~ 120 crowns"],
    "bug-equations": [
        r"The flow is $Q=\frac{V}{t}$ and must stay under $10^{3}$ litres.",
        "\n\n$$E=12+k$$\n",
    ],
    "bug-list-goes-on": [
        "1. Close the lower gate.\n2. Open the upper sluice.",
        "\n\n3. Open the upper gate.\n\n",
        "\n\n4. Log the boat in the book.\n5. Report step 3",
    ],
    "bug-list-levels": [
        "- (1) Keep the gauge.\n- (2) Keep the weir.\n  - a) Clear the rack.\n  - b) Grease",
        "    - i. Front bearing.\n    - ii. Rear bearing.\n- (3) Keep the diary.",
    ],
    "bug-numbered-headings": ["# 1 Scope\n", "## 1.1 Limits\n", "# 2 Fees\n", "## 2.1 Mooring\n"],
    "bug-superscript": [
        "3 × 10<sup>6</sup> litres",
        "10<sup>-3</sup> m over 120 m<sup>2</sup>.",
        "H<sub>2</sub>O and x<sup>2</sup> + y<sup>2</sup> = 25.",
    ],
    "bug-tabs": [
        "Alpha Beta",
        "2.2.1 Connecting the feed 6",
        "Before After",
        "First line  \nsecond line",
        "Non-smoking area, cooperate",
    ],
    "bug-text-box": [
        "Before the box.\n\nProposal 1: raise the weir by 20 cm.\n",
        "Second paragraph.\n\nObservation 2: the gauge drifts by 3 mm a year.",
    ],
    "bug-wrappers": [
        "Policy number QX-4471 is in force.",
        "Meet in Lisbon on Friday.",
        "Code Zeta9 applies.",
        "駅は東京(とうきょう)にあります。",
        "Ordered run and embedded run.",
        "A whole paragraph inside custom markup.",
    ],
    "docx-checkbox-state-lost": [
        "Name: Ada end.",
        "[x] Paid",
        "[ ] Shipped",
        "| row in sdt | cell in sdt |",
    ],
    "docx-clause-numbers-lost": [
        "# 1 Scope",
        "1.1 The seller delivers.",
        "1.2 The buyer pays under clause 1.1.",
        "# 2 Liability",
        "2.1 Clause 2.1 limits clause 1.2:",
        "(a) loss of data;",
        "(b) loss of profit.",
    ],
    "docx-equation-lost": ["Energy is $E=mc2$ always.", r"$$\frac{a+b}{c}$$"],
    "docx-field-results-lost": [
        "Table 1: Sales by region",
        "As shown in Table 1, the sales of Acme rose. Page 3",
    ],
    "docx-headings-by-outline-lost": [
        "# Kapitel eins\n",
        "# Derived head\n",
        "# German style name\n",
        "## Direct outline\n",
        "# Plain\n",
    ],
    "docx-hidden-text-shown": [
        "vis end",
        "sym:✓→α",
        "555-1234 softhyphen tab tabbed cr  \nafter br  \nline page",
        "漢字(かんじ) direct",
        "H<sub>2</sub>O x<sup>2</sup>",
        "smart: Paris dir שלום bdo abc custom CX",
    ],
    "docx-page-break-joins-words": [
        "Chapter one ends\n\nChapter two begins",
        "left column\n\nright column",
        "Name  \nStreet",
        "left right",
    ],
    "docx-row-shift-and-merge": [
        "| tall | b1 | c1 |\n| tall | b2 | c2 |\n| wide |  | c3 |",
        "| outer<br>n1, n2<br>n3, n4 | x | para1<br>para2 |",
        "|  | under K2 | under K3 |",
    ],
    "docx-ruby-base-lost": ["東京(とうきょう)へ行く。"],
    "docx-superscript-lost": ["Load 10<sup>6</sup> N on 25 m<sup>2</sup>."],
    "docx-textbox-without-fallback-lost": [
        "Before after.\n\nBox text here\n",
        "Next paragraph.",
    ],
}


def test_every_case_of_this_kind_is_here() -> None:
    assert {path.stem for path in CASES.glob("*.docx")} == set(_RIGHT)


@pytest.mark.parametrize("name", _RIGHT)
def test_what_word_shows_comes_out(name: str) -> None:
    markdown = converted(CASES / f"{name}.docx").markdown
    for expected in _RIGHT[name]:
        assert expected in markdown
    for unwanted in ("HIDDEN", "hidden cont", "\\*", "\u00ad"):
        assert unwanted not in markdown
