"""L(C), N_opt(C) and S(C): Kaplan et al. (2020, arXiv:2001.08361), Sec. 6, Figs. 3, 13 and 14."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from isoloss.charts import COLORS, Panel, Sheet
from isoloss.config.section import Levels, Name, PositiveFloat
from isoloss.constants import FLOPS_PER_PARAM_TOKEN, FLOPS_PER_PF_DAY
from isoloss.exhibits.base import Analysis, Does, Drawing, Figure, Inputs, OfLosses, Tables
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.batch_law import Critical, Law, critical_batch_of, drawn, law_of
from isoloss.exhibits.kaplan.optima import SEED, Frontier, frontier
from isoloss.exhibits.kaplan.size_curves import (
    OfCurves,
    SizeCurve,
    Width,
    adjusted,
    curves_of,
    final_losses_of,
    finished_runs,
)
from isoloss.exhibits.notes import told, warned
from isoloss.laws.published import KAPLAN, VALUES
from isoloss.results import IDENTIFIED, Kind, Q, Row, Verdict, X, identified, points, row
from isoloss.results.verdict import exponent_verdict, not_identified, scale_verdict
from isoloss.stats.intervals import LEVEL, bounds

if TYPE_CHECKING:
    import pandas as pd

METHOD = "whole curves moved"
CURVES_OF_BATCH = 40  # draws of B_crit: each costs an interpolation of every curve
SIZES = "non-embedding parameters"
N_LINE = 30
WIDEST = 0.5  # interval of an exponent that is a share: all shares make one
N_POINTS = 120
AREAS = (COLORS[2], COLORS[4], COLORS[0])  # steps, batch, size: from the bottom
NAMES = ("serial steps S", "batch size B", "model size N")
PAPER_EXPONENTS = tuple(
    VALUES[name]
    for name in ("kaplan_s_min_exponent", "kaplan_batch_exponent", "kaplan_n_opt_exponent")
)


class KaplanFrontier(OfCurves):
    """Lowest loss and best size for each budget, C = 6 N B S without embeddings.

    Along learning curves at a constant rate, as Kaplan et al. do, or between final losses.
    """

    do: Literal["kaplan_frontier"]
    name: Name = "frontier"
    along: Literal["curves", "runs"] = "curves"  # learning curves, or final losses
    levels: Levels = 12  # budgets, spaced evenly in log compute
    width: Width = 4.0  # sizes within such a factor of the best rule the parabola of a budget


class OfFrontiers(OfLosses):
    """Figures of two frontiers: by compute as it was spent, and by the least that would do."""

    naive: Annotated[Name, Does("kaplan_frontier")] = "frontier"  # a kaplan_frontier
    adjusted: Annotated[Name, Does("kaplan_frontier")] = (
        "frontier_min"  # a kaplan_frontier with `adjusted`
    )


class KaplanFrontiers(OfFrontiers):
    """Fig. 13: loss against compute, as it was spent and as the least that would do."""

    draw: Literal["kaplan_frontiers"]
    name: Name = "kaplan_13"
    title: str = (
        "Least loss against compute as spent and against C_min (Kaplan et al. 2020, Figure 13)"
    )
    caption: str = (
        "The least loss at each budget. C = 6 N B S is compute as spent. C_min is the compute at "
        "a batch far below the critical one (Eq. 5.5), by the study's own critical batch. Bars "
        "and bands are 90 % intervals."
    )


class KaplanOptimum(OfFrontiers):
    """Fig. 14: best size and steps against compute."""

    draw: Literal["kaplan_optimum"]
    name: Name = "kaplan_14"
    title: str = "Best size and steps against compute (Kaplan et al. 2020, Figure 14)"
    caption: str = (
        "The best size at each budget, and its steps: S at the runs' batch, S_min at a batch far "
        "above the critical one (Eq. 5.4). Bars and bands are 90 % intervals. N leaves out "
        "embeddings, and C leaves out the output layer."
    )


class KaplanShares(OfLosses):
    """Fig. 3: what more compute is spent on, by the paper's exponents and by ours."""

    draw: Literal["kaplan_shares"]
    name: Name = "kaplan_03"
    title: str = "How steps, batch and size grow with compute (Kaplan et al. 2020, Figure 3)"
    caption: str = (
        "Factors by which steps, batch and model size grow with compute, if each budget goes to "
        "its best size. First panel: the paper's exponents. A second panel has this study's "
        "exponents if the runs determine them."
    )
    naive: Annotated[Name, Does("kaplan_frontier")] = "frontier"  # a kaplan_frontier
    adjusted: Annotated[Name | None, Does("kaplan_frontier")] = (
        None  # a kaplan_frontier with `adjusted`
    )
    relative_compute: PositiveFloat = 1e9  # how far the paper's panel goes


