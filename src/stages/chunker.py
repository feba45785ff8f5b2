"""The executor of the stage `chunker`: spans that tile the Markdown."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pydantic import BaseModel, Field, model_validator

from stages.cuts import LAST_HEADING_RANK, Cuts
from stages.errors import ExecutorFailed
from stages.executor import Options, ProducedFile, StageOutcome, StageTask
from stages.markdown_reading import Heading, block_headings, parse_blocks, read_markdown
from stages.pages import PageMap, page_map
from stages.shapes import Chunk, ChunksDocument, ChunksSource, write_document
from stages.tokens import TOKENIZER, count_tokens, longest_prefix

# The target of a picture, with the brackets around it, or the bare address in HTML.
_PAYLOAD: Final = re.compile(
    r"\(\s*<?data:[^\s)>]{200,}>?(?:\s+\"[^\"\n]*\")?\s*\)|data:[a-z]+/[^\s\"')>]{200,}"
)
_WORD: Final = re.compile(r"\S")
_CHARS_A_TOKEN = 4  # of English prose; a first guess, corrected by what the text shows
_HEADING_FROM = 4  # a heading ends a chunk that has a fourth of the least tokens


class ChunkerOptions(Options):
    """Options of the stage: how many tokens a chunk should have, and how many two share.

    A chunk has fewer than `min_tokens` where the next block does not fit or a section ends.
    """

    min_tokens: int = Field(default=200, ge=1, le=100_000)
    max_tokens: int = Field(default=400, ge=8, le=100_000)
    overlap_tokens: int = Field(default=0, ge=0, le=50_000)

    @model_validator(mode="after")
    def _in_order(self) -> ChunkerOptions:
        if self.min_tokens > self.max_tokens:
            raise ValueError("minTokens is greater than maxTokens")
        if self.overlap_tokens * 2 > self.max_tokens:
            raise ValueError("overlapTokens is more than half of maxTokens")
        return self


class Chunker:
    """Cuts the best Markdown that there is at headings, blocks and sentences."""

    stage_name: str = "chunker"
    file_type: str = "chunks_json"
    suffix: str = ".chunks.json"
    mime_type: str = "application/json"
    version: str = "3"
    in_process: bool = False
    reads: tuple[str, ...] = ("optimized_markdown", "markdown")
    options_model: type[BaseModel] = ChunkerOptions

    def run(self, task: StageTask) -> StageOutcome:
        """Cut the document's Markdown and write the chunks as JSON."""
        options = task.options_as(ChunkerOptions)
        source = task.input_of(*self.reads)
        pages = page_map(source.page_starts)
        chunks = chunk(read_markdown(source.path), options, pages)
        cut_from = ChunksSource(file_type=source.file_type, checksum=source.checksum)
        path = task.work_dir / "chunks.json"
        starts = pages.starts if pages else None
        document = ChunksDocument(source=cut_from, page_starts=starts, chunks=tuple(chunks))
        write_document(path, document)
        tokens = sum(each.token_count for each in chunks)
        metadata = {"chunks": len(chunks), "tokens": tokens, "tokenizer": TOKENIZER}
        return StageOutcome(files=(ProducedFile(path),), metadata=metadata)


def chunk(
    markdown: str, options: ChunkerOptions | None = None, pages: PageMap | None = None
) -> list[Chunk]:
    """Return the chunks in order; without overlap, their texts joined are the Markdown.

    `data:` payloads are chunks of their own that are not indexed. Takes time in proportion to the
    text's length.
    """
    chosen = options or ChunkerOptions()
    tokens = parse_blocks(markdown)
    cuts = Cuts(markdown, tokens)
    spans = list(_spans(markdown, cuts, chosen))
    if "".join(markdown[span.start : span.end] for span in spans) != markdown:
        raise ExecutorFailed("The chunks do not add up to the document; report this fault.")
    contexts = _Contexts(markdown, cuts, list(block_headings(markdown, tokens)))
    overlap = _overlaps(markdown, spans, chosen.overlap_tokens)
    return [
        _chunk(index, markdown, span, start, contexts, pages)
        for index, (span, start) in enumerate(zip(spans, overlap, strict=True))
    ]


class _Span(NamedTuple):
    start: int
    end: int
    indexed: bool


def _chunk(
    index: int,
    markdown: str,
    span: _Span,
    start: int,
    contexts: _Contexts,
    pages: PageMap | None,
) -> Chunk:
    text = markdown[start : span.end]
    path, context = contexts.of(start, text)
    return Chunk(
        index=index,
        text=text,
        start=start,
        end=span.end,
        heading_path=tuple(heading.text for heading in path),
        context=context if span.indexed else None,
        pages=pages.pages_of(text, start) if pages else None,
        token_count=count_tokens(text),
        indexed=span.indexed,
    )


