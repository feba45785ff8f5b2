"""An import is taken back, but for what somebody has touched since."""

from __future__ import annotations

from docledger.commands.import_documents import _undo
from domain import commands as c
from domain.values import Original
from integration.importing.importing import STAGES, Installation
from unit.projections.journeys import FIVE

IMPORTED = ["DocumentRegistered", "WorkflowStarted"]


def undo(installation: Installation) -> tuple[int, dict[str, str]]:
    """Take imports back; return how many documents, and why others are left."""
    report = _undo(installation.parts(), lambda _: None)
    return report.counts["undone"], dict(report.left)


def test_what_an_import_brought_is_taken_back_by_events(installation: Installation) -> None:
    installation.insert_many(1100)
    installation.import_all()

    assert undo(installation) == (1100, {})

    assert installation.topics("d-9") == [*IMPORTED, "ImportUndone"]
    assert installation.count("documents") == 1100
    for table in ("processing_workflows", "documents_processing_stages"):
        assert installation.count(table) == 0
    assert undo(installation) == (0, {})
    installation.assert_true()


def test_what_was_touched_is_left_and_named(installation: Installation) -> None:
    installation.insert("touched", "d")
    installation.import_all()
    installation.send(c.StartStage, "touched", stage_name=STAGES[0])
    assert undo(installation) == (1, {"touched": "StageStarted by ada"})
    assert installation.topics("touched") == [*IMPORTED, "StageStarted"]
    installation.assert_true()


def test_what_came_another_way_is_none_of_its_business(installation: Installation) -> None:
    installation.send(c.RegisterDocument, "ours", title="x", original=Original(), pipeline=FIVE)
    installation.insert("gone")
    installation.import_all()
    installation.send(c.DeleteDocument, "gone")
    assert undo(installation) == (0, {})


def test_after_it_they_can_be_imported_again(installation: Installation) -> None:
    installation.insert("d")
    installation.import_all()
    undo(installation)
    assert installation.import_all().documents == 1
    assert installation.topics("d") == [*IMPORTED, "ImportUndone", *IMPORTED]
    assert len(installation.stages_of("d")) == 5
    installation.assert_true()
    assert undo(installation) == (1, {})
