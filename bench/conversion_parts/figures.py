"""What the results of all converters come to, format by format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from statistics import fmean
from typing import Any

from conversion_parts.explanations import Explanations
from conversion_parts.measuring import Document, Result

NAMED_BELOW = 0.97
OWN = "docledger"
_SMALL_FILE_BYTES = 50 << 20
_MOST_MEGABYTES = 512
_NO_WORDS = "no reader finds a word in it"


def summarised(
    results: Mapping[str, Sequence[Result]], explanations: Explanations
) -> dict[str, Any]:
    """Return the figures by format, and the files to be explained.

    A file that docledger refuses for the right reason counts for no converter. One that a converter
    refuses otherwise is left out of that converter's means and counted. Files that no reference
    reads are left out unless docledger refuses them.
    """
    own = results[OWN]
    kept = [r.document.is_known or bool(r.error) for r in own]
    results = {name: list(compress(each, kept)) for name, each in results.items()}
    own = results[OWN]
    right = {r.document.name for r in own if r.error and _is_right(r, explanations)}
    formats = sorted({result.document.format for result in own})
    return {
        "documents": len(own),
        "formats": {each: _format(results, each, right) for each in formats},
        "refusedRightly": [_named(r, explanations) for r in own if r.document.name in right],
        "named": [
            _named(r, explanations)
            for r in own
            if (r.error or r.recall < NAMED_BELOW) and r.document.name not in right
        ],
    }


def unexplained(figures: Mapping[str, Any]) -> list[str]:
    """Return the files that are named and that no explanation is written for."""
    return [each["file"] for each in figures["named"] if not each["why"]]


def _is_right(result: Result, explanations: Explanations) -> bool:
    if result.document.is_known and not result.document.words:
        return True
    found = explanations.get(result.document.name)
    return found is not None and found.refused_rightly


def _named(result: Result, explanations: Explanations) -> dict[str, Any]:
    found = explanations.get(result.document.name)
    return {
        "file": result.document.name,
        "recall": round(result.recall, 4),
        "precision": round(result.precision, 4),
        "error": result.error,
        "why": found.why if found else _NO_WORDS if _is_right(result, explanations) else "",
    }


def _format(results: Mapping[str, Sequence[Result]], kind: str, right: set[str]) -> dict[str, Any]:
    own = {
        name: [r for r in each if r.document.format == kind and r.document.name not in right]
        for name, each in results.items()
    }
    documents = [result.document for result in own[OWN]]
    return {
        "files": len(documents),
        "reference": _reference(documents),
        "converters": {name: _summary(each) for name, each in own.items()},
        "besides": {name: _beside(own[OWN], each) for name, each in own.items() if name != OWN},
        "overMemory": [
            r.document.name
            for r in own[OWN]
            if r.megabytes > _MOST_MEGABYTES and r.document.size_bytes < _SMALL_FILE_BYTES
        ],
    }


def _reference(documents: Sequence[Document]) -> dict[str, int] | None:
    shapes = [document.shape for document in documents]
    if not shapes or None in shapes:
        return None
    known = [shape for shape in shapes if shape is not None]
    return {"headings": sum(s.headings for s in known), "rows": sum(s.rows for s in known)}


def _summary(results: Sequence[Result]) -> dict[str, Any]:
    done = [result for result in results if not result.error]
    return {
        "refused": [f"{r.document.name}: {r.error}" for r in results if r.error],
        **{
            name: round(fmean(getattr(result, name) for result in done), 4) if done else None
            for name in ("recall", "precision", "pairs")
        },
        "headings": sum(r.shape.headings for r in done),
        "rows": sum(r.shape.rows for r in done),
        "cpuSeconds": round(sum(result.seconds for result in done), 3),
        "peakMegabytes": round(max((result.megabytes for result in results), default=0)),
    }


def _beside(ours: Sequence[Result], theirs: Sequence[Result]) -> dict[str, Any]:
    """Compare time and memory over the files that both converted."""
    both = [(o, t) for o, t in zip(ours, theirs, strict=True) if not o.error and not t.error]
    seconds = sum(t.seconds for _, t in both)
    return {
        "files": len(both),
        "seconds": round(sum(o.seconds for o, _ in both) / seconds, 3) if seconds else None,
        "moreMemory": sum(o.megabytes > t.megabytes for o, t in both),
    }
