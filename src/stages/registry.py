"""The executors that are installed: entry points of the group `docledger.stages`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from stages.errors import ExecutorMissing
from stages.executor import Executor

GROUP = "docledger.stages"


@dataclass(frozen=True)
class BrokenExecutor:
    """An entry point that did not give an executor, and why."""

    stage_name: str
    target: str
    reason: str


class Registry(Mapping[str, Executor]):
    """Executors by stage name; `broken` are those that are installed and cannot be had."""

    def __init__(self, executors: Mapping[str, Executor], broken: Iterable[BrokenExecutor]) -> None:
        self._executors = dict(executors)
        self.broken = tuple(broken)

    def __getitem__(self, stage_name: str) -> Executor:
        return self._executors[stage_name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._executors)

    def __len__(self) -> int:
        return len(self._executors)

    def of(self, stage_name: str) -> Executor:
        """Return the executor of a stage, or raise ExecutorMissing saying what is wrong."""
        if stage_name in self._executors:
            return self._executors[stage_name]
        for broken in self.broken:
            if broken.stage_name == stage_name:
                raise ExecutorMissing(
                    f"The executor of stage '{stage_name}' ({broken.target}) cannot be loaded: "
                    f"{broken.reason}; mend or reinstall the package that brings it."
                )
        raise ExecutorMissing(
            f"No executor is installed for stage '{stage_name}'; install a package with an entry "
            f"point of this name in the group {GROUP}."
        )


def discover(**parts: object) -> Registry:
    """Load every installed executor; one that fails is reported and harms no other.

    An entry point names a class or a function that makes an executor. It is called with those of
    `parts` that its parameters name, e.g. `search_store`.
    """
    executors: dict[str, Executor] = {}
    broken: dict[str, BrokenExecutor] = {}
    for point in entry_points(group=GROUP):
        try:
            executors[point.name] = _made(point, parts)
        except Exception as error:  # whatever a plug-in does must not stop the rest
            broken[point.name] = BrokenExecutor(point.name, point.value, _reason(error))
    return Registry(executors, broken.values())


def load(stage_name: str) -> Executor:
    """Load the one executor that runs in the sandbox for this stage, or raise ExecutorMissing."""
    for point in entry_points(group=GROUP, name=stage_name):
        try:
            return _made(point, {})
        except Exception as error:
            reason = _reason(error)
            raise ExecutorMissing(
                f"The executor of stage '{stage_name}' ({point.value}) cannot be loaded: {reason}; "
                "mend or reinstall the package that brings it."
            ) from error
    raise ExecutorMissing(f"No executor is installed for stage '{stage_name}'.")


def _made(point: EntryPoint, parts: Mapping[str, object]) -> Executor:
    factory: Callable[..., Any] = point.load()
    wanted = inspect.signature(factory).parameters
    executor = factory(**{name: part for name, part in parts.items() if name in wanted})
    if executor.stage_name != point.name:
        raise TypeError(f"it says that it executes stage '{executor.stage_name}'")
    loaded: Executor = executor
    return loaded


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
