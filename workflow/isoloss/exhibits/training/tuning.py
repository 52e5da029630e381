"""Whether each size is tuned enough: Lourie et al. (2026, arXiv:2608.11859)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import GREY, Sheet, short
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysing, Analysis, Does, Drawing, Drawn, Figure, Inputs, Tables
from isoloss.exhibits.training.replicates import (
    UNKNOWN,
    Scatter,
    above,
    increase,
    percent,
    scatter_said,
)
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Q, Row, X, row
from isoloss.results.verdict import not_identified
from isoloss.runs.select import finished_in, is_finished

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
FEWEST = 4  # settings of a size
SOURCE = (
    "Lourie et al. (2026), arXiv:2608.11859: a law is seen with 256 settings a size, not with 4"
)
OWN = {"marker": "D", "linestyle": "none"}


class Tuning(Analysing):
    """The expected best of k settings of each size, and where the study's own setting stands."""

    do: Literal["tuning"]
    name: Name = "tuning"
    own: list[Name] = []  # sweeps with the setting that the study uses, of the same sizes and data

    @property
    def reads(self) -> tuple[str, ...]:
        return ("seed_noise",)

    @property
    def sweeps_named(self) -> list[str]:
        return [*self.sweeps, *self.own]


class TunedEnough(Drawn):
    """The expected best loss of k settings against k, for each size."""

    draw: Literal["tuned_enough"]
    name: Name = "tuning"
    title: str = "Is each size tuned enough?"
    caption: str = (
        "Expected lowest loss of k settings drawn from those tried, over the lowest of all, for "
        "each size. Diamonds: the study's own setting, at the right. A curve that is flat at its "
        "end is tuned enough among these settings; it says nothing of settings outside of them."
    )
    tuning: Annotated[Name, Does("tuning")] = "tuning"  # the analysis drawn


def best_of(losses: np.ndarray) -> np.ndarray:
    """The expected lowest of k of n losses drawn without replacement, shape (n,), k = 1, ..., n.

    The i-th lowest is the lowest of k with probability C(n - i, k - 1) / C(n, k), i from 1 on
    (Dodge et al. 2019, arXiv:1909.03004, Sec. 3.2, without replacement). Infinite where a run that
    diverged may be the lowest.
    """
    ordered, n = np.sort(np.asarray(losses, float)), len(losses)
    expected = []
    share = np.full(n, 1 / n)  # of each place at k = 1
    for k in range(1, n + 1):
        here = share > 0
        expected.append(float(np.sum(share[here] * ordered[here])))
        # C(n - i, k) / C(n - i, k - 1) = (n - i - k + 1) / k, and C(n, k) / C(n, k + 1) likewise.
        left = np.maximum(n - np.arange(1, n + 1) - k + 1, 0)
        share = share * left / k * (k + 1) / max(n - k, 1)
    return np.array(expected)


def analyse(spec: Tuning, inputs: Inputs) -> list[Row]:
    """The curve of each size, what the second half of its settings gained, and the own setting.

    Raises
    ------
    UserError
        No size was tried with four settings.
    """
    runs = inputs.runs[inputs.runs["sweep"].isin(spec.sweeps)].drop_duplicates("run_id")
    runs = runs.sort_values([SIZE, "run_id"], kind="stable")
    own = finished_in(inputs.runs, spec.own, "loss")
    own = own.assign(log_loss=np.log(own["loss"].astype(float)))
    cells = [group["log_loss"].to_numpy() for _, group in own.groupby([SIZE, "n_tokens"])]
    scatter = Scatter.of(cells, inputs.first("seed_noise"))
    rows = [] if scatter is None else [scatter.row(own["run_id"])]
    made = 0
    for size, group in runs.groupby(SIZE, sort=True):
        # Seeds of one setting are no further settings.
        tried = group[group["seed"] == group["seed"].min()]
        if len(tried) >= FEWEST and is_finished(tried).any():
            made += 1
            here = own[(own[SIZE] == size) & (own["n_tokens"] == tried["n_tokens"].iloc[0])]
            rows += _of_size(round(size), tried, here, scatter)
    if not made:
        raise UserError(spec.name, [f"{FEWEST} settings of one size are needed"])
    return rows


