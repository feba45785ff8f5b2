"""What is wrong with the rows of `stage_dependencies`, each fault with the row that has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.errors import InvalidValue
from domain.pipeline import Pipeline, StageDependency


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. While any is fatal, no workflow can start.

    `row_id` is None where no single row is meant.
    """

    row_id: str | None
    text: str
    fatal: bool


def findings(rows: Mapping[str, StageDependency]) -> list[Finding]:
    """Return what is wrong with these rows, by their ids; first what is fatal."""
    return [*_fatal(rows), *_doubtful(rows)]


def _fatal(rows: Mapping[str, StageDependency]) -> Iterator[Finding]:
    """Yield each row that makes no pipeline, then what the rest makes of it together."""
    names = {row.stage_name for row in rows.values()}
    sound = dict(rows)
    for row_id, row in rows.items():
        missing = row.depends_on_stage
        if missing is not None and missing not in names:
            yield Finding(
                row_id,
                f"stage '{row.stage_name}' depends on '{missing}', which has no row of its own",
                fatal=True,
            )
            del sound[row_id]
    try:
        Pipeline.of(_still_there(rows, sound))
    except InvalidValue as error:
        yield Finding(None, str(error).rstrip("."), fatal=True)


def _still_there(
    rows: Mapping[str, StageDependency], sound: Mapping[str, StageDependency]
) -> Iterator[StageDependency]:
    """Yield the sound rows; a stage that has no other is kept as one that waits for nothing."""
    kept = {row.stage_name for row in sound.values()}
    yield from sound.values()
    for row_id, row in rows.items():
        if row_id not in sound and row.stage_name not in kept:
            yield row._replace(depends_on_stage=None)


def _doubtful(rows: Mapping[str, StageDependency]) -> Iterator[Finding]:
    """Yield rows whose order is not what it seems to say."""
    first: dict[str, int] = {}
    for row in rows.values():
        order = first.get(row.stage_name, row.execution_order)
        first[row.stage_name] = min(order, row.execution_order)
    yield from _orders_taken_twice(first)
    for row_id, row in rows.items():
        if row.execution_order != first[row.stage_name]:
            yield Finding(
                row_id,
                f"stage '{row.stage_name}' has rows of more than one execution_order; "
                f"{first[row.stage_name]} counts",
                fatal=False,
            )
        before = first.get(row.depends_on_stage or "")
        if before is not None and before >= first[row.stage_name]:
            yield Finding(
                row_id,
                f"stage '{row.stage_name}' comes at {first[row.stage_name]} and depends on "
                f"'{row.depends_on_stage}', which comes at {before}",
                fatal=False,
            )


def _orders_taken_twice(first: Mapping[str, int]) -> Iterator[Finding]:
    stages: dict[int, list[str]] = {}
    for name, order in sorted(first.items()):
        stages.setdefault(order, []).append(name)
    for order, names in sorted(stages.items()):
        if len(names) > 1:
            listed = " and ".join(f"'{name}'" for name in names)
            yield Finding(
                None, f"{listed} share execution_order {order}; they come by name", fatal=False
            )
