"""`docledger stages`: the stages of new workflows, what is wrong with them, and one more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
from rich.table import Table
from rich.text import Text

from docledger import overview
from docledger.bootstrap import Docledger
from docledger.commands.reports import console, print_json
from docledger.settings import Settings
from domain.errors import InvalidValue
from domain.json_types import JsonMapping, JsonObject
from domain.pipeline import Pipeline, StageDependency
from domain.pipeline_findings import Finding, findings
from domain.values import STAGE_NAME
from stages.registry import Registry

_ROW_ID = re.compile(r"dep_([0-9]{1,9})")
_MOST_ORDER = 2**31 - 1  # what the column takes
_INSERT = """
    INSERT INTO stage_dependencies
        (id, stage_name, depends_on_stage, is_required, execution_order)
    VALUES (%s, %s, %s, %s, %s)
"""


@dataclass(frozen=True)
class NewStage:
    """A stage to be added.

    `after` are stages that have to be completed first, `after_unless_skipped` those that may have
    been skipped. `order` None is behind all others.
    """

    name: str
    after: Sequence[str] = ()
    after_unless_skipped: Sequence[str] = ()
    optional: bool = False
    order: int | None = None


@dataclass(frozen=True)
class _Setup:
    """The rows by id, the executors of this process, and what living workers can run."""

    rows: Mapping[str, StageDependency]
    executors: Registry
    workers: Sequence[overview.LivingWorker]

    def workers_with(self, stage_name: str) -> int:
        return sum(stage_name in worker.stages for worker in self.workers)


def list_stages(settings: Settings, *, as_json: bool) -> None:
    """Print every stage: order, what it waits for, and who can run it."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        with docledger.connect("stages") as connection:
            setup = _setup(docledger, connection)
    items = [_stage(setup, name) for name in _in_order(setup.rows)]
    if as_json:
        print_json({"items": items, "findings": [_told(f) for f in findings(setup.rows)]})
        return
    _print_stages(items, len(setup.workers))


