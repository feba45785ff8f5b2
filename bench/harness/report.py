"""The table of docs/reference/performance.md, from what the measurements printed.

A row is shown as far as its figures are there: a measurement that was not run leaves its rows'
figures of the last time that it was.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness.figures import figure

_MISSING = "not measured"
_HEAD = """# Performance

What docledger does beside what it might be left for. Each line was measured in one run, on one
machine and one server, sides in turn, every figure the median of its rounds; a measurement fails
if a request is answered wrongly, if the log has not what was answered, or if `docledger verify`
finds a difference. Figures of different machines or runs do not compare: the ratios do.

```sh
make bench                         # everything, about an hour on two cores
make bench ONLY=over_http          # one measurement; the other rows stay as they are
make bench ROUNDS=7                # more rounds
make bench OLD=../older            # stages beside an older checkout that has its own .venv
```

PostgreSQL is the distribution's, reached over TCP on loopback, with fsync on and a quarter of the
machine's memory for shared buffers, which is what its manual advises, otherwise as it comes;
`bench/rows.toml` says what belongs to which row.
"""


@dataclass(frozen=True)
class Against:
    """One comparison: figures, their ratio, and what it is to be."""

    beside: str
    ours: float | None
    theirs: float | None
    unit: str
    at_least: float | None
    at_most: float | None
    over: float | None
    under: float | None

    @classmethod
    def of(cls, told: Mapping[str, Any], figures: Any) -> Self:
        """Return the comparison with its figures looked up."""
        theirs = told.get("share_of")
        if "theirs" in told:
            theirs = figure(figures, told["theirs"])
        return cls(
            beside=told.get("beside", ""),
            ours=figure(figures, told["ours"], told.get("take")),
            theirs=theirs,
            unit=told["unit"],
            at_least=told.get("at_least"),
            at_most=told.get("at_most"),
            over=told.get("over"),
            under=told.get("under"),
        )

    @property
    def ratio(self) -> float | None:
        """Ours to theirs."""
        return self.ours / self.theirs if self.ours is not None and self.theirs else None

    @property
    def reached(self) -> bool | None:
        """Whether it is what it is to be; None if nothing was asked or measured."""
        checks = (
            (self.ours, self.over, operator.ge),
            (self.ours, self.under, operator.lt),
            (self.ratio, self.at_least, operator.ge),
            (self.ratio, self.at_most, operator.le),
        )
        held = [
            holds(found, goal)
            for found, goal, holds in checks
            if found is not None and goal is not None
        ]
        return all(held) if held else None

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        return (self.beside or "-", self._figures(), self._ratio(), self._goal(), self._verdict())

    def _figures(self) -> str:
        if self.ours is None:
            return _MISSING
        if self.theirs is None:
            return f"{readable(self.ours)} {self.unit}"
        return f"{readable(self.ours)} to {readable(self.theirs)} {self.unit}"

    def _ratio(self) -> str:
        return "-" if self.ratio is None else f"{readable(self.ratio)}x"

    def _goal(self) -> str:
        if self.over is not None:
            return f"{readable(self.over)} or more"
        if self.under is not None:
            return f"under {readable(self.under)}"
        if self.at_least is not None:
            return f"{readable(self.at_least)}x"
        return "-" if self.at_most is None else f"at most {readable(self.at_most)}x"

    def _verdict(self) -> str:
        return {True: "reached", False: "**not reached**", None: "-"}[self.reached]


def readable(value: float) -> str:
    """Return a number of about three digits, with thousands apart."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Report:
    """Rows, results by the name of their script, and the charts that are drawn."""

    def __init__(self, rows: Mapping[str, Any], results: Mapping[str, Any]) -> None:
        self._rows = rows
        self._results = results

    @classmethod
    def read(cls, rows: Mapping[str, Any], folder: Path) -> Self:
        """Return the report of the results that lie in the folder."""
        found = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
        return cls(rows, found)

    def markdown(self, charts: Sequence[tuple[str, str]] = ()) -> str:
        """Return the page; `charts` are titles with paths."""
        parts = [_HEAD, self._table(), "## What each is limited by\n", self._limits()]
        parts += [f"## {title}\n\n![{title}]({path})\n" for title, path in charts]
        parts += [self._shares(), "## Where and when\n", self._conditions()]
        return "\n".join(parts).rstrip() + "\n"

    def _table(self) -> str:
        lines = ["| bench | beside | figures | ratio | to reach | |", "|---|---|---|---|---|---|"]
        for row, comparisons in self._compared():
            for number, each in enumerate(comparisons):
                lines.append(_line(row["bench"] if number == 0 else "", *each.cells()))
        return "\n".join(lines) + "\n"

    def _compared(self) -> Iterator[tuple[Mapping[str, Any], list[Against]]]:
        for row in self._rows["row"]:
            figures = self._results.get(row["script"], {}).get("figures")
            yield row, [Against.of(told, figures) for told in row["against"]]

    def _limits(self) -> str:
        told = [row for row in self._rows["row"] if row["limit"]]
        return "".join(f"- {row['bench']}: {row['limit']}\n" for row in told)

    def _shares(self) -> str:
        sides = [
            (side["label"], self._results.get(chart["script"], {}).get("figures", {}), side["path"])
            for chart in self._rows.get("chart", ())
            for side in chart.get("of", ())
        ]
        return "".join(
            f"- {label}: {_shared(figures[path])}\n"
            for label, figures, path in sides
            if path in figures
        )

    def _conditions(self) -> str:
        lines = ["| measurement | when | minutes | machine | versions |", "|---|---|---|---|---|"]
        for name, result in self._results.items():
            minutes = readable(result["seconds"] / 60)
            machine, versions = _listed(result["machine"]), _listed(result["versions"])
            lines.append(_line(f"[{name}](performance/{name}.json)", result["at"], minutes,
                               machine, versions))  # fmt: skip
        return "\n".join(lines) + "\n"


def _shared(side: Mapping[str, Any]) -> str:
    """Return the bytes of each table and its share of all."""
    whole = side["bytes"]
    tables = sorted(side["tables"].items(), key=lambda table: -table[1])
    return ", ".join(
        f"`{name.removeprefix('public.')}` {readable(size)} ({size / whole:.0%})"
        for name, size in tables
    )


def _listed(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
