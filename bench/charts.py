"""Draw the charts of bench/rows.toml from results: charts.py FOLDER; needs matplotlib.

Colours are of middling lightness on no background, so that they show on light and dark pages.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from harness.figures import figure

OURS, OTHERS = "#2f81f7", "#8b949e"
LINES = ("#2f81f7", "#d9822b", "#3fa55b", "#c0587e", "#8a63d2", "#4aa3a2", "#a08a3c", "#8b949e")
TEXT = "#7d8590"
_NAMED_SHARE = 0.11

mpl.use("svg")
mpl.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "docledger",
        "font.family": "sans-serif",
        "font.size": 10,
        "text.color": TEXT,
        "axes.edgecolor": TEXT,
        "axes.labelcolor": TEXT,
        "xtick.color": TEXT,
        "ytick.color": TEXT,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


def main() -> None:
    """Draw every chart whose figures are there."""
    folder = Path(sys.argv[1])
    rows = tomllib.loads((Path(__file__).parent / "rows.toml").read_text())
    for chart in rows.get("chart", ()):
        result = folder / f"{chart['script']}.json"
        if result.exists():
            draw(chart, json.loads(result.read_text())["figures"], folder)


def draw(chart: Mapping[str, Any], figures: Any, folder: Path) -> None:
    """Draw one chart into `folder/name.svg`."""
    drawn = Figure(figsize=(7.6, 1.1 + 0.38 * _lines(chart, figures)), layout="constrained")
    axes = drawn.subplots()
    {"bars": _bars, "lines": _growth, "shares": _shares}[chart["kind"]](axes, chart, figures)
    axes.set_xlabel(chart["unit"])
    drawn.savefig(
        folder / f"{chart['name']}.svg", transparent=True, metadata={"Date": None, "Creator": None}
    )


def _lines(chart: Mapping[str, Any], figures: Any) -> int:
    if chart["kind"] == "lines":
        return 9
    if chart["kind"] == "shares":
        return 2 * len(chart["of"])
    return sum(_median(figures, bar["path"]) is not None for bar in chart["bar"])


def _bars(axes: Axes, chart: Mapping[str, Any], figures: Any) -> None:
    """One bar a side, ours in colour, with the spread over the rounds."""
    found = [(bar, value) for bar in chart["bar"] if (value := _median(figures, bar["path"]))]
    for line, (bar, value) in enumerate(found):
        least, most = _extremes(figures, bar["path"], value)
        axes.barh(
            line,
            value,
            color=OURS if bar.get("ours") else OTHERS,
            xerr=[[value - least], [most - value]],
            error_kw={"ecolor": TEXT, "elinewidth": 1, "capsize": 3},
        )
        axes.annotate(
            f"{value:,.0f}" if value >= 10 else f"{value:.2f}",
            (most, line),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(range(len(found)), [bar["label"] for bar, _ in found])
    axes.invert_yaxis()
    axes.margins(x=0.14)


def _growth(axes: Axes, chart: Mapping[str, Any], figures: Any) -> None:
    """One line a case: its cost as a multiple of that at the smallest size."""
    for number, (case, costs) in enumerate(figures["cost"].items()):
        sizes = [int(size) for size in costs]
        label = case.replace("_", " ")
        axes.plot(sizes, list(costs.values()), marker="o", color=LINES[number % 8], label=label)
    axes.set_xscale("log")
    axes.set_xticks([int(size) for size in figures["sizes"]])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    axes.set_ylim(bottom=0)
    axes.axhline(chart["limit"], color=TEXT, linestyle=":", linewidth=1)
    axes.set_ylabel("cost, smallest = 1")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def _shares(axes: Axes, chart: Mapping[str, Any], figures: Any) -> None:
    """One bar a side, in pieces by table; small ones together."""
    sides = [side for side in chart["of"] if side["path"] in figures]
    widest = max(figures[side["path"]]["bytes"] for side in sides)
    for line, side in enumerate(sides):
        left = 0.0
        tables = figures[side["path"]]["tables"]
        for number, (table, size) in enumerate(sorted(tables.items(), key=lambda t: -t[1])):
            axes.barh(line, size, left=left, color=LINES[number % 8], height=0.55)
            name = table.rpartition(".")[2].replace("documents_processing_", "")
            if size > widest * _NAMED_SHARE:
                axes.annotate(
                    f"{name}\n{size:,.0f}",
                    (left + size / 2, line - 0.3),
                    xytext=(0, 2),
                    textcoords="offset points",
                    ha="center",
                    va="bottom",
                    fontsize=7,
                )
            left += size
        axes.annotate(
            f"{left:,.0f}", (left, line), xytext=(6, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(sides)), [side["label"] for side in sides])
    axes.set_ylim(len(sides) - 0.6, -0.8)
    axes.margins(x=0.1)


def _median(figures: Any, path: str) -> float | None:
    return figure(figures, path)


def _extremes(figures: Any, path: str, value: float) -> tuple[float, float]:
    """Return least and most over the rounds, the value itself where there is no spread."""
    pairs = ((f"{path}.min", f"{path}.max"), (f"{path}.1", f"{path}.2"))
    for least, most in pairs:
        found = figure(figures, least), figure(figures, most)
        if found[0] is not None and found[1] is not None:
            return found[0], found[1]
    return value, value


if __name__ == "__main__":
    main()
