"""The executor of the stage `chunker`: spans that tile the Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import BaseModel, Field, model_validator
from semantic_text_splitter import MarkdownSplitter

from stages.errors import ExecutorFailed
from stages.executor import Options, ProducedFile, StageOutcome, StageTask
from stages.markdown_reading import Heading, headings, parse, read_markdown
from stages.shapes import Chunk, ChunksDocument, ChunksSource, write_document
from stages.tokens import count_tokens


class ChunkerOptions(Options):
    """Options of the stage: how many tokens a chunk should have."""

    min_tokens: int = Field(default=200, ge=1, le=100_000)
    max_tokens: int = Field(default=400, ge=8, le=100_000)

    @model_validator(mode="after")
    def _in_order(self) -> ChunkerOptions:
        if self.min_tokens > self.max_tokens:
            raise ValueError("minTokens is greater than maxTokens")
        return self


class Chunker:
    """Cuts the best Markdown that there is at headings, blocks and sentences."""

    stage_name: str = "chunker"
    file_type: str = "chunks_json"
    suffix: str = ".chunks.json"
    mime_type: str = "application/json"
    version: str = "1"
    in_process: bool = False
    reads: tuple[str, ...] = ("optimized_markdown", "markdown")
    options_model: type[BaseModel] = ChunkerOptions

    def run(self, task: StageTask) -> StageOutcome:
        """Cut the document's Markdown and write the chunks as JSON."""
        options = task.options_as(ChunkerOptions)
        source = task.input_of(*self.reads)
        chunks = chunk(read_markdown(source.path), options)
        cut_from = ChunksSource(file_type=source.file_type, checksum=source.checksum)
        path = task.work_dir / "chunks.json"
        write_document(path, ChunksDocument(source=cut_from, chunks=tuple(chunks)))
        tokens = sum(each.token_count for each in chunks)
        return StageOutcome(
            files=(ProducedFile(path),), metadata={"chunks": len(chunks), "tokens": tokens}
        )


def chunk(markdown: str, options: ChunkerOptions | None = None) -> list[Chunk]:
    """Return the chunks in order; their texts joined are the Markdown, code point by code point."""
    chosen = options or ChunkerOptions()
    pieces = _split(markdown, chosen)
    if "".join(pieces) != markdown:
        raise ExecutorFailed("The chunks do not add up to the document; report this fault.")
    return list(_placed(pieces, list(headings(markdown, parse(markdown)))))


def _split(markdown: str, options: ChunkerOptions) -> list[str]:
    capacity = (options.min_tokens, options.max_tokens)
    splitter = MarkdownSplitter.from_callback(count_tokens, capacity, trim=False)
    return [piece for piece in splitter.chunks(markdown) if piece]


def _placed(pieces: Sequence[str], found: Sequence[Heading]) -> Iterator[Chunk]:
    path: list[Heading] = []
    start = upcoming = 0
    for index, text in enumerate(pieces):
        first_word = start + len(text) - len(text.lstrip())
        while upcoming < len(found) and found[upcoming].start <= first_word:
            path = [*(h for h in path if h.level < found[upcoming].level), found[upcoming]]
            upcoming += 1
        end = start + len(text)
        names = tuple(heading.text for heading in path)
        yield Chunk(
            index=index,
            text=text,
            start=start,
            end=end,
            heading_path=names,
            token_count=count_tokens(text),
        )
        start = end
