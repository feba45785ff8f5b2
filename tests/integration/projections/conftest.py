"""A log that can be written by real commands, its reader, and projectors over one database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from eventstore.application import WorkflowApplication
from eventstore.group_commit import GroupCommit
from eventstore.history import History
from integration.projections.log_writer import LogWriter
from projections import fold


@pytest.fixture
def application(database: str) -> Iterator[WorkflowApplication]:
    with contextlib.closing(WorkflowApplication(database, pool_size=8)) as application:
        yield application


@pytest.fixture
def history(application: WorkflowApplication) -> History:
    return History(application)


@pytest.fixture
def log(application: WorkflowApplication, database: str) -> Iterator[LogWriter]:
    commit = GroupCommit(application, view=fold)
    yield LogWriter(commit, database)
    commit.close()
