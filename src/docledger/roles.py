"""The long-running roles, each until it is told to stop, and `up`, which runs all of them."""

from __future__ import annotations

import gc
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import structlog
from rich.console import Console

from docledger.bootstrap import Docledger
from docledger.role_parts import projecting, working
from docledger.settings import Settings
from docledger.stopping import stop_on_signal, stop_signals
from docledger.supervisor import Role, RoleGaveUp, Supervisor, end_with_supervisor
from domain.errors import DocledgerError
from domain.storage_errors import StorageUnavailable
from postgres.embedded.account import EmbeddedPostgresError
from postgres.migration_files import DatabaseUnreachable

log = structlog.get_logger(__name__)

_READY_SECONDS = 120.0
_AWAY_SECONDS = 1.0
_COLLECTED_EVERY = (5_000, 10, 1_000)


class AddressInUse(DocledgerError):
    """The API cannot listen on this address."""


class RoleStopped(DocledgerError):
    """The role was told to stop before it had a database and a storage."""


def up(settings: Settings) -> None:
    """Migrate and run every role as a child process until SIGINT, SIGTERM or SIGHUP."""
    stop = stop_on_signal()
    listening = _listen(settings.host, settings.port)
    with Docledger(settings) as docledger, docledger.grace(stop):
        docledger.migrator.up()
        docledger.adoption.adopt_if_fits()
        fd = listening.fileno()
        roles = [
            Role("serve", ["serve", "--fd", str(fd)], pass_fds=[fd]),
            Role("project", ["project"]),
            Role("work", ["work"]),
        ]
        with Supervisor(roles, shutdown_seconds=settings.shutdown_seconds) as supervisor, listening:
            address = listening.getsockname()[:2]
            _wait_until_ready(_url(*address), supervisor, stop)
            if not stop.is_set():
                _tell_address(*address)
            while not stop.wait(0.2):
                _raise_if_gave_up(supervisor)


def serve(settings: Settings, fd: int | None, *, supervised: bool) -> None:
    """Run the API, on the socket `fd` if that listens already."""
    from api.server import run

    stop = stop_on_signal()
    if fd is None:
        fd = _listen(settings.host, settings.port).detach()
    with _started(settings, stop, supervised=supervised) as docledger:
        for finding in docledger.pipeline_findings():
            log.warning("stages are not set up correctly", row=finding.row_id, why=finding.text)
        app = docledger.api()
        _collect_seldom()
        if not stop.is_set():
            run(
                app,
                fd=fd,
                shutdown_seconds=settings.shutdown_seconds,
                on_started=_tell_address,
                on_stopping=stop.set,
                signals=stop_signals(),
            )


def project(settings: Settings, *, supervised: bool) -> None:
    """Run the projector of the read models and that of the uploads tree."""
    stop = stop_on_signal()
    with _started(settings, stop, supervised=supervised) as docledger:
        runs = projecting(docledger)
        _collect_seldom()
        _run_threads(runs, stop)


def work(settings: Settings, *, supervised: bool) -> None:
    """Run the dispatcher, a worker and the reaper."""
    stop = stop_on_signal()
    with _started(settings, stop, supervised=supervised) as docledger:
        runs = working(docledger)
        _collect_seldom()
        _run_threads(runs, stop)


@contextmanager
def _started(settings: Settings, stop: threading.Event, *, supervised: bool) -> Iterator[Docledger]:
    """Give the parts of a role, whose schema is the program's and whose storage the database's.

    A supervised one was started with a database that was there: one that is away is waited for.
    """
    if supervised:
        end_with_supervisor()
    while True:
        with ExitStack() as stack:
            docledger = stack.enter_context(Docledger(settings))
            try:
                stack.enter_context(docledger.grace(stop))
                docledger.require_schema()
                _require_storage(docledger, stop)
            except (DatabaseUnreachable, EmbeddedPostgresError) as error:
                if not supervised:
                    raise
                log.warning("the role waits for its database", why=str(error))
            else:
                yield docledger
                return
        if stop.wait(_AWAY_SECONDS):
            raise RoleStopped


def _require_storage(docledger: Docledger, stop: threading.Event) -> None:
    """Raise OtherStorage unless the storage is the database's; wait for one that is away.

    Raises StorageUnavailable for a folder that cannot be made, RoleStopped if told to stop.
    """
    _ = docledger.storage
    while True:
        try:
            docledger.adoption.require()
        except StorageUnavailable as error:
            log.warning("the role waits for its storage", why=str(error))
            if stop.wait(_AWAY_SECONDS):
                raise RoleStopped from error
        else:
            return


def _collect_seldom() -> None:
    """Have what lives for long not be walked through again and again in search of cycles.

    What is remembered of thousands of documents is in no cycle; a collection of all of it takes a
    tenth of a second, in which nobody is answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED_EVERY)


def _run_threads(
    runs: Mapping[str, Callable[[threading.Event], None]],
    stop: threading.Event,
) -> None:
    """Run each part in a thread of its own until told to stop; a part that dies ends the role."""
    errors: list[BaseException] = []

    def guarded(name: str, run: Callable[[threading.Event], None]) -> None:
        try:
            run(stop)
        except BaseException as error:
            log.error("part ended", part=name, exc_info=True)
            errors.append(error)
        finally:
            stop.set()

    threads = [threading.Thread(target=guarded, args=item, name=item[0]) for item in runs.items()]
    for thread in threads:
        thread.start()
    while not stop.wait(1.0):
        pass
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _listen(host: str, port: int) -> socket.socket:
    """Bind the API's address ahead of everything else, so that a clash is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise AddressInUse(
            f"Cannot listen on {host}:{port}: {error.strerror}; name another with --host or --port."
        ) from error
    return listening


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _tell_address(host: str, port: int) -> None:
    Console().print(f"docledger is ready at {_url(host, port)}", highlight=False, soft_wrap=True)


def _wait_until_ready(url: str, supervisor: Supervisor, stop: threading.Event) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not stop.is_set() and time.monotonic() < deadline:
        if _answers(url):
            return
        _raise_if_gave_up(supervisor)
        stop.wait(0.1)


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _raise_if_gave_up(supervisor: Supervisor) -> None:
    if (name := supervisor.gave_up()) is not None:
        raise RoleGaveUp(name)