def analyse(spec: KaplanFrontier, inputs: Inputs) -> list[Row]:
    """Exponents, optima at some budgets, and the power laws through them.

    Quantities are alpha_C and C_c of L = (C_c / C)^alpha_C, a of N ~ C^a with its coefficient at 1
    PF-day, and the exponents of steps and of the batch. By C and S at the runs' own batch, or with
    `adjusted` by C_min and S_min.

    Raises
    ------
    UserError
        The best size lies inside the grid at too few budgets, or B_crit(L) is not known.
    """
    found, critical = frontier_of(spec, inputs)
    # Of C = 6 N B S, or of C_min = 6 N B_crit S_min, each draw with the B_crit that it was made by.
    batch = (
        np.stack([critical[v](loss) for v, loss in zip(found.version, found.loss, strict=True)])
        if spec.adjusted
        else float(_batch_of(spec, inputs.runs)[0])
    )
    tokens = found.compute * FLOPS_PER_PF_DAY / (FLOPS_PER_PARAM_TOKEN * found.n_params)
    values = {
        Q.LOSS: (found.loss, "nats per token"),
        Q.N_OPT: (found.n_params, SIZES),
        Q.STEPS: (tokens / batch, "steps"),
        Q.TOKENS: (tokens, "tokens"),
    }
    if spec.adjusted:
        values[Q.BATCH] = (batch, "tokens a step")
    said = {"verdict": IDENTIFIED, "method": METHOD, "n_runs": len(found.runs)}
    said["warnings"] = "; ".join([
        f"over {np.log10(found.compute[-1] / found.compute[0]):.1f} decades of compute",
        f"in a draw a whole curve moves by {found.sd:.2%}",
        *(_extrapolated(found, law_of(inputs.first("critical_batch"))) if spec.adjusted else ()),
    ])  # fmt: skip
    rows = _parameters(spec, found, values, said | {"runs": " ".join(found.runs)})
    dense = np.geomspace(found.compute[0], found.compute[-1], N_LINE)
    x = axis_of(spec)
    for quantity, (value, unit) in values.items():
        also = said | {"unit": unit}
        rows += points(quantity, x, found.compute, value[0], value[1:], **also)
        p, log_c = found.power(value)
        line = np.exp(log_c[:, None] + p[:, None] * np.log(dense))
        rows += points(quantity, x, dense, line[0], line[1:], **also | {"kind": Kind.LINE})
    return rows


def axis_of(spec: KaplanFrontier) -> X:
    """Compute as it was spent, or the least that would do."""
    return X.COMPUTE_MIN_PF_DAYS if spec.adjusted else X.COMPUTE_PF_DAYS


def frontier_of(spec: KaplanFrontier, inputs: Inputs) -> tuple[Frontier, list[Critical]]:
    """The frontier that a spec asks for, and the B_crit(L) of each version of its curves."""
    found = _sizes_of(spec, inputs)
    versions, critical = [found], []
    if spec.adjusted:
        at, sd = critical_batch_of(inputs.first("critical_batch"), spec.name)
        critical = [at, *drawn(at, sd, CURVES_OF_BATCH, np.random.default_rng(SEED + 1))]
        versions = [[adjusted(curve, at) for curve in found] for at in critical]
    seed_sd = _seed_scatter(inputs.runs)
    return frontier(versions, spec.levels, spec.width, seed_sd, spec.name), critical


