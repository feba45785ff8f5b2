"""Documents of another application get their workflow, as events, in bulk."""

from __future__ import annotations

import threading

import psycopg
import pytest

from conftest import SERVERS
from domain import commands as c
from domain import events as e
from domain.values import Original, WorkflowType
from eventstore.mapper import EventMapper
from importing.pipeline import ACTOR, DocumentImport
from importing.registrations import IMPORT_PREFIX, Registrations, rows_after
from integration.importing.importing import STAGES, Installation, installed
from unit.projections.journeys import FIVE

FIRST = STAGES[0]
both_servers = pytest.mark.parametrize("database", SERVERS, indirect=True)


@both_servers
def test_every_document_gets_a_manual_workflow_and_five_pending_stages(
    installation: Installation,
) -> None:
    installation.insert_many(2500)

    result = installation.import_all()

    assert (result.documents, result.events, result.looked_at) == (2500, 5000, 2500)
    assert installation.stages_of("d-77") == [(f"d-77_{s}", s, "pending") for s in STAGES]
    assert installation.query(
        "SELECT id, workflow_type, current_stage, total_stages, completed_stages, status "
        "FROM processing_workflows WHERE document_id = 'd-77'"
    ) == [("workflow_d-77", "manual", FIRST, 5, 0, "running")]
    assert installation.count("documents_processing_stages") == 12_500
    installation.assert_true()


def test_its_events_are_those_of_a_registration_marked_as_imported(
    installation: Installation,
) -> None:
    installation.insert("d", title='A "quoted" \\ title', realm_id="r")
    result = installation.import_all()

    registered, started = installation.events("d")

    assert isinstance(registered, e.DocumentRegistered)
    assert isinstance(started, e.WorkflowStarted)
    assert registered.personal == e.RegisteredPersonal(title='A "quoted" \\ title')
    assert registered.realm_id == "r"
    assert started.workflow_type is WorkflowType.MANUAL
    assert {event.actor for event in (registered, started)} == {ACTOR}
    assert result.import_id.startswith(IMPORT_PREFIX)
    assert {event.causation_id for event in (registered, started)} == {result.import_id}


def test_what_is_stored_in_bulk_is_what_the_mapper_stores(installation: Installation) -> None:
    """All but the seal, of which no two are alike."""
    installation.insert("plain", realm_id=None)
    installation.insert("realm", realm_id='r"1')
    installation.import_all()
    mapper: EventMapper = installation.application.event_mapper
    for document_id in ("plain", "realm"):
        for event in installation.events(document_id):
            [(state,)] = installation.query(
                "SELECT state FROM docledger_events WHERE originator_id = %s "
                "AND originator_version = %s",
                document_id,
                event.version,
            )
            written = mapper.to_stored_event(event).state
            assert bytes(state).partition(b'"sealed"')[0] == written.partition(b'"sealed"')[0]


@pytest.mark.parametrize(
    "document_id",
    [
        "with space",
        "tab\there",
        "line\nbreak\r",
        "back\\slash\\N",
        'quo"te',
        "../../etc/passwd",
        "\x01",
        "ключ/日本",
        "%s",
        "x" * 255,
        "é" * 255,
    ],
)
def test_any_id_that_the_table_holds_comes_in(installation: Installation, document_id: str) -> None:
    installation.insert("a", document_id, title="Größe\n\t\\ ☃ \x02")
    assert installation.import_all().documents == 2
    assert installation.topics(document_id) == ["DocumentRegistered", "WorkflowStarted"]
    assert [row[0] for row in installation.stages_of(document_id)] == [
        f"{document_id}_{stage}" for stage in STAGES
    ]
    installation.assert_true()


def test_a_document_without_title_or_time_comes_in(installation: Installation) -> None:
    installation.insert("d", title=None, created_at=None, realm_id=None)
    installation.import_all()
    [registered, _] = installation.events("d")
    assert isinstance(registered, e.DocumentRegistered)
    assert registered.personal == e.RegisteredPersonal(title="")
    assert installation.query("SELECT title FROM documents") == [(None,)]


