"""The stages of a workflow and which waits for which: data, not code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from domain.errors import InvalidValue, PipelineInvalid, UnknownStage
from domain.values import STAGE_NAME, StageStatus


class StageDependency(NamedTuple):
    """One row of `stage_dependencies`.

    `depends_on_stage` is None for a stage that waits for nothing. `is_required` False lets the
    stage go on when the stage it depends on was skipped.
    """

    stage_name: str
    depends_on_stage: str | None
    is_required: bool
    execution_order: int


@dataclass(frozen=True)
class Stage:
    """One stage's definition within a pipeline."""

    name: str
    execution_order: int
    optional: bool
    depends_on: tuple[str, ...]


@dataclass(frozen=True)
class Pipeline:
    """The stages of one workflow, in order, with what each waits for.

    Build it with `Pipeline.of`, which checks the rows and keeps one instance for equal rows.
    """

    dependencies: tuple[StageDependency, ...]

    @staticmethod
    def of(rows: Iterable[tuple[str, str | None, bool, int]]) -> Pipeline:
        """Return the pipeline of these rows.

        Raises InvalidValue for a bad stage name, an unknown dependency or a cycle.
        """
        return _pipeline(tuple(rows))

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stages by execution order, then name."""
        return tuple(sorted(self._by_name.values(), key=lambda s: (s.execution_order, s.name)))

    @cached_property
    def stage_names(self) -> tuple[str, ...]:
        """The stages' names by execution order, then name."""
        return tuple(stage.name for stage in self.stages)

    @cached_property
    def _by_name(self) -> Mapping[str, Stage]:
        rows: dict[str, list[StageDependency]] = {}
        for row in self.dependencies:
            rows.setdefault(row.stage_name, []).append(row)
        return {name: _stage(name, own) for name, own in rows.items()}

    @cached_property
    def _upstream(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}

        def walk(name: str) -> frozenset[str]:
            if name not in found:
                direct = self._by_name[name].depends_on
                found[name] = frozenset(direct).union(*(walk(other) for other in direct))
            return found[name]

        for name in self._by_name:
            walk(name)
        return found

    def stage(self, name: str) -> Stage:
        """Return the stage of this name, or raise UnknownStage."""
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self.stage_names)
            raise UnknownStage(f"There is no stage '{name}' here; there are {known}.") from None

    def upstream(self, name: str) -> frozenset[str]:
        """Return every stage that `name` depends on, directly or not."""
        return self._upstream[self.stage(name).name]

    def downstream(self, name: str) -> tuple[str, ...]:
        """Return every stage that depends on `name`, directly or not, in order."""
        return tuple(other for other in self.stage_names if name in self._upstream[other])

    def may_skip(self, name: str) -> bool:
        """Tell whether `name` is optional and no other stage insists on its output."""
        insisted = any(d.depends_on_stage == name and d.is_required for d in self.dependencies)
        return self.stage(name).optional and not insisted

    def may_start(self, name: str, statuses: Mapping[str, StageStatus]) -> bool:
        """Tell whether everything upstream of `name` is completed, or skipped where allowed.

        The whole upstream counts, not only the direct dependencies, so that nothing runs on
        output that a re-run further up is about to replace.
        """
        return all(statuses[other].settled for other in self.upstream(name))


def check_configured(rows: Iterable[tuple[str, str | None, bool, int]]) -> Pipeline:
    """Return the pipeline of the rows of `stage_dependencies`, which operators keep.

    Raises PipelineInvalid where they make none: no client who registers a document can help that.
    """
    try:
        return Pipeline.of(rows)
    except InvalidValue as error:
        raise PipelineInvalid(
            f"The stages are not set up correctly: {error} An operator corrects the table "
            "stage_dependencies; 'docledger stages check' names its rows."
        ) from error


def _stage(name: str, rows: list[StageDependency]) -> Stage:
    return Stage(
        name=name,
        execution_order=min(row.execution_order for row in rows),
        optional=not any(row.is_required for row in rows),
        depends_on=tuple(row.depends_on_stage for row in rows if row.depends_on_stage),
    )


@lru_cache(maxsize=256)
def _pipeline(rows: tuple[tuple[str, str | None, bool, int], ...]) -> Pipeline:
    pipeline = Pipeline(tuple(StageDependency(*row) for row in rows))
    _check(pipeline)
    return pipeline


def _check(pipeline: Pipeline) -> None:
    names = {row.stage_name for row in pipeline.dependencies}
    if not names:
        raise InvalidValue("A pipeline needs at least one stage.", field="stage_dependencies")
    for row in pipeline.dependencies:
        if not STAGE_NAME.fullmatch(row.stage_name) or row.stage_name == "completed":
            raise InvalidValue(
                f"'{row.stage_name}' cannot name a stage: a-z, 0-9 and '-' can, "
                "and 'completed' is taken.",
                field="stage_name",
            )
        if row.depends_on_stage is not None and row.depends_on_stage not in names:
            raise InvalidValue(
                f"Stage '{row.stage_name}' depends on '{row.depends_on_stage}', "
                "which has no row of its own.",
                field="depends_on_stage",
            )
    _check_no_cycle(pipeline)


def _check_no_cycle(pipeline: Pipeline) -> None:
    waiting = {s.name: set(s.depends_on) for s in pipeline.stages}
    while free := [name for name, others in waiting.items() if not others]:
        for name in free:
            del waiting[name]
        for others in waiting.values():
            others.difference_update(free)
    if waiting:
        raise InvalidValue(
            f"These stages wait for each other: {', '.join(sorted(waiting))}.",
            field="depends_on_stage",
        )
