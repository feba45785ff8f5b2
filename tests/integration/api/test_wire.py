"""What goes over the wire: limits of heads and bodies, malformed requests, pipelining."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.http.limits import HttpLimits
from conftest import Server as DatabaseServer
from integration.api.conftest import Service, running_service, until

SHORT = HttpLimits(
    head_seconds=0.4,
    idle_seconds=1.0,
    body_window_seconds=0.8,
    body_window_bytes=100,
    waiting_connections=20,
    pipelined_requests=8,
    linger_seconds=0.3,
)


@dataclass
class Answer:
    """One answer, as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        found: dict[str, Any] = json.loads(self.body)
        assert found["status"] == self.status
        assert found["instance"].startswith("urn:docledger:request:")
        return found

    @property
    def name(self) -> str:
        return str(self.problem["type"]).removeprefix("urn:docledger:problem:")


class Wire:
    """A connection that sends bytes as they are."""

    def __init__(self, service: Service) -> None:
        parts = urlsplit(service.url)
        address = (str(parts.hostname), int(parts.port or 0))
        self.socket = socket.create_connection(address, timeout=10)
        self._file = self.socket.makefile("rb")

    def send(self, *pieces: bytes) -> None:
        """Send each piece in a packet of its own."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.02)
            self.socket.sendall(piece)

    def answer(self) -> Answer:
        """Read one answer."""
        status = int(self._file.readline().split()[1])
        headers = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._file.readline(), 16):
                body += self._file.read(size)
                self._file.readline()
            self._file.readline()
        else:
            body = self._file.read(int(headers.get("content-length", 0)))
        return Answer(status, headers, body)

    def ends(self) -> bool:
        """Wait for the server to close; False if it sends more."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@contextlib.contextmanager
def wire(service: Service) -> Iterator[Wire]:
    found = Wire(service)
    try:
        yield found
    finally:
        found.close()


def asked(service: Service, *pieces: bytes) -> Answer:
    """Send this and return the only answer, after which the connection must be closed."""
    with wire(service) as connection:
        connection.send(*pieces)
        found = connection.answer()
        assert found.headers["connection"] == "close"
        assert connection.ends()
        return found


