"""The rows and the aggregate are two folds of one stream: they must tell the same story."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.document_workflow import DocumentWorkflow
from domain.file_names import output_path
from domain.values import WorkflowStatus
from projections.fold import fold
from projections.rows import DocumentRows
from unit.projections.journeys import KINDS, Step, journey, steps

STEPS = st.lists(
    st.builds(
        Step,
        kind=st.integers(0, len(KINDS) - 1),
        stage=st.integers(0, 4),
        choice=st.integers(0, 11),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_rows_say_what_the_aggregate_says_after_every_event(tried: list[Step]) -> None:
    rows = DocumentRows.none("doc-1")
    for position, (state, event) in enumerate(journey("doc-1", tried), start=100):
        rows = fold(rows, position, event)
        assert_agrees(rows, state)
        assert rows.stream.position == position


def test_long_journeys_agree_and_reach_every_event() -> None:
    seen: Counter[str] = Counter()
    for seed in range(60):
        rows = DocumentRows.none("doc-1")
        for position, (state, event) in enumerate(journey("doc-1", steps(seed, 150)), start=1):
            rows = fold(rows, position, event)
            assert_agrees(rows, state)
            seen[type(event).__name__] += 1
    assert len(seen) == 17, f"only {sorted(seen)} were seen"


@settings(max_examples=50, deadline=None)
@given(STEPS, st.integers(0, 200))
def test_folding_in_pieces_gives_the_same_rows(tried: list[Step], cut: int) -> None:
    events = [event for _, event in journey("doc-1", tried)]
    whole = DocumentRows.none("doc-1")
    for position, event in enumerate(events, start=1):
        whole = fold(whole, position, event)
    pieces = DocumentRows.none("doc-1")
    for position, event in enumerate(events[:cut], start=1):
        pieces = fold(pieces, position, event)
    for position, event in enumerate(events[cut:], start=1 + len(events[:cut])):
        pieces = fold(pieces, position, event)
    assert pieces == whole


def assert_agrees(rows: DocumentRows, state: DocumentWorkflow) -> None:
    assert rows.complete
    assert rows.stream.version == state.version
    assert (rows.stream.original_mime_type is not None) == state.registered
    assert rows.stream.run == state.run
    if not state.run:
        assert (rows.workflow, rows.stages, rows.files) == (None, {}, {})
        return
    _assert_stages_agree(rows, state)
    _assert_files_agree(rows, state)
    _assert_workflow_agrees(rows, state)


def _assert_stages_agree(rows: DocumentRows, state: DocumentWorkflow) -> None:
    assert tuple(rows.stages) == tuple(state.stages)
    for name, stage in state.stages.items():
        row = rows.stages[name]
        assert (row.status, row.attempt, row.retry_count) == (
            stage.status,
            stage.attempt,
            stage.retry_count,
        )
        assert (row.completed_at is not None) == (row.status in ("completed", "failed"))
        assert (row.started_at is not None) == (
            row.status in ("in_progress", "completed", "failed")
        )


def _assert_files_agree(rows: DocumentRows, state: DocumentWorkflow) -> None:
    current = {(n, t): f for n, s in state.stages.items() for t, f in s.files.items()}
    staged = {(n, t): f for n, s in state.stages.items() for t, f in s.staged.items()}
    assert {key: file.checksum for key, file in rows.files.items()} == {
        key: file.checksum for key, file in current.items()
    }
    assert {key: file.file_path for key, file in rows.files.items()} == {
        key: output_path(state.id, key[0], file.name) for key, file in current.items()
    }
    assert {
        key: (file.file.checksum, file.file_version) for key, file in rows.stream.staged.items()
    } == {key: (file.checksum, file.version) for key, file in staged.items()}
    assert {key: rows.stream.file_versions[key] for key in current} == {
        key: file.version for key, file in current.items()
    }


def _assert_workflow_agrees(rows: DocumentRows, state: DocumentWorkflow) -> None:
    assert rows.workflow is not None
    left = [name for name, stage in state.stages.items() if not stage.status.settled]
    assert rows.workflow.status == state.workflow_status
    assert rows.workflow.workflow_type == state.workflow_type
    assert rows.workflow.total_stages == len(state.stages)
    assert rows.workflow.completed_stages == len(state.stages) - len(left)
    assert rows.workflow.current_stage == (left[0] if left else "completed")
    completed = state.workflow_status is WorkflowStatus.COMPLETED
    assert (rows.workflow.completed_at is not None) == completed