def _spans(markdown: str, cuts: Cuts, options: ChunkerOptions) -> Iterator[_Span]:
    """Return spans that tile the text, those of payloads not to be indexed."""
    start = 0
    for match in _PAYLOAD.finditer(markdown):
        payload = match.start()
        if markdown[start:payload].strip():
            yield from _cut(markdown, start, payload, cuts, options)
            start = payload
        end = match.end() if _WORD.search(markdown, match.end()) else len(markdown)
        yield _Span(start, end, indexed=False)
        start = end
    yield from _cut(markdown, start, len(markdown), cuts, options)


def _cut(
    markdown: str, start: int, end: int, cuts: Cuts, options: ChunkerOptions
) -> Iterator[_Span]:
    guess = options.max_tokens * _CHARS_A_TOKEN
    while start < end:
        fit = min(longest_prefix(markdown, start, options.max_tokens, guess), end)
        guess = fit - start
        cut = _choose(markdown, start, fit, end, cuts, options)
        # Cut in the midst of a word or of blanks, what was one token can become two.
        while count_tokens(markdown[start:cut]) > options.max_tokens and cut > start + 1:
            fit -= max(1, (fit - start) // 50)
            cut = _choose(markdown, start, fit, end, cuts, options)
        yield _Span(start, cut, indexed=True)
        start = cut


def _choose(
    markdown: str, start: int, fit: int, end: int, cuts: Cuts, options: ChunkerOptions
) -> int:
    """Return where a chunk from `start` that may go to `fit` is to end."""
    if fit < end:
        return _best(start, fit, end, cuts, options)
    least = (end - start) * options.min_tokens // max(1, count_tokens(markdown[start:end]))
    # Two sections that fit into one chunk are two chunks all the same if neither is too small.
    return cuts.structural(start + least, end - least, LAST_HEADING_RANK) or end


def _best(start: int, fit: int, end: int, cuts: Cuts, options: ChunkerOptions) -> int:
    least = start + (fit - start) * options.min_tokens // options.max_tokens
    if end - fit < least - start:  # leave no crumb behind
        fit = max(least, fit - (least - start) + (end - fit))
    heading_from = start + (least - start) // _HEADING_FROM
    found = cuts.structural(heading_from, fit, LAST_HEADING_RANK)
    found = found or cuts.structural(least, fit) or cuts.textual(least, fit, kinds=2)
    found = found or cuts.structural(start, fit) or cuts.textual(cuts.first_word(start), fit)
    return found or cuts.anywhere(start, fit)


def _overlaps(markdown: str, spans: Sequence[_Span], overlap_tokens: int) -> list[int]:
    """Return where each chunk begins once it repeats the end of the one before it."""
    starts = [span.start for span in spans]
    for index in range(1, len(spans) if overlap_tokens else 0):
        before, span = spans[index - 1], spans[index]
        if before.indexed and span.indexed:
            starts[index] = _overlap_start(markdown, before, overlap_tokens)
    return starts


def _overlap_start(markdown: str, before: _Span, overlap_tokens: int) -> int:
    words = [match.end() for match in re.finditer(r"\s+", markdown[before.start : before.end])]
    for offset in words:
        start = before.start + offset
        if count_tokens(markdown[start : before.end]) <= overlap_tokens:
            return start
    return before.end


class _Contexts:
    """What a chunk stands under, beyond its own text."""

    def __init__(self, markdown: str, cuts: Cuts, found: Sequence[Heading]) -> None:
        self._markdown = markdown
        self._headings = found
        self._heading_starts = [heading.start for heading in found]
        self._frames = cuts.frames
        self._frame_starts = [frame.start for frame in cuts.frames]
        self._upcoming = 0
        self._path: list[Heading] = []

    def of(self, start: int, text: str) -> tuple[list[Heading], str | None]:
        """Return the headings above the first word, and what stands above that it is read under.

        Asked for chunk by chunk, in order.
        """
        first_word = start + len(text) - len(text.lstrip())
        path = self._path_at(first_word)
        missing = [heading.source for heading in path[-1:] if heading.start < start]
        return path, "\n\n".join([*missing, *self._frame_head(first_word)]) or None

    def _path_at(self, offset: int) -> list[Heading]:
        until = bisect_right(self._heading_starts, offset)
        for heading in self._headings[self._upcoming : until]:
            self._path = [*(h for h in self._path if h.level < heading.level), heading]
        self._upcoming = max(until, self._upcoming)
        return self._path

    def _frame_head(self, offset: int) -> Iterator[str]:
        index = bisect_right(self._frame_starts, offset) - 1
        frame = self._frames[index] if index >= 0 else None
        if frame is not None and frame.body <= offset < frame.end:
            yield self._markdown[frame.start : frame.body].rstrip()
