"""Markdown of all sorts, for properties that hold for any."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = st.sampled_from(
    [
        "lamp",
        "river",
        "Größe",
        "灯台は塔です。",
        "Маяк",
        "1871",
        "3.5 m",
        "it's",
        "a_b",
        "*stray",
        "`code`",
        "**bold text**",
        "[link](https://varn.example/x)",
        "x|y",
        "<b>",
        "&amp;",
        "é",
        "👩‍🚀",
        "end.",
        "Is it?",
        "\\#",
        "~~gone~~",
    ]
)
LINES = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
BLOCKS = st.one_of(
    LINES,
    st.tuples(st.integers(1, 6), LINES).map(lambda t: f"{'#' * t[0]} {t[1]}"),
    st.lists(LINES, min_size=1, max_size=4).map(lambda ls: "\n".join(f"- {line}" for line in ls)),
    st.lists(LINES, min_size=1, max_size=4).map(
        lambda ls: "\n".join(f"{n}. {line}" for n, line in enumerate(ls, 1))
    ),
    st.lists(LINES, min_size=1, max_size=3).map(lambda ls: "```python\n" + "\n".join(ls) + "\n```"),
    st.lists(LINES, min_size=1, max_size=3).map(lambda ls: "\n".join(f"> {line}" for line in ls)),
    st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4).map(
        lambda rows: (
            "| a | b |\n| --- | --- |\n"
            + "\n".join(f"| {x.replace('|', '')} | {y.replace('|', '')} |" for x, y in rows)
        )
    ),
    st.tuples(WORDS, LINES).map(lambda t: f"{t[0]}: {t[1]}"),
    st.just("---"),
    st.just("    indented code"),
    st.just("<div>\nraw html\n</div>"),
)
DOCUMENTS = st.lists(BLOCKS, max_size=10).map("\n\n".join)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
MARKS = st.text(st.sampled_from("#*_`~>-+|[]()<>!&\\ \t\n\r1.:a é灯\u2028\x0b\x00"), max_size=120)
MARKDOWN = st.one_of(DOCUMENTS, DOCUMENTS, ANY_TEXT, MARKS)
