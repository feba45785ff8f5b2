"""The executor of the stage `ingestor`: fills the search store."""

from __future__ import annotations

from pydantic import BaseModel

from stages.executor import Options, ProducedFile, StageOutcome, StageTask
from stages.search_store import IndexedFrom, SearchStore
from stages.shapes import ChunksDocument, FactsDocument, canonical_json, read_document


class IngestorOptions(Options):
    """The stage has no options."""


class Ingestor:
    """Puts a document's chunks and facts where searches find them; runs where the store is."""

    stage_name: str = "ingestor"
    file_type: str = "ingestion_json"
    suffix: str = ".ingestion.json"
    mime_type: str = "application/json"
    version: str = "1"
    in_process: bool = True
    reads: tuple[str, ...] = ("chunks_json", "facts_json")
    options_model: type[BaseModel] = IngestorOptions

    def __init__(self, search_store: SearchStore) -> None:
        self._store = search_store

    def run(self, task: StageTask) -> StageOutcome:
        """Replace what the store holds of the document, and write what it holds now."""
        task.options_as(IngestorOptions)
        chunks_file, facts_file = task.input_of("chunks_json"), task.input_of("facts_json")
        stored = self._store.replace(
            task.document_id,
            read_document(chunks_file.path, ChunksDocument).chunks,
            read_document(facts_file.path, FactsDocument).facts,
            IndexedFrom(chunks_file.checksum, facts_file.checksum),
            after_version=task.document_version,
        )
        counts = {"target": self._store.target, "chunks": stored.chunks, "facts": stored.facts}
        path = task.work_dir / "ingestion.json"
        path.write_text(canonical_json(counts), encoding="utf-8", newline="\n")
        return StageOutcome(files=(ProducedFile(path),), metadata=counts)