def _of_size(size: int, tried: pd.DataFrame, own: pd.DataFrame, scatter: Scatter | None):
    group, ids = Group.of(n_params_non_embedding=size), " ".join(tried["run_id"])
    losses = np.where(is_finished(tried), tried["loss"].to_numpy(float, na_value=np.inf), np.inf)
    curve = best_of(losses)
    over = 100 * (curve / losses.min() - 1)
    common = {"group": group, "n_runs": len(tried), "runs": ids}
    rows = [
        row(Q.BEST_OF, float(value), kind=Kind.POINT, unit="%", x_quantity=X.SETTINGS, x=k + 1.0,
            **common)
        for k, value in enumerate(over) if np.isfinite(value)
    ]  # fmt: skip
    half = float(over[len(over) // 2 - 1])
    noise = None if scatter is None else percent(scatter.sd)
    lost = int(np.sum(~np.isfinite(losses)))
    said = [f"{lost} of {len(losses)} settings diverged"] * bool(lost)
    said += [UNKNOWN] * (noise is None)
    enough = noise is not None and np.isfinite(half) and half <= noise
    verdict = (
        IDENTIFIED
        if enough
        else not_identified(
            UNKNOWN
            if noise is None
            else "twice the settings still lower the loss beyond the scatter"
        )
    )
    rows.append(Row(quantity=Q.GAIN, kind=Kind.PARAMETER, unit="%", x_quantity=X.SETTINGS,
                    x=float(len(losses)), value=half if np.isfinite(half) else None, se=noise,
                    verdict=verdict, theory_source=SOURCE, warnings="; ".join(said),
                    **common))  # fmt: skip
    if len(own):
        best = np.log(losses[[np.argmin(losses)]])
        rows.append(increase(
            Q.LOSS_INCREASE, own["log_loss"].to_numpy(), best, scatter, group=group,
            n_runs=len(own), runs=" ".join(own["run_id"]), x_quantity=X.SETTINGS,
            x=float(len(losses)), warnings=UNKNOWN if scatter is None else "",
        ))  # fmt: skip
    return rows


def draw(spec: TunedEnough, tables: Tables) -> Drawing:
    """The expected best of k settings, by size."""
    found = tables.analysed(spec.tuning, spec.called)
    points = found.points(Q.BEST_OF)
    own = found.parameters(Q.LOSS_INCREASE, optional=True)
    sizes = sorted(points["of"].unique())
    sheet = Sheet()
    panel = sheet.panel("settings tried, k", "expected best loss over the lowest (%)",
                        y_scale="linear")  # fmt: skip
    colors = tables.colors_of(sizes, SIZE)
    for i, (size, color) in enumerate(zip(sizes, colors, strict=True)):
        name, here = f"N = {short(size)}", points[points["of"] == size]
        panel.line(here["x"], here["value"], name, "best of k", color=color, marker=".")
        panel.intervals_of(own[own["of"] == size], name, "own setting", color=color,
                           aside=4.0 * i, **OWN)  # fmt: skip
    if len(points):
        panel.axes.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
        sheet.record.add(panel=panel.name, series=["the lowest"], what="level", x=[np.nan],
                         y=[0.0], x_quantity=panel.x, y_quantity=panel.y)  # fmt: skip
    sheet.key_of_values(sizes, colors, "parameters N (no embeddings)")
    key = [("the study's own setting", OWN | {"color": GREY})] * bool(len(own))
    return sheet.drawing(key, [*found.why_not(), *_said(found, own)])


def _said(found: Analysed, own: pd.DataFrame) -> list[str]:
    """Whether each size is tuned enough, and where its own setting stands."""
    notes = []
    for _, one in found.parameters(Q.GAIN, optional=True).iterrows():
        size, noise = f"N = {short(one['of'])}", one["se"]
        said = f"{size}: the second half of {one['x']:.0f} settings lowers the loss by "
        said += f"{one['value']:.2g} %"
        if np.isfinite(noise):
            enough = one["value"] <= noise
            said += f", {'within' if enough else 'beyond'} the scatter over seeds, {noise:.2g} %: "
            said += "tuned enough" if enough else "not tuned enough"
        notes.append(f"{said}." + f" {one['warnings']}." * bool(one["warnings"]))
    for _, one in own.iterrows():
        seen = np.isfinite(one["lo"]) and one["lo"] > 0
        said = f"N = {short(one['of'])}: the study's own setting lies {above(one)} the "
        notes.append(f"{said}best tried{'' if seen else '; no difference is seen'}.")
    return notes + scatter_said(found)


ANALYSES = {"tuning": Analysis(Tuning, analyse)}
FIGURES = {"tuned_enough": Figure(TunedEnough, draw)}
