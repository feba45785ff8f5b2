"""Documents of every kind in the tables, and in plain Python which of them a list shows."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product

import psycopg

from api.reads.listing import DocumentFilter

STAGES = ("markdown-conversion", "chunker", "ingestor")
_STATUSES = ("pending", "in_progress", "completed", "failed", "skipped")
_BEGAN = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass
class Listed:
    """A document as the tables have it."""

    id: str
    title: str | None
    realm_id: str | None
    created_at: datetime | None
    statuses: dict[str, str] = field(default_factory=dict)
    current_stages: list[str] = field(default_factory=list)

    def matches(self, wanted: DocumentFilter) -> bool:
        """Tell whether a list with this filter shows the document."""
        return (
            (wanted.realm_id is None or self.realm_id == wanted.realm_id)
            and self._in_stage(wanted)
            and all(self._has(word) for word in (wanted.words or "").split())
        )

    def _in_stage(self, wanted: DocumentFilter) -> bool:
        if wanted.status is None:
            return wanted.stage is None or self.current_stages[-1:] == [wanted.stage]
        if wanted.stage is None:
            return wanted.status in self.statuses.values()
        return self.statuses.get(wanted.stage) == wanted.status

    def _has(self, beginning: str) -> bool:
        words = (self.title or "").lower().replace("_", " ").split()
        return any(word.startswith(beginning.lower()) for word in words)


def newest_first(documents: Sequence[Listed]) -> list[str]:
    """Return the ids in the order of a list: those without a time first."""
    times = {d.id: (d.created_at is None, d.created_at or _BEGAN, d.id) for d in documents}
    return sorted(times, key=lambda document_id: times[document_id], reverse=True)


def random_documents(count: int, seed: int) -> list[Listed]:
    """Return documents with equal times and without, runs that began again, stages and without.

    Of the rare kinds, most are old; the newest tenth waits.
    """
    chance = random.Random(seed)
    return [_random_document(chance, number, number / count) for number in range(count)]


def _random_document(chance: random.Random, number: int, age: float) -> Listed:
    """Return the document with this number; `age` goes from 0 for the oldest to 1."""
    title = " ".join(
        word
        for word, share in (
            ("Report", 0.6),
            ("annual_summary", 0.2),
            ("repair", 0.05),
            ("Zeppelin", 0.05 if age < 0.2 else 0.0),
        )
        if chance.random() < share
    )
    document = Listed(
        id=f"{chance.choice('abc')}-{number}",
        title=title or None,
        realm_id=chance.choices(("large", "small", "rare", None), (60, 30, 1, 9))[0],
        # Four of them share each moment.
        created_at=None if chance.random() < 0.1 else _BEGAN + timedelta(minutes=number // 4),
    )
    if chance.random() < 0.1:
        return document
    for _ in range(chance.choice((1, 1, 1, 2, 11))):
        document.current_stages.append(chance.choice((*STAGES, "completed")))
    for stage in STAGES:
        weights = (0, 1, 90, 3 if age < 0.3 else 0, 10) if age < 0.9 else (1, 0, 0, 0, 0)
        document.statuses[stage] = chance.choices(_STATUSES, weights)[0]
    return document


def insert(url: str, documents: Sequence[Listed]) -> None:
    """Write the documents' rows, their statistics too."""
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO documents (id, title, realm_id, created_at) VALUES (%s, %s, %s, %s)",
            [(d.id, d.title, d.realm_id, d.created_at) for d in documents],
        )
        cursor.executemany(
            "INSERT INTO documents_processing_stages (id, document_id, stage_name, status)"
            " VALUES (%s, %s, %s, %s)",
            [(f"{d.id}_{s}", d.id, s, status) for d in documents for s, status in _stages(d)],
        )
        cursor.executemany(
            "INSERT INTO processing_workflows (id, document_id, current_stage) VALUES (%s, %s, %s)",
            [run for d in documents for run in _runs(d)],
        )
        cursor.execute("ANALYZE")


def _stages(document: Listed) -> Iterator[tuple[str, str]]:
    yield from document.statuses.items()


def _runs(document: Listed) -> Iterator[tuple[str, str, str]]:
    for number, stage in enumerate(document.current_stages, 1):
        prefix = "workflow" if number == 1 else f"workflow-{number}"
        yield f"{prefix}_{document.id}", document.id, stage


def filters() -> list[DocumentFilter]:
    """Return filters of every kind and combination."""
    return [
        DocumentFilter(realm_id, stage, status, words)
        for realm_id, stage, status, words in product(
            (None, "large", "rare"),
            (None, "chunker", "completed", "unknown"),
            (None, "pending", "completed", "failed"),
            (None, "rep", "zeppelin", "REPORT sum"),
        )
    ]