def test_documents_of_the_log_are_left_alone(installation: Installation) -> None:
    installation.send(c.RegisterDocument, "ours", title="Ours", original=Original(), pipeline=FIVE)
    installation.insert("theirs")
    assert installation.import_all().documents == 1
    assert len(installation.events("ours")) == 2
    installation.assert_true()


def test_again_it_finds_nothing_to_do(installation: Installation) -> None:
    installation.insert_many(1200)
    installation.import_all()
    again = installation.import_all()
    assert (again.documents, again.events, again.looked_at) == (0, 0, 1200)
    assert installation.count("docledger_events") == 2400
    installation.assert_true()


def test_two_at_once_do_no_harm(installation: Installation) -> None:
    installation.insert_many(3000)
    results = []

    def run() -> None:
        with installed(installation.dsn) as other:
            results.append(other.import_all())

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(result.documents for result in results) == 3000
    assert installation.count("docledger_events") == 6000
    installation.assert_true()


def test_commands_go_on_meanwhile_and_projectors_need_not_know(
    installation: Installation,
) -> None:
    installation.insert_many(4000)
    stop = threading.Event()
    written: list[str] = []

    def write() -> None:
        while not stop.is_set() or len(written) < 6:
            document_id = f"own-{len(written)}"
            installation.send(
                c.RegisterDocument, document_id, title="x", original=Original(), pipeline=FIVE
            )
            written.append(document_id)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        installation.import_all()
    finally:
        stop.set()
        writing.join()
    installation.catch_up()
    assert installation.count("processing_workflows") == 4000 + len(written)
    installation.assert_true()


def test_a_document_that_was_deleted_once_goes_on_with_its_stream(
    installation: Installation,
) -> None:
    installation.insert("d")
    installation.import_all()
    installation.send(c.StartStage, "d", stage_name=FIRST)
    installation.send(c.DeleteDocument, "d")
    installation.insert("d")

    assert installation.import_all().documents == 1

    assert installation.topics("d")[-2:] == ["DocumentRegistered", "WorkflowStarted"]
    started = installation.events("d")[-1]
    assert isinstance(started, e.WorkflowStarted)
    assert started.attempts[FIRST] == 2
    installation.assert_true()


def test_a_row_that_somebody_deletes_meanwhile_is_left_and_named(
    installation: Installation,
) -> None:
    installation.insert("going", "stays")
    with psycopg.connect(installation.dsn) as elsewhere:
        elsewhere.execute("DELETE FROM documents WHERE id = 'going'")
        result = installation.import_all()
    assert result.documents == 1
    assert result.left == {"going": "another session keeps its row locked"}
    assert installation.topics("going") == []
    installation.assert_true()


def test_an_id_that_is_too_long_is_left_and_named(
    installation: Installation,
) -> None:
    installation.query("ALTER TABLE documents ALTER COLUMN id TYPE text")
    installation.insert("x" * 256, "d")
    result = installation.import_all()
    assert result.documents == 1
    assert result.left == {"x" * 256: "its id is longer than 255 characters"}


def test_an_error_of_the_rows_ends_the_import_and_nothing_is_lost(
    installation: Installation,
) -> None:
    installation.insert_many(2000)
    installation.query("ALTER TABLE documents_processing_stages RENAME TO away")
    with pytest.raises(psycopg.Error):
        DocumentImport(installation.parts(), lambda _: None).everything()
    installation.query("ALTER TABLE away RENAME TO documents_processing_stages")
    installation.import_all()
    assert installation.count("docledger_events") == 4000
    installation.assert_true()


def test_keys_of_imported_documents_are_theirs_alone(installation: Installation) -> None:
    installation.insert_many(50)
    installation.import_all()
    assert installation.query("SELECT count(DISTINCT key) FROM document_keys") == [(50,)]
    states = installation.query("SELECT state FROM docledger_events")
    assert not any(b"Title" in bytes(state) for (state,) in states)


def test_rows_come_in_the_order_of_their_ids(installation: Installation) -> None:
    installation.insert("b", "a", "c")
    with psycopg.connect(installation.dsn) as connection:
        first = rows_after(connection, None, 2)
        second = rows_after(connection, first[-1].document_id, 2)
    assert [row.document_id for row in [*first, *second]] == ["a", "b", "c"]
    assert Registrations(installation.application, FIVE).new_streams([], None) == []  # type: ignore[arg-type]
