"""A mail goes through all stages, and what is attached to it as documents of their own."""

from __future__ import annotations

import json
from email.message import EmailMessage
from pathlib import Path

from e2e.installation import Installation
from e2e.truth import assert_completed

SAMPLES = Path(__file__).parents[2] / "samples"
PNG = b"\x89PNG\r\n\x1a\n"


def letter(subject: str, body: str) -> EmailMessage:
    """Return a mail without attachments."""
    made = EmailMessage()
    made["From"], made["To"] = "Ada <ada@example.org>", "Bo <bo@example.org>"
    made["Subject"] = subject
    made["Date"] = "Mon, 30 Nov 2026 08:15:00 +0100"
    made["Message-ID"] = f"<{subject.lower()}@example.org>"
    made.set_content(body)
    return made


def mail_with_attachments() -> bytes:
    """Return a mail with a PDF, a Word document, a picture in its text and another mail."""
    made = letter("Harbour", "The papers are attached.\n")
    made.add_alternative('<p>The papers are attached. <img src="cid:logo"></p>', subtype="html")
    page = made.get_payload()[1]  # type: ignore[index]
    page.add_related(PNG, "image", "png", cid="<logo>")  # type: ignore[union-attr]
    pdf = (SAMPLES / "harbour-bulletin.pdf").read_bytes()
    made.add_attachment(pdf, maintype="application", subtype="pdf", filename="Bericht über Öl.pdf")
    subtype = "vnd.openxmlformats-officedocument.wordprocessingml.document"
    word = (SAMPLES / "keepers-handbook.docx").read_bytes()
    made.add_attachment(word, maintype="application", subtype=subtype, filename="fees.docx")
    inner = letter("Forwarded", "The list of boats follows.\n")
    inner.add_attachment("boat,length\nMarigold,12.4\n", filename="boats.csv", subtype="csv")
    made.add_attachment(inner)
    return made.as_bytes()


def test_attachments_are_documents_that_name_their_mail(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "harbour.eml"
    path.write_bytes(mail_with_attachments())
    done = installation.run("process", path, "--realm", "varn", "--json")
    assert done.returncode == 0, done.stderr
    documents = json.loads(done.stdout)["documents"]
    by_title = {document["title"]: document for document in documents}
    assert by_title.keys() == {"harbour", "Bericht über Öl", "fees", "Forwarded", "boats"}
    for document in documents:
        assert document["realmId"] == "varn"
        assert_completed(document, installation.uploads)
    source = {
        title: document["stages"][0]["metadata"].get("sourceUri")
        for title, document in by_title.items()
    }
    mail, inner = (f"/v1/documents/{by_title[title]['id']}" for title in ("harbour", "Forwarded"))
    assert source == {
        "harbour": None,
        "Bericht über Öl": mail,
        "fees": mail,
        "Forwarded": mail,
        "boats": inner,
    }
    named = by_title["harbour"]["stages"][0]["metadata"]["extractedDocuments"]
    assert named == [by_title[title]["id"] for title in ("Bericht über Öl", "fees", "Forwarded")]
    history = installation.json("history", by_title["fees"]["id"])["items"]
    extracted = next(event for event in history if event["type"] == "DocumentExtracted")
    assert extracted["data"] == {"sourceDocumentId": by_title["harbour"]["id"], "depth": 1}
    assert installation.json("verify")["ok"]
