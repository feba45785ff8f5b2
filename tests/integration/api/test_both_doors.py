"""A file becomes the same document over HTTP and by `docledger process`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uuid_utils

from docledger.commands.file_search import Reason, find_files
from docledger.commands.process import Parts, register
from docledger.commands.progress import Silence
from domain.commands import Context
from domain.media_types import BY_SUFFIX, UNKNOWN
from domain.pipeline import StageDependency
from integration.api.conftest import Service

SUFFIXES = [*BY_SUFFIX, *(suffix.upper() for suffix in BY_SUFFIX), "", ".unheard-of"]


def _parts(service: Service) -> Parts:
    def new_id() -> str:
        return str(uuid_utils.uuid7())

    rows = service.execute(
        "SELECT stage_name, depends_on_stage, is_required, execution_order FROM stage_dependencies"
    )
    pipeline = tuple(
        StageDependency(
            stage_name=stage, depends_on_stage=on, is_required=required, execution_order=order
        )
        for stage, on, required, order in rows
    )
    return Parts(
        put=service.ports.blobs.put_stream,  # type: ignore[attr-defined]
        submit=service.ports.commands.submit,
        context=lambda: Context(at=datetime.now(UTC), actor="test", command_id=new_id()),
        new_id=new_id,
        pipeline=lambda: pipeline,
        standings=lambda _: [],
        extracted=lambda _: {},
        check=lambda: None,
    )


def _registered(service: Service, document_id: str) -> dict[str, Any]:
    """Return what the log says of the document, without what differs from one to the next."""
    first = service.history.of_document(document_id)[0].event
    return {
        "title": first.personal.title,  # type: ignore[union-attr]
        "file_name": first.personal.file_name,  # type: ignore[union-attr]
        "mime_type": first.mime_type,  # type: ignore[union-attr]
        "checksum": first.checksum,  # type: ignore[union-attr]
        "size_bytes": first.size_bytes,  # type: ignore[union-attr]
    }


def test_every_suffix_has_one_type_at_both_doors(service: Service, tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        (tmp_path / f"Ein Prüfstück{suffix}").write_bytes(suffix.encode())
    found = find_files([tmp_path])
    titles: dict[str, str] = {}
    register(_parts(service), found, "r", titles, Silence())
    assert len(titles) == len(SUFFIXES)
    for document_id, name in titles.items():
        content = (tmp_path / name).read_bytes()
        answer = service.client.post(
            "/v1/documents", files={"file": (name, content, "application/octet-stream")}
        )
        over_http = _registered(service, answer.json()["id"])
        assert _registered(service, document_id) == over_http
        suffix = name.removeprefix("Ein Prüfstück")
        assert over_http["mime_type"] == BY_SUFFIX.get(suffix.lower(), UNKNOWN)
        original = service.read(f"/v1/documents/{document_id}/original", answer)
        assert original.headers["Content-Type"] == over_http["mime_type"]


def test_the_types_that_offices_send_are_known() -> None:
    office = "application/vnd.openxmlformats-officedocument."
    assert BY_SUFFIX[".docx"] == office + "wordprocessingml.document"
    assert BY_SUFFIX[".pptx"] == office + "presentationml.presentation"
    assert BY_SUFFIX[".xlsx"] == office + "spreadsheetml.sheet"
    assert BY_SUFFIX[".md"] == "text/markdown"


@dataclass
class _Watching(Silence):
    counts: list[tuple[int, int]] = field(default_factory=list)

    def registered(self, count: int, total: int) -> None:
        self.counts.append((count, total))


def test_a_file_that_vanishes_is_passed_over(service: Service, tmp_path: Path) -> None:
    for name in ("a.md", "b.md", "c.md"):
        (tmp_path / name).write_text(name)
    found = find_files([tmp_path])
    (tmp_path / "b.md").unlink()
    titles: dict[str, str] = {}
    watching = _Watching()
    register(_parts(service), found, None, titles, watching)
    assert sorted(titles.values()) == ["a.md", "c.md"]
    assert found.passed_over == [(tmp_path / "b.md", Reason.UNREADABLE)]
    assert not found.is_complete
    assert watching.counts[-1] == (2, 2)


def test_no_other_table_is_asked() -> None:
    sources = Path(__file__).parents[3] / "src"
    asking = [path for path in sources.rglob("*.py") if "import mimetypes" in path.read_text()]
    assert asking == []
