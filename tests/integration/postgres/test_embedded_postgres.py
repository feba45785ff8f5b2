"""The embedded server is there when it is wanted, whoever else wants it and whatever was killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import IO

import psutil
import psycopg
import pytest

from postgres.embedded.account import EmbeddedPostgresError
from postgres.embedded.server import EmbeddedPostgres

USER = """
import sys
from pathlib import Path
from postgres.embedded.server import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start(), flush=True)
sys.stdin.read()
server.release()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a short path, whose server is gone afterwards whatever the test did."""
    folder = Path(tempfile.mkdtemp(prefix="docledger-test-home-"))
    yield folder
    EmbeddedPostgres(folder).stop()
    shutil.rmtree(folder)


class User:
    """Another process that uses the server."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", USER, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.url = ""

    def wait_until_started(self) -> str:
        self.url = _pipe(self._process.stdout).readline().strip()
        return self.url

    def leave(self) -> None:
        _pipe(self._process.stdin).close()
        assert self._process.wait(60) == 0
        _pipe(self._process.stdout).close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(60)
        _pipe(self._process.stdin).close()
        _pipe(self._process.stdout).close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def pid_of(home: Path) -> int | None:
    return EmbeddedPostgres(home).status().pid


def show(url: str, name: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def remember(url: str, note: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (note text)")
        connection.execute("INSERT INTO notes VALUES (%s)", [note])


def remembered(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [note for (note,) in connection.execute("SELECT note FROM notes ORDER BY note")]


def test_it_starts_safe_and_private(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        url = server.status().database_url
        assert url is not None
        assert show(url, "server_version").startswith("18.")
        assert show(url, "fsync") == "on"
        assert show(url, "synchronous_commit") == "on"
        assert show(url, "full_page_writes") == "on"
        assert show(url, "listen_addresses") == ""
        assert show(url, "unix_socket_permissions") == "0700"
        assert show(url, "TimeZone") == "UTC"
        assert int(show(url, "max_connections")) >= 100

    assert not EmbeddedPostgres(home).status().running


def test_a_private_home_stays_private(home: Path) -> None:
    private = home / "private"

    with EmbeddedPostgres(private):
        assert private.stat().st_mode & 0o067 == 0  # but the server's group may pass
        assert (private / "postgres").stat().st_mode & 0o077 == 0
        assert (private / "run").stat().st_mode & 0o077 == 0


def test_sorting_does_not_depend_on_the_machine(home: Path) -> None:
    with EmbeddedPostgres(home) as server, psycopg.connect(server.start()) as connection:
        row = connection.execute(
            "SELECT array_agg(w ORDER BY w), lower('ÉÑ') FROM unnest('{b,A,a,é,Z}'::text[]) AS w"
        ).fetchone()

    assert row == (["A", "Z", "a", "b", "é"], "éñ")


def test_it_ends_with_its_last_user(home: Path) -> None:
    first, second = EmbeddedPostgres(home), EmbeddedPostgres(home)
    url = first.start()
    assert second.start() == url

    first.release()
    assert second.status().running
    second.release()

    assert not second.status().running
    second.release()  # once more does no harm


def test_any_number_may_start_at_once(home: Path) -> None:
    users = [User(home) for _ in range(4)]
    urls = {user.wait_until_started() for user in users}
    pid = pid_of(home)

    assert len(urls) == 1
    assert "postgresql://" in urls.pop()
    for user in users[1:]:
        user.leave()
    assert pid_of(home) == pid
    users[0].leave()
    assert pid_of(home) is None


def test_it_outlives_a_killed_user_and_is_joined(home: Path) -> None:
    user = User(home)
    remember(user.wait_until_started(), "before")
    pid = pid_of(home)

    user.kill()
    status = EmbeddedPostgres(home).status()
    assert (status.running, status.in_use) == (True, False)

    with EmbeddedPostgres(home) as server:
        assert remembered(server.start()) == ["before"]
        assert pid_of(home) == pid
    assert pid_of(home) is None


def test_one_left_behind_is_stopped(home: Path) -> None:
    user = User(home)
    user.wait_until_started()
    user.kill()

    assert EmbeddedPostgres(home).stop()
    assert not EmbeddedPostgres(home).status().running
    assert not EmbeddedPostgres(home).stop()


def test_it_comes_back_after_the_server_was_killed(home: Path) -> None:
    server = EmbeddedPostgres(home)
    url = server.start()
    pid = pid_of(home)
    assert pid is not None
    remember(url, "committed")

    with ExitStack() as stack:
        for _ in range(5):  # backends that outlive the server for a moment
            stack.enter_context(closing(psycopg.connect(url)))
        os.kill(pid, signal.SIGKILL)
        url = server.start()

    assert remembered(url) == ["committed"]
    assert pid_of(home) != pid
    server.release()
    assert pid_of(home) is None


def test_it_comes_back_after_everything_was_killed_at_once(home: Path) -> None:
    user = User(home)
    remember(user.wait_until_started(), "committed")
    pid = pid_of(home)
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    user.kill()

    with EmbeddedPostgres(home) as server:
        assert remembered(server.start()) == ["committed"]


def test_a_start_that_was_killed_half_way_is_begun_anew(home: Path) -> None:
    user = User(home)
    deadline = time.monotonic() + 30
    while not list(home.glob("postgres.new-*/PG_VERSION")) and time.monotonic() < deadline:
        time.sleep(0.001)
    user.kill()

    with EmbeddedPostgres(home) as server:
        remember(server.start(), "fine")


def test_a_home_may_be_deep(home: Path) -> None:
    deep = home / ("d" * 100) / ("e" * 100)

    with EmbeddedPostgres(deep) as server:
        url = server.start()
        folder = Path(show(url, "unix_socket_directories").strip('"'))
        remember(url, "deep")
        assert folder.stat().st_mode & 0o077 == 0

    assert not folder.exists()


def test_a_home_may_have_any_name(home: Path) -> None:
    with EmbeddedPostgres(home / """it's a "home", 100% 'ä'""") as server:
        remember(server.start(), "here")


def test_a_socket_folder_that_others_may_enter_is_not_trusted(home: Path) -> None:
    server = EmbeddedPostgres(home / ("d" * 100))
    folder = Path(show(server.start(), "unix_socket_directories").strip('"'))
    server.stop()
    folder.mkdir()
    folder.chmod(0o777)

    try:
        with pytest.raises(EmbeddedPostgresError, match="not a folder of the server's user alone"):
            server.start()
    finally:
        folder.rmdir()


def test_a_process_number_used_again_since_a_reboot_does_not_mislead(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    pid_file = home / "postgres/postmaster.pid"
    lines = pid_file.read_text().splitlines()
    owner = pid_file.stat()
    server.stop()
    lines[0], lines[2] = str(os.getpid()), "86400"
    pid_file.write_text("\n".join(lines) + "\n")
    os.chown(pid_file, owner.st_uid, owner.st_gid)

    with server:
        assert server.status().running


def test_settings_of_the_users_own_hold(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    server.stop()
    with (home / "postgres/postgresql.conf").open("a") as file:
        file.write("work_mem = '7MB'\n")

    with EmbeddedPostgres(home, settings={"max_connections": "33"}):
        url = server.start()
        assert show(url, "work_mem") == "7MB"
        assert show(url, "max_connections") == "33"
        server.release()


def test_nothing_that_was_sent_is_in_the_servers_log(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        url = server.start()
        remember(url, "secret-1")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE UNIQUE INDEX ON notes (note)")
            for statement in (
                "INSERT INTO notes VALUES ('secret-1')",
                "SELECT 'secret-2' FROM nowhere",
                "SELECT 1 / 0 AS secret3",
            ):
                with pytest.raises(psycopg.Error):
                    connection.execute(statement.encode())

    log = "".join(path.read_text() for path in (home / "postgres/log").iterdir())
    assert "duplicate key" in log
    assert "secret" not in log


def test_data_of_another_version_is_told(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    server.stop()
    (home / "postgres/PG_VERSION").write_text("16\n")

    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 16 and 18 is installed"):
        server.start()


def test_bad_settings_are_told(home: Path) -> None:
    server = EmbeddedPostgres(home, settings={"max_connections": "many"})

    with pytest.raises(EmbeddedPostgresError, match="max_connections"):
        server.start()


def test_a_home_that_cannot_be_is_told(home: Path) -> None:
    (home / "file").write_text("")

    with pytest.raises(EmbeddedPostgresError, match="DOCLEDGER_HOME"):
        EmbeddedPostgres(home / "file").start()


def test_asking_makes_nothing(home: Path) -> None:
    server = EmbeddedPostgres(home / "none")

    assert not server.status().running
    assert not server.stop()
    assert not (home / "none").exists()


def end(pid: int, how: signal.Signals) -> None:
    """Send the server a signal, and wait until it has ended if it does with a client connected."""
    os.kill(pid, how)
    if how is not signal.SIGTERM:
        until(lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(reached: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.01)


def test_it_is_started_again_whatever_ended_it_but_a_stop_of_ours(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        url = server.start()
        for how in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
            pid = pid_of(home)
            assert pid is not None
            assert not server.revive()

            with closing(psycopg.connect(url)):  # without it SIGTERM would be enough
                end(pid, how)
                until(server.revive)
            assert pid_of(home) not in (None, pid)

        EmbeddedPostgres(home).stop()
        assert not server.revive()
        assert pid_of(home) is None


def test_a_stop_of_one_that_had_ended_is_a_stop_as_well(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        pid = pid_of(home)
        assert pid is not None
        end(pid, signal.SIGINT)

        assert not EmbeddedPostgres(home).stop()
        assert not server.revive()
        # The next start makes it wanted again, and all that use it see to it again.
        with EmbeddedPostgres(home):
            pid = pid_of(home)
            assert pid is not None
            end(pid, signal.SIGINT)
            assert server.revive()


def test_data_that_went_away_are_waited_for_and_never_made_again(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        pid = pid_of(home)
        assert pid is not None
        end(pid, signal.SIGINT)
        (home / "postgres").rename(home / "elsewhere")

        with pytest.raises(EmbeddedPostgresError, match="not there any more"):
            server.revive()
        (home / "elsewhere").rename(home / "postgres")
        assert server.revive()


def test_one_that_is_frozen_is_ended_all_the_same(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    pid = pid_of(home)
    assert pid is not None
    processes = [psutil.Process(pid), *psutil.Process(pid).children()]
    try:
        for process in processes:
            process.suspend()
        server.release()
        assert not is_alive(pid)
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
