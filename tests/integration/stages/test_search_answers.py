"""The same questions have the same answers on every server and in every locale."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from conftest import IN_PLACE_OF_DEBIAN, Server
from debian_postgres import DebianPostgres, find_binaries
from integration.stages.search_cases import DOCUMENTS, QUESTIONS
from postgres.migrate import Migrator
from stages.chunker import ChunkerOptions, chunk
from stages.facts import facts
from stages.postgres_search import PostgresSearchStore
from stages.search_store import IndexedFrom, SearchPage

LOCALES = ("C", "en_US.UTF-8", "tr_TR.UTF-8")
_SOURCES = ("/usr/share/i18n", str(Path(__file__).parents[3] / ".apt/root/usr/share/i18n"))
_SMALL = ChunkerOptions(min_tokens=40, max_tokens=120)


@pytest.fixture(scope="module")
def locales_folder() -> Iterator[Path]:
    """A folder of locales that a server finds by LOCPATH, made without being root."""
    folder = Path(tempfile.mkdtemp(prefix="docledger-test-locales-"))
    folder.chmod(0o755)
    sources = next(path for path in _SOURCES if Path(path).is_dir())
    for locale in LOCALES[1:]:
        name, encoding = locale.split(".")
        # It warns of what a locale's own source says, and ends with 1 then.
        subprocess.run(
            ["localedef", "-i", name, "-f", encoding, folder / locale],
            env={"PATH": os.environ["PATH"], "I18NPATH": sources},
            capture_output=True,
            check=False,
        )
        assert (folder / locale / "LC_CTYPE").exists(), locale
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def databases(embedded_server: Server, locales_folder: Path) -> Iterator[dict[str, str]]:
    """A migrated database on the embedded server, and one in each locale on the distribution's."""
    binaries = find_binaries(IN_PLACE_OF_DEBIAN)
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="docledger-test-debian-"))
    server = DebianPostgres(binaries, folder, locales=locales_folder)
    embedded = embedded_server.create_migrated_database()
    try:
        url = server.start()
        yield {"embedded": embedded, **{it: _in_locale(url, it) for it in LOCALES}}
    finally:
        server.stop()
        embedded_server.drop_database(embedded)


def _in_locale(url: str, locale: str) -> str:
    name = f"in_{locale.partition('.')[0].lower()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            sql.SQL(
                "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc"
                " LOCALE {}"
            ).format(sql.Identifier(name), sql.Literal(locale))
        )
    database = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    Migrator(database).up()
    return database


def _filled(connection: psycopg.Connection[Any]) -> PostgresSearchStore:
    store = PostgresSearchStore(lambda: nullcontext(connection))
    for document_id, case in DOCUMENTS.items():
        connection.execute(
            "INSERT INTO documents (id, title) VALUES (%s, %s)", (document_id, case.title)
        )
    for document_id, case in DOCUMENTS.items():
        chunks = chunk(case.markdown, _SMALL)
        store.replace(document_id, chunks, facts(chunks), IndexedFrom("0" * 64, None))
    return store


def _ids(page: SearchPage) -> tuple[str, ...]:
    return tuple(dict.fromkeys(hit.document_id for hit in page.hits))


def test_answers_are_right_and_the_same_everywhere(databases: dict[str, str]) -> None:
    assert len(QUESTIONS) >= 60
    answers: dict[str, list[SearchPage]] = {}
    for name, database in databases.items():
        with psycopg.connect(database, autocommit=True) as connection:
            store = _filled(connection)
            answers[name] = [store.search(asked.words) for asked in QUESTIONS]
    shown = {
        asked.words: (_ids(page), page.understood.ignored, page.understood.excluded)
        for asked, page in zip(QUESTIONS, answers["embedded"], strict=True)
    }
    assert {
        asked.words: shown[asked.words]
        for asked in QUESTIONS
        if shown[asked.words] != (asked.found, asked.ignored, asked.excluded)
    } == {}
    for name in LOCALES:
        assert answers[name] == answers["embedded"], name
    with psycopg.connect(databases["tr_TR.UTF-8"]) as connection:
        assert connection.execute("SELECT lower('I')").fetchone() == ("\u0131",)
