"""Servers and databases for tests: real ones, each test with a database of its own.

`database` is a migrated database on the embedded server and `empty_database` one without a table;
both are URLs. A test that has to hold on the distribution's server too asks for both servers:

    @pytest.mark.parametrize("database", SERVERS, indirect=True)

and one that is about what differs between versions for `EVERY_SERVER`.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from debian_postgres import DebianPostgres, find_binaries
from postgres.embedded.server import EmbeddedPostgres
from postgres.migrate import Migrator
from s3_server import COMMAND, S3Server

SERVERS = ("embedded", "debian")
EVERY_SERVER = (*SERVERS, "postgres_16", "postgres_17")

# Has the tests on the distribution's server run on this version instead.
IN_PLACE_OF_DEBIAN = os.environ.get("DOCLEDGER_TEST_POSTGRES")

# Long random runs are a command of their own, with a count here and a seed on the command line.
settings.register_profile("campaign", max_examples=20_000, derandomize=False)


@dataclass
class Server:
    """A server on which tests make and drop databases."""

    url: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _template: str | None = None

    def create_database(self, template: str | None = None) -> str:
        """Return the URL of a new database, empty unless it is made from a template."""
        name = f"test_{next(self._numbers)}"
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template or "template1")
        )
        self._execute(command)
        return self.url_of(name)

    def create_migrated_database(self) -> str:
        """Return the URL of a new database that has all migrations."""
        if self._template is None:
            url = self.create_database()
            Migrator(url).up()
            self._template = urlsplit(url).path[1:]
        return self.create_database(self._template)

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is still connected."""
        name = sql.Identifier(urlsplit(url).path[1:])
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def url_of(self, name: str) -> str:
        """Return the URL of another database of this server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def _execute(self, command: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(command)


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[Server]:
    """The server that docledger brings along.

    It does not sync to disk: the processes that tests kill lose nothing by that, and making and
    dropping hundreds of databases costs a fraction. Those that `docledger` starts itself do.
    """
    home = Path(tempfile.mkdtemp(prefix="docledger-test-"))
    server = EmbeddedPostgres(home)
    try:
        url = server.start()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield Server(url)
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def debian_server() -> Iterator[Server]:
    """The distribution's server, as a server of the user's own."""
    binaries = find_binaries(IN_PLACE_OF_DEBIAN)
    if binaries is None:
        pytest.fail("no PostgreSQL of the distribution here; `make test` installs one")
    yield from _running(binaries)


@pytest.fixture(scope="session")
def postgres_16_server() -> Iterator[Server]:
    """A server of version 16."""
    yield from _of_version("16")


@pytest.fixture(scope="session")
def postgres_17_server() -> Iterator[Server]:
    """A server of version 17."""
    yield from _of_version("17")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server with a bucket."""
    server = S3Server()
    if not COMMAND.exists():
        pytest.fail("no S3 server here; `make test` installs one, as scripts/get-s3 does")
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _of_version(version: str) -> Iterator[Server]:
    binaries = find_binaries(version)
    if binaries is None:
        pytest.skip(f"no PostgreSQL {version} here; scripts/get-postgres gets one where it can")
    yield from _running(binaries)


def _running(binaries: Path) -> Iterator[Server]:
    server = DebianPostgres(binaries, Path(tempfile.mkdtemp(prefix="docledger-test-debian-")))
    try:
        yield Server(server.start())
    finally:
        server.stop()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    """The server that the test asks for by parametrising; the embedded one by default."""
    return _server_of(request, getattr(request, "param", "embedded"))


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated database of the test's own."""
    server = _server_of(request, getattr(request, "param", "embedded"))
    url = server.create_migrated_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def empty_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database of the test's own, without any table."""
    server = _server_of(request, getattr(request, "param", "embedded"))
    url = server.create_database()
    yield url
    server.drop_database(url)


def _server_of(request: pytest.FixtureRequest, name: str) -> Server:
    server: Server = request.getfixturevalue(f"{name}_server")
    return server
