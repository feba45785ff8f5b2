"""Stages are listed, checked and added by commands; a bad row is the operator's, not a client's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from docledger.bootstrap import Docledger
from docledger.commands import stages as stages_command
from docledger.commands.stages import NewStage
from docledger.settings import Settings
from domain import commands as c
from domain.errors import InvalidValue, PipelineInvalid
from domain.pipeline import StageDependency
from domain.values import Original, WorkflowType
from workers.hints import Hint
from workers.jobs.queue import defer

ROWS = "SELECT * FROM stage_dependencies WHERE stage_name = %s ORDER BY id"
UNKNOWN = "INSERT INTO stage_dependencies VALUES ('bad', 'word-count', 'nowhere', true, 6)"


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url=database)


def execute(database: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.execute(query.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def test_a_stage_is_added_behind_the_others(
    settings: Settings, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    new = NewStage("word-count", ["markdown-conversion"], ["markdown-optimizer"])
    stages_command.add(settings, new, as_json=False)
    assert execute(database, ROWS, "word-count") == [
        ("dep_8", "word-count", "markdown-conversion", True, 6),
        ("dep_9", "word-count", "markdown-optimizer", False, 6),
    ]
    said = capsys.readouterr().out
    assert "workflows that start from now on have 6 stages" in said
    assert "install the package" in said
    with Docledger(settings) as docledger:
        assert len({row.stage_name for row in docledger.pipeline()}) == 6


ASKED: list[tuple[NewStage, list[tuple[Any, ...]]]] = [
    (NewStage("x"), [("dep_8", "x", None, True, 6)]),
    (NewStage("x", optional=True), [("dep_8", "x", None, False, 6)]),
    (NewStage("x", ["chunker"], optional=True), [("dep_8", "x", "chunker", False, 6)]),
    (
        NewStage("x", [], ["markdown-optimizer"], order=9),
        [("dep_8", "x", None, True, 9), ("dep_9", "x", "markdown-optimizer", False, 9)],
    ),
]


def test_rows_say_what_was_asked(settings: Settings, database: str) -> None:
    for stage, rows in ASKED:
        stages_command.add(settings, stage, as_json=True)
        assert execute(database, ROWS, "x") == rows
        execute(database, "DELETE FROM stage_dependencies WHERE stage_name = 'x'")


REFUSED: list[tuple[NewStage, str]] = [
    (NewStage("chunker"), "already"),
    (NewStage("completed"), "cannot name"),
    (NewStage("Word Count"), "cannot name"),
    (NewStage("x", ["nowhere"]), "no stage 'nowhere'"),
    (NewStage("x", ["chunker", "chunker"]), "twice"),
    (NewStage("x", ["chunker"], order=3), "share execution_order 3"),
    (NewStage("x", ["ingestor"], order=2), "share execution_order 2"),
    (NewStage("x", ["x"]), "no stage 'x'"),
]


def test_nothing_is_written_of_a_stage_that_would_not_do(settings: Settings, database: str) -> None:
    before = execute(database, "SELECT * FROM stage_dependencies ORDER BY id")
    for stage, why in REFUSED:
        with pytest.raises(InvalidValue, match=why):
            stages_command.add(settings, stage, as_json=True)
    assert execute(database, "SELECT * FROM stage_dependencies ORDER BY id") == before


def test_a_bad_row_is_named_by_the_check_and_in_the_status(
    settings: Settings, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stages_command.check(settings, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"ok": True, "findings": []}
    execute(database, UNKNOWN)
    assert not stages_command.check(settings, as_json=True)
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [(f["rowId"], f["fatal"]) for f in found] == [("bad", True), (None, False)]
    assert "no living worker has it" in found[1]["detail"]
    with Docledger(settings) as docledger:
        assert docledger.status()["pipeline"] == found[:1]
        with pytest.raises(PipelineInvalid):
            docledger.pipeline()


def test_stages_are_listed_with_who_can_run_them(
    settings: Settings, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(
        database,
        "INSERT INTO stage_workers VALUES ('w', 'h', 2, '{chunker}', now(), now()),"
        " ('dead', 'h', 2, '{chunker}', now(), now() - interval '1 minute')",
    )
    stages_command.list_stages(settings, as_json=True)
    items = {it["stageName"]: it for it in json.loads(capsys.readouterr().out)["items"]}
    assert list(items) == [
        "markdown-conversion",
        "markdown-optimizer",
        "chunker",
        "fact-generator",
        "ingestor",
    ]
    assert items["chunker"]["workers"] == 1
    assert items["ingestor"]["workers"] == 0
    assert items["chunker"]["executor"].startswith("chunker/")
    assert items["markdown-optimizer"]["optional"]
    stages_command.list_stages(settings, as_json=False)
    assert "1 of 1" in capsys.readouterr().out


def test_a_new_stage_may_be_registered_with(settings: Settings) -> None:
    """What the command writes is what a registration takes."""
    stages_command.add(settings, NewStage("x", ["chunker"]), as_json=True)
    with Docledger(settings) as docledger:
        rows = docledger.pipeline()
        assert StageDependency("x", "chunker", True, 6) in rows
        assert (
            c.StartWorkflow(
                document_id="d", context=docledger.context("test"), pipeline=rows
            ).pipeline
            == rows
        )


def test_a_document_that_waits_for_an_executor_is_over_for_who_follows_it(
    settings: Settings, database: str
) -> None:
    """`docledger process` would wait for ever otherwise."""
    with Docledger(settings) as docledger:
        command = c.RegisterDocument(
            document_id="d",
            context=docledger.context("test"),
            title="t",
            original=Original(mime_type="text/markdown"),
            content="x",
            workflow_type=WorkflowType.AUTOMATIC,
            pipeline=docledger.pipeline(),
        )
        docledger.commands.execute(command)
        docledger.projector().run_until(docledger.history.last_position())
        (standing,) = docledger.standings(["d"])
        assert (standing.over, standing.missing_executor) == (False, None)
        with psycopg.connect(database, autocommit=True) as connection:
            defer(connection, [Hint("d", 2, stage_name="chunker")])
        (standing,) = docledger.standings(["d"])
        assert (standing.over, standing.missing_executor) == (True, "chunker")
        execute(
            database,
            "INSERT INTO stage_workers VALUES ('w', 'h', 2, '{chunker}', now(), now())",
        )
        (standing,) = docledger.standings(["d"])
        assert not standing.over
