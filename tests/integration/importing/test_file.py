"""Documents from a file; a bad line is told by its number and keeps nobody else out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from docledger.commands.import_documents import Report, _from_file
from docledger.commands.import_progress import ImportProgress
from domain.errors import InvalidValue
from integration.importing.importing import Installation

IMPORTED = ["DocumentRegistered", "WorkflowStarted"]


def import_file(installation: Installation, path: Path, text: str | bytes) -> Report:
    """Import what a file of this text holds."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return _from_file(installation.parts(), path, ImportProgress(hidden=True))


def test_csv(installation: Installation, tmp_path: Path) -> None:
    text = (
        "\ufeffid,title,content,realmId,createdAt\r\n"
        'a,"Größe, ""x""","two\r\nlines",r,2024-05-06T07:08:09+02:00\r\n'
        "b,,,,\r\n"
        "\r\n"
    )
    report = import_file(installation, tmp_path / "d.csv", text)
    assert report.ok
    assert report.counts["documents"] == report.counts["lines"] == 2
    rows = installation.query(
        "SELECT id, title, content, realm_id, created_at FROM documents ORDER BY id"
    )
    assert rows[0] == (
        "a",
        'Größe, "x"',
        "two\r\nlines",
        "r",
        datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC),
    )
    assert rows[1][:4] == ("b", None, None, None)
    assert installation.topics("a") == IMPORTED
    installation.assert_true()


def test_json_lines(installation: Installation, tmp_path: Path) -> None:
    lines = [{"id": f"d-{n}", "title": "T\u2028", "content": None} for n in range(1500)]
    text = "\n".join(map(json.dumps, lines))
    report = import_file(installation, tmp_path / "d.jsonl", text)
    assert report.counts["documents"] == 1500
    again = import_file(installation, tmp_path / "d.jsonl", text)
    assert (again.counts["documents"], again.counts["known"]) == (0, 1500)
    assert installation.count("documents") == 1500
    assert installation.query("SELECT FROM docledger_document_changes") == []
    installation.assert_true()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "it is no JSON"),
        ("[]", "it is no JSON object"),
        ("{}", "it has no id"),
        ('{"id": ""}', "it has no id"),
        ('{"id": 7}', "id is no text"),
        (json.dumps({"id": "x" * 256}), "id is longer than 255 characters"),
        (json.dumps({"id": "x", "title": "t" * 256}), "title is longer than 255 characters"),
        ('{"id": "a\\u0000"}', "id holds a NUL character"),
        ('{"id": "a\\ud800"}', "id is not UTF-8"),
        ('{"id": "x", "createdAt": "tomorrow"}', "createdAt is no time such as"),
        ('{"id": "x", "owner": 1}', "it has the unknown field 'owner'"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_a_bad_line_is_told_and_the_others_go_in(
    installation: Installation, tmp_path: Path, line: str, reason: str
) -> None:
    text = f'{{"id": "first"}}\n{line}\n{{"id": "last"}}\n'
    report = import_file(installation, tmp_path / "d.jsonl", text)
    [(number, told)] = report.bad_lines
    assert number == 2
    assert told.startswith(reason)
    assert not report.ok
    assert installation.topics("first") == installation.topics("last") == IMPORTED


def test_bytes_that_are_no_utf8_and_fields_too_many_are_told(
    installation: Installation, tmp_path: Path
) -> None:
    text = b"id,title\na,\xff\nb,x,y\nc,ok\n"
    report = import_file(installation, tmp_path / "d.csv", text)
    assert report.bad_lines == [
        (2, "title is not UTF-8"),
        (3, "it has 3 fields and not 2"),
    ]
    assert installation.topics("c") == IMPORTED


def test_a_row_that_the_table_refuses_is_told_without_its_values(
    installation: Installation, tmp_path: Path
) -> None:
    installation.query("ALTER TABLE documents ADD CONSTRAINT no_xs CHECK (title <> 'x')")
    lines = [{"id": f"d-{n}", "title": "x" if n in (3, 8) else "y"} for n in range(10)]
    report = import_file(installation, tmp_path / "d.jsonl", "\n".join(map(json.dumps, lines)))
    assert report.bad_lines == [
        (4, "the table refuses it: CheckViolation (no_xs)"),
        (9, "the table refuses it: CheckViolation (no_xs)"),
    ]
    assert report.counts["documents"] == 8


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("d.xml", "", "neither .csv nor .jsonl"),
        ("d.csv", "title\nx\n", "no column id"),
        ("d.csv", "id,owner\nx,y\n", "unknown columns owner"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    installation: Installation, tmp_path: Path, name: str, text: str, why: str
) -> None:
    with pytest.raises(InvalidValue, match=why):
        import_file(installation, tmp_path / name, text)


def test_a_file_that_is_not_there_is_refused(installation: Installation, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="cannot be read"):
        _from_file(installation.parts(), tmp_path / "no.csv", ImportProgress(hidden=True))
