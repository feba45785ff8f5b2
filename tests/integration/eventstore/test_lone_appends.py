"""The short way of the append function: it stores and refuses what the long one does."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.types.json import Jsonb

from integration.eventstore.writing import Log

EARLY, LATE = "2026-01-01T00:00:00.000000Z", "2026-11-24T01:54:33.000000Z"
CALL = """
    SELECT event_position IS NULL, event_at, refusal FROM {}(
        %s::text[], %s::bigint[], %s::text[], %s::bytea[], %s::jsonb, '{{}}', %s::text[],
        %s::int[], %s::text[], %s::bytea[], %s)
"""
STORED = """
    SELECT originator_id, originator_version, topic, state FROM docledger_events
    ORDER BY notification_id
"""
KEPT = "SELECT document_id, life, key_id, key, created_at FROM document_keys ORDER BY 1, 2"
DOCUMENTS = "SELECT id, title, content, realm_id, created_at, updated_at FROM documents ORDER BY id"
NOTED = "SELECT document_id, change FROM docledger_document_changes"
KEY = b"k" * 32


class Case(NamedTuple):
    """Documents, versions and times of events; keys; the documents that are registered."""

    document_ids: list[str]
    versions: list[int]
    times: list[str]
    sealing: list[tuple[str, bytes | None]]
    registered_ids: tuple[str, ...] = ()
    life: int = 1


NEW_KEY: list[tuple[str, bytes | None]] = [("key", KEY)]
APPENDS: dict[str, tuple[Any, ...]] = {
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
    "the key of another": (["e"], [1], [LATE], [("key", None)]),
    "the key of a former life": (["d"], [2], [LATE], [("key", None)], (), 2),
}
REGISTRATIONS: dict[str, tuple[Any, ...]] = {
    "one": (["new"], [1], [LATE], NEW_KEY, ("new",)),
    "with its workflow": (["new"] * 2, [1, 2], [LATE, EARLY], NEW_KEY, ("new",)),
    "of an earlier time": (["new"] * 2, [1, 2], [EARLY, LATE], NEW_KEY, ("new",)),
    "without anything sealed": (["new"], [1], [LATE], [], ("new",)),
    "of a document that is there": (["legacy"], [1], [LATE], NEW_KEY, ("legacy",)),
    "of one that has events": (["d"], [1], [LATE], [("other", KEY)], ("d",)),
    "of one that had events": (["d"], [2], [LATE], [("other", KEY)], ("d",)),
    "of one whose key stayed": (["d"], [2], [LATE], [("key", None)], ("d",)),
    "of one that begins a life": (["d"], [2], [LATE], [("other", KEY)], ("d",), 2),
    "with a gap": (["new"] * 2, [1, 3], [LATE] * 2, NEW_KEY, ("new",)),
    "with a key that is gone": (["new"], [1], [LATE], [("gone", None)], ("new",)),
    "of two": (["new", "other"], [1, 1], [LATE] * 2, [], ("new", "other")),
    "of another than the events'": (["new"], [1], [LATE], NEW_KEY, ("other",)),
}
CASES = {
    **{name: Case(*case) for name, case in APPENDS.items()},
    **{f"a registration {name}": Case(*case) for name, case in REGISTRATIONS.items()},
}


def _outcome(log: Log, function: str, case: str, *, whole: bool) -> Any:
    """Return what the call answers and what is in the log after it, then undo it."""
    ids, versions, times, sealing, registered_ids, life = CASES[case]
    rows = [
        {"id": i, "title": f"Of {i}", "content": "Text", "realm_id": None, "event_number": n}
        for n, i in enumerate(registered_ids, start=1)
    ]
    states = [f'{{"at":"{at}","n":{number}}}'.encode() for number, at in enumerate(times)]
    keys = [key for _, key in sealing]
    with psycopg.connect(log.dsn) as connection:
        try:
            if function == "docledger_append_documents":
                # which leaves this to its caller
                connection.execute("SELECT set_config('docledger.own_change', 'yes', true)")
            answer = connection.execute(
                CALL.format(function).encode(),
                (
                    *(ids, versions, ["T"] * len(ids), states, Jsonb(rows) if rows else None),
                    *([ids[0]] * len(sealing), [life] * len(sealing)),
                    *([key_id for key_id, _ in sealing], keys, whole),
                ),
            ).fetchall()
            tables = (STORED, KEPT, DOCUMENTS, NOTED)
            return answer, [connection.execute(table.encode()).fetchall() for table in tables]
        except psycopg.errors.UniqueViolation as error:
            return error.diag.message_primary
        finally:
            connection.rollback()


@pytest.mark.parametrize("whole", [False, True])
def test_the_short_way_comes_to_what_the_long_way_comes_to(log: Log, *, whole: bool) -> None:
    with psycopg.connect(log.dsn) as connection:
        connection.execute(
            "SELECT FROM docledger_append('{d}', '{1}', '{T}', ARRAY[%s::bytea], NULL, '{}',"
            " '{d}', '{1}', '{key}', ARRAY[%s::bytea], true)",
            (f'{{"at":"{EARLY[:5]}06{EARLY[7:]}"}}'.encode(), KEY),
        )
        connection.execute("INSERT INTO documents (id) VALUES ('legacy')")
    for case in CASES:
        short = _outcome(log, "docledger_append", case, whole=whole)
        assert short == _outcome(log, "docledger_append_documents", case, whole=whole), case
