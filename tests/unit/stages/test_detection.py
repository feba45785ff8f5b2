"""What a file is: by its bytes, its name and its declared type."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from stages.conversion.detection import Format, detect
from unit.stages.making import converted_bytes


def name_of(tag: str) -> str:
    return tag.partition(" ")[0]


@pytest.mark.parametrize(
    "tag",
    ["center", "main", "font color=red", "em", "strong", "pre", "dl", "blockquote", "label", "i",
     "b", "h2", "q", "figure", "details open", "svg", "u", "tt"],
)  # fmt: skip
def test_one_tag_is_enough_in_a_file_named_or_declared_html(tmp_path: Path, tag: str) -> None:
    raw = f"before <{tag}>Größe</{name_of(tag)}>".encode()
    for name, mime_type in (("a.html", "application/octet-stream"), ("a", "text/html")):
        path = tmp_path / "a"
        path.write_bytes(raw)
        assert detect(path, name, mime_type) is Format.HTML
    assert f"<{name_of(tag)}" not in converted_bytes(tmp_path, raw, "a.html").markdown


@pytest.mark.parametrize("tag", ["img alt=x src=y", "input value=x", "meta charset=utf-8", "hr/"])
def test_an_empty_tag_is_enough_too(tmp_path: Path, tag: str) -> None:
    path = tmp_path / "a"
    path.write_text(f"before <{tag}>")
    assert detect(path, "a.htm", "") is Format.HTML
    assert detect(path, "a.txt", "text/html") is Format.TEXT


@pytest.mark.parametrize("text", ["a List<T> and a <b", "1 < 2 > 0", "<project><name>x</name>", ""])
def test_signs_that_are_no_tags_are_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a"
    path.write_text(text)
    assert detect(path, "a.html", "text/html") is Format.TEXT


def test_a_pdf_within_a_container_is_an_attachment(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("attachment.bin", b"\x00%PDF-1.7\n%%EOF")
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    path = tmp_path / "a"
    path.write_bytes(content.getvalue())
    assert detect(path, "a", "") is Format.ODT
    path.write_bytes(b"{\\rtf1 \x00%PDF-1.7\n}")
    assert detect(path, "a", "") is Format.RTF
