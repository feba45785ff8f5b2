"""The executor of the stage `fact-generator`: statements with the words that they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel, Field

from stages.errors import ExecutorFailed
from stages.executor import Options, ProducedFile, StageOutcome, StageTask
from stages.fact_rules import Candidate, candidates, first_sentence
from stages.languages import language_of
from stages.pages import PageMap, page_map
from stages.shapes import Chunk, ChunksDocument, Fact, FactsDocument, read_document, write_document


class FactOptions(Options):
    """Options of the stage."""

    max_facts_per_chunk: int = Field(default=100, ge=1, le=10_000)


class FactGenerator:
    """Finds facts by rules, in some twenty languages, without asking anybody."""

    stage_name: str = "fact-generator"
    file_type: str = "facts_json"
    suffix: str = ".facts.json"
    mime_type: str = "application/json"
    version: str = "3"
    in_process: bool = False
    reads: tuple[str, ...] = ("chunks_json",)
    options_model: type[BaseModel] = FactOptions

    def run(self, task: StageTask) -> StageOutcome:
        """Find the facts of the document's chunks and write them as JSON."""
        options = task.options_as(FactOptions)
        document = read_document(task.input_of("chunks_json").path, ChunksDocument)
        pages = page_map(document.page_starts)
        found = facts(document.chunks, options, pages)
        path = task.work_dir / "facts.json"
        write_document(path, FactsDocument(facts=tuple(found)))
        return StageOutcome(files=(ProducedFile(path),), metadata={"facts": len(found)})


def facts(
    chunks: Sequence[Chunk], options: FactOptions | None = None, pages: PageMap | None = None
) -> list[Fact]:
    """Return the facts of a document's chunks, in order, each said once."""
    limit = (options or FactOptions()).max_facts_per_chunk
    language = language_of("\n".join(chunk.text for chunk in chunks[:20] if chunk.indexed))
    said: set[tuple[str, str]] = set()
    found: list[Fact] = []
    for chunk in chunks:
        for candidate in _fresh(_of_chunk(chunk, language), said, limit):
            found.append(_fact(len(found), chunk, candidate, pages))
    return found


def _of_chunk(chunk: Chunk, language: str) -> list[Candidate]:
    if not chunk.indexed:
        return []
    found = list(candidates(chunk.text, language, chunk.context))
    return found or list(first_sentence(chunk.text, language, chunk.context))


def _fresh(
    found: Sequence[Candidate], said: set[tuple[str, str]], limit: int
) -> Iterator[Candidate]:
    for candidate in found[:limit]:
        key = (candidate.kind, candidate.statement.casefold())
        if key not in said and candidate.statement:
            said.add(key)
            yield candidate


def _fact(index: int, chunk: Chunk, candidate: Candidate, pages: PageMap | None) -> Fact:
    quote = chunk.text[candidate.start : candidate.end]
    start, end = chunk.start + candidate.start, chunk.start + candidate.end
    if not quote.strip() or end > chunk.end or end - start != len(quote):
        raise ExecutorFailed("A quote does not stand where it should; report this fault.")
    return Fact(
        index=index,
        kind=candidate.kind,
        statement=candidate.statement,
        quote=quote,
        chunk_index=chunk.index,
        start=start,
        end=end,
        pages=pages.pages_of(quote, start) if pages else None,
    )
