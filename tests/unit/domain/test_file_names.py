from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import file_names
from domain.file_names import (
    document_folder,
    is_component,
    original_path,
    output_name,
    output_path,
    safe_name,
    split_extension,
)

_HOSTILE = st.sampled_from(
    (
        *(
            "/",
            "\\",
            "..",
            ".",
            "\0",
            "\n",
            "\u202e",
            "\u2066",
            "\ud800",
            " ",
            "CON",
            "nul.",
            "%2F",
        ),
        *("é", "e\u0301", "👨\u200d👩\u200d👧", "🇫🇷", "한", "a" * 200, "é" * 130, ".pdf", "<", ":"),
    )
)
_TEXT = st.one_of(
    st.lists(_HOSTILE, max_size=12).map("".join),
    st.text(alphabet=st.characters(exclude_categories=()), max_size=300),
)
_SUFFIXES = st.sampled_from([".md", ".opt.md", ".chunks.json", ".facts.json", ".ingestion.json"])


def _inside(path: str, *folders: str) -> bool:
    parts = path.split("/")
    return parts[: len(folders)] == list(folders) and all(is_component(part) for part in parts)


@given(_TEXT)
def test_a_safe_name_is_one_visible_component(raw: str) -> None:
    name = safe_name(raw)
    assert is_component(name)
    assert "\\" not in name
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    assert name == unicodedata.normalize("NFC", name)
    assert not {unicodedata.category(char) for char in name} & {"Cc", "Cs"}
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f") & set(name)


@given(
    st.lists(
        st.sampled_from(("a", "B7", "-", "_", ".", " ", "con", "COM1", ".pdf", "a" * 126, "é")),
        max_size=6,
    ).map("".join)
)
def test_a_name_taken_to_be_clean_is_what_cleaning_gives(raw: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_names, "_CLEAN", re.compile("(?!)"))
        cleaned = safe_name.__wrapped__(raw)
    assert safe_name.__wrapped__(raw) == cleaned


_NAMES = st.lists(
    st.sampled_from(
        ("a", " ", ".", "con", "COM1", "CON$", "CONIN$", "nul", ".pdf", "a" * 120, "é")
    ),
    max_size=5,
).map("".join)


@given(_NAMES, st.sampled_from((".md", ".", "", ".é", " .md", "x.md", "." + "b" * 120, "." * 4)))
def test_a_stem_taken_to_fit_gives_the_name_that_fitting_gives(original: str, suffix: str) -> None:
    stem, _ = split_extension(safe_name(original))
    assert output_name(original, "doc-1", suffix) == file_names._fitted(stem, suffix)


@given(_TEXT)
def test_cleaning_twice_changes_nothing(raw: str) -> None:
    assert safe_name(safe_name(raw)) == safe_name(raw)


@given(_TEXT | st.none(), _TEXT, _SUFFIXES)
def test_an_output_name_fits_and_ends_in_its_suffix(
    original: str | None, document_id: str, suffix: str
) -> None:
    name = output_name(original, document_id, suffix)
    assert is_component(name)
    assert name.endswith(suffix)
    assert len(name) > len(suffix)


@given(_TEXT, _TEXT, _TEXT)
def test_no_path_leaves_the_folder_of_its_document(document_id: str, stage: str, name: str) -> None:
    folder = document_folder(document_id)
    original = original_path(document_id, name)
    output = output_path(document_id, stage, name)
    assert _inside(original, "documents", folder, "original")
    assert original.count("/") == 3
    assert _inside(output, "documents", folder, "stages")
    assert output.count("/") == 4


@given(_TEXT, _TEXT)
def test_two_documents_never_share_a_folder(one: str, other: str) -> None:
    assert (document_folder(one) == document_folder(other)) == (one == other)


@given(st.text(min_size=1, max_size=600))
def test_long_ids_that_begin_alike_keep_apart(tail: str) -> None:
    assert document_folder("x" * 300) != document_folder("x" * 300 + tail)


@given(st.from_regex(r"[A-Za-z0-9._-]{1,255}", fullmatch=True))
def test_an_ordinary_id_is_its_own_folder(document_id: str) -> None:
    if document_id not in (".", ".."):
        assert document_folder(document_id) == document_id


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\fakepath\\Jahresbericht 2025.docx", "Jahresbericht 2025.docx"),
        ("cafe\u0301.md", "café.md"),
        ("a\0b\r\n.txt", "ab.txt"),
        ("fdp.\u202etxt", "fdp.txt"),
        (".htaccess", "htaccess"),
        ("...", "unnamed"),
        ("", "unnamed"),
        ("folder/", "folder"),
        ("name. . .", "name"),
        ("CON.pdf", "_CON.pdf"),
        ("com1", "_com1"),
        ('a<b>:"c|?*.pdf', "a_b___c___.pdf"),
        ("emoji 👨\u200d👩\u200d👧.png", "emoji 👨\u200d👩\u200d👧.png"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
    ],
)
def test_safe_names(raw: str, expected: str) -> None:
    assert safe_name(raw) == expected


@pytest.mark.parametrize(
    ("unit", "count"),
    [("é", 125), ("👨\u200d👩\u200d👧", 13), ("🇫🇷", 31), ("n\u0308", 83), ("👍🏽", 31)],
)
def test_a_cut_falls_between_the_characters_that_people_see(unit: str, count: int) -> None:
    assert output_name(unit * 200 + ".pdf", "doc", ".md") == unit * count + ".md"


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ("report.pdf", "report.opt.md"),
        ("archive.tar.gz", "archive.tar.opt.md"),
        ("README", "README.opt.md"),
        ("2. Draft", "2. Draft.opt.md"),
        ("отчёт.док", "отчёт.opt.md"),
        ("nul.csv", "_nul.opt.md"),
        (None, "doc-1.opt.md"),
    ],
)
def test_output_names(original: str | None, expected: str) -> None:
    assert output_name(original, "doc-1", ".opt.md") == expected


@pytest.mark.parametrize(
    ("document_id", "expected"),
    [("..", "%2E%2E"), (".", "%2E"), ("a/b", "a%2Fb"), ("a%2Fb", "a%252Fb"), ("Ä 1", "%C3%84%201")],
)
def test_ids_that_are_no_folder_names_are_encoded(document_id: str, expected: str) -> None:
    assert document_folder(document_id) == expected


def test_paths_are_the_layout_that_people_know() -> None:
    assert original_path("doc-1", "report.pdf") == "documents/doc-1/original/report.pdf"
    assert original_path("doc-1", None) == "documents/doc-1/original/doc-1.md"
    assert output_path("doc-1", "chunker", "report.chunks.json") == (
        "documents/doc-1/stages/chunker/report.chunks.json"
    )


def test_a_name_made_from_a_hidden_id_stays_as_it_was_made() -> None:
    name = output_name(None, ".hidden", ".md")
    assert output_path(".hidden", "chunker", name).endswith("/.hidden.md")
