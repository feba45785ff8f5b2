"""`docledger show` and `docledger search`: documents as they are now."""

from __future__ import annotations

from docledger.bootstrap import Docledger
from docledger.commands import answers, document_report, reports
from docledger.settings import Settings
from domain.errors import DocumentNotFound


def show(settings: Settings, document_id: str, *, as_json: bool) -> None:
    """Print the document's workflow, stages and files."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        found = answers.documents(docledger, [document_id])
        location = docledger.storage.location
    if not found:
        raise DocumentNotFound(f"There is no document '{document_id}'.")
    if as_json:
        reports.print_json(found[0])
    else:
        document_report.detail(reports.console(), found[0], found[0]["title"], location)


def search(
    settings: Settings, words: str, realm_id: str | None, limit: int, *, as_json: bool
) -> None:
    """Print the chunks that the words are found in, best first."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        page = docledger.search_store.search(words, realm_id=realm_id, limit=limit)
    if as_json:
        reports.print_json(reports.search_page(page))
    else:
        reports.hits(reports.console(), page)
