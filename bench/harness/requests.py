"""The Lua of the requests that each side is sent."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from harness.ledger import STAGES

Step = tuple[str, str, str]
"""Method, path below the document, and JSON body."""

STORED_FILE = "incoming/result.md"
FILE_TYPES = ("markdown", "tables", "images", "outline")
"""What a stage registers: its text, and what it found on the way."""

_PEER_IDS = {
    "plain_tables": "string.format('doc-%08d', math.random(1, {n}))",
    "obvious": "string.format('00000000-0000-4000-8000-%012x', math.random(1, {n}))",
}
_OWN_ID = "string.format('doc-%08d', math.random(0, {n} - 1) * {every} + 1)"
_SEED = "init = function(args) math.randomseed({seed}) end\n"
_PEER_REPORT = """
local stages = {{'ingest', 'ocr', 'classify', 'extract', 'publish'}}
local statuses = {{'started', 'completed'}}
request = function()
  return wrk.format('POST', '/documents/' .. {id} .. '/stages/' .. stages[math.random(1, 5)]
    .. '/status', {{['content-type']='application/json'}},
    '{{"status":"' .. statuses[math.random(1, 2)] .. '"}}')
end
"""
_GET = """
request = function() return wrk.format('GET', '{prefix}/documents/' .. {id}) end
"""
_WALK = """
local steps = {{
{steps}
}}
-- wrk takes a look at one request before it sends any
local sent, own = -1, {own}
local headers = {{['content-type']='application/json'}}
request = function()
  local number = math.max(sent, 0)
  local pass, turn = math.floor(number / own), (number % own) * {stride} % own
  sent = sent + 1
  if pass >= #steps then pass = {again} + (pass - {again}) % (#steps - {again}) end
  local step = steps[pass + 1]
  return wrk.format(step[1], '/v1/documents/' .. string.format('doc-%08d',
    turn * {shares} + {share} + 1) .. step[2], headers, step[3])
end
"""
_STRIDES = (7919, 7907, 7901)


def peer_reports(peer: str, documents: int) -> str:
    """Return reports on stages of documents at random: a peer takes any at any time."""
    return _seeded() + _PEER_REPORT.format(id=_PEER_IDS[peer].format(n=documents))


def reads(peer: str, documents: int, every: int = 1) -> str:
    """Return reads of documents at random; those of docledger have the ids of plain tables.

    Of docledger's, one in `every` is ever asked for, evenly among all.
    """
    own = peer == "docledger"
    if own:
        known = _OWN_ID.format(n=documents // every, every=every)
    else:
        known = _PEER_IDS[peer].format(n=documents)
    return _seeded() + _GET.format(prefix="/v1" if own else "", id=known)


def walk(documents: int, share: int, shares: int, way: Way, most: int | None = None) -> str:
    """Return what takes one share of the documents through the steps, in an order all mixed up.

    Every document of the share gets a step before any gets the next, so that each request is legal
    when it comes: the one before it on its document was answered long ago. `most` documents are
    taken, so that a measurement gets as far as it should with each.
    """
    own = min(documents // shares, most or documents)
    listed = ",\n".join(f"  {{'{m}', '{path}', '{body}'}}" for m, path, body in way.steps)
    stride = next(s for s in _STRIDES if own % s)
    return _WALK.format(
        steps=listed, own=own, stride=stride, shares=shares, share=share, again=way.again
    )


def document_ids(documents: int, share: int, shares: int) -> list[str]:
    """Return the ids of one share of the documents, those that `walk` would take."""
    return [f"doc-{number:08}" for number in range(share + 1, documents + 1, shares)]


@dataclass(frozen=True)
class Way:
    """Steps that take a document through its stages; `again` is the first of those that repeat."""

    steps: tuple[Step, ...]
    again: int
    events_a_request: int

    @classmethod
    def of(cls, stages: Sequence[Sequence[Step]], events_a_request: int = 1) -> Way:
        """Return the steps of each stage in turn, then the last stage reset and run for ever."""
        steps = [step for stage in stages for step in stage]
        reset = _report(STAGES[-1], "pending")
        return cls((*steps, reset, *stages[-1]), len(steps), events_a_request)


def reports() -> Way:
    """Return a start and a completion a stage."""
    return Way.of([(_report(s, "in_progress"), _report(s, "completed")) for s in STAGES])


def one_by_one() -> Way:
    """Return start, each file and completion of each stage as a call each."""
    return Way.of(
        [
            (
                _report(stage, "in_progress"),
                *(("POST", f"/stages/{stage}/files", json.dumps(file)) for file in _files()),
                _report(stage, "completed"),
            )
            for stage in STAGES
        ]
    )


def in_one_call() -> Way:
    """Return start, files and completion of each stage as one call."""
    events = 2 + len(FILE_TYPES)
    return Way.of([(_report(s, "completed", outputFiles=_files()),) for s in STAGES], events)


def _files() -> list[dict[str, str]]:
    return [{"filePath": STORED_FILE, "fileType": t, "fileName": f"{t}.md"} for t in FILE_TYPES]


def _report(stage: str, status: str, **more: object) -> Step:
    return "PUT", f"/stages/{stage}/status", json.dumps({"status": status, **more})


def _seeded() -> str:
    return _SEED.format(seed=time.time_ns() % 10**8)


def page(query: str) -> str:
    """Return reads of one and the same page of the documents."""
    return f"request = function() return wrk.format('GET', '/v1/documents{query}') end\n"
