"""The short way of the append function: it stores and refuses what the long one does."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from integration.eventstore.writing import Log

EARLY, LATE = "2026-01-01T00:00:00.000000Z", "2026-11-24T01:54:33.000000Z"
CALL = """
    SELECT event_position IS NULL, event_at, refusal FROM {}(
        %s::text[], %s::bigint[], %s::text[], %s::bytea[], NULL, '{{}}', %s::text[], %s::text[],
        %s::bytea[], %s)
"""
STORED = """
    SELECT originator_id, originator_version, topic, state FROM docledger_events
    ORDER BY notification_id
"""
KEY = b"k" * 32

CASES: dict[str, tuple[list[str], list[int], list[str], list[tuple[str, bytes | None]]]] = {
    "the first of a stream": (["new"], [1], [LATE], []),
    "the next": (["d"], [2], [LATE], []),
    "three in a row": (["d"] * 3, [2, 3, 4], [LATE, EARLY, LATE], []),
    "of an earlier time": (["d"], [2], [EARLY], []),
    "a version that is there": (["d"], [1], [LATE], []),
    "a version too far": (["d"], [3], [LATE], []),
    "a gap": (["d"] * 2, [2, 4], [LATE] * 2, []),
    "a version twice": (["d"] * 2, [2, 2], [LATE] * 2, []),
    "two documents": (["d", "e"], [2, 1], [LATE, EARLY], []),
    "the key that is there": (["d"], [2], [LATE], [("key", None)]),
    "a key that is gone": (["d"], [2], [LATE], [("gone", None)]),
    "a new key": (["new"], [1], [LATE], [("key", KEY)]),
    "a new key where one is": (["d"], [2], [LATE], [("other", KEY)]),
}


def _outcome(log: Log, function: str, case: str, *, whole: bool) -> Any:
    """Return what the call answers and what is in the log after it, then undo it."""
    ids, versions, times, sealing = CASES[case]
    states = [f'{{"at":"{at}","n":{number}}}'.encode() for number, at in enumerate(times)]
    keys = [key for _, key in sealing]
    with psycopg.connect(log.dsn) as connection:
        try:
            answer = connection.execute(
                CALL.format(function).encode(),
                (
                    *(ids, versions, ["T"] * len(ids), states),
                    *([ids[0]] * len(sealing), [key_id for key_id, _ in sealing], keys, whole),
                ),
            ).fetchall()
            stored = connection.execute(STORED).fetchall()
            kept = connection.execute("SELECT document_id, key_id FROM document_keys").fetchall()
            return answer, stored, sorted(kept)
        except psycopg.errors.UniqueViolation as error:
            return error.diag.message_primary
        finally:
            connection.rollback()


@pytest.mark.parametrize("whole", [False, True])
def test_the_short_way_comes_to_what_the_long_way_comes_to(log: Log, *, whole: bool) -> None:
    with psycopg.connect(log.dsn) as connection:
        connection.execute(
            "SELECT FROM docledger_append('{d}', '{1}', '{T}', ARRAY[%s::bytea], NULL, '{}',"
            " '{d}', '{key}', ARRAY[%s::bytea], true)",
            (f'{{"at":"{EARLY[:5]}06{EARLY[7:]}"}}'.encode(), KEY),
        )
    for case in CASES:
        short = _outcome(log, "docledger_append", case, whole=whole)
        assert short == _outcome(log, "docledger_append_documents", case, whole=whole), case
