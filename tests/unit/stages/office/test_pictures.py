"""What stands for a picture is what its author wrote, and nothing that a program put there."""

from __future__ import annotations

import pytest

from stages.conversion.office.pictures import picture


@pytest.mark.parametrize(
    ("description", "markdown"),
    [
        ("Growth of sales 2/3 in May", "![Growth of sales 2/3 in May]()"),
        ("Sales/Costs by year", "![Sales/Costs by year]()"),
        ("A [b]\nc", r"![A \[b\] c]()"),
        (
            "A close up of a logo\n\nDescription automatically generated",
            "![A close up of a logo]()",
        ),
        ("A duck.\n\nAI-generated content may be incorrect.", "![A duck]()"),
        ("Ein Hund. Automatisch generierte Beschreibung", "![Ein Hund]()"),
        ("Chart. Description automatically generated with medium confidence", "![Chart]()"),
        ("Description automatically generated", ""),
        ("image1.png", ""),
        ("My holiday photo.JPG", ""),
        (r"C:\Users\Ada\logo.gif", ""),
        (r"\\server\share\a b", ""),
        ("https://example.org/a?b", ""),
        ("/wiki/pictures/300px", ""),
        ("Picture 3", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_descriptions(description: str | None, markdown: str) -> None:
    assert picture(description) == markdown
