"""Databases in which ids have several lives come through migration 0012 with every key in place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psycopg

from docledger.bootstrap import Docledger
from docledger.commands.verify import ledger_parts
from docledger.settings import Settings
from domain import commands as c
from domain.decisions.decide import decided
from domain.document_workflow import DocumentWorkflow
from domain.events import DocumentRegistered, Event
from domain.values import Original
from eventstore.document_keys import DocumentKey, DocumentKeys, SealingKey
from eventstore.mapper import EventMapper
from files.tree_projector import TreeProjector
from integration.rebuild.rebuilding import assert_nothing_differs
from integration.verify.ledger import Silent
from migrations.schema import dump_schema
from postgres.migrate import Migrator
from unit.projections.journeys import FIVE
from verification.ledger import Verification

BEFORE = 11
AT = datetime(2026, 11, 24, 1, 54, 33, tzinfo=UTC)
KEYS = {name: DocumentKey.generate() for name in ("once", "twice", "lost", "later")}
KEY_OF_LIFE = {
    ("once", 1): "once",
    ("twice", 1): "twice",
    ("twice", 2): "twice",
    ("erased", 1): "lost",
    ("erased", 2): "later",
}
"""Under which key each life of the old database is sealed; the one called lost is not there."""


class _Given:
    """The keys of the old database, for sealing."""

    def for_sealing(self, document_id: str, life: int, *, begins: bool) -> SealingKey:
        return SealingKey(KEYS[KEY_OF_LIFE[document_id, life]], begins, life)


def context(seconds: int) -> c.Context:
    return c.Context(at=AT + timedelta(seconds=seconds), actor="ada", command_id=f"c{seconds}")


def register(document_id: str, life: int, seconds: int) -> c.RegisterDocument:
    return c.RegisterDocument(
        document_id=document_id,
        context=context(seconds),
        title=f"{document_id} in life {life}",
        realm_id=f"realm-{life}",
        original=Original(file_name=f"life-{life}.md", mime_type="text/markdown"),
        pipeline=FIVE,
    )


def lived(document_id: str, lives: int) -> list[Event]:
    """Return the events of a document that was registered so many times."""
    state = DocumentWorkflow.unborn(document_id)
    events: list[Event] = []
    for life in range(1, lives + 1):
        commands: Sequence[c.Command] = (register(document_id, life, life),)
        if life < lives:
            commands = (*commands, c.DeleteDocument(document_id=document_id, context=context(life)))
        for command in commands:
            made = decided(state, command)
            events += made.events
            state = made.state
    return events


def fill(url: str) -> None:
    """Write what docledger would have written before the migration."""
    mapper = EventMapper(cast("DocumentKeys", _Given()))
    streams = (("once", 1), ("twice", 2), ("erased", 2))
    events = [event for document_id, lives in streams for event in lived(document_id, lives)]
    events.sort(key=lambda event: event.at)
    number_of: dict[str, int] = {}
    with psycopg.connect(url) as connection:
        for event in events:
            begun = number_of.get(event.document_id, 0) + isinstance(event, DocumentRegistered)
            number_of[event.document_id] = begun
            stored = mapper.stored_event(event, begun)
            connection.execute(
                "INSERT INTO docledger_events (originator_id, originator_version, topic, state) "
                "VALUES (%s, %s, %s, %s)",
                (event.document_id, event.version, stored.topic, stored.state),
            )
        for document_id, key in (("once", "once"), ("twice", "twice"), ("erased", "later")):
            connection.execute("INSERT INTO documents (id) VALUES (%s)", (document_id,))
            connection.execute(
                "INSERT INTO document_keys (document_id, key_id, key, created_at) "
                "VALUES (%s, %s, %s, %s)",
                (document_id, KEYS[key].key_id, KEYS[key].key, AT),
            )


def rows(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def keys_by_life(url: str) -> dict[tuple[str, int], str]:
    found = rows(url, "SELECT document_id, life, key_id FROM document_keys")
    names = {key.key_id: name for name, key in KEYS.items()}
    return {(document_id, life): names.get(key_id, "new") for document_id, life, key_id in found}


def titles(docledger: Docledger, document_id: str) -> list[str | None]:
    """Return the title of each life, None for one that is erased."""
    events = [recorded.event for recorded in docledger.history.of_document(document_id)]
    registered = [event for event in events if isinstance(event, DocumentRegistered)]
    return [event.personal.title if event.personal else None for event in registered]


def ledger(url: str, home: Path) -> Docledger:
    return Docledger(Settings(home=home, database_url=url, pool_connections=4))


def test_lives_that_shared_a_key_go_on_sharing_it(empty_database: str, tmp_path: Path) -> None:
    url = empty_database
    Migrator(url).up(to=BEFORE)
    schema = dump_schema(url)
    fill(url)
    before = rows(url, "SELECT * FROM document_keys ORDER BY 1")

    Migrator(url).up()

    assert keys_by_life(url) == {
        ("once", 1): "once",
        ("twice", 1): "twice",
        ("twice", 2): "twice",
        ("erased", 2): "later",
    }
    with ledger(url, tmp_path) as docledger:
        assert titles(docledger, "twice") == ["twice in life 1", "twice in life 2"]
        assert titles(docledger, "erased") == [None, "erased in life 2"]
        assert_clean(docledger)

    Migrator(url).down(to=BEFORE)
    assert dump_schema(url) == schema
    assert rows(url, "SELECT * FROM document_keys ORDER BY 1") == before


def test_a_life_that_begins_afterwards_has_a_key_of_its_own(
    empty_database: str, tmp_path: Path
) -> None:
    url = empty_database
    Migrator(url).up(to=BEFORE)
    fill(url)
    Migrator(url).up()
    with ledger(url, tmp_path) as docledger:
        send = docledger.commands.execute
        send(c.DeleteDocument(document_id="twice", context=context(10)))
        send(register("twice", 3, 11))
        by_life = keys_by_life(url)
        assert (by_life["twice", 2], by_life["twice", 3]) == ("twice", "new")

    # On the way down and up again no life loses its key.
    Migrator(url).down(to=BEFORE)
    assert len(rows(url, "SELECT FROM document_keys WHERE document_id = 'twice'")) == 1
    Migrator(url).up()
    assert keys_by_life(url) == by_life

    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM document_keys WHERE document_id = 'twice' AND life < 3")
    with ledger(url, tmp_path) as docledger:
        assert titles(docledger, "twice") == [None, None, "twice in life 3"]
        assert_clean(docledger)


def assert_clean(docledger: Docledger) -> None:
    """Check the ledger against itself, and what a rebuild would make against what there is."""
    docledger.projector().run_until(docledger.history.last_position())
    tree = TreeProjector(docledger.connecting("tree"), docledger.storage.tree)
    while (step := tree.step()) is None or step.has_more:
        pass
    tree.close()
    with Verification(ledger_parts(docledger), Silent()) as verification:
        assert verification.check().differences == []
    assert_nothing_differs(docledger.database_url, docledger.history)
