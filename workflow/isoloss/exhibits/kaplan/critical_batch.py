"""The critical batch: Kaplan et al. (2020, arXiv:2001.08361), Sec. 5.1, Figs. 10 and 18."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import GREY, Panel, Sheet, short, with_interval
from isoloss.config.section import Levels, Name
from isoloss.errors import UserError
from isoloss.exhibits.base import (
    Analysing,
    Analysis,
    Does,
    Drawing,
    Figure,
    Inputs,
    OfLosses,
    Tables,
)
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.batch_law import LAW
from isoloss.exhibits.kaplan.batch_scan import (
    SIZE,
    Scan,
    fitted,
    noise,
    scan_of,
    solve,
    steady_curves,
)
from isoloss.exhibits.kaplan.noise_scale import noise_scale
from isoloss.exhibits.notes import in_words
from isoloss.laws.published import VALUES
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Q, Row, Verdict, X, row, undetermined
from isoloss.results.rows import DRAWS, SEED
from isoloss.results.verdict import exponent_verdict, not_identified, scale_verdict
from isoloss.runs.select import finished_in
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    import pandas as pd

ALPHA_B = VALUES["kaplan_alpha_b"]
SOURCE = "Kaplan et al. (2020), arXiv:2001.08361, Table 5"
PAPER = (VALUES["kaplan_b_star"], 4.8)  # B_crit = 2.1e8 tokens / L**4.8, the legend of Fig. 10
N_LINE = 30
STEPS, TOKENS = "optimiser steps S", "tokens processed E = B S"
HOLLOW = {"marker": "o", "markerfacecolor": "white", "linestyle": ":", "linewidth": 1.0}
FITTED = {"color": "black", "linewidth": 1.3, "linestyle": "-"}


class CriticalBatch(Analysing):
    """Steps against batch size at equal loss, the critical batch, and the gradient noise scale."""

    do: Literal["critical_batch"]
    name: Name = "critical_batch"
    levels: Levels = 8  # losses at which the runs are compared


class CriticalBatchSize(OfLosses):
    """Kaplan et al., Fig. 10: the critical batch against the loss, and the noise scale."""

    draw: Literal["critical_batch_size"]
    name: Name = "kaplan_10"
    title: str = "Critical batch against loss (Kaplan et al. 2020, Figure 10)"
    caption: str = (
        "The critical batch, at which steps and tokens are traded evenly (Eq. 5.1), by loss and "
        "size. Hollow: the gradient noise scale. Black: the law of the loss alone (Eq. 1.4), if "
        "the runs determine it. Dashed: the paper's slope."
    )
    critical: Annotated[Name, Does("critical_batch")] = "critical_batch"  # a critical_batch


class BatchTradeoff(OfLosses):
    """Kaplan et al., Fig. 18: tokens against steps at equal loss."""

    draw: Literal["batch_tradeoff"]
    name: Name = "kaplan_18"
    title: str = "Steps against tokens at equal loss (Kaplan et al. 2020, Figure 18)"
    caption: str = (
        "Steps and tokens that runs of different batch sizes took to a loss. Lines: the "
        "hyperbola of Eq. 5.1, whose corner is the critical batch. Each point is interpolated "
        "along one run. Batches far to one side of the corner show only one arm."
    )
    critical: Annotated[Name, Does("critical_batch")] = "critical_batch"  # a critical_batch
    curves: Levels = 5  # losses that are drawn, of those analysed


def analyse(spec: CriticalBatch, inputs: Inputs) -> list[Row]:
    """S_min, E_min and B_crit at each size and loss, B_crit(L) through all, and the noise scale.

    Sizes have an S_min of their own at each loss and share B_crit(L). All of it is fitted to ln S
    at once, by least squares: a line through the single B_crit would count the losses of one run
    as if they were independent.

    Raises
    ------
    UserError
        No loss is reached with enough batch sizes, or there are too few runs for an interval.
    """
    chosen = finished_in(inputs.runs, spec.sweeps).sort_values([SIZE, "batch_size", "run_id"])
    steady = steady_curves(chosen, inputs.curves)
    scan = scan_of(chosen, steady, spec.levels)
    if scan is None:
        what = "no loss is reached with four batch sizes of one model size"
        raise UserError(spec.name, [what])
    sizes = len(np.unique(scan.log_size))
    if len(scan.run_ids) < sizes + 4:
        raise UserError(spec.name, [f"{len(scan.run_ids)} runs are too few for an interval"])
    return [*_scanned(scan, sizes), *noise_scale(chosen, steady, spec.levels)]


def _scanned(scan: Scan, sizes: int) -> list[Row]:
    rng = np.random.default_rng(SEED)
    middle = float(scan.log_loss.mean())
    design = np.stack([np.ones_like(scan.log_loss), middle - scan.log_loss], axis=1)
    theta, expected = fitted(scan, design)
    residual = scan.log_steps - expected
    # Of each size S_min(L) is free, one run's worth, and B_crit has two numbers.
    new = noise(scan, residual, sizes + 2, DRAWS, rng)
    draws = solve(scan, design, expected + new)[0]
    common = {"runs": " ".join(scan.run_ids), "n_runs": len(scan.run_ids),
              "method": "wild, by run"}  # fmt: skip
    batch = scale_verdict(np.exp(draws[:, 0]), scan.far(draws[:, 0]))
    exponent = exponent_verdict(theta[1], draws[:, 1])
    with np.errstate(all="ignore"):
        star, stars = np.exp(theta @ [1, middle]), np.exp(draws @ [1, middle])
        # Where 1 / alpha_B may be zero, alpha_B has no interval of one piece.
        alphas = 1 / draws[:, 1] if exponent.identified else None
    rows = [
        row(Q.B_CRIT, np.exp(theta[0]), np.exp(draws[:, 0]), unit="tokens", x_quantity=X.LOSS,
            x=float(np.exp(middle)), verdict=batch, **common),
        row(Q.INVERSE_ALPHA_B, theta[1], draws[:, 1], verdict=exponent, theory=1 / ALPHA_B,
            theory_source=SOURCE, **common),
        row(Q.ALPHA_B, 1 / theta[1], alphas, verdict=exponent, theory=ALPHA_B,
            theory_source=SOURCE, **common),
        row(Q.B_STAR, star, stars, unit="tokens", verdict=scale_verdict(stars), **common),
        row(Q.MISFIT_LN_S, root_mean_square(residual), **common),
    ]  # fmt: skip
    if sizes > 1:
        rows.append(_of_size(scan, design, sizes, rng, common))
    losses = np.linspace(
        *np.log([np.exp(scan.log_loss.min()), np.exp(scan.log_loss.max())]), N_LINE
    )
    verdict = _both(batch, exponent)
    for at in losses:
        along = np.array([1, middle - at])
        rows.append(row(Q.B_CRIT, np.exp(along @ theta), np.exp(draws @ along), kind=Kind.LINE,
                        group=LAW, unit="tokens", x_quantity=X.LOSS, x=float(np.exp(at)),
                        verdict=verdict, method=common["method"]))  # fmt: skip
    return rows + [one for cell in range(int(scan.cell.max()) + 1)
                   for one in _cell(scan, cell, new, common["method"])]  # fmt: skip


def _both(batch: Verdict, exponent: Verdict) -> Verdict:
    """Whether the law is determined: its batch in the middle, and its exponent."""
    said = (("B_crit", batch), ("1 / alpha_B", exponent))
    reasons = [f"{name} {verdict.reason}" for name, verdict in said if not verdict.identified]
    return not_identified("; ".join(reasons)) if reasons else IDENTIFIED


def _of_size(scan: Scan, design: np.ndarray, sizes: int, rng, common) -> Row:
    """d ln B_crit / d ln N at equal loss, which should be 0."""
    log_size = scan.log_size - scan.log_size.mean()
    design = np.column_stack([design, log_size])
    theta, expected = fitted(scan, design)
    new = noise(scan, scan.log_steps - expected, sizes + 3, DRAWS, rng)
    draws = solve(scan, design, expected + new)[0]
    return row(Q.SIZE_EXPONENT_B_CRIT, theta[2], draws[:, 2], theory=0.0, theory_source=SOURCE,
               **common)  # fmt: skip


def _cell(scan: Scan, cell: int, new: np.ndarray, method: str) -> list[Row]:
    """Eq. 5.1 at one size and loss alone, with the noise of the whole scan."""
    part, here = scan.part(cell), scan.cell == cell
    ones = np.ones((len(part.log_steps), 1))
    theta, expected = fitted(part, ones)
    log_s_min = expected[0] - np.logaddexp(0.0, theta[0] - part.log_batch[0])
    drawn, drawn_s_min = solve(part, ones, expected + new[:, here])
    far, drawn, drawn_s_min = part.far(drawn[:, 0]), drawn[:, 0], drawn_s_min[:, 0]
    size, loss = round(np.exp(part.log_size[0])), float(np.exp(part.log_loss[0]))
    common = {"kind": Kind.POINT, "group": Group.of(n_params_non_embedding=size),
              "x_quantity": X.LOSS, "x": loss, "n_runs": len(part.run_ids),
              "runs": " ".join(part.run_ids), "method": method}  # fmt: skip
    numbers = {
        Q.B_CRIT: ("tokens", theta[0], drawn),
        Q.S_MIN: ("steps", log_s_min, drawn_s_min),
        Q.E_MIN: ("tokens", theta[0] + log_s_min, drawn + drawn_s_min),
    }
    rows = [
        row(quantity, np.exp(log), np.exp(logs), unit=unit,
            verdict=scale_verdict(np.exp(logs), far), **common)
        for quantity, (unit, log, logs) in numbers.items()
    ]  # fmt: skip
    for log_s, log_b, run in zip(part.log_steps, part.log_batch, part.run, strict=True):
        rows.append(row(Q.STEPS, np.exp(log_s), kind=Kind.POINT, unit="steps", n_runs=1,
                        group=at_loss(size, loss), x_quantity=X.TOKENS,
                        x=float(np.exp(log_s + log_b)), runs=part.run_ids[run]))  # fmt: skip
    return rows


def at_loss(size: float, loss: float) -> Group:
    """The group of what runs of a size took to a loss."""
    return Group.of(n_params_non_embedding=int(size), loss=float(loss))


def draw_size(spec: CriticalBatchSize, tables: Tables) -> Drawing:
    """B_crit of each size and loss with its interval, the law through all, and the noise scale."""
    rows = tables.analysed(spec.critical, spec.called)
    notes = rows.why_not()
    sheet = Sheet(height=3.9)
    panel = sheet.panel(f"{spec.loss_label}, falling", "batch (tokens)")
    found, scale = rows.points(Q.B_CRIT), rows.points(Q.NOISE_SCALE)
    sizes = sorted({*found["of"], *scale["of"]})
    colors = looks.size_colors(sizes, tables)
    words = [(f"N = {short(size)}", color) for size, color in colors.items()]
    key, slopes = [], []
    for i, (size, color) in enumerate(colors.items()):
        name, aside = f"N = {short(size)}", 4.0 * (i - (len(sizes) - 1) / 2)
        sure = found[(found["of"] == size) & ~undetermined(found)]
        panel.intervals_of(sure, name, "B_crit", aside=aside, color=color)
        known = scale[(scale["of"] == size) & ~undetermined(scale)]
        if len(known):
            panel.intervals_of(known, name, "noise scale", aside=-aside, color=color, **HOLLOW)
        if len(known) > 2:
            steep = np.polyfit(np.log(known["x"]), np.log(known["value"]), 1)[0]
            slopes.append(f"{-steep:.1f} at {name}")
    if len(found):
        key.append(("B_crit, Eq. 5.1", {"color": GREY, "marker": "o"}))
    if len(scale):
        key.append(("gradient noise scale", {"color": GREY, **HOLLOW}))
    left_out = int(undetermined(found).sum())
    if left_out:
        notes.append(f"{left_out} of {len(found)} B_crit of one size and loss are not determined "
                     "by the batches tried, and are not drawn.")  # fmt: skip
    ends = _law(panel, rows, notes)
    if slopes:
        notes.append("By a line through its points, the noise scale goes as L^-e, with e = "
                     f"{', '.join(slopes)}.")  # fmt: skip
    panel.axes.set_xlim(*reversed(panel.axes.get_xlim()))
    sheet.finish()
    looks.name_ends(panel, ends)
    looks.in_corner(panel, words)
    return sheet.drawing(key, notes)


def _law(panel: Panel, rows: Analysed, notes: list[str]) -> list[tuple[str, float, float, str]]:
    """The fitted law with its band, and the paper's slope through its middle; their ends."""
    line, middle = rows.line(Q.B_CRIT, group=LAW), rows.parameter(Q.B_CRIT)
    exponent = rows.parameter(Q.INVERSE_ALPHA_B)
    if line.empty or middle is None or exponent is None:
        return []
    verdict = Verdict.read(line["verdict"].iloc[0])
    ends, least = [], line["x"].idxmin()
    if verdict.identified:
        panel.band(line["x"], line["value"], line["lo"], line["hi"], "law", "90 % band",
                   color="black")  # fmt: skip
        panel.line(line["x"], line["value"], "law", "fitted law", **FITTED)
        value, interval = with_interval(exponent["value"], exponent["lo"], exponent["hi"])
        ends.append((f"exponent {value}", line["x"][least], line["value"][least], "black"))
        ends.append((f"({interval})", line["x"][least], line["value"][least] * 0.999, "black"))
    else:
        notes.append(f"No law is drawn: {verdict}.")
    notes.append(f"1 / alpha_B: {in_words(exponent)}; the paper has 4.8.")
    # Runs of one size alone do not show what the size does.
    size = rows.parameter(Q.SIZE_EXPONENT_B_CRIT, optional=True)
    if size is not None:
        notes.append(f"At equal loss, B_crit goes as N to the power {in_words(size)}. In the paper "
                     "the power is 0.")  # fmt: skip
    slope = middle["value"] * (line["x"] / middle["x"]) ** -PAPER[1]
    panel.line(line["x"], slope, "the paper's exponent", "slope", **looks.PAPER)
    ends.append((f"the paper: {PAPER[1]}", line["x"][least], slope[least], looks.PAPER["color"]))
    notes.append(f"The paper's own line is {PAPER[0]:.1e} tokens / L^{PAPER[1]}. Its tokens and "
                 "losses are those of WebText2, so that only its slope is drawn.")  # fmt: skip
    return ends


