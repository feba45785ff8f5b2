#!/bin/sh
# obstore 0.12.1 (PyPI, Python 3.11): client_options given to S3Store take the place of all that AWS_…
# variables say of the client, AWS_ALLOW_HTTP among them; other settings of both are joined.
# Guess before: a time limit given in code is added to what the environment says.
# Seen: with AWS_ALLOW_HTTP=true an http endpoint is read; with client_options={"timeout": "4s"} beside it
# every request is a GenericError that says "builder error".
# What follows for users: a program that sets a time limit cannot reach an endpoint that the variables allow.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --disable-pip-version-check --quiet install obstore==0.12.1
"$folder/env/bin/python" - <<'PYTHON'
import os
import sys
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

import obstore
from obstore.store import S3Store


class Bucket(BaseHTTPRequestHandler):
    """Answers each GET with one small object."""

    def do_GET(self):
        self.send_response(200)
        for name, value in (
            ("Content-Length", "5"),
            ("ETag", '"tag"'),
            ("Last-Modified", "Mon, 30 Nov 2026 12:00:00 GMT"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Bucket)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ |= {
    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
    "AWS_ALLOW_HTTP": "true",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
}


def read(**options):
    retries = {"max_retries": 0, "retry_timeout": timedelta(seconds=2)}
    store = S3Store.from_url("s3://bucket/prefix", retry_config=retries, **options)
    try:
        return bytes(obstore.get(store, "name").bytes()).decode()
    except Exception as error:
        told = "builder error" if "builder error" in str(error) else "another error"
        return f"{type(error).__name__}: {told}"


seen = {
    "variables alone": read(),
    "with a time limit": read(client_options={"timeout": "4s"}),
    "with a time limit and allow_http": read(
        client_options={"timeout": "4s", "allow_http": True}
    ),
}
server.shutdown()
print("obstore", version("obstore"))
for case, outcome in seen.items():
    print(f"{case}: {outcome}")
sys.exit(
    seen
    != {
        "variables alone": "hello",
        "with a time limit": "GenericError: builder error",
        "with a time limit and allow_http": "hello",
    }
)
PYTHON
