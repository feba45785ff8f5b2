"""A projector as a process of its own: `projector_process.py URL BATCH_EVENTS`."""

from __future__ import annotations

import sys

from eventstore.application import WorkflowApplication
from eventstore.history import History
from integration.projections.projecting import make_projector

if __name__ == "__main__":
    url, batch_events = sys.argv[1:]
    history = History(WorkflowApplication(url))
    make_projector(url, history, batch_events=int(batch_events)).run()
