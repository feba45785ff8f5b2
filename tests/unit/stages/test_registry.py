"""Executors are found by their entry points; a broken one harms no other."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from stages import registry
from stages.errors import ExecutorMissing
from stages.executor import StageOutcome, StageTask
from stages.registry import discover, load
from stages.search_store import Ranked, SearchPage, Stored, Understood


class NoStore:
    """A search store that keeps nothing."""

    target = "nowhere"

    def replace(self, *_: object) -> Stored:
        """Keep nothing."""
        return Stored(0, 0)

    def search(self, words: str, **_: object) -> SearchPage:
        """Find nothing."""
        return SearchPage((), None, Understood(), Ranked(0))


class Sixth:
    """An executor of another package."""

    stage_name = "sixth"

    def run(self, task: StageTask) -> StageOutcome:
        """Do nothing."""
        return StageOutcome(())


def with_points(monkeypatch: pytest.MonkeyPatch, **targets: str) -> None:
    points = [EntryPoint(name, value, registry.GROUP) for name, value in targets.items()]
    monkeypatch.setattr(
        registry,
        "entry_points",
        lambda *, group, name=None: [p for p in points if name in (None, p.name)],
    )


def test_all_five_stages_are_installed() -> None:
    found = discover(search_store=NoStore())
    assert set(found) == {
        "markdown-conversion",
        "markdown-optimizer",
        "chunker",
        "fact-generator",
        "ingestor",
    }
    assert found.broken == ()
    assert {name for name, each in found.items() if each.in_process} == {"ingestor"}
    assert {each.file_type: each.suffix for each in found.values()} == {
        "markdown": ".md",
        "optimized_markdown": ".opt.md",
        "chunks_json": ".chunks.json",
        "facts_json": ".facts.json",
        "ingestion_json": ".ingestion.json",
    }


def test_broken_ones_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with_points(
        monkeypatch,
        sixth="unit.stages.test_registry:Sixth",
        absent="no_such_package:Executor",
        misnamed="unit.stages.test_registry:Sixth",
        ingestor="stages.ingestor:Ingestor",
    )
    found = discover()
    assert set(found) == {"sixth"}
    assert {each.stage_name for each in found.broken} == {"absent", "misnamed", "ingestor"}
    with pytest.raises(ExecutorMissing, match="no_such_package"):
        found.of("absent")
    with pytest.raises(ExecutorMissing, match="'sixth'"):
        found.of("misnamed")
    with pytest.raises(ExecutorMissing, match="search_store"):
        found.of("ingestor")
    with pytest.raises(ExecutorMissing, match="install a package"):
        found.of("seventh")
    assert found.of("sixth").stage_name == "sixth"


def test_one_is_loaded_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with_points(
        monkeypatch, sixth="unit.stages.test_registry:Sixth", absent="no_such_package:Executor"
    )
    assert load("sixth").stage_name == "sixth"
    with pytest.raises(ExecutorMissing, match="no_such_package"):
        load("absent")
    with pytest.raises(ExecutorMissing, match="seventh"):
        load("seventh")