def _sizes_of(spec: KaplanFrontier, inputs: Inputs) -> list[SizeCurve]:
    """The curves of the sizes: learning curves, or final losses."""
    if spec.along == "curves":
        return curves_of(inputs.runs, inputs.curves, spec.sweeps, spec.name)
    return final_losses_of(inputs.runs, spec.sweeps, spec.name)


def _seed_scatter(runs: pd.DataFrame) -> float:
    """Standard deviation of ln L over seeds, all settings together; 0 where none was repeated."""
    good = finished_runs(runs, runs["sweep"].unique())
    keys = ["n_params_non_embedding", "n_layer", "n_tokens", "n_unique_tokens", "batch_size",
            "peak_lr", "schedule", "dropout"]  # fmt: skip
    keys = [key for key in keys if key in good.columns]
    logs = np.log(good["loss"].astype(float))
    groups = logs.groupby([good[key] for key in keys], dropna=False)
    freedom = int((groups.size() - 1).sum())
    squares = float((groups.var(ddof=0) * groups.size()).sum())
    return float(np.sqrt(squares / freedom)) if freedom else 0.0


def _extrapolated(found: Frontier, law: Law) -> list[str]:
    """What to say where losses of the frontier lie beyond those at which B_crit was measured."""
    low, high = float(np.nanmin(found.loss[0])), float(np.nanmax(found.loss[0]))
    if law.lo_loss <= low and high <= law.hi_loss:
        return []
    return [f"B_crit(L) was measured at losses from {law.lo_loss:.3g} to {law.hi_loss:.3g} and is "
            f"used from {low:.3g} to {high:.3g}"]  # fmt: skip


def _batch_of(spec: KaplanFrontier, runs: pd.DataFrame) -> np.ndarray:
    chosen = finished_runs(runs, spec.sweeps)
    return (chosen["batch_size"].astype(float) * chosen["context"].astype(float)).unique()


def _share_verdict(draws: np.ndarray, otherwise: Verdict) -> Verdict:
    """Is a share of the growth known to better than half of all? A share may well be zero."""
    lo, hi = bounds(draws, LEVEL)
    if hi - lo > WIDEST:
        return not_identified(f"may be anything from {lo:.2g} to {hi:.2g}")
    return otherwise


def _parameters(spec, found: Frontier, values, said: dict[str, Any]) -> list[Row]:
    law = "c_min" if spec.adjusted else "c"
    source = f"{KAPLAN}, " + ("Tables 5 and 6" if spec.adjusted else "Table 5 and Fig. 14")
    p, log_c = found.power(found.loss)
    a, log_n = found.power(found.n_params)
    steps = found.power(values[Q.STEPS][0])[0]
    with np.errstate(all="ignore"):
        scale = np.exp(-log_c / p)
    allocation = exponent_verdict(a[0], a[1:])
    # Optima wander about their line where one size takes over from the next; losses hardly do.
    falls = found.bend(found.loss) or exponent_verdict(p[0], p[1:])

    def one(quantity, drawn, unit, verdict, theory=None):
        known = {} if theory is None else {"theory": theory, "theory_source": source}
        also = said | {"unit": unit, "verdict": verdict} | known
        return row(quantity, drawn[0], drawn[1:], **also)

    optimum = "kaplan_n_opt_exponent" if spec.adjusted else "kaplan_n_opt_naive_exponent"
    s_min = VALUES["kaplan_s_min_exponent"] if spec.adjusted else None
    rows = [
        one(Q.ALPHA_C, -p, "", falls, VALUES[f"kaplan_alpha_{law}"]),
        one(Q.C_C, scale, "PF-days", scale_verdict(scale[1:])),
        one(Q.A_OPT, a, "", allocation, VALUES[optimum]),
        one(Q.N_OPT_AT_PF_DAY, np.exp(log_n), SIZES, scale_verdict(np.exp(log_n[1:]))),
        one(Q.EXPONENT_OF_STEPS, steps, "", _share_verdict(steps[1:], allocation), s_min),
    ]
    if spec.adjusted:
        batch = found.power(values[Q.BATCH][0])[0]
        verdict = _share_verdict(batch[1:], allocation)
        theory = VALUES["kaplan_batch_exponent"]
        rows.append(one(Q.EXPONENT_OF_BATCH, batch, "", verdict, theory))
    return rows


