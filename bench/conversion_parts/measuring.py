"""Converts documents by several converters in turns, and compares what comes out with the words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from conversion_parts.shape import NOTHING, Shape, shape_of
from stages.conversion.markdown_words import shown
from stages.conversion.words import words_of

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "bench" / "conversion_parts" / "runner.py"
SECONDS_A_FILE = 120


@dataclass(frozen=True)
class Document:
    """A file, its name on the page, and what it holds by a reader that is not measured.

    `is_known` is False where that reader could not read it: it is of interest only if refused.
    """

    path: Path
    name: str
    format: str
    words: Counter[str]
    pairs: Counter[tuple[str, str]]
    shape: Shape | None
    is_known: bool = True
    size_bytes: int = 0

    @staticmethod
    def of(
        path: Path, kind: str, words: Sequence[str], shape: Shape | None, size_bytes: int = 0
    ) -> Document:
        """Return the document that has these words, in order."""
        name = "/".join(path.parts[-2:])
        counted = Counter(words), Counter(pairwise(words))
        return Document(path, name, kind, *counted, shape, size_bytes=size_bytes)

    @staticmethod
    def unknown(path: Path, kind: str) -> Document:
        """Return a document of which nothing can be said."""
        return Document(path, "/".join(path.parts[-2:]), kind, Counter(), Counter(), None, False)


@dataclass(frozen=True)
class Result:
    """What one converter made of one document; shares are of words."""

    document: Document
    error: str
    recall: float = 0
    precision: float = 0
    pairs: float = 0
    shape: Shape = NOTHING
    seconds: float = 0
    megabytes: float = 0


@dataclass(frozen=True)
class Converter:
    """A command that runs the runner, and the environment that it runs in."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


class _Running:
    """A runner that converts one file after the other, as it is told."""

    def __init__(self, converter: Converter) -> None:
        self._process = subprocess.Popen(
            [*converter.command, str(SECONDS_A_FILE)],
            env=dict(converter.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def read(self) -> dict[str, Any]:
        """Return the next answer, an empty one from a runner that has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {}
        return answer

    def convert(self, path: Path) -> dict[str, Any]:
        """Return the answer about a file."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{path}\n")
            self._process.stdin.flush()
        except OSError:
            return {}
        return self.read()


def measure(
    converters: Sequence[Converter], documents: Sequence[Document]
) -> tuple[dict[str, str], dict[str, list[Result]]]:
    """Return versions and results by converter's name; converters that cannot start are left out.

    Each document is converted by all of them, one after the other, before the next one is.
    """
    with ExitStack() as stack:
        started = {c.name: stack.enter_context(_Running(c)) for c in converters}
        told = {name: running.read() for name, running in started.items()}
        versions = {name: answer["version"] for name, answer in told.items() if answer}
        for name in started.keys() - versions.keys():
            print(f"without {name}: it does not start", file=sys.stderr)
        results: dict[str, list[Result]] = {name: [] for name in versions}
        for number, document in enumerate(documents, start=1):
            for name in _turned(list(versions), number):
                answer = started[name].convert(document.path)
                results[name].append(_result(document, answer))
            print(f"{number} of {len(documents)}: {document.name}", file=sys.stderr)
    return versions, results


def _turned(names: Sequence[str], number: int) -> Iterator[str]:
    """Yield the names, another one first each time."""
    yield from names[number % len(names) :]
    yield from names[: number % len(names)]


def _result(document: Document, answer: Mapping[str, Any]) -> Result:
    if "markdown" not in answer:
        error = answer.get("error", "its process ended")
        return Result(document, error, megabytes=answer.get("megabytes", 0))
    words = [word for piece in shown(answer["markdown"]) for word in words_of(piece)]
    matched = (document.words & Counter(words)).total()
    return Result(
        document,
        "",
        recall=_share(matched, document.words.total()),
        precision=_share(matched, len(words)),
        pairs=_share((document.pairs & Counter(pairwise(words))).total(), document.pairs.total()),
        shape=shape_of(answer["markdown"]),
        seconds=answer["cpuSeconds"],
        megabytes=answer["megabytes"],
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def converters(main: Path | None, peers: Path, docling: Path) -> Iterator[Converter]:
    """Yield docledger, an older checkout of it, and the peers whose environments are there."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    yield Converter("docledger", [sys.executable, str(RUNNER), "docledger"], environment)
    if main:
        older = {**environment, "PYTHONPATH": str(main / "src")}
        yield Converter("older", [_python_of(main), str(RUNNER), "docledger"], older)
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for name in ("markitdown", "kreuzberg", "office-oxide", "anydoc") if peers.exists() else ():
        yield Converter(name, [str(peers), str(RUNNER), name], bare)
    if docling.exists():
        stub = str(ROOT / "bench" / "peers" / "without_models")
        offline = {**bare, "PYTHONPATH": stub, "HF_HUB_OFFLINE": "1"}
        yield Converter("docling", [str(docling), str(RUNNER), "docling"], offline)


def _python_of(checkout: Path) -> str:
    own = checkout / ".venv" / "bin" / "python"
    return str(own if own.exists() else sys.executable)
