"""Writes random but repeatable histories through real commands, and odd things without them."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from domain import commands as c
from domain.document_workflow import DocumentWorkflow
from domain.errors import Refused
from domain.values import Original, OutputFile, WorkflowType
from eventstore.append_round import Committed
from eventstore.group_commit import GroupCommit
from unit.projections.journeys import FIVE, KINDS, START, Step, command


class LogWriter:
    """The write side of a test."""

    def __init__(self, commit: GroupCommit, url: str) -> None:
        self.commit = commit
        self._url = url

    def random_histories(self, document_ids: Sequence[str], seed: int, rounds: int) -> None:
        """Let each document take `rounds` random steps, all of them side by side."""
        chance = random.Random(seed)
        states = {i: DocumentWorkflow.unborn(i) for i in document_ids}
        for number in range(1, rounds + 1):
            futures = {
                i: self.commit.submit(command(state, _step(chance), number))
                for i, state in states.items()
            }
            for document_id, future in futures.items():
                with suppress(Refused):
                    states[document_id] = future.result().state

    def register(self, *document_ids: str) -> list[Committed]:
        """Hand these documents in; each gets an automatic workflow of five stages."""
        futures = [
            self.commit.submit(
                c.RegisterDocument(
                    document_id=document_id,
                    context=context(),
                    title="A title",
                    original=Original(file_name="a.pdf", mime_type="application/pdf"),
                    workflow_type=WorkflowType.AUTOMATIC,
                    pipeline=FIVE,
                )
            )
            for document_id in document_ids
        ]
        return [future.result() for future in futures]

    def send(self, command_type: type[c.Command], document_id: str, **fields: Any) -> Committed:
        """Execute a command about the document."""
        return self.commit.execute(
            command_type(document_id=document_id, context=context(), **fields)
        )

    def complete(self, document_id: str, stage_name: str, **file: Any) -> Committed:
        """Report a stage completed with one file."""
        fields = {
            "file_type": "markdown",
            "suffix": ".md",
            "checksum": "a" * 64,
            "size_bytes": 3,
            "mime_type": "text/markdown",
            **file,
        }
        files = (OutputFile(**fields),)
        return self.send(c.CompleteStage, document_id, stage_name=stage_name, files=files)

    def restart(self, document_id: str) -> Committed:
        """Cancel the run and begin another."""
        self.send(c.CancelWorkflow, document_id)
        return self.send(c.StartWorkflow, document_id, pipeline=FIVE)

    def delete(self, document_id: str) -> Committed:
        """Delete the document by a command."""
        return self.send(c.DeleteDocument, document_id)

    def plain_insert(self, document_id: str, version: int, topic: str, state: str) -> int:
        """Put an event into the log around the application; return its position."""
        with psycopg.connect(self._url) as connection:
            row = connection.execute(
                "INSERT INTO docledger_events (originator_id, originator_version, topic, state) "
                "VALUES (%s, %s, %s, %s) RETURNING notification_id",
                (document_id, version, topic, state.encode()),
            ).fetchone()
        assert row is not None
        return int(row[0])


def context() -> c.Context:
    """Return the context of a command of its own."""
    command_id = str(uuid.uuid4())
    return c.Context(at=START, actor="test", command_id=command_id, correlation_id=command_id)


def delete_elsewhere(url: str, document_ids: Iterable[str]) -> None:
    """Delete documents as an application would that knows nothing of docledger."""
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM documents WHERE id = ANY(%s)", (list(document_ids),))


def _step(chance: random.Random) -> Step:
    return Step(chance.randrange(len(KINDS)), chance.randrange(5), chance.randrange(12))
