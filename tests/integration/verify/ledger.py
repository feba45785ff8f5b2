"""A small ledger whose documents have real contents, and ways to tamper with all of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from docledger.bootstrap import Docledger, now
from docledger.commands.verify import ledger_parts
from docledger.settings import Settings
from domain import commands as c
from domain.values import Original, OutputFile, WorkflowType
from eventstore.seals.checkpoint import Checkpoint
from eventstore.seals.sealer import Seal, seal_batch
from files.layout import blob_path
from files.tree_projector import TreeProjector
from integration.projections.log_writer import context
from stages.search.indexer import SearchIndexer
from unit.projections.journeys import FIVE, START
from verification.difference import Difference
from verification.ledger import Findings, Verification
from verification.repair import Repair

FIRST = "markdown-conversion"


class Silent:
    """Is told how a check gets on and keeps it to itself."""

    def begin(self, part: str, total: int | None) -> None:
        """Do nothing."""

    def advance(self, done: int) -> None:
        """Do nothing."""


class Ledger:
    """An installation of which every part is at hand."""

    def __init__(self, docledger: Docledger) -> None:
        self.docledger = docledger
        self.uploads = docledger.settings.home / "uploads"

    def register(self, *document_ids: str) -> None:
        """Hand documents in, each with a content of its own."""
        for document_id in document_ids:
            blob = self.docledger.storage.blobs.put_stream([f"original of {document_id}".encode()])
            self.docledger.commands.execute(
                c.RegisterDocument(
                    document_id=document_id,
                    context=context(),
                    title="A title",
                    original=Original(
                        file_name="report.pdf",
                        checksum=blob.checksum,
                        size_bytes=blob.size_bytes,
                        mime_type="application/pdf",
                    ),
                    workflow_type=WorkflowType.MANUAL,
                    pipeline=FIVE,
                )
            )

    def complete(self, document_id: str, stage_name: str = FIRST, **file: Any) -> str:
        """Report a stage completed with one file; return the file's checksum."""
        blob = self.docledger.storage.blobs.put_stream([f"{stage_name} of {document_id}".encode()])
        fields = {
            "file_type": "markdown",
            "suffix": ".md",
            "checksum": blob.checksum,
            "size_bytes": blob.size_bytes,
            "mime_type": "text/markdown",
            **file,
        }
        self.docledger.commands.execute(
            c.CompleteStage(
                document_id=document_id,
                context=context(),
                stage_name=stage_name,
                files=(OutputFile(**fields),),
            )
        )
        return blob.checksum

    def ingest(self, document_id: str, *texts: str) -> None:
        """Report every stage completed, with chunks of these texts, as workers elsewhere would."""
        chunks = {
            "source": {"fileType": "markdown", "checksum": "0" * 64},
            "chunks": [
                {
                    "index": n,
                    "text": text,
                    "start": 0,
                    "end": len(text),
                    "headingPath": ["Report"],
                    "tokenCount": 3,
                }
                for n, text in enumerate(texts)
            ],
        }
        self.complete(document_id, FIRST)
        self.complete(document_id, "markdown-optimizer", file_type="optimized_markdown")
        contents = {
            "chunker": ("chunks_json", chunks),
            "fact-generator": ("facts_json", {"facts": []}),
            "ingestor": ("ingestion_json", {"chunks": len(texts)}),
        }
        for stage_name, (file_type, content) in contents.items():
            blob = self.docledger.storage.blobs.put_stream([json.dumps(content).encode()])
            self.complete(
                document_id,
                stage_name,
                file_type=file_type,
                suffix=f".{stage_name}.json",
                checksum=blob.checksum,
                size_bytes=blob.size_bytes,
                mime_type="application/json",
            )

    def index(self) -> None:
        """Have the search store filled until nothing is due."""
        indexer = SearchIndexer(self.docledger.connecting("index"), self.docledger.search_filler)
        while indexer.step().has_more:
            pass
        indexer.close()

    def found_by(self, words: str, realm_id: str | None = None) -> list[str]:
        """Return the documents that a search finds."""
        page = self.docledger.search_store.search(words, realm_id=realm_id)
        return sorted({hit.document_id for hit in page.hits})

    def catch_up(self) -> None:
        """Bring tables and tree to the log's end."""
        self.docledger.projector().run_until(self.docledger.history.last_position())
        tree = TreeProjector(self.docledger.connecting("tree"), self.docledger.storage.tree)
        while not (step := tree.step()) or step.has_more or step.documents:
            pass
        tree.close()

    def seal(self, *, batches: int = 1000) -> Seal | None:
        """Seal what is in the log; return the last seal made."""
        last = None
        with self.connected() as connection:
            for _ in range(batches):
                seal = seal_batch(connection, START)
                if seal is None:
                    break
                last = seal
        return last

    def check(self, *notes: Checkpoint) -> Findings:
        """Look at everything."""
        with Verification(ledger_parts(self.docledger), Silent()) as verification:
            return verification.check(notes)

    def found(self, *notes: Checkpoint) -> list[tuple[str | None, str]]:
        """Return document and kind of each difference."""
        return [(d.document_id, d.kind) for d in self.check(*notes).differences]

    def details(self) -> list[str]:
        """Return the details of each difference."""
        return [d.detail for d in self.check().differences]

    def repair(self) -> tuple[list[Difference], list[Difference]]:
        """Look and repair; return what was found and what was repaired."""
        with Verification(ledger_parts(self.docledger), Silent()) as verification:
            findings = verification.check()
            return findings.differences, Repair(
                ledger_parts(self.docledger), verification, now
            ).repair(findings)

    @contextlib.contextmanager
    def connected(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection in autocommit mode."""
        with self.docledger.connect("test") as connection:
            connection.autocommit = True
            yield connection

    def execute(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement as a superuser whom no trigger and no foreign key stops."""
        with self.connected() as connection:
            connection.execute("SET session_replication_role = replica")
            cursor = connection.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def blob(self, checksum: str) -> Path:
        """Return the file of a content."""
        return self.uploads / blob_path(checksum)

    def positions(self, document_id: str) -> Sequence[int]:
        """Return the positions of the document's events."""
        rows = self.execute(
            "SELECT notification_id FROM docledger_events WHERE originator_id = %s ORDER BY 1",
            document_id,
        )
        return [row[0] for row in rows]


@contextlib.contextmanager
def ledger_at(home: Path, database_url: str) -> Iterator[Ledger]:
    """Open a ledger over a migrated database."""
    settings = Settings(home=home, database_url=database_url, pool_connections=4)
    with Docledger(settings) as docledger:
        yield Ledger(docledger)


def flip_one_bit(path: Path) -> None:
    """Change one bit of a read-only file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)