def draw_frontiers(spec: KaplanFrontiers, tables: Tables) -> Drawing:
    """The least loss by compute, as points and power laws; the paper's lines on their own axis."""
    sheet = Sheet(height=3.9)
    panel = sheet.panel("compute (PF-days, without embeddings)", spec.loss_label)
    key, notes, known = [], [], None
    shown = (
        ("naive", "C as spent", "C", looks.OURS, "o"),
        ("adjusted", "C_min", "C_min", looks.ADJUSTED, "s"),
    )
    for name, label, symbol, look, marker in shown:
        found = tables.analysed(getattr(spec, name), spec.called)
        notes += [f"{symbol}: {text}" for text in found.why_not()]
        notes += told(found, Q.ALPHA_C, f"Exponent of {symbol}") + warned(found, Q.ALPHA_C, symbol)
        panel.intervals_of(found.points(Q.LOSS), label, "lowest loss", color=look["color"],
                           marker=marker, markersize=4)  # fmt: skip
        line = found.line(Q.LOSS)
        if panel.line_of(line, label, "fitted law", **look):
            key.append((f"ours, {label}", look | {"marker": marker, "markersize": 4}))
            known = line if known is None else known
    if known is not None:
        dense = np.geomspace(*panel.axes.get_xlim(), 40)
        naive = (VALUES["kaplan_c_c_legend"] / dense) ** VALUES["kaplan_alpha_c"]
        least = (VALUES["kaplan_c_c_min_legend"] / dense) ** VALUES["kaplan_alpha_c_min"]
        other = looks.own_axis(panel, dense, naive, known)
        key += [
            looks.paper_line(other, dense, naive, "Kaplan et al. 2020, L(C)"),
            looks.paper_line(other, dense, least, "Kaplan et al. 2020, L(C_min)", dotted=True),
        ]
        theirs = "The paper's lines are (2.0e7 / C)^0.057 and (2.3e8 / C_min)^0.050, in PF-days."
        notes = [looks.OWN_AXIS, theirs, *notes]
    return sheet.drawing(key, notes)


def draw_optimum(spec: KaplanOptimum, tables: Tables) -> Drawing:
    """The best size and its steps by compute, with their power laws; the paper's lines dashed."""
    sheet = Sheet(2)
    label = "compute (PF-days, without embeddings)"
    names = ((looks.SIZE_LABEL, "Best size"), ("optimiser steps", "Steps at the best size"))
    panels = [sheet.panel(label, y, title) for y, title in names]
    key, notes, ends = [], [], []
    shown = (("naive", "C", "C as spent: N, S", looks.OURS, "o"),
             ("adjusted", "C_min", "C_min: N, S_min", looks.ADJUSTED, "s"))  # fmt: skip
    for name, symbol, of, look, marker in shown:
        found = tables.analysed(getattr(spec, name), spec.called)
        notes += [f"{symbol}: {text}" for text in found.why_not()]
        for panel, quantity in zip(panels, (Q.N_OPT, Q.STEPS), strict=True):
            best = found.points(quantity)
            ends += [*best["x"]]
            panel.intervals_of(best, of, "best", color=look["color"], marker=marker, markersize=4)
            if panel.line_of(found.line(quantity), of, "power law", **look):
                key.append((f"ours, {of}", look | {"marker": marker, "markersize": 4}))
        notes += told(found, Q.A_OPT, f"Exponent of N in {symbol}")
        notes += told(found, Q.EXPONENT_OF_STEPS, f"Exponent of steps in {symbol}")
        notes += warned(found, Q.A_OPT, symbol)
    if ends:
        x = np.geomspace(min(ends), max(ends), 40)
        naive = VALUES["kaplan_n_opt_naive"] * x ** VALUES["kaplan_n_opt_naive_exponent"]
        least = VALUES["kaplan_n_opt"] * x ** VALUES["kaplan_n_opt_exponent"]
        steps = VALUES["kaplan_s_min"] * x ** VALUES["kaplan_s_min_exponent"]
        key += [
            looks.paper_line(panels[0], x, naive, "Kaplan et al. 2020, C"),
            looks.paper_line(panels[0], x, least, "Kaplan et al. 2020, C_min", dotted=True),
            looks.paper_line(panels[1], x, steps, "Kaplan et al. 2020, C_min", dotted=True),
        ]
        notes.append("The paper's lines are N = 1.6e9 C^0.88, N = 1.3e9 C_min^0.73 and S_min = "
                     "5.4e3 C_min^0.03: in the units of the axes, but fitted to 1e-7 PF-days and "
                     "more, on other text and tokens.")  # fmt: skip
    return sheet.drawing(key, notes)