def check(settings: Settings, *, as_json: bool) -> bool:
    """Print what is wrong; return True if nothing is."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        with docledger.connect("stages") as connection:
            setup = _setup(docledger, connection)
    found = [*findings(setup.rows), *_without_executor(setup)]
    if as_json:
        print_json({"ok": not found, "findings": [_told(finding) for finding in found]})
    else:
        _print_findings(found)
    return not found


def add(settings: Settings, stage: NewStage, *, as_json: bool) -> None:
    """Write the rows of a new stage, unless they would not make a pipeline with the others."""
    with Docledger(settings) as docledger:
        docledger.require_schema()
        with docledger.connect("stages") as connection, connection.transaction():
            connection.execute("LOCK TABLE stage_dependencies IN SHARE ROW EXCLUSIVE MODE")
            rows = overview.dependencies(connection)
            new = _rows_of(stage, rows)
            _refuse(stage, rows, new)
            for row_id, row in new.items():
                connection.execute(_INSERT, (row_id, *row))
        with docledger.connect("stages") as connection:
            setup = _setup(docledger, connection)
    added = _stage(setup, stage.name)
    if as_json:
        print_json(added)
    else:
        _print_added(setup, added)


def _setup(docledger: Docledger, connection: psycopg.Connection) -> _Setup:
    return _Setup(
        overview.dependencies(connection),
        docledger.executors,
        overview.living_workers(connection),
    )


def _rows_of(stage: NewStage, rows: Mapping[str, StageDependency]) -> dict[str, StageDependency]:
    """Return the new rows by their ids."""
    orders = [row.execution_order for row in rows.values()]
    order = max(orders, default=0) + 1 if stage.order is None else stage.order
    if order > _MOST_ORDER:
        raise InvalidValue(
            f"A stage stands at {order - 1} already, the last place; name another by --order.",
            field="order",
        )
    waits: list[tuple[str | None, bool]] = [(n, not stage.optional) for n in stage.after]
    waits += [(name, False) for name in stage.after_unless_skipped]
    if not any(required for _, required in waits) and not stage.optional:
        # A stage is optional unless one of its rows is required.
        waits.insert(0, (None, True))
    elif not waits:
        waits = [(None, False)]
    numbers = [int(match[1]) for row_id in rows if (match := _ROW_ID.fullmatch(row_id))]
    first = max(numbers, default=0) + 1
    return {
        f"dep_{number}": StageDependency(stage.name, name, required, order)
        for number, (name, required) in enumerate(waits, start=first)
    }


def _refuse(
    stage: NewStage, rows: Mapping[str, StageDependency], new: Mapping[str, StageDependency]
) -> None:
    """Raise InvalidValue if the new rows are not right."""
    if not STAGE_NAME.fullmatch(stage.name) or stage.name == "completed":
        raise InvalidValue(
            f"'{stage.name}' cannot name a stage: a-z, 0-9 and '-' can, at most 100 of them, "
            "and 'completed' is taken.",
            field="name",
        )
    known = {row.stage_name for row in rows.values()}
    if stage.name in known:
        raise InvalidValue(f"There is a stage '{stage.name}' already.", field="name")
    asked = [*stage.after, *stage.after_unless_skipped]
    if unknown := [name for name in asked if name not in known]:
        listed = ", ".join(sorted(known)) or "none"
        raise InvalidValue(f"There is no stage '{unknown[0]}'; there are {listed}.", field="after")
    if len(set(asked)) < len(asked):
        raise InvalidValue("A stage to wait for is named twice.", field="after")
    before = findings(rows)
    if worse := [f for f in findings({**rows, **new}) if f not in before]:
        raise InvalidValue(f"This would not do: {worse[0].text}.", field="order")


def _in_order(rows: Mapping[str, StageDependency]) -> list[str]:
    first: dict[str, int] = {}
    for row in rows.values():
        first[row.stage_name] = min(
            row.execution_order, first.get(row.stage_name, row.execution_order)
        )
    return sorted(first, key=lambda name: (first[name], name))


def _stage(setup: _Setup, name: str) -> JsonObject:
    own = [row for row in setup.rows.values() if row.stage_name == name]
    executor = setup.executors.get(name)
    return {
        "stageName": name,
        "executionOrder": min(row.execution_order for row in own),
        "optional": not any(row.is_required for row in own),
        "dependsOn": [
            {"stageName": row.depends_on_stage, "required": row.is_required}
            for row in own
            if row.depends_on_stage is not None
        ],
        "executor": None if executor is None else f"{name}/{executor.version}",
        "broken": next((b.reason for b in setup.executors.broken if b.stage_name == name), None),
        "workers": setup.workers_with(name),
    }


def _without_executor(setup: _Setup) -> list[Finding]:
    """Return the stages that nothing here and no living worker can run."""
    found = []
    for name in _in_order(setup.rows):
        if name in setup.executors or setup.workers_with(name):
            continue
        broken = [b.reason for b in setup.executors.broken if b.stage_name == name]
        why = f"its executor cannot be loaded: {broken[0]}" if broken else "no executor is here"
        found.append(
            Finding(None, f"stage '{name}': {why}, and no living worker has it", fatal=False)
        )
    return found


def _told(finding: Finding) -> JsonObject:
    return {"rowId": finding.row_id, "detail": finding.text, "fatal": finding.fatal}


def _print_stages(items: Sequence[JsonMapping], workers: int) -> None:
    table = Table("order", "stage", "waits for", "executor here", "workers", box=None)
    for item in items:
        waits = ", ".join(
            it["stageName"] if it["required"] else f"{it['stageName']} (unless skipped)"
            for it in item["dependsOn"]
        )
        name = f"{item['stageName']} (optional)" if item["optional"] else item["stageName"]
        executor = item["executor"] or ("broken" if item["broken"] else "none")
        ready = f"{item['workers']} of {workers}"
        table.add_row(str(item["executionOrder"]), name, waits or "-", executor, ready)
    console().print(table)


def _print_findings(found: Sequence[Finding]) -> None:
    for finding in found:
        where = f"{finding.row_id}: " if finding.row_id else ""
        fatal = " (no workflow can start)" if finding.fatal else ""
        console().print(Text(f"{where}{finding.text}{fatal}"), soft_wrap=True)
    if not found:
        console().print("the stages are set up correctly")


def _print_added(setup: _Setup, added: JsonMapping) -> None:
    name, total = added["stageName"], len(Pipeline.of(setup.rows.values()).stages)
    lines = [f"{name}: added; workflows that start from now on have {total} stages"]
    if not setup.workers:
        lines.append("no worker runs now; start docledger up or docledger work")
    elif added["workers"] < len(setup.workers):
        lines.append(
            f"{added['workers']} of {len(setup.workers)} workers can run it; install its package "
            "where the others run and restart them, or documents wait for those that can"
        )
    if added["executor"] is None:
        lines.append(
            "its executor is not installed here: install the package that brings it wherever "
            "docledger up, work or serve run, then restart them"
        )
    for line in lines:
        console().print(Text(line), soft_wrap=True)
