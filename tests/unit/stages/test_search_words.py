"""Words prepared for searching: what is indexed is found when it is asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.search.asking import Question, Term, understood
from stages.search.prepared import prepared
from stages.search.snippets import Matcher, snippet
from stages.search.visible import visible
from stages.search.words import positions
from stages.shapes import Chunk

_WORDS = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "M", "Pd", "Po", "Cf")), min_size=1
)
_TEXTS = st.lists(_WORDS, min_size=1, max_size=8).map(" ".join)
LANGUAGES = st.sampled_from(["en", "de", "fr", "ru", "ar", "hi", "simple"])


def holds(text: str, term: Term, language: str) -> bool:
    """Tell whether a term stands in a text, by positions as PostgreSQL compares them."""
    placed = list(positions(text, language))
    length = len(term.places)
    return any(
        set(term.instead).intersection(placed[start])
        or (
            len(placed) >= start + length
            and all(
                place.matches(placed[start + offset]) for offset, place in enumerate(term.places)
            )
        )
        for start in range(len(placed))
    )


def only_term(question: Question) -> Term:
    """Return the term of a question that has one."""
    ((term,),) = question.branches
    return term


@given(_TEXTS, LANGUAGES)
def test_every_word_of_a_text_is_found_in_it(text: str, language: str) -> None:
    for word in text.replace('"', " ").split():
        for asked in (f'"{word}"', f'"{word.upper()}"'):
            question = understood(asked)
            for term in question.terms:
                if word.upper().lower() == word.lower() or asked[1:-1] == word:
                    assert holds(text, term, language), (word, asked)


@given(_TEXTS, LANGUAGES)
def test_a_text_is_found_as_a_phrase(text: str, language: str) -> None:
    question = understood(f'"{text.replace(chr(34), " ")}"')
    for term in question.terms:
        assert holds(text, term, language)


@given(st.text())
def test_any_question_is_understood_and_asks_for_letters_and_digits(words: str) -> None:
    question = understood(words)
    for term in (*question.terms, *question.excluded):
        for place in term.places:
            for lexeme in (*place.lexemes, *([place.prefix] if place.prefix else [])):
                assert not set(lexeme) & set("'\\ \x00")
    assert bool(question.branches) == bool(question.terms)


@given(st.text(), LANGUAGES)
def test_a_snippet_is_plain_text_and_shows_what_was_found(text: str, language: str) -> None:
    words = text.split()[:2]
    matcher = Matcher(understood(" ".join(words)))
    shown = snippet(text, matcher.spans(text, language))
    assert not set(shown.text) & set("<>\n\t")
    assert all(0 <= a < b <= len(shown.text) for a, b in shown.highlights)


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("# The *weir*\n\nA **re**start", "The weir\n\nA restart"),
        ("`a*b` and 2*3*4 ~5 %.", "a*b and 2*3*4 ~5 %."),
        ("[the lamp](https://x.org/a_(b) 'T') and ![alt](y.png)", "the lamp and alt"),
        ("x[0] and [ref][1] and [^2]", "x[0] and ref and [^2]"),
        ("a <limit of b> <b and c> <b>d</b> <br/>e", "a <limit of b> <b and c> d  e"),
        ("AT&amp;T \\*stars\\* <me@x.org>", "AT&T *stars* me@x.org"),
        ("```java\nList<Invoice> a_b;\n```\nthen", "List<Invoice> a_b;\n\nthen"),
        ("- [x] done\n> quoted\n1. first", "done\nquoted\n1. first"),
        ("snake_case and _lit_ and __init__", "snake_case and lit and init"),
        ("H~2~O ~~no~~ 10~20", "H2O no 10~20"),
    ],
)  # fmt: skip
def test_what_a_reader_sees(markdown: str, text: str) -> None:
    assert visible(markdown).text.strip() == text


def test_addresses_of_links_are_kept_apart() -> None:
    seen = visible("[a](https://x.org/1) ![p](data:image/png;base64,AAAA) [b][c]\n\n[c]: /two")
    assert seen.addresses == ("https://x.org/1", "/two")


@pytest.mark.parametrize(
    "piece", ["[", "](", "<b ", "`", "*", " ", "<!--", "|", "\\", "~a", "[[a](", "- ", "\u0301"]
)
def test_a_chunk_of_marks_alone_is_read(piece: str) -> None:
    chunk = Chunk(index=0, text=piece * 50_000, start=0, end=1, heading_path=(), token_count=1)
    assert len(prepared(chunk, (), None, "en").body) <= len(chunk.text)


def test_a_vector_never_outgrows_what_postgresql_holds() -> None:
    words = " ".join(f"word{n}x{n * 7919 % 10007}" for n in range(60_000))
    chunk = Chunk(index=0, text=words, start=0, end=1, heading_path=(), token_count=1)
    assert len(prepared(chunk, (), None, "en").lexemes.encode()) < 2_000_000