def draw_shares(spec: KaplanShares, tables: Tables) -> Drawing:
    """By which factors steps, batch and size grow when compute does."""
    shown, notes = [("Kaplan et al. 2020", PAPER_EXPONENTS, spec.relative_compute)], []
    frontiers = ((spec.naive, "C", "Ours, C at a fixed batch"),
                 (spec.adjusted, "C_min", "Ours, C_min"))  # fmt: skip
    for name, symbol, title in frontiers:
        if not name:
            continue
        found = tables.analysed(name, spec.called)
        a, steps = found.number(Q.A_OPT), found.number(Q.EXPONENT_OF_STEPS)
        notes += [f"{symbol}: {text}" for text in found.why_not()]
        if a is None or steps is None or not (identified(a) and identified(steps)):
            for quantity, said in ((Q.A_OPT, "N"), (Q.EXPONENT_OF_STEPS, "steps")):
                notes += told(found, quantity, f"{symbol}, exponent of {said}, not drawn")
            continue
        line = found.line(Q.LOSS)
        # Optional: at a fixed batch, none of the growth is the batch's.
        batch = found.number(Q.EXPONENT_OF_BATCH, optional=True)
        grown = (steps["value"], 0.0 if batch is None else batch["value"], a["value"])
        shown.append((title, grown, float(line["x"].max() / line["x"].min())))
        notes += told(found, Q.A_OPT, f"{title}, exponent of N")
        notes += told(found, Q.EXPONENT_OF_STEPS, f"{title}, exponent of S")
    sheet = Sheet(len(shown))
    for title, exponents, reach in shown:
        panel = sheet.panel("compute, relative", "growth by a factor of", title)
        _stack(panel, exponents, np.geomspace(1, reach, N_POINTS))
    key = [(name, {"color": color, "linestyle": "-", "linewidth": 7, "alpha": 0.55})
           for name, color in zip(NAMES, AREAS, strict=True)]  # fmt: skip
    notes.insert(0, "Areas are factors: on the log axis their heights add up. The paper's panel "
                 "has no budget of its own; ours span the budgets between which the best size lies "
                 "inside the grid. A factor that falls would be drawn below one.")  # fmt: skip
    return sheet.drawing(key, notes)


def _stack(panel: Panel, exponents: tuple[float, ...], x: np.ndarray) -> None:
    below = np.ones_like(x)
    for exponent, name, color in zip(exponents, NAMES, AREAS, strict=True):
        if exponent == 0.0:
            continue
        above = below * x**exponent
        ends = np.minimum(below, above), np.maximum(below, above)
        panel.band(x, above, *ends, name, f"a factor of C^{exponent:.3g}", color=color, alpha=0.55)
        below = above


ANALYSES = {"kaplan_frontier": Analysis(KaplanFrontier, analyse)}
FIGURES = {
    "kaplan_frontiers": Figure(KaplanFrontiers, draw_frontiers),
    "kaplan_optimum": Figure(KaplanOptimum, draw_optimum),
    "kaplan_shares": Figure(KaplanShares, draw_shares),
}
