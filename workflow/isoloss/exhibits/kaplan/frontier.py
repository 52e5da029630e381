"""L(C), N_opt(C) and S(C): Kaplan et al. (2020, arXiv:2001.08361), Sec. 6, Figs. 3, 13 and 14."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from isoloss.charts import COLORS, GREY, Panel, Sheet, with_interval
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
COMPUTE = "compute (PF-days)"
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
        "Left: the least loss at each budget. C = 6 N B S is compute as spent, C_min that at a "
        "batch far below the critical one (Eq. 5.5). Bars and bands are 90 % intervals. Right: "
        "exponents between neighbouring budgets."
    )


class KaplanOptimum(OfFrontiers):
    """Fig. 14: best size and steps against compute."""

    draw: Literal["kaplan_optimum"]
    name: Name = "kaplan_14"
    title: str = "Best size and steps against compute (Kaplan et al. 2020, Figure 14)"
    caption: str = (
        "The best size at each budget, and its steps: S at the runs' batch, S_min at a batch far "
        "above the critical one (Eq. 5.4). Bars, bands and brackets are 90 % intervals. N leaves "
        "out embeddings, and C the output layer."
    )


class KaplanShares(OfLosses):
    """Fig. 3: what more compute is spent on, by the paper's exponents and by ours."""

    draw: Literal["kaplan_shares"]
    name: Name = "kaplan_03"
    title: str = "How steps, batch and size grow with compute (Kaplan et al. 2020, Figure 3)"
    caption: str = (
        "Factors by which steps, batch and model size grow with compute, if each budget goes to "
        "its best size. First panel: the paper's exponents. Further panels: this study's. Grey: "
        "growth that the 90 % interval leaves to either steps or size."
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
        f"the fit covers {np.log10(found.compute[-1] / found.compute[0]):.1f} decades of compute",
        f"each draw moves whole curves by {found.sd:.2%}",
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
    return [f"B_crit(L) was measured at losses from {law.lo_loss:.3g} to {law.hi_loss:.3g}",
            f"the fit uses it from {low:.3g} to {high:.3g}"]  # fmt: skip


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
    alpha_c = one(Q.ALPHA_C, -p, "", falls, VALUES[f"kaplan_alpha_{law}"])
    if local := found.local_exponents(found.loss[0]):
        first, last = local
        along = f"the local exponent goes from {-first:.3f} to {-last:.3f} over this range"
        alpha_c = replace(alpha_c, warnings="; ".join([alpha_c.warnings, along]))
    rows = [
        alpha_c,
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
    """The least loss by compute with its power laws, and the exponent from budget to budget."""
    sheet = Sheet(2)
    left = sheet.panel(COMPUTE, spec.loss_label, "Least loss")
    right = sheet.panel(COMPUTE, "local exponent of the loss", "Exponent between neighbours",
                        y_scale="linear")  # fmt: skip
    key, notes, words = [], [], []
    for name, label, symbol, look, marker, paper, dotted in (
        ("naive", "C as spent", "C", looks.OURS, "o", "kaplan_{}_c", False),
        ("adjusted", "C_min", "C_min", looks.ADJUSTED, "s", "kaplan_{}_c_min", True),
    ):
        found = tables.analysed(getattr(spec, name), spec.called)
        notes += [f"{symbol}: {text}" for text in found.why_not()]
        notes += told(found, Q.ALPHA_C, f"Exponent of {symbol}") + warned(found, Q.ALPHA_C, symbol)
        best, line = found.points(Q.LOSS), found.line(Q.LOSS)
        marked = look | {"marker": marker, "markersize": 4}
        left.intervals_of(best, label, "lowest loss", **marked | {"linestyle": "none"})
        if not left.line_of(line, label, "fitted law", **look):
            continue
        alpha = VALUES[paper.format("alpha")]
        y = (VALUES[paper.format("c") + "_legend"] / line["x"]) ** alpha
        theirs = looks.slope(left, line["x"], y, line, f"Kaplan et al. 2020, {symbol}",
                             dotted=dotted)  # fmt: skip
        right.level(alpha, f"Kaplan et al. 2020, {symbol}", **theirs)
        key += [(f"ours, {label}", marked), (f"the slope of the paper, {symbol}", theirs)]
        local = local_exponents(best["x"].to_numpy(float), best["value"].to_numpy(float))
        right.line(*local, label, "local exponent", **marked)
        number, decades = found.number(Q.ALPHA_C), np.log10(line["x"].max() / line["x"].min())
        if number is not None:
            words.append((f"{symbol}: {number['value']:.3f} over {decades:.1f} decades",
                          look["color"]))  # fmt: skip
            words.append((f"the paper: {alpha:.3f}", looks.PAPER["color"]))
    sheet.finish()
    looks.in_corner(left, words)
    return sheet.drawing(key, [looks.SLOPES] * bool(key) + notes)


def local_exponents(compute: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where budgets have their middle, and -d ln L / d ln C between them (over three budgets)."""
    if len(compute) < 3:
        return np.empty(0), np.empty(0)
    x, y = np.log(compute), np.log(loss)
    return np.exp((x[2:] + x[:-2]) / 2), -(y[2:] - y[:-2]) / (x[2:] - x[:-2])


def draw_optimum(spec: KaplanOptimum, tables: Tables) -> Drawing:
    """The best size and its steps by compute with power laws, and the slopes of the paper."""
    sheet = Sheet(2)
    names = ((looks.SIZE_LABEL, "Best size"), ("optimiser steps", "Steps at the best size"))
    panels = [sheet.panel(COMPUTE, y, title) for y, title in names]
    key, notes, words = [], [], ([], [])
    for name, symbol, of, look, marker, papers in (
        ("naive", "C", "C as spent: N, S", looks.OURS, "o", ("kaplan_n_opt_naive", None)),
        ("adjusted", "C_min", "C_min: N, S_min", looks.ADJUSTED, "s",
         ("kaplan_n_opt", "kaplan_s_min")),
    ):  # fmt: skip
        found = tables.analysed(getattr(spec, name), spec.called)
        notes += [f"{symbol}: {text}" for text in found.why_not()]
        marked = look | {"marker": marker, "markersize": 4}
        of_panels = zip(panels, (Q.N_OPT, Q.STEPS), (Q.A_OPT, Q.EXPONENT_OF_STEPS), papers, words,
                        strict=True)  # fmt: skip
        for panel, quantity, exponent, paper, said in of_panels:
            best, line = found.points(quantity), found.line(quantity)
            panel.intervals_of(best, of, "best", **marked | {"linestyle": "none"})
            number = found.number(exponent)
            if panel.line_of(line, of, "power law", **look) and number is not None:
                value, ends = with_interval(number["value"], number["lo"], number["hi"])
                said.append((f"{symbol}: {value} ({ends})", look["color"]))
                key.append((f"ours, {of}", marked))
                if paper:
                    power = VALUES[f"{paper}_exponent"]
                    theirs = looks.slope(panel, line["x"], line["x"] ** power, line,
                                         f"Kaplan et al. 2020, {symbol}",
                                         dotted=name == "adjusted")  # fmt: skip
                    said.append((f"the paper: {power:.2f}", looks.PAPER["color"]))
                    key.append((f"the slope of the paper, {symbol}", theirs))
        notes += told(found, Q.A_OPT, f"Exponent of N in {symbol}")
        notes += told(found, Q.EXPONENT_OF_STEPS, f"Exponent of steps in {symbol}")
        notes += warned(found, Q.A_OPT, symbol)
    for panel, said in zip(panels, words, strict=True):
        said[:0] = [("exponents", GREY)] * bool(said)
        looks.room(panel, len(said))
    sheet.finish()
    for panel, said in zip(panels, words, strict=True):
        looks.in_corner(panel, said)
    return sheet.drawing(key, [looks.SLOPES] * bool(key) + notes)


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
        if a is None or steps is None:
            continue
        notes += told(found, Q.A_OPT, f"{title}, exponent of N")
        notes += told(found, Q.EXPONENT_OF_STEPS, f"{title}, exponent of S")
        line = found.line(Q.LOSS)
        reach = float(line["x"].max() / line["x"].min())
        # Optional: at a fixed batch, none of the growth is the batch's.
        batch = found.number(Q.EXPONENT_OF_BATCH, optional=True)
        if identified(a) and identified(steps):
            grown = (steps["value"], 0.0 if batch is None else batch["value"], a["value"])
            shown.append((title, grown, reach))
        elif batch is None and 0 <= steps["lo"] < steps["hi"] <= 1:
            shown.append((title, (steps["lo"], steps["hi"]), reach))
        else:
            notes.append(f"{title}: not drawn, since the runs do not determine the shares.")
    sheet = Sheet(len(shown))
    named = []
    for title, exponents, reach in shown:
        panel = sheet.panel("compute, relative", "growth by a factor of", title)
        x = np.geomspace(1, reach, N_POINTS)
        stack = _stack_open if len(exponents) == 2 else _stack
        named.append((panel, stack(panel, exponents, x)))
    sheet.finish()
    for panel, names in named:
        looks.name_ends(panel, names)
    notes.insert(0, "Areas are factors: on the log axis their heights add up. The paper's panel "
                 "has no budget of its own; ours span the budgets between which the best size lies "
                 "inside the grid.")  # fmt: skip
    return sheet.drawing(notes=notes)


Ends = list[tuple[str, float, float, str]]  # names of areas, and where their ends are


def _stack(panel: Panel, exponents: tuple[float, ...], x: np.ndarray) -> Ends:
    """Factors on top of each other, steps at the bottom; one that falls is drawn below one."""
    below, ends = np.ones_like(x), []
    for exponent, name, color in zip(exponents, NAMES, AREAS, strict=True):
        if exponent == 0.0:
            continue
        above = below * x**exponent
        between = np.minimum(below, above), np.maximum(below, above)
        panel.band(x, above, *between, name, f"a factor of C^{exponent:.3g}", color=color,
                   alpha=0.55)  # fmt: skip
        middle = np.sqrt(below[-1] * above[-1])
        ends.append((f"{name[-1]}: C^{exponent:.2f}", x[-1], middle, looks.INK))
        below = above
    return ends


def _stack_open(panel: Panel, steps: tuple[float, float], x: np.ndarray) -> Ends:
    """Steps and size at a fixed batch, and between them what may belong to either."""
    lo, hi = steps
    ends = []
    for first, last, name, color, text in (
        (0.0, lo, NAMES[0], AREAS[0], f"S: at least C^{lo:.2f}"),
        (lo, hi, "steps or size", GREY, "S or N: either"),
        (hi, 1.0, NAMES[2], AREAS[2], f"N: at least C^{1 - hi:.2f}"),
    ):
        panel.band(x, x**last, x**first, x**last, name, f"C^{first:.3g} to C^{last:.3g}",
                   color=color, alpha=0.25 if color == GREY else 0.55)  # fmt: skip
        ends.append((text, x[-1], x[-1] ** ((first + last) / 2), looks.INK))
    return ends


ANALYSES = {"kaplan_frontier": Analysis(KaplanFrontier, analyse)}
FIGURES = {
    "kaplan_frontiers": Figure(KaplanFrontiers, draw_frontiers),
    "kaplan_optimum": Figure(KaplanOptimum, draw_optimum),
    "kaplan_shares": Figure(KaplanShares, draw_shares),
}
