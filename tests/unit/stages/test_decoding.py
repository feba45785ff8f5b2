"""Bytes become the text that was written, whatever encoding it was written in."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from stages.conversion.text.decoding import decode, looks_like_text
from unit.stages.encoded_texts import WRITINGS, Encoded, encoded_texts
from unit.stages.making import converted, converted_bytes

CASES = Path(__file__).parents[2] / "fixtures" / "cases" / "documents"
# One letter that two languages share, and nothing else to tell them by.
_UNDECIDABLE = {"Tere, põhjamaa", "Győr, őszi idő"}
_TEXTS = [each for each in encoded_texts() if each.text not in _UNDECIDABLE]
_WITHOUT_GAPS = ("iso2022_jp", "iso8859_2", "iso8859_5", "koi8_r", "koi8_u", "cp866")
_LONG = [each for each in _TEXTS if not each.is_short and each.codec not in _WITHOUT_GAPS]


@pytest.mark.parametrize(
    ("name", "text", "lossy"),
    [
        ("txt-trademark-cp1252-garbage.txt", "The Acme™ Widget® is sold", False),
        (
            "txt-utf8-one-bad-byte.txt",
            "Die Größe beträgt 5 m.\nGrüße aus Köln\n\ufffd Straße",
            True,
        ),
        ("txt-eucjp-as-korean.txt", "会議の議事録をお送りします。ご確認のほど", False),
        ("txt-iso2022jp-garbage.txt", "会議の議事録です。次回は五月十日です。", False),
        ("txt-lithuanian-garbage.txt", "Ąžuolas žydi pavasarį, širdis džiaugiasi.", False),
        ("txt-music-sign-sentence-lost.txt", "The song ♬ of 1999 sold", False),
        ("csv-french-names-cp1250.csv", "| Éloïse | 34 | Besançon |", False),
    ],
)
def test_handed_files_come_out_right(name: str, text: str, lossy: bool) -> None:
    result = converted(CASES / name)
    assert text in result.markdown
    assert result.recorded["lossy"] is lossy


@pytest.mark.parametrize("each", _TEXTS, ids=lambda e: f"{e.language}-{e.codec}-{e.text[:9]}")
def test_old_encodings_are_told_by_their_letters(each: Encoded) -> None:
    decoded = decode(each.raw)
    assert decoded.text == each.text
    assert not decoded.lossy


@pytest.mark.parametrize(
    "each", [each for each in _TEXTS if not each.is_short], ids=lambda e: e.codec
)
def test_one_bad_byte_makes_no_other_text_of_a_file(each: Encoded) -> None:
    cut = each.raw.index(b" ") if b" " in each.raw else len(each.raw)
    decoded = decode(each.raw[:cut] + b"\xff" + each.raw[cut:])
    words = each.text.split()
    assert sum(word in decoded.text for word in words) >= len(words) - 2


@pytest.mark.parametrize(
    "raw",
    [
        "Die Größe beträgt ".encode() + b"\x80" + " viel. Grüße".encode(),
        "会議の議事録".encode() + b"\xe4" + "次回".encode(),
        "Größe ö ä ü".encode()[:-1],
        b"\xef\xbb\xbf" + "Größe ".encode() + b"\xfc",
    ],
)
def test_a_bad_byte_in_utf_8_is_one_replacement_and_said_so(raw: bytes) -> None:
    decoded = decode(raw)
    assert (decoded.encoding, decoded.lossy) == ("utf-8", True)
    assert decoded.text.count("\ufffd") == 1
    assert decoded.text.strip("\ufffd")[:4] in ("Die ", "会議の議", "Größ")


@pytest.mark.parametrize(
    "text",
    [
        "Wasserstände: zwölf\n",
        "Привет, мир\nстрока 2\n",
        "你好，世界\n第2行\n",
        "שלום 5\n",
        "🙂 ok\n",
    ],
)
@pytest.mark.parametrize(
    "codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig"]
)
def test_wide_encodings_are_told_with_and_without_a_mark(text: str, codec: str) -> None:
    raw = text.encode(codec)
    assert looks_like_text(raw)
    assert decode(raw).text == text


def test_what_is_declared_goes_before_a_guess(tmp_path: Path) -> None:
    raw = "Łódź".encode("iso8859-2")
    result = converted_bytes(tmp_path, raw, "a.txt", "text/plain; charset=ISO-8859-2")
    assert result.markdown.strip() == "Łódź"


@pytest.mark.parametrize("label", ["nonsense", "rot13", "base64", "utf-7", "idna", "\ud800"])
def test_labels_that_name_no_encoding_are_passed_over(label: str) -> None:
    assert decode("Größe".encode(), label).text == "Größe"
    assert decode("Größe und Grüße".encode("cp1252"), label).text == "Größe und Grüße"


def test_circled_digits_and_other_signs_of_vendors_are_read() -> None:
    for codec in ("euc-jp", "iso-2022-jp"):
        raw = "会議".encode(codec.replace("-", "_"))
        sign = b"\xad\xa1" if codec == "euc-jp" else b"\x1b$B-!\x1b(B"
        assert decode(raw + sign, codec).text == "会議①"


def test_signs_of_windows_that_python_leaves_out_are_no_loss() -> None:
    decoded = decode(b"caf\xe9 \x81 cr\xe8me br\xfbl\xe9e", "windows-1252")
    assert decoded.text == "café  crème brûlée"
    assert not decoded.lossy


def test_binary_is_no_text() -> None:
    assert not looks_like_text(bytes(range(256)))
    assert not looks_like_text(b"\x00\x01\x02\x03" * 100)
    assert not looks_like_text(b"".join(n.to_bytes(4, "little") for n in range(100)))


def test_a_long_file_is_told_by_what_is_beyond_ascii_anywhere() -> None:
    raw = b"plain ascii line\n" * 20_000 + "Ąžuolas žydi, širdis džiaugiasi, gegužės".encode(
        "cp1257"
    )
    assert decode(raw).text.endswith("Ąžuolas žydi, širdis džiaugiasi, gegužės")


_OLDER = (
    "cp850",
    "cp437",
    "mac_roman",
    "iso8859_15",
    "cp852",
    "mac_latin2",
    "mac_cyrillic",
    "cp855",
)
_PLAIN = str.maketrans({"’": "'", "–": "-", "€": "EUR", "“": '"', "”": '"', "„": '"', "œ": "oe"})


def _in_older_encodings() -> list[tuple[str, str, bytes]]:
    """Return codec, text and bytes of long texts as DOS, older Macs and ISO 8859-15 wrote them."""
    found = []
    for writing in WRITINGS:
        family = {"cp1252": _OLDER[:4], "cp1250": _OLDER[4:6], "cp1251": _OLDER[6:]}
        for codec in next((family[each] for each in writing.codecs if each in family), ()):
            text = writing.long.translate(_PLAIN)
            with suppress(UnicodeEncodeError):
                found.append((codec, text, text.encode(codec)))
    return found


@pytest.mark.parametrize(
    ("codec", "text", "raw"), _in_older_encodings(), ids=lambda each: str(each)[:12]
)
def test_encodings_of_dos_and_older_macs_are_told(codec: str, text: str, raw: bytes) -> None:
    assert codec
    assert decode(raw).text == text


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        (
            "iso8859_3",
            "Ĉiuj homoj estas denaske liberaj; ili posedas racion kaj konsciencon, ŝajne.",
        ),
        ("iso8859_4", "Visi cilvēki piedzimst brīvi un vienlīdzīgi savā pašcieņā un tiesībās."),
        ("iso8859_16", "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności."),
        ("iso2022_kr", "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다."),
    ],
)
def test_rarer_encodings_are_told(codec: str, text: str) -> None:
    assert decode(text.encode(codec)).text == text
