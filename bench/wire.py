"""What do limits of heads and bodies cost, and what do they save?

    python bench/wire.py [--rounds 5] [--seconds 3] [--granian PATH]

One process each serves one small answer: docledger's protocol, uvicorn's own on httptools, uvicorn
on h11 with its limit for what is incomplete, and, where a command for it is named, granian. wrk
asks each from 64 connections in interleaved rounds. Then one client asks for it alone while two
others each send one header of 60 MB: how long an answer takes, and what the process comes to in
memory. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from harness.figures import interleaved, significant, spread
from harness.processes import Running, free_port, peak_megabytes
from peers.one_answer import app

HERE = Path(__file__)
CLIENTS = 64
HEADER_BYTES = 60 * 1024 * 1024


def serve(way: str, port: int) -> None:
    """Serve in this process until it is ended."""
    import uvicorn

    options: dict[str, Any] = {"http": way}
    if way == "limited":
        options = {"http": _limited()}
    elif way == "h11":
        options["h11_max_incomplete_event_size"] = 64 * 1024
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        ws="none",
        access_log=False,
        log_level="critical",
        **options,
    )


def _limited() -> Any:
    from api.http.limits import HttpLimits
    from api.http.protocol import LimitedProtocol
    from api.http.refusal import Refusal
    from api.http.waiting import WaitingConnections

    limits = HttpLimits()
    return partial(
        LimitedProtocol,
        limits=limits,
        waiting=WaitingConnections(limits.waiting_connections),
        refuse=lambda error: Refusal(431, "text/plain", str(error).encode()),
    )


def _start(way: str, granian: str | None) -> tuple[Running, int]:
    port = free_port()
    command = [sys.executable, str(HERE), "--serve", way, "--port", str(port)]
    if way == "granian":
        plain = "--interface asgi --workers 1 --loop uvloop --http 1 --no-ws --log-level critical"
        command = [str(granian), *plain.split(), "--port", str(port), "peers.one_answer:app"]
    environment = {"PYTHONPATH": f"{HERE.parent}:{HERE.parents[1] / 'src'}"}
    return Running(command, url=f"http://127.0.0.1:{port}/", environment=environment), port


def _load(server: Running, port: int, seconds: int) -> tuple[float, float]:
    """Return requests a second, and microseconds of the server's CPU for each."""
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", f"http://127.0.0.1:{port}/"]
    before = server.cpu_seconds()
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    count = re.search(r"(\d+) requests in", said)
    if rate is None or count is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"wrk was not answered well: {said}")
    return float(rate[1]), 1e6 * (server.cpu_seconds() - before) / int(count[1])


def _endless_header(port: int) -> None:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        for _ in range(HEADER_BYTES // 65536):
            client.sendall(b"x" * 65536)
        client.sendall(b"\r\n\r\n")
        client.recv(100)


def _beside_headers(server: Running, port: int) -> dict[str, float]:
    """Return the milliseconds that answers took beside the two, and the process's peak memory."""
    others = [threading.Thread(target=_endless_header, args=(port,)) for _ in range(2)]
    for other in others:
        other.start()
    took = []
    until = time.monotonic() + 3
    while time.monotonic() < until:
        started = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            while client.recv(65536):
                pass
        took.append((time.perf_counter() - started) * 1000)
    for other in others:
        other.join()
    return {
        "p50_ms": significant(statistics.median(took)),
        "max_ms": significant(max(took)),
        "megabytes": significant(peak_megabytes(server.pid)),
    }


def main() -> None:
    """Measure, or serve what is measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--granian", help="a command that runs granian")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.port)
        return
    ways = ["limited", "httptools", "h11", *(["granian"] if given.granian else [])]
    with contextlib.ExitStack() as stack:
        running = {way: _start(way, given.granian) for way in ways}
        for server, _ in running.values():
            stack.callback(server.stop)
        loads = {way: partial(_load, *one, given.seconds) for way, one in running.items()}
        rounds = interleaved(given.rounds, loads)
        limited, own = rounds["limited"], rounds["httptools"]
        figures = {
            "per_second": {way: spread([r for r, _ in found]) for way, found in rounds.items()},
            "cpu_us": {way: spread([cpu for _, cpu in found]) for way, found in rounds.items()},
            "cpu_limited_to_httptools": spread(
                [a / b for (_, a), (_, b) in zip(limited, own, strict=True)]
            ),
            "beside_60_mb_headers": {w: _beside_headers(*running[w]) for w in running},
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