def draw_tradeoff(spec: BatchTradeoff, tables: Tables) -> Drawing:
    """A panel for each size: what runs of each batch took to reach a loss, and Eq. 5.1."""
    rows = tables.analysed(spec.critical, spec.called)
    s_min, e_min = rows.points(Q.S_MIN), rows.points(Q.E_MIN)
    sizes = sorted(s_min["of"].unique())
    losses = sorted(s_min["x"].unique(), reverse=True)
    losses = [losses[i] for i in np.unique(np.linspace(0, len(losses) - 1, spec.curves).round()
                                           .astype(int))] if losses else []  # fmt: skip
    sheet = Sheet(max(1, len(sizes)))
    named = []
    for size in sizes:
        panel, ends = sheet.panel(STEPS, TOKENS, f"N = {short(size)}"), []
        for loss, color in looks.level_colors(losses).items():
            runs = rows.points(Q.STEPS, group=at_loss(size, loss))
            name = f"loss {loss:.3g}"
            panel.points(runs["value"], runs["x"], name, "a run", color=color)
            if runs.empty:
                continue
            last = runs.loc[runs["value"].idxmax()]
            ends.append((f"{loss:.2f}", last["value"] * 1.1, last["x"], color))
            least = [
                table[(table["of"] == size) & (table["x"] == loss)] for table in (s_min, e_min)
            ]
            if any(table.empty or undetermined(table).any() for table in least):
                continue
            steps, tokens = (float(table["value"].iloc[0]) for table in least)
            _hyperbola(panel, runs, steps, tokens, name, color)
        named.append((panel, ends))
    if not sizes:
        sheet.panel(STEPS, TOKENS)
    sheet.finish()
    for panel, ends in named:
        looks.name_ends(panel, ends)
    key = [
        ("a run of one batch size", {"color": GREY, "marker": "o"}),
        ("(S / S_min - 1)(E / E_min - 1) = 1", {"color": GREY, "linestyle": "-"}),
        (f"at the right: {spec.loss_label}", {"linestyle": "none"}),
    ]
    return sheet.drawing(key, rows.why_not())


def _hyperbola(
    panel: Panel, runs: pd.DataFrame, steps: float, tokens: float, name: str, color: str
) -> None:
    """Eq. 5.1 with the least `steps` and the least `tokens`, a little beyond the runs."""
    over = np.geomspace(1 / (1.2 * runs["x"].max() / tokens - 1),
                        1.1 * runs["value"].max() / steps - 1, 80)  # fmt: skip
    panel.line(steps * (1 + over), tokens * (1 + 1 / over), name, "Eq. 5.1", color=color,
               linewidth=1.1)  # fmt: skip


ANALYSES = {"critical_batch": Analysis(CriticalBatch, analyse)}
FIGURES = {
    "critical_batch_size": Figure(CriticalBatchSize, draw_size),
    "batch_tradeoff": Figure(BatchTradeoff, draw_tradeoff),
}
