"""The executor of the stage `markdown-optimizer`: one way to write Markdown, no word lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Final

import ftfy
import mdformat
from pydantic import BaseModel

from stages.executor import Options, ProducedFile, StageOutcome, StageTask
from stages.markdown_reading import Lines, parse, read_markdown

_FRONT_MATTER: Final = re.compile(r"\A---[ \t]*\n(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_CODE_SPAN: Final = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_INVISIBLE: Final = re.compile("[\u200b\u2060\ufeff]")
_ODD_SPACE: Final = re.compile("[\u00a0\u2007\u202f]")
_WORD: Final = re.compile(r"\w+")
_LIST_NUMBER: Final = re.compile(r"^[ \t>]*(?:[-+*][ \t]+)*\d{1,9}[.)](?=\s|$)", re.MULTILINE)
_ROUNDS = 4
_MAX_LIST_ITEMS = 1_000  # the formatter's time grows with their square
_FTFY: Final = ftfy.TextFixerConfig(
    unescape_html=False,
    uncurl_quotes=False,
    fix_character_width=False,
    fix_latin_ligatures=True,
    fix_line_breaks=False,
    remove_terminal_escapes=True,
    explain=False,
)


class OptimizerOptions(Options):
    """Options of the stage: what of it to do."""

    fix_encoding: bool = True
    fix_headings: bool = True


class MarkdownOptimizer:
    """Repairs text that was decoded wrongly, evens out headings, and formats."""

    stage_name: str = "markdown-optimizer"
    file_type: str = "optimized_markdown"
    suffix: str = ".opt.md"
    mime_type: str = "text/markdown; charset=utf-8"
    version: str = "1"
    in_process: bool = False
    reads: tuple[str, ...] = ("markdown",)
    options_model: type[BaseModel] = OptimizerOptions

    def run(self, task: StageTask) -> StageOutcome:
        """Optimise the Markdown of the document."""
        options = task.options_as(OptimizerOptions)
        source = read_markdown(task.input_of("markdown").path)
        optimized, formatted = optimize(source, options)
        path = task.work_dir / "optimized.md"
        path.write_text(optimized, encoding="utf-8", newline="\n")
        return StageOutcome(
            files=(ProducedFile(path),),
            metadata={"formatted": formatted, "changed": optimized != source},
        )


def optimize(markdown: str, options: OptimizerOptions | None = None) -> tuple[str, bool]:
    """Return the optimised text and whether it could be formatted.

    Optimising what was optimised changes nothing. Where formatting would lose a word or come to no
    rest, the text is only cleaned.
    """
    chosen = options or OptimizerOptions()
    front_matter, body = _split(_unified(markdown))
    cleaned = _at_rest(body, lambda text: _cleaned(text, chosen))
    if cleaned is None:
        return front_matter + body, False
    formatted = _formatted(cleaned, chosen)
    if formatted is None:
        return front_matter + cleaned, False
    return front_matter + ("\n" if front_matter and formatted else "") + formatted, True


def _unified(markdown: str) -> str:
    text = markdown.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\x00", "")


def _split(text: str) -> tuple[str, str]:
    match = _FRONT_MATTER.match(text)
    if match is None:
        return "", text
    front_matter = match[0] if match[0].endswith("\n") else match[0] + "\n"
    return front_matter, text[match.end() :].lstrip("\n")


def _at_rest(text: str, step: Callable[[str], str | None]) -> str | None:
    """Repeat a step until it changes nothing; None if it refuses or does not come to rest."""
    for _ in range(_ROUNDS):
        changed = step(text)
        if changed is None or changed == text:
            return changed
        text = changed
    return None


def _cleaned(text: str, options: OptimizerOptions) -> str:
    """Repair what stands outside of code."""
    return _outside_code(text, _repaired) if options.fix_encoding else text


def _repaired(text: str) -> str:
    fixed = ftfy.fix_text(text, _FTFY)
    return _ODD_SPACE.sub(" ", _INVISIBLE.sub("", fixed))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    lines = Lines(text)
    pieces, position = [], 0
    for token in parse(text):
        if token.type in ("fence", "code_block", "html_block") and token.map:
            start, end = lines.start(token.map[0]), lines.start(token.map[1])
            pieces += [_outside_spans(text[position:start], change), text[start:end]]
            position = end
    return "".join([*pieces, _outside_spans(text[position:], change)])


def _outside_spans(text: str, change: Callable[[str], str]) -> str:
    pieces, position = [], 0
    for match in _CODE_SPAN.finditer(text):
        pieces += [change(text[position : match.start()]), match[0]]
        position = match.end()
    return "".join([*pieces, change(text[position:])])


def _formatted(text: str, options: OptimizerOptions) -> str | None:
    """Return the text as mdformat writes it once it is at rest, or None if that is not safe."""

    if _longest_list(text) > _MAX_LIST_ITEMS:
        return None

    def step(current: str) -> str | None:
        evened = _even_headings(current) if options.fix_headings else current
        return _cleaned(_mdformat(evened), options)

    try:
        result = _at_rest(text, step)
    except (RecursionError, ValueError, KeyError, IndexError, AssertionError):
        return None
    return result if result is not None and _says_the_same(text, result) else None


def _longest_list(text: str) -> int:
    """Return how many items the longest of the lists has."""
    longest, open_lists = 0, [0]
    for token in parse(text):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            open_lists.append(0)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            longest = max(longest, open_lists.pop())
        elif token.type == "list_item_open":
            open_lists[-1] += 1
    return longest


def _mdformat(text: str) -> str:
    return mdformat.text(
        text, extensions={"gfm"}, options={"number": True, "wrap": "keep", "compact_tables": True}
    )


def _says_the_same(before: str, after: str) -> bool:
    return _words(before) == _words(after) and _code(before) == _code(after)


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(_LIST_NUMBER.sub("", text)))


def _code(text: str) -> list[str]:
    """Return the lines of all code; the blank ones at a block's end are nobody's."""
    return [
        token.content.rstrip()
        for token in parse(text)
        if token.type in ("fence", "code_block") and token.content.strip()
    ]


def _even_headings(text: str) -> str:
    """Lift headings that stand more than one level below the one they belong to."""
    lines = text.split("\n")
    open_levels: list[tuple[int, int]] = []  # as written, as it becomes
    for token in parse(text):
        if token.type != "heading_open" or token.level or not token.map or token.markup[0] != "#":
            continue
        written = len(token.markup)
        while open_levels and open_levels[-1][0] >= written:
            open_levels.pop()
        level = min(written, open_levels[-1][1] + 1 if open_levels else written)
        open_levels.append((written, level))
        line = lines[token.map[0]]
        lines[token.map[0]] = line.replace("#" * written, "#" * level, 1)
    return "\n".join(lines)
