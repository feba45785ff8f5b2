"""Copies with some fields changed are what `dataclasses.replace` makes."""

from __future__ import annotations

import dataclasses

import pytest

from domain.document_workflow import DocumentWorkflow, StageState
from domain.replacing import replaced
from domain.values import StageStatus


def test_a_copy_has_what_changed_and_all_the_rest() -> None:
    stage = StageState("chunker", attempt=3, lease_id="a")
    changed = dataclasses.replace(stage, status=StageStatus.FAILED, lease_id=None)
    assert replaced(stage, status=StageStatus.FAILED, lease_id=None) == changed
    assert stage.lease_id == "a"
    assert replaced(stage) == stage


def test_a_field_may_be_called_as_the_record_is_in_the_copier() -> None:
    state = DocumentWorkflow.unborn("a")
    assert replaced(state, id="record").id == "record"


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="StageState has no colour"):
        replaced(StageState("a"), colour="red")
