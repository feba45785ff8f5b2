"""Rows of imported documents are written without a check for each key only where that is safe."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

import psycopg

from importing.pipeline import DocumentImport
from integration.importing.importing import Installation
from integration.projections.projecting import make_projector

TABLES = ("documents_processing_stages", "processing_workflows", "document_streams")


def test_a_trigger_of_somebody_else_is_set_off(installation: Installation) -> None:
    installation.query("CREATE TABLE seen (id text)")
    installation.query(
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO seen VALUES (NEW.document_id); RETURN NULL; END $$"
    )
    installation.query(
        "CREATE TRIGGER see AFTER INSERT ON processing_workflows FOR EACH ROW "
        "EXECUTE FUNCTION see()"
    )
    installation.insert_many(30)
    installation.import_all()
    assert installation.count("seen") == 30
    installation.assert_true()


def test_another_key_of_somebody_else_is_checked(installation: Installation) -> None:
    installation.query("CREATE TABLE allowed (name text PRIMARY KEY)")
    installation.query(
        "ALTER TABLE processing_workflows ADD FOREIGN KEY (status) REFERENCES allowed (name)"
    )
    installation.insert("refused")
    installation.import_all()
    assert installation.count("processing_workflows") == 0
    installation.query("INSERT INTO allowed VALUES ('running')")
    make_projector(installation.dsn, installation.history).retry("refused")
    assert installation.count("processing_workflows") == 1
    installation.assert_true()


def test_a_role_that_may_not_leave_checks_out_imports_as_well(installation: Installation) -> None:
    installation.query("DROP ROLE IF EXISTS import_tester")
    installation.query("CREATE ROLE import_tester LOGIN")
    try:
        installation.query("GRANT ALL ON ALL TABLES IN SCHEMA public TO import_tester")
        installation.query("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO import_tester")
        user = urlsplit(installation.dsn).username or "postgres"
        dsn = installation.dsn.replace(f"//{user}", "//import_tester", 1)
        installation.insert_many(40)
        parts = replace(installation.parts(), connect=partial(psycopg.connect, dsn))
        assert DocumentImport(parts, lambda _: None).everything().documents == 40
        assert installation.query(
            "SELECT has_parameter_privilege('import_tester', 'session_replication_role', 'SET')"
        ) == [(False,)]
        installation.assert_true()
    finally:
        installation.query("DROP OWNED BY import_tester")
        installation.query("DROP ROLE import_tester")


def test_what_is_written_holds_every_key(installation: Installation) -> None:
    installation.insert_many(200)
    installation.import_all()
    for table in TABLES[:2]:
        name = f"{table}_document_id_fkey"
        installation.query(
            f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} "
            "FOREIGN KEY (document_id) REFERENCES documents (id) ON DELETE CASCADE"
        )
    installation.query("DELETE FROM documents WHERE id = 'd-7'")
    assert installation.stages_of("d-7") == []
