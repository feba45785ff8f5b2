"""Every error of ours has its place among the problems."""

from __future__ import annotations

import pytest

import api.http.errors
import domain.errors
import domain.storage_errors
from api.http.problems import INTERNAL, PROBLEMS, problem_of
from domain.errors import DocledgerError

_DEFECTS = {"BlobNotFound", "BlobCorrupt", "UploadFinished", "LogUnreadable"}
"""What only a damaged storage or log, or a defect, raises."""


def _leaves(kind: type[DocledgerError]) -> list[type[DocledgerError]]:
    below = [leaf for child in kind.__subclasses__() for leaf in _leaves(child)]
    return below or [kind]


def _known() -> list[type[DocledgerError]]:
    modules = {m.__name__ for m in (api.http.errors, domain.errors, domain.storage_errors)}
    return [kind for kind in _leaves(DocledgerError) if kind.__module__ in modules]


@pytest.mark.parametrize("kind", _known(), ids=lambda kind: kind.__name__)
def test_an_error_has_a_status_of_its_own(kind: type[DocledgerError]) -> None:
    problem = problem_of(kind.__new__(kind))
    assert (problem is INTERNAL) == (kind.__name__ in _DEFECTS)


def test_a_type_means_one_status() -> None:
    statuses: dict[str, set[int]] = {}
    for problem in PROBLEMS.values():
        statuses.setdefault(problem.type, set()).add(problem.status)
    assert all(len(found) == 1 for found in statuses.values())
    assert all(kind.startswith("urn:docledger:problem:") for kind in statuses)


def test_what_is_not_ours_is_internal() -> None:
    assert problem_of(ValueError("secret")) is INTERNAL
