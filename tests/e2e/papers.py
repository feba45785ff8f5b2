"""Documents that tests make."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate

_SENTENCE = (
    "The keeper of lighthouse {n} wrote on 3 May 19{year:02d} that {ships} ships had passed and "
    "that the lamp burned {litres} litres of oil."
)


def small_papers(folder: Path, count: int = 3) -> list[Path]:
    """Write a few small documents of different kinds."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"paper {number}{('.md', '.txt', '.html')[number % 3]}"
        path.write_text(_small(number))
        paths.append(path)
    return paths


def _small(number: int) -> str:
    body = "\n\n".join(_sentence(number * 10 + line) for line in range(6))
    if number % 3 == 2:
        return f"<html><body><h1>Lighthouse {number}</h1><p>{body}</p></body></html>"
    return f"# Lighthouse {number}\n\n{body}\n" if number % 3 == 0 else f"{body}\n"


def _sentence(n: int) -> str:
    return _SENTENCE.format(n=n, year=n % 100, ships=n * 7 % 90 + 10, litres=n * 3 % 40 + 5)


def long_pdf(pages: int) -> bytes:
    """Return a PDF of so many pages, each with a heading and paragraphs."""
    styles = getSampleStyleSheet()

    def story() -> Iterator[Flowable]:
        for page in range(1, pages + 1):
            yield Paragraph(f"Chapter {page}: The keeper's year", styles["Heading1"])
            for paragraph in range(5):
                text = " ".join(_sentence(page * 20 + paragraph * 4 + n) for n in range(4))
                yield Paragraph(text, styles["BodyText"])
            yield PageBreak()

    buffer = io.BytesIO()
    SimpleDocTemplate(buffer, pagesize=A4, invariant=1).build(list(story()))
    return buffer.getvalue()
