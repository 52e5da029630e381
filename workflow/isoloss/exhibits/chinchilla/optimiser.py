"""Adam against AdamW: Hoffmann et al. (2022, arXiv:2203.15556), App. G and Fig. A7."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import GREY, Sheet, look_of, short
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysing, Analysis, Does, Drawing, Drawn, Figure, Inputs, Tables
from isoloss.exhibits.training.replicates import UNKNOWN, Scatter, above, paired
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Q, Row, X
from isoloss.results.verdict import not_identified
from isoloss.runs.select import finished_in

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
# Runs that agree in these, and in the seed, differ in the weight decay alone.
SETTING = (SIZE, "n_layer", "steps", "batch_size", "schedule", "peak_lr")
PAPER = 0.8
SOURCE = (
    "Hoffmann et al. (2022), arXiv:2203.15556, Fig. A7: AdamW passes Adam after about 80 % of the "
    "cosine, and ends lower"
)


class Optimiser(Analysing):
    """Learning curves with decoupled weight decay (AdamW) over those without (Adam)."""

    do: Literal["optimiser"]
    name: Name = "optimiser"


class ChinchillaOptimiser(Drawn):
    """Fig. A7: the loss of AdamW over that of Adam while training."""

    draw: Literal["chinchilla_optimiser"]
    name: Name = "chinchilla_a7"
    title: str = "Adam against AdamW (Hoffmann et al. 2022, Figure A7)"
    caption: str = (
        "Loss with decoupled weight decay (AdamW) over that without (Adam), while training, with "
        "90 % intervals of differences between runs with one seed. Dashed: where AdamW passes Adam "
        "in the paper. The weight decay acts on matrices only."
    )
    optimiser: Annotated[Name, Does("optimiser")] = "optimiser"  # the analysis drawn


def analyse(spec: Optimiser, inputs: Inputs) -> list[Row]:
    """The loss increase by weight decay along training and at the end, and where it turns.

    Raises
    ------
    UserError
        No setting was trained with weight decay and without, by one seed.
    """
    runs = finished_in(inputs.runs, spec.sweeps, "loss")
    runs = runs[runs["weight_decay"].notna()].sort_values([SIZE, "run_id"], kind="stable")
    curves = inputs.curves[["run_id", "step", "loss"]]
    pairs = _pairs(runs, curves)
    if pairs.empty:
        what = "runs with weight decay and without are needed, of one setting and one seed"
        raise UserError(spec.name, [what])
    cells = pairs.groupby([SIZE, "weight_decay", "share"], sort=True)
    rows, last = [], {}
    # Differences grow along a run, so each share of the run has a scatter of its own.
    scatters = {
        share: Scatter.of(one["difference"].to_numpy() for _, one in group.groupby(
            [SIZE, "weight_decay"]))
        for share, group in pairs.groupby("share", sort=True)
    }  # fmt: skip
    for (size, decay, share), cell in cells:
        group = Group.of(n_params_non_embedding=round(size), weight_decay=float(decay))
        ids = " ".join(dict.fromkeys(" ".join(cell["runs"]).split()))
        one = paired(
            Q.LOSS_INCREASE, cell["difference"].to_numpy(), scatters[share], kind=Kind.POINT,
            group=group, x_quantity=X.SHARE_OF_RUN, x=float(share), n_runs=len(ids.split()),
            runs=ids,
        )  # fmt: skip
        rows.append(one)
        last.setdefault(group, []).append(one)
    for group, curve in last.items():
        rows += _ends(group, curve)
    return rows


def _pairs(runs: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """ln L with weight decay less ln L without, of one seed, at each step of both."""
    import pandas as pd

    found = []
    for setting, group in runs.groupby([*SETTING, "seed"], sort=True):
        plain = group[group["weight_decay"] == 0]
        if plain.empty:
            continue
        one = curves[curves["run_id"] == plain["run_id"].iloc[0]]
        for other in group[group["weight_decay"] > 0].itertuples():
            both = curves[curves["run_id"] == other.run_id].merge(one, on="step")
            found.append(pd.DataFrame({
                SIZE: setting[0], "weight_decay": float(other.weight_decay),
                "share": both["step"].astype(float) / float(other.steps),
                "difference": np.log(both["loss_x"].astype(float) / both["loss_y"].astype(float)),
                "runs": f"{other.run_id} {plain['run_id'].iloc[0]}",
            }))  # fmt: skip
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _ends(group: Group, curve: list[Row]) -> list[Row]:
    """The increase at the end, and the share of the run from which AdamW is lower for good."""
    end = curve[-1]
    known = end.lo is not None
    common = {"kind": Kind.PARAMETER, "group": group, "n_runs": end.n_runs, "runs": end.runs}
    worse = [one.x for one in curve if one.value >= 0]
    leads = [one.x for one in curve if one.x > max(worse, default=0.0)]
    sure = known and end.hi < 0
    turned = Row(
        quantity=Q.OVERTAKEN, value=min(leads) if leads else None, theory=PAPER,
        theory_source=SOURCE, unit="", **common,
        verdict=IDENTIFIED if sure else not_identified(
            UNKNOWN if not known else "the loss at the end is not lower beyond the scatter"),
    )  # fmt: skip
    at_end = Row(quantity=Q.LOSS_INCREASE, value=end.value, lo=end.lo, hi=end.hi, unit="%",
                 level=end.level, method=end.method, verdict=IDENTIFIED, theory_source=SOURCE,
                 warnings="" if known else UNKNOWN, **common)  # fmt: skip
    return [at_end, turned]


def draw(spec: ChinchillaOptimiser, tables: Tables) -> Drawing:
    """Loss increase along training, a line for each size and weight decay."""
    found = tables.analysed(spec.optimiser, spec.called)
    points = found.points(Q.LOSS_INCREASE)
    sheet = Sheet()
    panel = sheet.panel("share of the run", "loss of AdamW over Adam, less 1 (%)",
                        x_scale="linear", y_scale="linear")  # fmt: skip
    key = []
    for i, group in enumerate(found.groups(Q.LOSS_INCREASE)):
        name, look = _name(group), look_of(i)
        here = points[points["group"] == str(group)]
        panel.intervals_of(here, name, "loss increase", aside=2.5 * i, linestyle="-",
                           linewidth=1.0, **look)  # fmt: skip
        key.append((name, look | {"linestyle": "-"}))
    if len(points):
        panel.axes.axvline(PAPER, color=GREY, linewidth=1.0, linestyle=(0, (4, 2)), zorder=0)
        panel.axes.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
        for series, x, y in (("the paper's crossing", PAPER, np.nan), ("Adam", np.nan, 0.0)):
            sheet.record.add(panel=panel.name, series=[series], what="level", x=[x], y=[y],
                             x_quantity=panel.x, y_quantity=panel.y)  # fmt: skip
    return sheet.drawing(key, _said(found) if found.made else found.why_not())


def _name(group: Group) -> str:
    return f"N = {short(group[SIZE])}, weight decay {group['weight_decay']:g}"


def _said(found: Analysed) -> list[str]:
    """The difference at the end of each, and from where on AdamW leads."""
    notes = []
    for _, one in found.parameters(Q.LOSS_INCREASE).iterrows():
        group = found.group_of(one)
        turned = found.parameter(Q.OVERTAKEN, group=group)
        notes.append(f"{_name(group)}: AdamW ends {above(one)} Adam. "
                     f"{_verdict(one, turned)}")  # fmt: skip
    return notes


def _verdict(end: pd.Series, turned: pd.Series) -> str:
    if not np.isfinite(end["lo"]):
        return "Without several seeds it cannot be told which is better."
    if end["hi"] < 0:
        since = f"{turned['value']:.0%}"
        return f"AdamW is better, as in the paper, and leads from {since} of the run on."
    if end["lo"] > 0:
        return "AdamW is worse, unlike in the paper."
    return "It cannot be told which is better."


ANALYSES = {"optimiser": Analysis(Optimiser, analyse)}
FIGURES = {"chinchilla_optimiser": Figure(ChinchillaOptimiser, draw)}
