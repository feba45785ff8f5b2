"""The page of conversions: what is counted, what is left out, and what has to be explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from conversion_parts.explanations import Explanation, Explanations
from conversion_parts.figures import summarised, unexplained
from conversion_parts.measuring import Document, Result
from conversion_parts.page import page
from conversion_parts.shape import Shape, shape_of


def document(name: str, *, is_known: bool = True) -> Document:
    """Return a document of ten words, or one that no reader could read."""
    path = Path("/x") / name
    if not is_known:
        return Document.unknown(path, "text")
    return Document.of(path, "text", list("abcdefghij"), Shape(1, 2))


GOOD, LOSSY = document("a/good.txt"), document("a/lossy.txt")
LOCKED, ODD = document("a/locked.txt", is_known=False), document("a/odd.txt", is_known=False)


def result(of: Document, recall: float = 1, error: str = "", **figures: float) -> Result:
    """Return what a converter made of it."""
    figures = {"seconds": 1, "megabytes": 50, **figures}
    return Result(of, error, recall, 1, 1, Shape(1, 2), figures["seconds"], figures["megabytes"])


RESULTS = {
    "docledger": [
        result(GOOD),
        result(LOSSY, 0.5, seconds=2, megabytes=600),
        result(LOCKED, error="locked"),
        result(ODD),
    ],
    "other": [result(GOOD, 0.8, seconds=4), result(LOSSY, error="no"), result(LOCKED), result(ODD)],
}


def figures(explanations: Explanations) -> dict[str, object]:
    """Return the figures of these results."""
    return {"versions": {"other": "1.2"}, **summarised(RESULTS, explanations)}


def test_files_that_lose_words_or_are_refused_have_to_be_explained() -> None:
    assert unexplained(figures(Explanations())) == ["a/lossy.txt", "a/locked.txt"]
    explained = Explanations({name: Explanation("so") for name in ("a/lossy.txt", "a/locked.txt")})
    assert unexplained(figures(explained)) == []


def test_a_file_that_is_refused_rightly_counts_for_no_converter() -> None:
    right = Explanations({"a/locked.txt": Explanation("it has a password", refused_rightly=True)})
    found = figures(right)
    assert found["documents"] == 3, (
        "one of which nothing is known and nothing went wrong is left out"
    )
    text = found["formats"]["text"]  # type: ignore[index]
    assert text["files"] == 2
    assert text["converters"]["docledger"]["recall"] == 0.75
    assert text["converters"]["other"] == text["converters"]["other"] | {
        "recall": 0.8, "refused": ["a/lossy.txt: no"], "headings": 1, "rows": 2, "cpuSeconds": 4
    }  # fmt: skip
    assert text["besides"]["other"] == {"files": 1, "seconds": 0.25, "moreMemory": 0}
    shown = page(found)
    assert "`a/locked.txt`: it has a password" in shown
    assert "`a/lossy.txt` (0.500): no explanation is written yet" in shown


@pytest.mark.parametrize(
    ("markdown", "shape"),
    [
        ("# A\n\ntext\n\nB\n===\n\n- c\n---\n", Shape(2, 0)),
        ("| a | b |\n| --- | --- |\n| 1 | 2 |\n|  |  |\n", Shape(0, 2)),
        ("```\n# no\n| a | b |\n```\n#no\n", Shape(0, 0)),
        ("<table><tr><td>a</td></tr></table><h2>B</h2>", Shape(1, 1)),
        ("a \\| b \\| c\n", Shape(0, 0)),
    ],
)
def test_headings_and_rows_are_counted_in_any_spelling(markdown: str, shape: Shape) -> None:
    assert shape_of(markdown) == shape


def test_the_explanations_can_be_read() -> None:
    assert all(each.why for each in Explanations.read().values())


def test_an_explanation_that_says_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    path.write_text('[[file]]\nname = "a"\nwhy = " "\n')
    with pytest.raises(ValueError, match="a has two explanations or none"):
        Explanations.read(path)
