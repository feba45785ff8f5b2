"""A command is begun once, and never after it was answered or cancelled."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, datetime

import pytest

from domain.commands import Context, DeleteDocument
from domain.errors import LogUnavailable
from eventstore.append_round import Waiting


@pytest.fixture
def waiting() -> Waiting:
    context = Context(at=datetime(2026, 1, 1, tzinfo=UTC), actor="api", command_id="c")
    return Waiting(DeleteDocument(document_id="d", context=context), None, Future(), 1.0)


def test_a_command_that_is_put_back_begins_again(waiting: Waiting) -> None:
    assert waiting.begin()
    assert waiting.begin()
    assert not waiting.future.cancel()


def test_a_cancelled_command_does_not_begin(waiting: Waiting) -> None:
    waiting.future.cancel()
    assert not waiting.begin()


def test_one_answered_at_its_deadline_does_not_begin(waiting: Waiting) -> None:
    waiting.fail(LogUnavailable())
    assert not waiting.begin()


def test_an_answer_between_the_look_and_the_beginning_harms_nothing(waiting: Waiting) -> None:
    waiting.fail(LogUnavailable())
    waiting.is_answered = False  # as it was when another thread looked
    assert not waiting.begin()
