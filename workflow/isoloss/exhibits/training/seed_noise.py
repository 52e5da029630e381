"""How much the final loss scatters over seeds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np

from isoloss.charts import REFERENCE, Sheet, look_of, with_interval
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysing, Analysis, Does, Drawing, Drawn, Figure, Inputs, Tables
from isoloss.results import IDENTIFIED, G, Group, Kind, Q, Quantity, Row, X
from isoloss.runs.select import finished_in
from isoloss.stats.intervals import LEVEL

# What says that runs differ in nothing but the seed; the first three are always named.
SETTINGS = (G.WIDTH, G.N_LAYER, G.N_TOKENS, G.N_UNIQUE_TOKENS, G.BATCH_SIZE, G.SCHEDULE, G.PEAK_LR)
NAMED = 3
PAPER_NOISE = 0.02  # nats per BPE token: Kaplan et al. (2020, arXiv:2001.08361), Sec. 4.2


class SeedNoise(Analysing):
    """How much the loss scatters over seeds, for each setting."""

    do: Literal["seed_noise"]
    name: Name = "noise"


class SeedScatter(Drawn):
    """The scatter of the loss over seeds against the size."""

    draw: Literal["seed_scatter"]
    name: Name = "seed_noise"
    title: str = "Scatter of the final loss over seeds"
    caption: str = (
        "Standard deviation of the final loss over seeds, with 90 % intervals. A seed sets the "
        "initial weights and the order of the batches. Single runs that differ by less cannot be "
        "ranked. Kaplan et al. (2020) take 0.02 nats per BPE token."
    )
    noise: Annotated[Name, Does("seed_noise")] = "noise"  # a seed_noise


def analyse(spec: SeedNoise, inputs: Inputs) -> list[Row]:
    """The standard deviation of the loss over seeds, for each setting, and of all together.

    Together it is that of ln L: the relative scatter, which differs less from size to size. The
    intervals take losses for normal: (n - 1) s^2 / sigma^2 is chi-squared.

    Raises
    ------
    UserError
        No setting was run with two seeds.
    """
    chosen = finished_in(inputs.runs, spec.sweeps)
    keys = [str(key) for key in SETTINGS if key in chosen]
    varying = [name for name in keys[NAMED:] if chosen[name].nunique() > 1]
    shown = [*keys[:NAMED], *varying]
    rows, pooled, ids = [], [], []
    for setting, group in chosen.groupby(keys, dropna=False, sort=True):
        if len(group) < 2:
            continue
        values = dict(zip(keys, setting, strict=True))
        loss = group["loss"].to_numpy("float64")
        rows.append(_row(
            Q.SD_LOSS, [loss], group["run_id"], unit="nats per token",
            group=Group.of(**{name: _named(values[name]) for name in shown}),
            x_quantity=X.N_NON_EMBEDDING,
            x=group["n_params_non_embedding"].astype("float64").iloc[0],
        ))  # fmt: skip
        pooled.append(np.log(loss))
        ids += list(group["run_id"])
    if not rows:
        raise UserError(spec.name, ["no size of these sweeps was run with two seeds"])
    return [*rows, _row(Q.RELATIVE_SD, pooled, ids)]


def _named(value: Any) -> Any:
    """A setting as a group names it: four digits are enough."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _row(quantity: Quantity, groups: list[np.ndarray], run_ids, **columns: Any) -> Row:
    """One standard deviation, common to all groups, each about its own mean."""
    from scipy.stats import chi2

    degrees = sum(len(group) - 1 for group in groups)
    sd = float(np.sqrt(sum(np.sum((group - group.mean()) ** 2) for group in groups) / degrees))
    tails = chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], degrees)
    lo, hi = (sd * np.sqrt(degrees / tails)).tolist()
    return Row(
        quantity=quantity,
        kind=Kind.PARAMETER,
        value=sd,
        lo=lo,
        hi=hi,
        level=LEVEL,
        method="chi-squared",
        n_runs=degrees + len(groups),
        verdict=IDENTIFIED,
        runs=" ".join(run_ids),
        **columns,
    )


def draw(spec: SeedScatter, tables: Tables) -> Drawing:
    """Standard deviations over seeds with their intervals, beside the paper's threshold."""
    rows = tables.analysed(spec.noise, spec.called)
    notes = rows.why_not()
    found = rows.parameters(Q.SD_LOSS).sort_values("x", kind="stable")
    unknown = found["x"].isna() & found["value"].notna()
    if unknown.any():
        notes.append(f"Not drawn, as N without embeddings is not known: {unknown.sum()}.")
        found = found[~unknown]
    # Named only where the runs have more than one.
    schedules = [str(rows.group_of(one).get(G.SCHEDULE, "")) for one in found.itertuples()]
    sheet = Sheet()
    panel = sheet.panel("parameters N (no embeddings)", "standard deviation of the loss over seeds")
    key = []
    for i, (schedule, group) in enumerate(found.groupby(np.array(schedules, object))):
        label = f"schedule {schedule}" if schedule else "runs"
        look = look_of(i)
        aside = 5.0 * (i - (len(set(schedules)) - 1) / 2)
        panel.intervals_of(group, label, "sd", aside=aside, **look)
        key.append((label, look))
    panel.level(PAPER_NOISE, "Kaplan et al.: 0.02 nats per BPE token")
    key.append(("0.02, the threshold of Kaplan et al.", REFERENCE))
    together = rows.parameter(Q.RELATIVE_SD)
    if together is not None:
        percent = (100 * together[end] for end in ("value", "lo", "hi"))
        value, interval = with_interval(*percent)
        notes.append(f"All settings together: {value} % of the loss (90 % interval {interval} %).")
    if found.empty:
        panel.axes.set(xlim=(1e3, 1e6), ylim=(1e-3, 1e-1))
    elif len(found["x"].unique()) == 1:
        panel.axes.set_xlim(found["x"].iloc[0] / 3, found["x"].iloc[0] * 3)
    return sheet.drawing(key, notes)


ANALYSES = {"seed_noise": Analysis(SeedNoise, analyse)}
FIGURES = {"seed_scatter": Figure(SeedScatter, draw)}
