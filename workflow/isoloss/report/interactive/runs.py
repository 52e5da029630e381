"""The chart of a study's runs: loss against N, D or C, with the laws that were fitted to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from isoloss.charts.style import ordered_colors
from isoloss.charts.text import short
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.report.interactive.formulas import EXACT, IN_SCRIPT, WHOLE, rounded
from isoloss.report.interactive.joint import COUNTS, JointFit, best, tokens_of
from isoloss.results.verdict import Status, Verdict

MOST_SERIES = 12  # the most sizes (or budgets) that get a colour each
AXES = ("N", "D", "C")
LIGHT_FROM = 0.3  # of viridis, for a dark page


@dataclass(frozen=True)
class RunsChart:
    """The data of one chart of runs.

    Attributes
    ----------
    study, unit : str
    synthetic : bool
    runs : DataFrame
        The runs of all laws, a row each.
    counts : tuple of str
        The columns that the laws take as N.
    laws : tuple of JointFit
    best : int
        The place of the law with the least residual standard error.
    """

    study: str
    unit: str
    synthetic: bool
    runs: pd.DataFrame
    counts: tuple[str, ...]
    laws: tuple[JointFit, ...]
    best: int

    @property
    def compute(self) -> np.ndarray:
        """Training compute of each run in FLOP, counted exactly where the table has it."""
        exact = self.runs["compute_flops"].to_numpy(float)
        counted = FLOPS_PER_PARAM_TOKEN * self.runs[self.counts[0]] * self.runs["n_tokens"]
        return np.where(np.isfinite(exact), exact, counted.to_numpy(float))

    @property
    def axes(self) -> dict[str, np.ndarray]:
        """Each axis -> its value of each run; N by the first count."""
        n_params = self.runs[self.counts[0]].to_numpy(float)
        return {"N": n_params, "D": self.runs["n_tokens"].to_numpy(float), "C": self.compute}

    def data(self) -> dict[str, Any]:
        """The chart as `runs.js` reads it."""
        key = key_axis(self.axes)
        values = sorted(set(_levels(self.axes[key]))) if key else [1.0]
        of_run = _levels(self.axes[key]) if key else [1.0] * len(self.runs)
        return {
            "study": self.study,
            "unit": self.unit,
            "tokens": tokens_of(self.unit),
            "synthetic": self.synthetic,
            "ids": self.runs["run_id"].tolist(),
            "N": {count: _whole(self.runs[count]) for count in self.counts},
            "D": _whole(self.runs["n_tokens"]),
            "C": [rounded(value) for value in self.compute],
            "loss": [rounded(value) for value in self.runs["loss"]],
            "counts": {count: COUNTS[count] for count in self.counts},
            "key": {"axis": key or "", "of": [values.index(value) for value in of_run],
                    "light": ordered_colors(len(values)), "dark": on_dark(len(values))},
            "lines": {axis: lines(self.axes, axis) for axis in AXES},
            "laws": [self._law(one) for one in self.laws],
            "best": self.best,
        }  # fmt: skip

    def _law(self, one: JointFit) -> dict[str, Any]:
        predicted = dict(zip(one.runs["run_id"], one.predicted, strict=True))
        params = one.fitted.params
        return {
            "name": one.fitted.fit, "label": one.label, "law": one.fitted.law_name,
            "count": one.count,
            "params": {name: rounded(params[name], EXACT) for name in one.fitted.law.names}
            if one.fitted.law_name in IN_SCRIPT else None,
            "miss": rounded(one.miss, 3), "n": len(one.runs),
            "verdict": _said(one.fitted.verdict),
            "loss": [rounded(predicted.get(run)) for run in self.runs["run_id"]],
        }  # fmt: skip

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The header and the rows of the same numbers as a table."""
        law = self.laws[self.best]
        predicted = dict(zip(law.runs["run_id"], law.predicted, strict=True))
        header = [*(COUNTS[count] for count in self.counts), f"D ({tokens_of(self.unit)})",
                  "C (FLOP)", "loss", law.label, "run"]  # fmt: skip
        rows = [
            [
                *(f"{row[count]:,.0f}" for count in self.counts),
                f"{int(row['n_tokens']):,}",
                short(compute),
                f"{row['loss']:.4f}",
                f"{predicted[row['run_id']]:.4f}" if row["run_id"] in predicted else "",
                row["run_id"],
            ]
            for (_, row), compute in zip(self.runs.iterrows(), self.compute, strict=True)
        ]
        return header, rows


def runs_chart(found: Sequence[JointFit]) -> RunsChart | None:
    """The chart of one study's runs; None where it fitted no law of N and D."""
    if not found:
        return None
    counts = tuple(count for count in COUNTS if any(one.count == count for one in found))
    if all((one.runs[counts[0]] == one.runs[counts[-1]]).all() for one in found):
        counts = counts[:1]
    runs = pd.concat([one.runs for one in found]).drop_duplicates("run_id")
    runs = runs.sort_values(["n_tokens", counts[0], "run_id"], kind="stable")
    first = found[0]
    return RunsChart(
        first.study, first.unit, first.synthetic, runs, counts, tuple(found),
        found.index(best(list(found))),
    )  # fmt: skip


def key_axis(axes: Mapping[str, np.ndarray]) -> str | None:
    """The first of N, D and C that has few values, which tell the series apart; None without."""
    return next((axis for axis in AXES if _few(axes[axis])), None)


def lines(axes: Mapping[str, np.ndarray], x: str) -> list[list[int]]:
    """Series of runs along an axis that share another quantity, as places of the runs."""
    shared = next((axis for axis in AXES if axis != x and _few(axes[axis])), None)
    if shared is None:
        return []
    levels = np.array(_levels(axes[shared]))
    series = []
    for level in sorted(set(levels)):
        places = np.flatnonzero(levels == level)
        ordered = places[np.argsort(axes[x][places], kind="stable")]
        if len(set(axes[x][ordered])) > 1:
            series.append([int(place) for place in ordered])
    return series


def on_dark(count: int) -> list[str]:
    """The figures' colours for ordered values, from the lighter part of their colour map."""
    import matplotlib
    from matplotlib.colors import to_hex

    places = np.linspace(LIGHT_FROM, 1.0, count) if count != 1 else [0.7]
    return [to_hex(color) for color in matplotlib.colormaps["viridis"](places)]


def _said(verdict: Verdict) -> str:
    """A fit's verdict as a sentence, without the misfit that stands beside it."""
    if verdict.identified:
        return "The runs determine its parameters."
    if verdict.status is Status.IF_THE_LAW_HOLDS:
        return "The runs reject it, so its parameters hold only if the law does."
    return f"Its parameters are {verdict}."


def _whole(values: pd.Series) -> list[float | int | None]:
    """Counts, whole as they are; None where there is none."""
    return [rounded(float(value), WHOLE) for value in values]


def _levels(values: np.ndarray) -> list[float]:
    """Values as levels: rounding N and D to whole numbers moves a late digit of C."""
    return [float(f"{value:.4e}") for value in values]


def _few(values: np.ndarray) -> bool:
    count = len(set(_levels(values)))
    return 1 < count <= MOST_SERIES and count < len(values)
