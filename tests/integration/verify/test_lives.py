"""Ids that were registered again are in order, at every moment between two projections."""

from __future__ import annotations

from domain import commands as c
from integration.projections.log_writer import context
from integration.verify.ledger import Ledger


def replace(ledger: Ledger, *document_ids: str) -> None:
    """Delete these documents and register their ids again."""
    for document_id in document_ids:
        command = c.DeleteDocument(document_id=document_id, context=context())
        ledger.docledger.commands.execute(command)
        ledger.register(document_id)


def test_a_life_that_is_not_projected_yet_is_no_difference(ledger: Ledger) -> None:
    replace(ledger, "doc-1", "doc-2")
    assert ledger.found() == []
    ledger.catch_up()
    assert ledger.found() == []


def test_a_row_of_the_life_that_is_projected_is_still_missed(ledger: Ledger) -> None:
    replace(ledger, "doc-1")
    ledger.catch_up()
    ledger.execute("DELETE FROM documents_processing_stages WHERE document_id = 'doc-1'")
    assert {kind for _, kind in ledger.found()} == {"row-missing"}
