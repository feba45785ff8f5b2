"""An S3 server of the tests' own, on loopback, in a process and an environment of its own.

It keeps objects in memory, honours conditional puts and ranges, and checks no signatures.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMMAND = Path(__file__).parents[1] / ".venv-s3" / "bin" / "moto_server"
_BUCKET = "bucket"
_SECONDS = 60


class S3Server:
    """One server with one bucket; `start` and `stop` it."""

    def __init__(self, command: Path = COMMAND) -> None:
        self._command = command
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The storage URL of the bucket."""
        return f"s3://{_BUCKET}"

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def options(self) -> Mapping[str, Any]:
        """What `open_storage` is to be told of it."""
        return {
            "endpoint": self.endpoint,
            "access_key_id": "key",
            "secret_access_key": "secret",
            "region": "us-east-1",
            "client_options": {"allow_http": True},
        }

    @property
    def environment(self) -> Mapping[str, str]:
        """The same, for a command."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }

    def start(self) -> None:
        """Start it and make the bucket."""
        self._process = subprocess.Popen(
            [self._command, "-H", "127.0.0.1", "-p", str(self._port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "HOME": "/nonexistent"},
            start_new_session=True,
        )
        self._make_bucket(time.monotonic() + _SECONDS)

    def stop(self) -> None:
        """End it by its process id."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _make_bucket(self, deadline: float) -> None:
        request = urllib.request.Request(f"{self.endpoint}/{_BUCKET}", method="PUT")
        while True:
            try:
                urllib.request.urlopen(request, timeout=5).close()
            except urllib.error.URLError:
                ended = self._process is None or self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
