"""What a connection answers to a request that cannot be, and how it closes then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import httptools

from api.http.errors import BadRequest, Malformed


class Refusal(NamedTuple):
    """The answer to what never became a request."""

    status: int
    media_type: str
    body: bytes


Refuse = Callable[[BadRequest], Refusal]
"""Makes the answer to an error; also where the refusal is logged and counted."""


class Lingering:
    """A transport that closes so that the last answer arrives."""

    def __init__(self, transport: asyncio.Transport, linger: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = linger


def malformed(error: httptools.HttpParserError) -> Malformed:
    """Say what the parser found, in its own words, which hold nothing of the request."""
    if isinstance(error, httptools.HttpParserCallbackError):
        return Malformed("The request's target cannot be understood.")
    return Malformed(f"The request is not HTTP/1.1: {error}.")
