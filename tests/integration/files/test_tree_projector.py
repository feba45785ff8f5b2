"""The uploads tree follows the read models of a real database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domain.storage_errors import StorageFull
from files import tree_projector
from files.local_blobs import LocalBlobStore
from files.tree import UploadsTree
from files.tree_projector import TreeProjector, TreeStep

STATE = b'{"at":"2026-11-24T01:54:33.000000Z"}'
MARKDOWN = "stages/markdown-conversion/report.md"


class Ledger:
    """Writes what the log and the projector of the read models would have written."""

    def __init__(self, url: str, blobs: LocalBlobStore) -> None:
        self.url = url
        self._blobs = blobs
        self.connection = psycopg.connect(url, autocommit=True)

    def register(self, document_id: str, name: str | None, content: bytes) -> None:
        """Add a document with its original."""
        self.execute("INSERT INTO documents (id) VALUES (%s)", document_id)
        self.execute(
            "INSERT INTO document_streams (document_id, version, position, original_name,"
            " original_checksum) VALUES (%s, 1, 1, %s, %s)",
            *(document_id, name, self._put(content)),
        )
        self.append(document_id)

    def set_file(self, document_id: str, path: str, content: bytes) -> None:
        """Make content the current file of a stage."""
        _, stage, _ = path.split("/")
        self.execute(
            "INSERT INTO stage_output_files (id, document_id, stage_name, file_type, file_path,"
            " checksum) VALUES (%s, %s, %s, 'markdown', %s, %s)"
            " ON CONFLICT (id) DO UPDATE SET checksum = excluded.checksum",
            *(f"{document_id}:{stage}", document_id, stage),
            *(f"documents/{document_id}/{path}", self._put(content)),
        )
        self.append(document_id)

    def delete(self, document_id: str) -> None:
        """Delete a document; its stream's row stays."""
        self.execute("DELETE FROM documents WHERE id = %s", document_id)
        self.append(document_id)

    def append(self, document_id: str, project: bool = True, topic: str = "any") -> None:
        """Append an event and let the read models go past it."""
        self.execute(
            "INSERT INTO docledger_events (originator_id, originator_version, topic, state)"
            " SELECT %s, count(*) + 1, %s, %s FROM docledger_events WHERE originator_id = %s",
            *(document_id, topic, STATE, document_id),
        )
        if project:
            self.project()

    def project(self) -> None:
        """Let the read models reach the end of the log."""
        self.execute(
            "INSERT INTO tracking (projection, position)"
            " SELECT 'read_models', max(notification_id) FROM docledger_events"
            " ON CONFLICT (projection) DO UPDATE SET position = excluded.position"
        )

    def execute(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a query, giving its rows if it has any."""
        cursor = self.connection.execute(query.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def position(self, projection: str) -> int:
        """Give a tracking position."""
        rows = self.execute("SELECT position FROM tracking WHERE projection = %s", projection)
        return int(rows[0][0])

    def retries(self) -> dict[str, str]:
        """Give the documents to be looked at again, and why."""
        return dict(self.execute("SELECT document_id, reason FROM uploads_tree_retries"))

    def make_retries_due(self) -> None:
        """Let the time of waiting pass."""
        self.execute("UPDATE uploads_tree_retries SET due_at = now() - interval '1 second'")

    def _put(self, content: bytes) -> str:
        return self._blobs.put_stream([content]).checksum


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobStore:
    return LocalBlobStore(tmp_path)


@pytest.fixture
def ledger(database: str, blobs: LocalBlobStore) -> Iterator[Ledger]:
    ledger = Ledger(database, blobs)
    yield ledger
    ledger.connection.close()


class FailingTree(UploadsTree):
    """A tree that fails for chosen documents."""

    def __init__(self, root: Path, blobs: LocalBlobStore) -> None:
        super().__init__(root, blobs)
        self.failures: dict[str, Exception] = {}
        self.before: Callable[[str], None] = lambda _: None
        self.seen: list[str] = []

    def reconcile(
        self, document_id: str, wanted: Mapping[str, str], kept: Collection[str] = ()
    ) -> None:
        """Fail if told to."""
        self.seen.append(document_id)
        self.before(document_id)
        if document_id in self.failures:
            raise self.failures[document_id]
        super().reconcile(document_id, wanted, kept)


@pytest.fixture
def tree(tmp_path: Path, blobs: LocalBlobStore) -> FailingTree:
    return FailingTree(tmp_path, blobs)


@pytest.fixture
def projector(ledger: Ledger, tree: FailingTree) -> Iterator[TreeProjector]:
    with _projector(ledger, tree) as projector:
        yield projector


@contextmanager
def _projector(ledger: Ledger, tree: UploadsTree, **options: Any) -> Iterator[TreeProjector]:
    projector = TreeProjector(lambda: psycopg.connect(ledger.url), tree, **options)
    yield projector
    projector.close()


def _files(root: Path) -> dict[str, bytes]:
    documents = root / "documents"
    paths = [path for path in documents.glob("*/*/**/*") if path.is_file()]
    return {path.relative_to(documents).as_posix(): path.read_bytes() for path in paths}


def test_the_tree_shows_the_current_files(
    ledger: Ledger, projector: TreeProjector, tmp_path: Path
) -> None:
    ledger.register("doc-1", "report.pdf", b"pdf")
    ledger.register("doc-2", None, b"# text")
    ledger.set_file("doc-1", MARKDOWN, b"first")
    projector.step()
    assert _files(tmp_path) == {
        "doc-1/original/report.pdf": b"pdf",
        f"doc-1/{MARKDOWN}": b"first",
        "doc-2/original/doc-2.md": b"# text",
    }
    ledger.set_file("doc-1", MARKDOWN, b"second")
    ledger.delete("doc-2")
    assert projector.step() == TreeStep(ledger.position("read_models"), documents=2)
    assert _files(tmp_path) == {"doc-1/original/report.pdf": b"pdf", f"doc-1/{MARKDOWN}": b"second"}
    assert ledger.position("uploads_tree") == ledger.position("read_models")


def test_nothing_new_is_nothing_done(
    ledger: Ledger, projector: TreeProjector, tree: FailingTree
) -> None:
    ledger.register("doc-1", "a.pdf", b"pdf")
    projector.step()
    assert projector.step() == TreeStep(ledger.position("read_models"))
    assert tree.seen == ["doc-1"]


def test_it_never_goes_ahead_of_the_read_models(
    ledger: Ledger, projector: TreeProjector, tree: FailingTree
) -> None:
    ledger.register("doc-1", "a.pdf", b"pdf")
    ledger.append("doc-2", project=False)
    projector.step()
    assert tree.seen == ["doc-1"]
    assert ledger.position("uploads_tree") == ledger.position("read_models")
    ledger.project()
    projector.step()
    assert tree.seen == ["doc-1", "doc-2"]


def test_documents_that_have_the_files_they_had_are_passed_by(
    ledger: Ledger, tree: FailingTree
) -> None:
    with _projector(ledger, tree, max_events=3) as projector:
        ledger.register("doc-1", "a.pdf", b"pdf")
        assert not _all_steps(projector).has_more
        for _ in range(7):
            ledger.append("doc-1", topic="StageStarted")
        ledger.append("doc-2")
        step = _all_steps(projector)
    assert step.position == ledger.position("read_models") == ledger.position("uploads_tree")
    assert tree.seen == ["doc-1", "doc-2"]


def test_an_empty_database_is_fine(projector: TreeProjector) -> None:
    assert projector.step() == TreeStep(0)


def test_a_long_way_is_gone_in_steps(ledger: Ledger, tree: FailingTree, tmp_path: Path) -> None:
    for number in range(7):
        ledger.register(f"doc-{number}", "a.pdf", b"pdf")
        ledger.append("doc-0")
    with _projector(ledger, tree, max_events=4) as projector:
        steps = [projector.step() for _ in range(5)]
    assert [step.has_more for step in steps if step] == [True, True, True, False, False]
    assert len(_files(tmp_path)) == 7
    assert ledger.position("uploads_tree") == ledger.position("read_models")


def test_a_step_that_runs_out_of_time_goes_on_where_it_was(
    ledger: Ledger, tree: FailingTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_projector, "STEP_SECONDS", 0.0)
    for number in range(3):
        ledger.register(f"doc-{number}", "a.pdf", b"pdf")
    ledger.append("doc-0")
    with _projector(ledger, tree) as projector:
        steps = [projector.step() for _ in range(4)]
    assert [step.has_more for step in steps if step] == [True, True, True, False]
    assert len(_files(tmp_path)) == 3
    assert ledger.position("uploads_tree") == ledger.position("read_models")


@pytest.mark.parametrize("failure", [StorageFull(), RuntimeError("a name.pdf")])
def test_what_fails_for_one_document_keeps_no_other_back(
    ledger: Ledger, projector: TreeProjector, tree: FailingTree, tmp_path: Path, failure: Exception
) -> None:
    tree.failures["doc-1"] = failure
    ledger.register("doc-1", "a.pdf", b"pdf")
    ledger.register("doc-2", "b.pdf", b"pdf")
    step = projector.step()
    assert step == TreeStep(ledger.position("read_models"), documents=1, failures=1)
    assert _files(tmp_path) == {"doc-2/original/b.pdf": b"pdf"}
    assert list(ledger.retries()) == ["doc-1"]
    assert "name" not in ledger.retries()["doc-1"]
    ledger.make_retries_due()
    projector.step()
    tree.failures.clear()
    projector.step()
    assert "doc-1/original/a.pdf" not in _files(tmp_path)  # its second wait is not over
    ledger.make_retries_due()
    projector.step()
    assert "doc-1/original/a.pdf" in _files(tmp_path)
    assert ledger.retries() == {}


def test_a_parked_document_is_looked_at_until_it_is_not(
    ledger: Ledger, projector: TreeProjector, tmp_path: Path
) -> None:
    ledger.register("doc-1", "a.pdf", b"pdf")
    park = "UPDATE document_streams SET parked_at = {0}, parked_position = {1}"
    ledger.execute(park.format("now()", "1"))
    projector.step()
    assert list(ledger.retries()) == ["doc-1"]
    # Unparked without a new event in the log, as a retry of the projection does it.
    checksum = ledger.execute("SELECT original_checksum FROM document_streams")[0][0]
    ledger.execute("UPDATE document_streams SET original_checksum = NULL")
    ledger.execute(park.format("NULL", "NULL"))
    ledger.make_retries_due()
    projector.step()
    assert checksum is not None
    assert _files(tmp_path) == {}
    assert ledger.retries() == {}


def test_only_one_is_at_work(ledger: Ledger, tree: FailingTree, tmp_path: Path) -> None:
    ledger.register("doc-1", "a.pdf", b"pdf")
    others: list[TreeStep | None] = []
    with _projector(ledger, tree) as one, _projector(ledger, tree) as other:
        tree.before = lambda _: others.append(other.step())
        assert one.step() == TreeStep(ledger.position("read_models"), documents=1)
    assert others == [None]


def test_one_that_lost_its_connection_keeps_others_off_until_it_is_done(
    ledger: Ledger, tree: FailingTree
) -> None:
    ledger.register("doc-1", "a.pdf", b"pdf")
    others: list[TreeStep | None] = []
    with _projector(ledger, tree) as one, _projector(ledger, tree) as other:

        def cut(_: str) -> None:
            tree.before = lambda _: None
            _terminate_others(ledger)
            others.append(other.step())

        tree.before = cut
        with pytest.raises(psycopg.OperationalError):
            one.step()
        assert others == [None]
        assert other.step() == TreeStep(ledger.position("read_models"), documents=1)


def test_it_follows_and_survives_cut_connections(
    ledger: Ledger, tree: FailingTree, tmp_path: Path
) -> None:
    stop = threading.Event()
    with _projector(ledger, tree, poll_seconds=0.02) as projector:
        thread = threading.Thread(target=projector.run, args=(stop,))
        thread.start()
        try:
            for number in range(5):
                ledger.register(f"doc-{number}", "a.pdf", b"pdf")
                _terminate_others(ledger)
            _wait_for(lambda: len(_files(tmp_path)) == 5)
        finally:
            stop.set()
            thread.join(10)
    assert not thread.is_alive()


def test_a_lost_tree_comes_back_from_the_beginning(
    ledger: Ledger, projector: TreeProjector, tmp_path: Path
) -> None:
    ledger.register("doc-1", "a.pdf", b"pdf")
    projector.step()
    (tmp_path / "documents").rename(tmp_path / "lost")
    ledger.execute("UPDATE tracking SET position = 0 WHERE projection = 'uploads_tree'")
    projector.step()
    assert _files(tmp_path) == {"doc-1/original/a.pdf": b"pdf"}


def _all_steps(projector: TreeProjector) -> TreeStep:
    """Give the last step, after which there is no more."""
    while (step := projector.step()) is not None and step.has_more:
        pass
    assert step is not None
    return step


def _terminate_others(ledger: Ledger) -> None:
    ledger.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def _wait_for(holds: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)
