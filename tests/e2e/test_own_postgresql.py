"""The how-to for a server of one's own, with Debian's PostgreSQL and PgBouncer."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from conftest import Server
from e2e.installation import Installation, installed, wait_for
from pgbouncer import PgBouncer, find_pgbouncer
from postgres.migrate import Migrator
from postgres.rights import RightsMissing, require_rights

_PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "own-postgresql.md"
_SETTINGS = """
    SELECT count(*), count(*) FILTER (WHERE application_name LIKE 'docledger %')
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def blocks(language: str) -> list[str]:
    """Return the page's blocks of code."""
    return re.findall(rf"```{language}\n(.*?)```", _PAGE.read_text(), re.DOTALL)


@pytest.fixture
def pooled(debian_server: Server, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database behind the pooler that the page describes."""
    program = find_pgbouncer()
    if program is None:
        pytest.fail("no PgBouncer here; `make test` installs one")
    url = debian_server.create_database()
    (ini,) = blocks("ini")
    pooler = PgBouncer(program, tmp_path, ini, url)
    try:
        yield pooler.start()
    finally:
        pooler.stop()
        debian_server.drop_database(url)


def test_a_document_is_processed_behind_pgbouncer(pooled: str, debian_server: Server) -> None:
    with installed(database_url=pooled) as installation:
        service = installation.up()
        with service.client() as client:
            answer = client.post(
                "/v1/documents",
                files={"file": ("paper.txt", b"The keeper wrote it down.")},
                data={"id": "paper", "workflowType": "automatic"},
            )
            assert answer.status_code == 201, answer.text
            path = "/v1/documents/paper/workflow"
            wait_for(lambda: client.get(path).json()["status"] == "completed", 60, service.said)
            assert client.get("/v1/search", params={"q": "keeper"}).json()["items"]
        with psycopg.connect(debian_server.url_of(urlsplit(pooled).path[1:])) as connection:
            row = connection.execute(_SETTINGS).fetchone()
        assert row is not None
        assert row[1] > 5  # each connection has its own session of the server
        assert service.stop(signal.SIGHUP) == 0  # as any signal to end
        assert "Traceback" not in service.said()


def test_options_of_the_url_are_refused_in_the_poolers_own_words(pooled: str) -> None:
    with installed(database_url=pooled + "?options=-c%20jit%3Don") as installation:
        done = installation.run("migrate", "up")
    assert done.returncode == 3
    assert "unsupported startup parameter: options" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def restricted(debian_server: Server) -> Iterator[tuple[str, str]]:
    """A database's URL for a superuser, and for a user who may connect and no more."""
    url = debian_server.create_database()
    name = f"reader_{urlsplit(url).path[1:]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE USER {name}".encode())
    parts = urlsplit(url)
    netloc = f"{name}@{parts.hostname}:{parts.port}"
    yield url, urlunsplit(parts._replace(netloc=netloc))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {name} CASCADE".encode())
    debian_server.drop_database(url)
    with psycopg.connect(debian_server.url, autocommit=True) as connection:
        connection.execute(f"DROP USER {name}".encode())


def refused(installation: Installation, *arguments: str) -> str:
    """Return the one line with which a command says that it could not run."""
    done = installation.run(*arguments)
    assert done.returncode == 3, done.stderr
    (line,) = [said for said in done.stderr.splitlines() if said.startswith("docledger: ")]
    assert "Traceback" not in done.stderr
    return line


def carry_out(url: str, line: str) -> None:
    """Run the statements that a line advises, as a superuser."""
    advised = re.findall(r"((?:GRANT|ALTER) [^;]+;)", line)
    assert advised, line
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in advised:
            connection.execute(statement.encode())


def test_missing_rights_are_told_with_what_to_run(restricted: tuple[str, str]) -> None:
    superusers, own = restricted
    with installed(database_url=own) as installation:
        line = refused(installation, "migrate", "up")
        assert "GRANT USAGE, CREATE ON SCHEMA public TO" in line
        assert "GRANT CREATE ON DATABASE" in line
        carry_out(superusers, line)
        assert Migrator(own).up()

        database, user = urlsplit(own).path[1:], urlsplit(own).username
        with psycopg.connect(superusers, autocommit=True) as connection:
            connection.execute(f"REVOKE CREATE ON SCHEMA public FROM {user}".encode())
            connection.execute(f"REVOKE CREATE ON DATABASE {database} FROM {user}".encode())
        # What is migrated already needs no right to make anything; a rebuild does.
        assert Migrator(own).up() == []
        carry_out(superusers, refused(installation, "rebuild"))
        with psycopg.connect(own) as connection:
            require_rights(connection, made_by_us=True)


def test_tables_of_another_owner_are_told_and_given_back(restricted: tuple[str, str]) -> None:
    superusers, own = restricted
    Migrator(superusers).up(3)
    user, database = urlsplit(own).username, urlsplit(own).path[1:]
    grants, ownership, *_ = (
        block.replace("docledger;", f"{user};").replace("docledger'", f"{user}'")
        for block in blocks("sql")
    )
    grants = grants.replace("DATABASE docledger", f"DATABASE {database}")
    with psycopg.connect(superusers, autocommit=True) as connection:
        connection.execute(grants.encode())
        with installed(database_url=own) as installation:
            denied = refused(installation, "status")
        assert "docledger's user: permission denied for table" in denied
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}".encode())
        with pytest.raises(RightsMissing, match=f'OWNER TO "{user}"'):
            Migrator(own).up()
        connection.execute(ownership.encode())
    assert Migrator(own).up()
