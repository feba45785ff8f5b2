"""The executor of the stage `markdown-optimizer`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from pydantic import BaseModel

from domain.json_types import JsonObject
from stages.executor import Options, ProducedFile, StageOutcome, StageTask
from stages.literals import Literals
from stages.markdown_reading import Blocks, read_markdown
from stages.optimizer.blocks import formatted
from stages.optimizer.cleaning import cleaned, outside_code
from stages.optimizer.emphasis import emphasis_repaired
from stages.pages import PageMap, located, page_map

_FRONT_MATTER: Final = re.compile(r"\A---[ \t]*\n(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")


class OptimizerOptions(Options):
    """Options of the stage: what of it to do."""

    fix_encoding: bool = True
    fix_headings: bool = True


@dataclass(frozen=True)
class Optimized:
    """The Markdown, how many of its blocks were formatted, and why others were left, by reason.

    `formatted` says that at least nine blocks of ten were.
    """

    markdown: str
    blocks: int
    left: Mapping[str, int]

    @property
    def formatted(self) -> bool:
        """Whether at least nine blocks of ten are written in the one way."""
        return sum(self.left.values()) * 10 <= self.blocks


class MarkdownOptimizer:
    """Repairs text that was decoded wrongly, evens out headings, and formats."""

    stage_name: str = "markdown-optimizer"
    file_type: str = "optimized_markdown"
    suffix: str = ".opt.md"
    mime_type: str = "text/markdown; charset=utf-8"
    version: str = "3"
    in_process: bool = False
    reads: tuple[str, ...] = ("markdown",)
    options_model: type[BaseModel] = OptimizerOptions

    def run(self, task: StageTask) -> StageOutcome:
        """Optimise the Markdown of the document."""
        options = task.options_as(OptimizerOptions)
        given = task.input_of("markdown")
        source = read_markdown(given.path)
        result = optimize(source, options)
        pages = page_map(given.page_starts)
        moved = carried(pages, source, result.markdown) if pages else None
        path = task.work_dir / "optimized.md"
        path.write_text(result.markdown, encoding="utf-8", newline="\n")
        metadata: JsonObject = {
            "formatted": result.formatted,
            "changed": result.markdown != source,
            "blocks": result.blocks,
            "blocksLeft": dict(result.left),
        }
        if pages and not moved:
            metadata["pagesLost"] = True
        about = moved.metadata if moved else {}
        return StageOutcome(files=(ProducedFile(path, about),), metadata=metadata)


def optimize(markdown: str, options: OptimizerOptions | None = None) -> Optimized:
    """Return the text written in one way, block by block.

    What a reader sees stays: words, numbers, code, links, TeX, footnotes. Optimising what was
    optimised changes nothing. A block that formatting would change is left as it is, and so is
    one that would take long. Takes time in proportion to the text's length.
    """
    chosen = options or OptimizerOptions()
    front_matter, body = _split(_unified(markdown))
    literals = Literals(body)
    document = Blocks(body)
    hidden = outside_code(document, partial(_prepared, options=chosen, literals=literals))
    if hidden != body:
        document = Blocks(hidden)
    result = formatted(document, fix_headings=chosen.fix_headings)
    shown = literals.show(result.markdown)
    if shown is None:  # what was hidden did not come through: leave everything as it was
        return Optimized(front_matter + body, result.blocks, {"notTheSame": result.blocks})
    between = "\n" if front_matter and shown else ""
    return Optimized(front_matter + between + shown, result.blocks, result.left)


def carried(pages: PageMap, source: str, result: str) -> PageMap | None:
    """Return where the pages of the source begin in what was made of it, None if it is not found.

    What was decoded wrongly has other letters once it is repaired, so it is looked for as repaired.
    """
    parts = pages.parts(source)
    return located([cleaned(part) for part in parts], result) or located(parts, result)


def _prepared(piece: str, options: OptimizerOptions, literals: Literals) -> str:
    clean = cleaned(piece) if options.fix_encoding else piece
    return literals.hide(emphasis_repaired(clean))


def _unified(markdown: str) -> str:
    text = markdown.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\x00", "")


def _split(text: str) -> tuple[str, str]:
    match = _FRONT_MATTER.match(text)
    if match is None:
        return "", text
    front_matter = match[0] if match[0].endswith("\n") else match[0] + "\n"
    return front_matter, text[match.end() :].lstrip("\n")
