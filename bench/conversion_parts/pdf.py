"""PDFs that others made, and what poppler reads of them.

Books, manuals, reference cards, forms, slides and several scripts, from documentation packages and
test folders; those of which poppler reads next to nothing (scans, locked files) are left out.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from conversion_parts.packages import chosen, debian_files, source_distributions
from conversion_parts.shape import Shape
from stages.conversion.words import words_of

FORMATS = {".pdf": "pdf"}
_DOCUMENTATION = (
    "auto-multiple-choice-doc-pdf", "axiom-doc", "camlidl-doc", "debian-faq", "debian-refcard",
    "freefem-doc", "gap-character-tables", "grace", "lhs2tex", "libatlas-doc", "maint-guide",
    "octave-doc", "pari-doc", "r-doc-pdf", "texlive-latex-base-doc", "tipa-doc",
    "ubuntu-packaging-guide-pdf", "ubuntu-packaging-guide-pdf-de", "ubuntu-packaging-guide-pdf-ru",
    "xfig-doc",
)  # fmt: skip
_SOURCES = ("img2pdf", "ocrmypdf", "pdftotext", "pypdf", "pypdfium2", "rst2pdf")
_MIN_WORDS = 20


def gather(folder: Path) -> list[Path]:
    """Bring the documents into a folder and return their paths, at most 60."""
    debian, sources = debian_files(folder, _DOCUMENTATION), source_distributions(folder, _SOURCES)
    found = chosen(_pdfs(debian), 40, below=debian, each=2)
    found += chosen(_pdfs(sources), 40, below=sources, each=8)
    return [path for path in found if len(reference_words(path)) >= _MIN_WORDS][:60]


def reference_words(path: Path) -> list[str]:
    """Return the words of a PDF as poppler's `pdftotext` reads them, in its order."""
    command = ["pdftotext", "-q", "-enc", "UTF-8", "-nopgbrk", str(path), "-"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    return words_of(done.stdout.decode("utf-8", "replace"))


def reference_shape(_path: Path) -> Shape | None:
    """Return nothing: a PDF does not say what a heading is."""
    return None


def _pdfs(folder: Path) -> list[Path]:
    files = folder.rglob("*.pdf")
    return [path for path in files if path.is_file() and not path.is_symlink()]
