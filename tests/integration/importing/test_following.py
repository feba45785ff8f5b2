"""What another application does to `documents` afterwards comes into the log within seconds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest

from conftest import SERVERS
from domain import commands as c
from domain import events as e
from domain.errors import DocumentNotFound
from domain.pipeline import StageDependency, check_configured
from domain.values import Original
from eventstore.bulk_append import prepare_bulk_appends
from importing.follower import LegacyChanges
from integration.importing.importing import STAGES, Installation
from integration.projections.projecting import eventually
from unit.projections.journeys import FIVE
from workers.connections import connect

IMPORTED = ["DocumentRegistered", "WorkflowStarted"]
both_servers = pytest.mark.parametrize("database", SERVERS, indirect=True)


def follower(installation: Installation) -> LegacyChanges:
    """Return what follows the other application."""
    return LegacyChanges(
        partial(connect, installation.dsn, "test"),
        installation.application,
        lambda: FIVE,
        poll_seconds=0.05,
    )


def follow(installation: Installation) -> int:
    """Bring into the log what was noted, then into the tables; return how many notes that were."""
    with connect(installation.dsn, "test") as connection:
        prepare_bulk_appends(connection)
        done = follower(installation).follow(connection)
    installation.catch_up()
    return done


def notes(installation: Installation) -> list[tuple[str, str]]:
    """Return what is noted and not in the log yet."""
    return [
        (row[0], row[1])
        for row in installation.query(
            "SELECT document_id, change FROM docledger_document_changes ORDER BY number"
        )
    ]


@contextmanager
def following(installation: Installation) -> Iterator[None]:
    """Follow until the block ends."""
    role = follower(installation)
    thread = threading.Thread(target=role.run)
    thread.start()
    try:
        yield
    finally:
        role.stop()
        thread.join(20)
        assert not thread.is_alive()


def test_with_a_bad_row_of_the_stages_only_registrations_wait(installation: Installation) -> None:
    def invalid() -> tuple[StageDependency, ...]:
        return check_configured([("x", "nowhere", True, 1)]).dependencies

    installation.insert("old")
    assert follow(installation) == 1
    installation.query("DELETE FROM documents WHERE id = 'old'")
    installation.insert("new")
    role = LegacyChanges(
        partial(connect, installation.dsn, "test"), installation.application, invalid
    )
    with connect(installation.dsn, "test") as connection:
        prepare_bulk_appends(connection)
        assert role.follow(connection) == 1
    assert installation.topics("old")[-1] == "DocumentDeleted"
    assert notes(installation) == [("new", "inserted")]
    assert follow(installation) == 1
    assert installation.topics("new") == IMPORTED


@both_servers
def test_an_inserted_document_gets_its_workflow(installation: Installation) -> None:
    installation.insert("d", realm_id="r")
    assert follow(installation) == 1
    assert installation.topics("d") == IMPORTED
    assert installation.stages_of("d") == [(f"d_{s}", s, "pending") for s in STAGES]
    assert notes(installation) == []
    installation.assert_true()


@both_servers
def test_a_deleted_document_loses_its_rows_and_keeps_its_history(
    installation: Installation,
) -> None:
    installation.insert("d")
    follow(installation)
    installation.query("DELETE FROM documents WHERE id = 'd'")
    assert follow(installation) == 1
    assert installation.topics("d") == [*IMPORTED, "DocumentDeleted"]
    assert installation.events("d")[-1].actor == "another application"
    assert installation.count("documents_processing_stages") == 0
    with pytest.raises(DocumentNotFound):
        installation.send(c.PauseWorkflow, "d")
    installation.assert_true()


def test_deleted_and_inserted_in_one_transaction_is_a_document_anew(
    installation: Installation,
) -> None:
    installation.insert("d")
    follow(installation)
    installation.send(c.StartStage, "d", stage_name=STAGES[0])
    with psycopg.connect(installation.dsn) as legacy:
        legacy.execute("DELETE FROM documents WHERE id = 'd'")
        legacy.execute("INSERT INTO documents (id, title) VALUES ('d', 'Again')")
    follow(installation)
    assert installation.topics("d") == [*IMPORTED, "StageStarted", "DocumentDeleted", *IMPORTED]
    registered = installation.events("d")[-2]
    assert isinstance(registered, e.DocumentRegistered)
    assert registered.personal == e.RegisteredPersonal(title="Again")
    assert {status for *_, status in installation.stages_of("d")} == {"pending"}
    installation.assert_true()


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_so_it_is_however_the_notes_are_divided(installation: Installation, batch: int) -> None:
    installation.insert("a", "d")
    follow(installation)
    with psycopg.connect(installation.dsn) as legacy:
        legacy.execute("DELETE FROM documents")
        legacy.execute("INSERT INTO documents (id) VALUES ('d'), ('a')")
    role = LegacyChanges(
        partial(connect, installation.dsn, "test"),
        installation.application,
        lambda: FIVE,
        batch_changes=batch,
    )
    with connect(installation.dsn, "test") as connection:
        prepare_bulk_appends(connection)
        while role.follow(connection):
            pass
    installation.catch_up()
    for document_id in ("a", "d"):
        assert installation.topics(document_id) == [*IMPORTED, "DocumentDeleted", *IMPORTED]
    installation.assert_true()


def test_inserted_and_deleted_before_anybody_looked_leaves_nothing(
    installation: Installation,
) -> None:
    installation.insert("d")
    installation.query("DELETE FROM documents")
    assert follow(installation) == 2
    assert installation.topics("d") == []


def test_truncate_deletes_every_document_of_the_log(installation: Installation) -> None:
    installation.insert("a", "b")
    follow(installation)
    with psycopg.connect(installation.dsn) as legacy:
        legacy.execute("INSERT INTO documents (id) VALUES ('never seen')")
        legacy.execute("TRUNCATE documents CASCADE")
        legacy.execute("INSERT INTO documents (id) VALUES ('b')")
    follow(installation)
    assert installation.topics("a") == [*IMPORTED, "DocumentDeleted"]
    assert installation.topics("b") == [*IMPORTED, "DocumentDeleted", *IMPORTED]
    assert installation.topics("never seen") == []
    installation.assert_true()


def test_a_changed_title_or_realm_is_told_and_nothing_else(installation: Installation) -> None:
    installation.insert("d", content="x")
    follow(installation)
    installation.query("UPDATE documents SET content = 'y', updated_at = now()")
    assert notes(installation) == []
    installation.query("UPDATE documents SET title = 'New', realm_id = 'other'")
    assert notes(installation) == [("d", "changed")]
    follow(installation)
    changed = installation.events("d")[-1]
    assert isinstance(changed, e.DocumentChanged)
    assert changed.realm_id == "other"
    assert changed.personal == e.RegisteredPersonal(title="New")
    assert installation.commit.load("d").state.realm_id == "other"
    installation.assert_true()


def test_a_changed_id_is_a_deletion_and_an_insertion(installation: Installation) -> None:
    installation.insert("old")
    follow(installation)
    installation.query("DELETE FROM documents_processing_stages")
    installation.query("DELETE FROM processing_workflows")
    installation.query("UPDATE documents SET id = 'new'")
    follow(installation)
    assert installation.topics("old") == [*IMPORTED, "DocumentDeleted"]
    assert installation.topics("new") == IMPORTED


def test_what_docledger_does_itself_is_not_noted(installation: Installation) -> None:
    installation.send(c.RegisterDocument, "d", title="Ours", original=Original(), pipeline=FIVE)
    installation.send(c.DeleteDocument, "d")
    assert notes(installation) == []


def test_an_old_note_of_a_deletion_does_not_take_the_document_that_came_after_it(
    installation: Installation,
) -> None:
    installation.insert("d")
    follow(installation)
    installation.query("DELETE FROM documents")
    installation.send(c.DeleteDocument, "d")
    installation.send(c.RegisterDocument, "d", title="Ours", original=Original(), pipeline=FIVE)
    assert follow(installation) == 1
    assert installation.topics("d") == [*IMPORTED, "DocumentDeleted", *IMPORTED]
    installation.assert_true()


def test_documents_that_were_there_before_wait_for_the_import(
    installation: Installation,
) -> None:
    with psycopg.connect(installation.dsn) as before:
        before.execute("ALTER TABLE documents DISABLE TRIGGER USER")
        before.execute("INSERT INTO documents (id) VALUES ('old')")
        before.execute("ALTER TABLE documents ENABLE TRIGGER USER")
    installation.query("UPDATE documents SET title = 'x'")
    follow(installation)
    assert installation.topics("old") == []
    installation.import_all()
    assert installation.topics("old") == IMPORTED


def test_one_whose_row_is_locked_is_looked_at_again(installation: Installation) -> None:
    installation.insert("a", "locked")
    with psycopg.connect(installation.dsn) as legacy:
        legacy.execute("SELECT * FROM documents WHERE id = 'locked' FOR UPDATE")
        assert follow(installation) == 1
        assert notes(installation) == [("locked", "inserted")]
    assert follow(installation) == 1
    assert installation.topics("locked") == IMPORTED


def test_a_rolled_back_statement_leaves_no_note(installation: Installation) -> None:
    with psycopg.connect(installation.dsn) as legacy:
        legacy.execute("INSERT INTO documents (id) VALUES ('d')")
        legacy.rollback()
    assert notes(installation) == []


def test_an_application_without_rights_on_anything_of_ours_works_on(
    installation: Installation,
) -> None:
    installation.query("CREATE ROLE legacy_application")
    installation.query("GRANT ALL ON documents TO legacy_application")
    try:
        with psycopg.connect(installation.dsn) as legacy:
            legacy.execute("SET ROLE legacy_application")
            legacy.execute("INSERT INTO documents (id, title) VALUES ('d', 'x')")
            legacy.execute("UPDATE documents SET title = 'y'")
            legacy.execute("DELETE FROM documents")
        assert [change for _, change in notes(installation)] == ["inserted", "changed", "deleted"]
    finally:
        installation.query("REVOKE ALL ON documents FROM legacy_application")
        installation.query("DROP ROLE legacy_application")


def test_two_followers_and_many_changes_end_well(installation: Installation) -> None:
    with following(installation), following(installation):
        for number in range(60):
            with psycopg.connect(installation.dsn) as legacy:
                legacy.execute(
                    "INSERT INTO documents (id) VALUES (%s) ON CONFLICT DO NOTHING",
                    (f"d-{number % 7}",),
                )
                if number % 3 == 0:
                    legacy.execute("DELETE FROM documents WHERE id = %s", (f"d-{number % 5}",))
                if number % 4 == 0:
                    legacy.execute(
                        "INSERT INTO documents (id) VALUES (%s) ON CONFLICT DO NOTHING",
                        (f"d-{number % 5}",),
                    )
        eventually(lambda: notes(installation) == [], seconds=20)
    installation.catch_up()
    present = {row[0] for row in installation.query("SELECT id FROM documents")}
    known = {recorded.event.document_id for recorded in installation.history.after(0, 100_000)}
    registered = {i for i in known if installation.topics(i)[-1] != "DocumentDeleted"}
    assert registered == present
    assert installation.count("processing_workflows") == len(present)
    installation.assert_true()


def test_a_document_that_others_replaced_has_a_key_of_its_own(installation: Installation) -> None:
    installation.insert("d", title="One")
    follow(installation)
    installation.query("DELETE FROM documents WHERE id = 'd'")
    installation.insert("d", title="Two")
    follow(installation)
    keys = installation.query("SELECT life, key_id FROM document_keys ORDER BY life")
    assert [life for life, _ in keys] == [1, 2]
    assert len({key_id for _, key_id in keys}) == 2
    installation.query("UPDATE documents SET title = 'Renamed' WHERE id = 'd'")
    follow(installation)
    assert len(installation.query("SELECT FROM document_keys")) == 2
    installation.assert_true()