@pytest.fixture(scope="module")
def hasty(
    embedded_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that waits for tenths of seconds where others wait for many."""
    url = embedded_server.create_migrated_database()
    uploads = tmp_path_factory.mktemp("uploads")
    with running_service(url, uploads, http_limits=SHORT) as running:
        yield running
    embedded_server.drop_database(url)


def head(*fields: bytes, line: bytes = b"GET /healthz HTTP/1.1") -> bytes:
    return b"\r\n".join([line, b"Host: here", *fields, b"", b""])


CHUNKED = head(
    b"Transfer-Encoding: chunked",
    b"Content-Type: application/json",
    line=b"POST /v1/documents HTTP/1.1",
)


def upload(length: int, *fields: bytes) -> bytes:
    return head(
        b"Content-Type: application/json",
        b"Content-Length: %d" % length,
        *fields,
        line=b"POST /v1/documents HTTP/1.1",
    )


# Heads


def test_headers_up_to_their_limit_are_taken(service: Service) -> None:
    most = 64 * 1024 - len(b"Host: here\r\n") - len(b"X: \r\n")
    with wire(service) as connection:
        connection.send(head(b"X: " + b"x" * most))
        assert connection.answer().status == 200
        connection.send(head(*[b"X-%d: x" % number for number in range(99)]))
        assert connection.answer().status == 200
    assert asked(service, head(b"X: " + b"x" * (most + 1))).name == "headers-too-large"


@pytest.mark.parametrize(
    "fields",
    [
        [b"X-%d: x" % number for number in range(100)],
        [b"X: " + b"x" * 70_000],
        [b"X-%d: " % number + b"x" * 1000 for number in range(70)],
        [b"x" * 70_000 + b": x"],
        [b"X: " + b" " * 200_000 + b"x" * 70_000],
    ],
    ids=["many", "long", "long in all", "long name", "padded"],
)
@pytest.mark.parametrize("packets", [1, 3])
def test_headers_beyond_their_limit_are_refused(
    service: Service, fields: list[bytes], packets: int
) -> None:
    whole = head(*fields)
    size = -(-len(whole) // packets)
    found = asked(service, *[whole[at : at + size] for at in range(0, len(whole), size)])
    assert (found.status, found.name) == (431, "headers-too-large")


def test_headers_that_never_end_are_refused_before_they_are_kept(service: Service) -> None:
    with wire(service) as connection:
        connection.send(b"GET / HTTP/1.1\r\nX: ")
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 200 * 1024 * 1024:
                connection.socket.sendall(b"x" * 65536)
                sent += 65536
        assert sent < 64 * 1024 * 1024
        assert connection.answer().name == "headers-too-large"


def test_targets_up_to_their_limit_are_taken(service: Service) -> None:
    query = b"/healthz?q=" + b"x" * (16 * 1024 - len(b"/healthz?q="))
    with wire(service) as connection:
        connection.send(head(line=b"GET " + query + b" HTTP/1.1"))
        assert connection.answer().status == 200
    found = asked(service, head(line=b"GET " + query + b"x HTTP/1.1"))
    assert (found.status, found.name) == (414, "target-too-long")
    endless = asked(service, b"GET /", b"x" * 10_000, b"x" * 10_000)
    assert (endless.status, endless.name) == (414, "target-too-long")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"NONSENSE / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/3.0\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nX : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00\r\n\r\n",
        b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    ],
)
def test_what_is_no_request_is_answered_with_a_problem(service: Service, sent: bytes) -> None:
    found = asked(service, sent)
    assert (found.status, found.name) == (400, "malformed")
    assert "GET" not in found.problem["detail"]


def test_refusals_are_counted(service: Service) -> None:
    def counted() -> float:
        match = re.search(
            r'request_seconds_count\{method="\(none\)",route="\(no route\)",status="431"\} (\S+)',
            service.client.get("/metrics").text,
        )
        return float(match[1]) if match else 0.0

    before = counted()
    asked(service, head(b"X: " + b"x" * 70_000))
    assert counted() == before + 1


def test_targets_in_absolute_form_are_understood(service: Service) -> None:
    with wire(service) as connection:
        connection.send(head(line=b"GET http://here/healthz HTTP/1.1"))
        assert connection.answer().status == 200
        connection.send(head(line=b"GET http://here HTTP/1.1"))
        assert connection.answer().name == "not-found"
        connection.send(head(line=b"GET http://here?a=b HTTP/1.1"))
        assert connection.answer().name == "not-found"


# Time


def test_a_head_that_trickles_is_cut_off(hasty: Service) -> None:
    with wire(hasty) as connection:
        started = time.monotonic()
        with contextlib.suppress(OSError):
            for byte in head(b"X: " + b"x" * 500):
                connection.send(bytes([byte]))
                time.sleep(0.05)
                if time.monotonic() - started > 2:
                    break
        found = connection.answer()
    assert (found.status, found.name) == (408, "too-slow")
    assert asked(hasty, b"GET / HTTP/1.1\r\n").name == "too-slow"


def test_a_connection_that_says_nothing_is_closed(hasty: Service) -> None:
    with wire(hasty) as connection:
        assert connection.ends()
    with wire(hasty) as connection:
        connection.send(*[b"\r\n"] * 5)
        assert connection.ends()


def test_the_second_request_of_a_connection_is_timed_too(hasty: Service) -> None:
    with wire(hasty) as connection:
        connection.send(head())
        assert connection.answer().status == 200
        # Longer than a head may take: a connection may be idle.
        time.sleep(SHORT.head_seconds * 1.5)
        connection.send(head())
        assert connection.answer().status == 200
        connection.send(b"GET /healthz HT")
        assert connection.answer().name == "too-slow"
        assert connection.ends()


def test_an_idle_connection_is_closed_and_one_in_use_is_not(hasty: Service) -> None:
    with wire(hasty) as connection:
        for _ in range(4):
            connection.send(head())
            assert connection.answer().status == 200
            time.sleep(SHORT.idle_seconds * 0.6)
        assert connection.ends()


def test_many_half_open_connections_keep_nobody_out(hasty: Service) -> None:
    with contextlib.ExitStack() as stack:
        half_open = [stack.enter_context(wire(hasty)) for _ in range(60)]
        for connection in half_open:
            with contextlib.suppress(OSError):
                connection.send(b"GET / HTTP/1.1\r\n")
        with wire(hasty) as connection:
            connection.send(head())
            assert connection.answer().status == 200
        first, last = half_open[0], half_open[-1]
        assert first.ends()
        assert last.answer().name == "too-slow"


@pytest.mark.parametrize("begun", [upload(100_000), CHUNKED + b"186A0\r\n"])
def test_a_body_that_trickles_is_cut_off(hasty: Service, begun: bytes) -> None:
    with wire(hasty) as connection:
        connection.send(begun + b'{"title": "')
        with contextlib.suppress(OSError):
            for _ in range(100):
                connection.send(b"x")
                time.sleep(0.02)
        found = connection.answer()
        assert (found.status, found.name) == (408, "too-slow")
        assert found.headers["connection"] == "close"
        assert connection.ends()


def test_a_form_that_stalls_is_cut_off_and_leaves_nothing(hasty: Service) -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    fields = (b"Content-Type: multipart/form-data; boundary=b", b"Content-Length: 900000")
    whole = head(*fields, line=b"POST /v1/documents HTTP/1.1") + form + b"x" * 200_000
    found = asked(hasty, whole)
    assert (found.status, found.name) == (408, "too-slow")
    until(lambda: not list((hasty.storage / "blobs" / "tmp").glob("*")))


def test_a_body_that_is_fast_enough_may_take_its_time(hasty: Service) -> None:
    body = json.dumps({"title": "t", "content": "x" * 9000}).encode()
    with wire(hasty) as connection:
        connection.send(upload(len(body)))
        for at in range(0, len(body), 500):
            connection.send(body[at : at + 500])
            time.sleep(0.06)
        assert connection.answer().status == 201


def test_a_client_that_waits_to_be_told_to_go_on_is_not_slow(hasty: Service) -> None:
    body = json.dumps({"title": "t", "content": "x"}).encode()
    with wire(hasty) as connection:
        connection.send(upload(len(body), b"Expect: 100-continue"))
        assert connection.answer().status == 100
        connection.send(body)
        assert connection.answer().status == 201


def test_a_body_that_nobody_reads_does_not_keep_the_connection(hasty: Service) -> None:
    with wire(hasty) as connection:
        connection.send(upload(10**9))
        assert connection.answer().name == "too-large"
        with contextlib.suppress(OSError):
            for _ in range(60):
                connection.send(b"x")
                time.sleep(0.02)
        assert connection.ends()


def test_answers_that_take_their_time_are_left_alone(hasty: Service) -> None:
    document = hasty.register()
    path = f"/v1/documents/{document['id']}/stages/markdown-conversion/execute?wait=1.5"
    line = f"POST {path} HTTP/1.1".encode()
    with wire(hasty) as polling, wire(hasty) as stream:
        stream.send(head(line=b"GET /v1/events/stream HTTP/1.1"))
        polling.send(head(b"Content-Length: 0", line=line))
        assert polling.answer().status == 202
        # Both took several times what heads and bodies may take.
        polling.send(head())
        assert polling.answer().status == 200
        later = hasty.register()
        stream.socket.settimeout(5)
        seen = b""
        while later["id"].encode() not in seen:
            piece = stream.socket.recv(65536)
            assert piece, seen
            seen += piece


# Bodies


@pytest.mark.parametrize(
    "tail",
    [
        [b"2\r\n{}\r\n0\r\nX: ", b"x" * 70_000, b"x" * 70_000],
        [b"2\r\n{}\r\n0\r\n", *[b"X: " + b"x" * 30_000 + b"\r\n"] * 5],
        [b"2;x=", b"x" * 70_000, b"x" * 70_000],
    ],
    ids=["one trailer", "many trailers", "chunk extension"],
)
def test_trailers_and_extensions_have_the_limit_of_headers(
    service: Service, tail: list[bytes]
) -> None:
    found = asked(service, CHUNKED, *tail)
    assert (found.status, found.name) == (431, "headers-too-large")


def test_trailers_change_no_header(service: Service) -> None:
    body = json.dumps({"title": "t", "content": "x"}).encode()
    sent = CHUNKED + b"%x\r\n" % len(body) + body + b"\r\n0\r\nContent-Type: text/plain\r\n\r\n"
    with wire(service) as connection:
        connection.send(sent + head())
        assert connection.answer().status == 201
        assert connection.answer().status == 200


def test_chunks_that_are_none_are_malformed(service: Service) -> None:
    found = asked(service, CHUNKED, b"2\r\n{}\r\n", b"nonsense\r\n")
    assert (found.status, found.name) == (400, "malformed")


# Pipelining


def test_pipelined_requests_are_answered_in_turn(service: Service) -> None:
    paths = [b"/healthz", b"/nothing", b"/readyz", b"/v1/documents?limit=x", b"/healthz"]
    with wire(service) as connection:
        connection.send(b"".join(head(line=b"GET " + path + b" HTTP/1.1") for path in paths))
        assert [connection.answer().status for _ in paths] == [200, 404, 200, 422, 200]


def test_a_fault_waits_for_the_answers_ahead_of_it(service: Service) -> None:
    ready = head(line=b"GET /readyz HTTP/1.1")
    for fault, name in (
        (b"NONSENSE\r\n\r\n", "malformed"),
        (head(b"X: " + b"x" * 70_000), "headers-too-large"),
        (b"GET /" + b"x" * 20_000, "target-too-long"),
    ):
        with wire(service) as connection:
            connection.send(ready + ready + fault)
            assert [connection.answer().status for _ in range(2)] == [200, 200]
            assert connection.answer().name == name
            assert connection.ends()


def test_a_refusal_comes_behind_the_answer_before_it(service: Service) -> None:
    with wire(service) as connection:
        connection.send(head(line=b"HEAD /healthz HTTP/1.1") + b"NO REQUEST\r\n\r\n")
        received = b""
        while piece := connection.socket.recv(65536):
            received += piece
        first, _, second = received.partition(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 200 ")
        assert second.startswith(b"HTTP/1.1 400 ")


def test_the_head_of_a_stream_waits_for_no_event(service: Service) -> None:
    with wire(service) as connection:
        position = service.register()["position"]
        line = f"GET /v1/events/stream?after={position} HTTP/1.1".encode()
        connection.send(head(line=line))
        assert connection.socket.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_more_pipelined_requests_than_can_be_kept_are_refused(hasty: Service) -> None:
    with wire(hasty) as connection:
        connection.send(head(line=b"GET /readyz HTTP/1.1") * 40)
        answers: list[Answer] = []
        while not answers or answers[-1].status == 200:
            answers.append(connection.answer())
        assert answers[-1].name == "malformed"
        assert len(answers) <= SHORT.pipelined_requests + 2
        assert connection.ends()


def test_what_follows_an_upgrade_that_is_declined_is_answered(service: Service) -> None:
    upgrade = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAAA")
    body = json.dumps({"title": "t", "content": "x"}).encode()
    with wire(service) as connection:
        connection.send(head(*upgrade) * 2 + head(line=b"GET /nothing HTTP/1.1"))
        assert [connection.answer().status for _ in range(3)] == [200, 200, 404]
        connection.send(upload(len(body), *upgrade) + body + head())
        assert connection.answer().status == 201
        assert connection.answer().status == 200
