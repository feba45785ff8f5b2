"""A message comes out as a mail program shows it."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from stages.conversion.detection import detect
from stages.conversion.result import Converted
from stages.errors import UnconvertibleDocument
from unit.stages.making import converted, converted_bytes


def message(body: str = "The boat is late.\n", **headers: str) -> EmailMessage:
    made = EmailMessage()
    given = {"From": "Ada <ada@example.org>", "To": "Bo <bo@example.org>", "Subject": "Grüße"}
    for name, value in (given | headers).items():
        made[name] = value
    made["Date"] = "Mon, 30 Nov 2026 08:15:00 +0100"
    made["Message-ID"] = "<1@example.org>"
    made.set_content(body)
    return made


def mail(tmp_path: Path, content: EmailMessage | bytes, name: str = "a.eml") -> Converted:
    raw = content if isinstance(content, bytes) else content.as_bytes()
    result = converted_bytes(tmp_path, raw, name)
    assert result.converter == "mail/2"
    assert result.metadata["wordRecall"] == 1.0
    return result


def test_headers_and_text(tmp_path: Path) -> None:
    result = mail(tmp_path, message("Hello Bo,\n\nsee *this*.\n\n> quoted words\n> more\n\nAda\n"))
    assert result.markdown == (
        "# Grüße\n\nFrom: Ada \\<ada@example.org>\n\nTo: Bo \\<bo@example.org>\n\n"
        "Date: Mon, 30 Nov 2026 08:15:00 +0100\n\nHello Bo,\n\nsee \\*this\\*.\n\n"
        "> quoted words\n> more\n\nAda\n"
    )


def test_the_page_is_taken_where_the_text_says_less(tmp_path: Path) -> None:
    page = "<h2>Fees</h2><table><tr><th>Boat<th>Fee</tr><tr><td>A<td>10<sup>3</sup></tr></table>"
    stub = message("View this mail in a browser.\n")
    stub.add_alternative(page, subtype="html")
    assert "| A | 10<sup>3</sup> |" in mail(tmp_path, stub).markdown
    whole = message("Fees\n\nBoat Fee\nA 10 3\n")
    whole.add_alternative(page, subtype="html")
    assert "Boat Fee\nA 10 3" in mail(tmp_path, whole).markdown


def test_hidden_text_of_a_page_is_left_out_and_counted(tmp_path: Path) -> None:
    made = message("Short.\n")
    made.add_alternative(
        "<p style='display:none'>pre header</p><p>All the text</p>", subtype="html"
    )
    result = mail(tmp_path, made)
    assert "pre header" not in result.markdown
    assert result.left_out == {"hiddenText": 2}


def test_attachments_are_listed_and_pictures_of_the_page_are_not(tmp_path: Path) -> None:
    made = message()
    made.add_attachment(b"x" * 4096, maintype="application", subtype="pdf", filename="Gebühr.pdf")
    made.add_attachment("a,b\n", filename="t.csv", subtype="csv")
    result = mail(tmp_path, made)
    assert (
        "## Attachments\n\n- Gebühr.pdf (application/pdf, 4 KB)\n- t.csv (text/csv"
        in result.markdown
    )
    assert result.metadata["attachments"] == 2


def test_a_message_within_a_message_is_a_section(tmp_path: Path) -> None:
    made = message("See below.\n")
    made.add_attachment(message("The inner text.\n", Subject="Inner"))
    markdown = mail(tmp_path, made).markdown
    assert "See below.\n\n## Inner\n\nFrom: Ada" in markdown
    assert markdown.endswith("The inner text.\n")


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("iso-2022-jp", "会議の議事録です。"),
        ("koi8-r", "Привет"),
        ("gb2312", "你好"),
        ("x-sjis", "東京"),
    ],
)
def test_old_encodings_of_bodies(tmp_path: Path, charset: str, text: str) -> None:
    codec = {"x-sjis": "shift_jis"}.get(charset, charset)
    head = (
        f"From: a@b.c\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset={charset}"
    )
    raw = f"{head}\nContent-Transfer-Encoding: 8bit\n\n".encode() + text.encode(codec)
    assert text in mail(tmp_path, raw).markdown


def test_encoded_words_and_raw_bytes_in_headers(tmp_path: Path) -> None:
    raw = b"From: =?iso-8859-1?Q?J=FCrgen?= <j@b.c>\nSubject: Gr\xc3\xbc\xc3\x9fe\n\nText\n"
    markdown = mail(tmp_path, raw).markdown
    assert markdown.startswith("# Grüße\n\nFrom: Jürgen")


def test_flowed_lines_are_one_paragraph(tmp_path: Path) -> None:
    raw = b"From: a@b.c\nSubject: x\nContent-Type: text/plain; format=flowed\n\nOne \nline.\nTwo.\n"
    assert "One line.\nTwo." in mail(tmp_path, raw).markdown


def test_mail_is_known_by_its_headers_and_text_that_only_looks_like_it_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    path.write_bytes(message().as_bytes())
    assert detect(path, "message", "application/octet-stream") == "mail"
    path.write_bytes(b"From: here\nTo: there\n\nA poem.\n")
    assert detect(path, "poem.txt", "text/plain") == "text"
    path.write_bytes(b"just words\n")
    assert detect(path, "a.eml", "message/rfc822") == "text"


def test_parts_nested_without_end_are_refused_or_listed(tmp_path: Path) -> None:
    head = b"From: a@b.c\nSubject: x\n"
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3_000)
    )
    raw = head + nested + b"Content-Type: text/plain\n\ndeep\n"
    with pytest.raises(UnconvertibleDocument, match="nested too deep"):
        converted_bytes(tmp_path, raw, "a.eml")
    shallow = message()
    for _ in range(20):
        outer = message()
        outer.add_attachment(shallow)
        shallow = outer
    assert "- text/plain" in converted_bytes(tmp_path, shallow.as_bytes(), "a.eml").markdown


def enclosed(result: Converted) -> dict[str, tuple[str, bytes]]:
    """Return media type and content by name of what becomes a document of its own."""
    return {each.file_name: (each.mime_type, each.content()) for each in result.enclosed}


def test_attachments_and_messages_within_become_documents(tmp_path: Path) -> None:
    made = message()
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Gebühr.pdf")
    made.add_attachment(b"PK", maintype="application", subtype="zip")
    inner = message("The inner text.\n", Subject="Inner")
    inner.add_attachment("a,b\n", filename="t.csv", subtype="csv")
    made.add_attachment(inner)
    found = enclosed(mail(tmp_path, made))
    assert found["Gebühr.pdf"] == ("application/pdf", b"%PDF")
    assert found["attachment.zip"] == ("application/zip", b"PK")
    kind, content = found.pop("Inner.eml")
    assert len(found) == 2
    assert kind == "message/rfc822"
    assert content == inner.as_bytes()
    assert list(enclosed(mail(tmp_path, content))) == ["t.csv"]


def test_pictures_in_the_text_and_signatures_are_no_documents(tmp_path: Path) -> None:
    made = message("See the picture.\n")
    for disposition, name in (("inline", "logo.png"), ("attachment", "plan.png")):
        made.add_attachment(
            b"\x89PNG",
            maintype="image",
            subtype="png",
            filename=name,
            disposition=disposition,
            cid="<1>",
        )
    made.add_attachment(b"--", maintype="application", subtype="pgp-signature", filename="s.asc")
    result = mail(tmp_path, made)
    assert list(enclosed(result)) == ["plan.png"]
    assert "- s.asc" in result.markdown


def test_files_in_the_alternative_that_is_not_taken_are_kept(tmp_path: Path) -> None:
    """Apple Mail puts files beside the page, in an alternative to the plain text."""
    raw = (
        b"From: a@b.c\nSubject: x\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/alternative; boundary="A"\n\n'
        b"--A\nContent-Type: text/plain\n\nSee the plan.\n"
        b'--A\nContent-Type: multipart/mixed; boundary="B"\n\n'
        b"--B\nContent-Type: text/html\n\n<p>See the plan.</p>\n"
        b"--B\nContent-Type: application/pdf\nContent-Disposition: inline; filename=plan.pdf\n\n"
        b"%PDF\n--B--\n--A--\n"
    )
    result = mail(tmp_path, raw)
    assert "See the plan.\n\n## Attachments\n\n- plan.pdf" in result.markdown
    assert list(enclosed(result)) == ["plan.pdf"]


def test_a_page_is_taken_although_an_invitation_follows_it(tmp_path: Path) -> None:
    made = message("Invitation.\n")
    made.add_alternative("<p>All that there is to say about the meeting</p>", subtype="html")
    made.add_alternative("BEGIN:VCALENDAR\n", subtype="calendar")
    result = mail(tmp_path, made)
    assert "All that there is to say" in result.markdown


def test_more_attachments_than_wanted_are_listed_and_counted(tmp_path: Path) -> None:
    made = message()
    for number in range(3):
        made.add_attachment(f"{number}\n", filename=f"{number}.txt")
    path = tmp_path / "a.eml"
    path.write_bytes(made.as_bytes())
    few = converted(path, maxAttachments=2)
    assert list(enclosed(few)) == ["0.txt", "1.txt"]
    assert few.metadata["attachmentsNotExtracted"] == 1
    assert "- 2.txt" in few.markdown
    assert not converted(path, attachments=False).enclosed
