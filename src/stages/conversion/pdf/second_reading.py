"""The second reading of a PDF, which the Markdown is checked against.

Whether all characters that are drawn were read is confirmed by poppler's `pdftotext` where it is
installed, and by counting otherwise; whether the words that were read are in the Markdown, by the
words as they were before columns, tables and paragraphs were made of them. Two programs part words
differently, above all in formulas, so poppler's words count only where its letters differ.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from stages.conversion.markdown import paragraph
from stages.conversion.pdf.conversion import metadata_of, read_pages, take_pages
from stages.conversion.pdf.inline import text_of, unmarked
from stages.conversion.pdf.reading.page import Page
from stages.conversion.pdf.word import Word
from stages.conversion.result import ConversionOptions, Converted, Source
from stages.conversion.second_reading import SecondReading

_OPTIONS: Final = ("-q", "-enc", "UTF-8", "-cropbox")
_SAMPLE_PAGES: Final = 10
_LONG_PAGES: Final = 25
_MAX_DOUBTFUL: Final = 0.01  # of the characters
_TIMEOUT_SECONDS: Final = 60
_MAX_MISSING: Final = 0.03  # of the letters that poppler reads
_LETTERS_A_WORD: Final = 6
_UNREAD: Final = "\ua66e"  # stands for a letter that is drawn but was not read: no document has it


def second_reading(source: Source, options: ConversionOptions) -> SecondReading:
    """Return the words of the PDF; raise UnconvertibleDocument if it cannot be read."""
    pages = take_pages(source) or read_pages(source, options)
    texts = [_text(page) for page in pages]
    left_out = Counter[str]()
    for page in pages:
        left_out.update(page.left_out)
    other = None
    for first, last in _samples(pages):
        other = by_poppler(source.path, first, last)
        if other is None:
            return SecondReading("\n".join([*texts, _unread(pages)]), dict(left_out))
        if _confirms(other, "\n".join(texts[first - 1 : last]), left_out.total()):
            return SecondReading("\n".join(texts), dict(left_out))
    return SecondReading(other or "")


def fallback(source: Source, options: ConversionOptions) -> Converted:
    """Return the PDF's words without layout: poppler's, or else in the order of the file."""
    pages = read_pages(source, options)
    text = by_poppler(source.path)
    found = metadata_of(pages, tables=0, running_lines=0)
    if text is not None:
        markdown = "\n\n".join(paragraph(part) for part in re.split(r"\n\s*\n", text))
        texts = text.split("\f")[: len(pages)]
        return Converted(markdown, found, converter="poppler-text/1", pages=texts)
    texts = ["\n\n".join(paragraph(part) for part in _paragraphs(page)) for page in pages]
    left_out = Counter[str]()
    for page in pages:
        left_out.update(page.left_out)
    text = "\n\n".join(each for each in texts if each)
    return Converted(text, found, left_out, converter="pdfium-text/1", pages=texts)


def by_poppler(path: Path, first: int = 1, last: int = 0) -> str | None:
    """Return what poppler's `pdftotext` reads of some pages, or of all.

    None where it is not installed, fails, or takes more than a minute.
    """
    program = shutil.which("pdftotext")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *_OPTIONS, "-f", str(first), "-l", str(last), str(path), "-"],
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _samples(pages: Sequence[Page]) -> Iterator[tuple[int, int]]:
    """Give the first and last pages to compare: some from the middle of a long document, then all.

    All of them at once if not every character could be read.
    """
    doubtful = sum(page.unreadable for page in pages)
    doubtful += sum(page.unread_objects for page in pages if not page.drawn)
    sure = doubtful <= _MAX_DOUBTFUL * sum(page.drawn for page in pages)
    if sure and len(pages) > _LONG_PAGES:
        middle = (len(pages) - _SAMPLE_PAGES) // 2
        yield middle + 1, middle + _SAMPLE_PAGES
    yield 1, len(pages)


def _confirms(other: str, own: str, words_left_out: int) -> bool:
    """Tell whether the letters that another program reads were all read here, or left out."""
    letters = _letters(other)
    missing = (letters - _letters(own)).total()
    return missing <= _MAX_MISSING * letters.total() + _LETTERS_A_WORD * words_left_out


def _letters(text: str) -> Counter[str]:
    counts = Counter(text.casefold())
    return Counter({char: count for char, count in counts.items() if char.isalnum()})


def _text(page: Page) -> str:
    return " ".join(text for sheet in page.sheets for text in _unbroken(sheet.words))


def _unbroken(words: Sequence[Word]) -> Iterator[str]:
    """Give the words of a page, those that a line's end broke joined, scripts apart."""
    head = ""
    for run in _runs(words):
        text = head + (unmarked(text_of(run)) if len(run) > 1 else run[0].text)
        head = ""
        if run[-1].broken and text.endswith("-"):
            head = text[:-1]
        else:
            yield text
    if head:
        yield head


def _runs(words: Sequence[Word]) -> Iterator[list[Word]]:
    run: list[Word] = []
    for word in words:
        if run and not word.glued:
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _unread(pages: Sequence[Page]) -> str:
    """Return words that stand for what is drawn and was not read."""
    lost = 0
    for page in pages:
        lost += page.unreadable // _LETTERS_A_WORD
        lost += 0 if page.drawn else page.unread_objects
    return " ".join([_UNREAD * _LETTERS_A_WORD] * lost)


def _paragraphs(page: Page) -> Iterator[str]:
    for sheet in page.sheets:
        words: list[Word] = []
        for word in sheet.words:
            gap = abs(word.bottom - words[-1].bottom) if words else 0.0
            if gap > 2 * word.size:
                yield unmarked(text_of(words))
                words = []
            words.append(word)
        if words:
            yield unmarked(text_of(words))
