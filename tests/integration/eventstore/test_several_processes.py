"""Processes that write the same documents: versions without gaps, and every answer true."""

from __future__ import annotations

from collections import Counter

import pytest

from conftest import SERVERS
from integration.eventstore.writers import Answer, in_processes, race
from integration.eventstore.writing import REGISTERED, Log, readable

COMMANDS = 250


@pytest.mark.parametrize("database", SERVERS, indirect=True)
def test_two_processes_racing_on_the_same_documents(log: Log, database: str) -> None:
    ids = ["a", "b", "c"]
    log.registered(*ids)

    sides = in_processes(race, [(database, ids, seed * COMMANDS, COMMANDS) for seed in range(2)])

    answers: list[Answer] = [answer for side in sides for answer in side]
    assert len(answers) == 2 * COMMANDS
    check_answers(log, ids, answers)
    for side in sides:
        assert set(ids) == {answer.document_id for answer in side if answer.versions}


def check_answers(log: Log, ids: list[str], answers: list[Answer]) -> None:
    """Check that the log holds exactly what was answered."""
    streams = log.history.streams(ids)
    stored = {
        (recorded.event.version, recorded.position, readable(recorded).command_id)
        for stream in streams.values()
        for recorded in stream[REGISTERED:]
    }
    answered = [
        (version, position, answer.command_id)
        for answer in answers
        for version, position in zip(answer.versions, answer.positions, strict=True)
    ]
    assert Counter(answered) == Counter(stored)
    for stream in streams.values():
        assert [r.event.version for r in stream] == list(range(1, len(stream) + 1))
    for answer in answers:
        if answer.expected_version is not None and answer.versions:
            assert answer.versions[0] == answer.expected_version + 1
    errors = {answer.error for answer in answers if answer.error is not None}
    assert errors == {"VersionMismatch", "IllegalTransition"}
    started = [a for a in answers if a.error == "IllegalTransition"]
    assert len(started) > len(ids)
