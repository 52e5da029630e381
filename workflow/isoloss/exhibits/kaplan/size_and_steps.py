"""L(N, S) along learning curves: Kaplan et al. (2020, arXiv:2001.08361), Eq. 1.6, Fig. 11."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np

from isoloss.charts import GREY, Sheet, science, short
from isoloss.config.section import Levels, Name, NonNegativeInt
from isoloss.constants import FLOPS_PER_PARAM_TOKEN, FLOPS_PER_PF_DAY
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis, Does, Drawing, Figure, Inputs, OfLosses, Tables
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.batch_law import Critical, Law, critical_batch_of, law_of
from isoloss.exhibits.kaplan.looks import DASH, SIZE_LABEL
from isoloss.exhibits.kaplan.size_curves import (
    FEWEST_SIZES,
    OfCurves,
    SizeCurve,
    adjusted,
    curves_of,
    fit_along_steps,
    spread_out,
)
from isoloss.exhibits.notes import told, warned
from isoloss.fit.result import FitResult
from isoloss.laws.published import KAPLAN, VALUES
from isoloss.results import (
    IDENTIFIED,
    Analysed,
    G,
    Group,
    Kind,
    Q,
    Row,
    Verdict,
    X,
    estimated,
    points,
    row,
)
from isoloss.results.verdict import exponent_verdict, not_made
from isoloss.stats.spread import root_mean_square

DRAWS = 300
N_LINE = 40
NAMED_ROOM = 9.0  # as a factor of size, for names at the left of valleys
FILLED, HOLLOW = {"fillstyle": "full"}, {"marker": "o", "fillstyle": "none"}
# A parameter of the law, its unit, and the paper's value of it (Table 3).
PARAMETERS = (
    (Q.ALPHA_N, "", VALUES["kaplan_alpha_n_steps"]),
    (Q.ALPHA_S, "", VALUES["kaplan_alpha_s"]),
    (Q.N_C, "non-embedding parameters", VALUES["kaplan_n_c_steps"]),
    (Q.S_C, "steps", VALUES["kaplan_s_c"]),
)
# What Eqs. 6.4 and 6.5 make of them.
PREDICTED = {Q.ALPHA_C_PREDICTED: 0.054, Q.A_PREDICTED: 0.71}


class SizeAndSteps(OfCurves):
    """L(N, S) along learning curves at a constant rate (Eq. 1.6), and its valleys."""

    do: Literal["size_and_steps"]
    name: Name = "size_and_steps"
    first_step: NonNegativeInt = 0  # steps before it are left out, as warm-up always is
    levels: Levels = 5  # budgets of compute, and of steps, at which valleys are given


class KaplanValleys(OfLosses):
    """Fig. 11: loss against size at fixed compute and at fixed steps."""

    draw: Literal["kaplan_valleys"]
    name: Name = "kaplan_11"
    title: str = (
        "Loss against size at fixed compute and at fixed steps (Kaplan et al. 2020, Figure 11)"
    )
    caption: str = (
        "Losses along the training curves, interpolated to equal compute and to equal steps, "
        "against size. Dashed: L(N, S) = (N_c / N)^alpha_N + (S_c / S)^alpha_S, fitted to all "
        "curves. Hollow points lie before the steps that are fitted."
    )
    law: Annotated[Name, Does("size_and_steps")] = "size_and_steps"  # a size_and_steps


def analyse(spec: SizeAndSteps, inputs: Inputs) -> list[Row]:
    """The law's parameters, what they predict of the optimum, and loss against N in two cuts.

    The cuts are at fixed steps and at fixed compute, both at the runs' own batch: points are
    interpolated along the curves, lines are the law. With `adjusted` the law is one of S_min, and
    fitted only where B_crit(L) was measured.

    Raises
    ------
    UserError
        Fewer than four sizes have a curve, B_crit(L) is not known, or the law cannot be fitted.
    """
    found = curves_of(inputs.runs, inputs.curves, spec.sweeps, spec.name)
    batch = inputs.first("critical_batch")
    critical = critical_batch_of(batch, spec.name)[0] if spec.adjusted else None
    used = [adjusted(curve, critical) if critical else curve for curve in found]
    known = law_of(batch) if critical else None
    result = _fit(spec, found, used, known)
    said = {
        "method": result.method,
        "n_runs": len(found),
        "verdict": Verdict.read(result.verdict),
        "warnings": "; ".join([*_said(result, known), *result.warnings]),
        "runs": " ".join(run_id for curve in found for run_id in curve.runs),
    }
    rows = _parameters(result, said) + _predicted(result, said, known) + _fitted(result, said)
    for what in (G.COMPUTE, G.STEPS):
        rows += _cut(what, spec, found, result, critical, said)
    return rows


def _fit(spec, found: list[SizeCurve], used: list[SizeCurve], known: Law | None) -> FitResult:
    import pandas as pd

    parts = []
    for raw, curve in zip(found, used, strict=True):
        late = (raw.steps >= max(spec.first_step, 1)) & np.isfinite(curve.steps)
        late = np.flatnonzero(late & known.knows(raw.loss) if known else late)
        if not len(late):
            continue
        kept = late[spread_out(raw.steps[late], raw.steps[-1])]
        parts.append(pd.DataFrame({
            "n_params": curve.n_params, "n_steps": curve.steps[kept], "loss": curve.loss[kept],
            "run_id": curve.runs[0],
        }))  # fmt: skip
    if len(parts) < FEWEST_SIZES:
        problem = f"{len(parts)} sizes have a curve from step {spec.first_step} on"
        problem += f", where B_crit(L) was measured ({known.range})" if known else ""
        raise UserError(spec.name, [f"{problem}; {FEWEST_SIZES} are needed"])
    return fit_along_steps(parts, DRAWS, spec.name)


def _said(result: FitResult, known: Law | None) -> Iterator[str]:
    problem = result.problem
    fitted = problem.law.log_loss(result.theta[None], problem.log_x)[0]
    miss = root_mean_square(problem.log_loss - fitted)
    yield f"it misses the curves by {miss:.1%} (root mean square)"
    if known:
        yield f"B_crit(L) is used at its estimate, where it was measured ({known.range})"
    else:
        yield "steps are those at the runs' own batch, not S_min"


def _parameters(result: FitResult, said: dict[str, Any]) -> list[Row]:
    estimates = {**result.params, **result.derived}
    source = f"{KAPLAN}, Table 3"
    return [
        estimated(quantity, estimates[quantity], result.level, **said | {"unit": unit},
                  theory=theory, theory_source=source)
        for quantity, unit, theory in PARAMETERS
    ]  # fmt: skip


def _fitted(result: FitResult, said: dict[str, Any]) -> list[Row]:
    """The points that the law was fitted to: losses against S, or S_min, for each size."""
    log_n, log_s = (result.problem.log_x[name] for name in ("n_params", "n_steps"))
    rows = []
    for size in np.unique(log_n):
        here = log_n == size
        rows += points(Q.LOSS, X.STEPS, np.exp(log_s[here]), np.exp(result.problem.log_loss[here]),
                       group=Group.of(n_params_non_embedding=round(np.exp(size))),
                       unit="nats per token", n_runs=1, verdict=IDENTIFIED,
                       runs=said["runs"])  # fmt: skip
    return rows


def _predicted(result: FitResult, said: dict[str, Any], critical: Law | None) -> list[Row]:
    """Eqs. 1.7 and 1.8; at a fixed batch the term 1 / alpha_B drops out."""
    at = {name: np.concatenate([[e.value], draws]) for (name, e), draws in zip(
        result.params.items(), result.law.natural(result.draws).T, strict=True)}  # fmt: skip
    inverse_b = critical.inverse_alpha_b if critical else 0.0
    with np.errstate(all="ignore"):
        alpha_c = 1 / (1 / at["alpha_S"] + inverse_b + 1 / at["alpha_N"])
        exponent = alpha_c / at["alpha_N"]
    rows = []
    for quantity, values in ((Q.ALPHA_C_PREDICTED, alpha_c), (Q.A_PREDICTED, exponent)):
        verdict = said["verdict"]
        if critical and not critical.identified:
            verdict = critical.verdict
        if verdict.identified:
            verdict = exponent_verdict(values[0], values[1:])
        paper = {"theory": PREDICTED[quantity], "theory_source": f"{KAPLAN}, Eqs. 6.4 and 6.5"}
        also = said | {"verdict": verdict, "unit": ""} | (paper if critical else {})
        rows.append(row(quantity, values[0], values[1:], **also))
    return rows


def _cut(
    what: G, spec: SizeAndSteps, found: list[SizeCurve], result: FitResult,
    critical: Critical | None, said: dict[str, Any],
) -> list[Row]:  # fmt: skip
    low = np.sort([getattr(curve, what)[0] for curve in found])[-FEWEST_SIZES]
    high = np.sort([getattr(curve, what)[-1] for curve in found])[-FEWEST_SIZES]
    low = max(low, spec.first_step) if what == G.STEPS else low
    n_params = np.array([curve.n_params for curve in found])
    dense = np.geomspace(n_params[0], n_params[-1], N_LINE)
    rows = []
    common = {"unit": "nats per token", "n_runs": len(found)}
    if low >= high:
        reason = f"the curves of {FEWEST_SIZES} sizes have no {what} in common"
        return [Row(quantity=Q.LOSS, kind=Kind.POINT, verdict=not_made(reason))]
    for level in np.geomspace(low, high, spec.levels + 2)[1:-1]:
        level = float(f"{level:.2g}")
        of_level = common | {"group": Group.of(**{what: level})}
        loss = np.array([float(curve.at(what, level)) for curve in found])
        rows += points(Q.LOSS, X.N_NON_EMBEDDING, n_params, loss, **of_level, verdict=IDENTIFIED,
                       runs=said["runs"])  # fmt: skip
        seen = n_params[np.isfinite(loss)]
        inside = dense[(dense >= seen.min()) & (dense <= seen.max())]
        batch = found[0].batch_tokens
        steps = (level * FLOPS_PER_PF_DAY / (FLOPS_PER_PARAM_TOKEN * inside * batch)
                 if what == G.COMPUTE else np.full(len(inside), level))  # fmt: skip
        inside, steps = inside[steps >= spec.first_step], steps[steps >= spec.first_step]
        line = [_loss_after(result, n, s, batch, critical)
                for n, s in zip(inside, steps, strict=True)]  # fmt: skip
        rows += points(Q.LOSS, X.N_NON_EMBEDDING, inside, line, **of_level, kind=Kind.LINE,
                       verdict=said["verdict"])  # fmt: skip
    return rows


def _loss_after(
    result: FitResult, n_params: float, steps: float, batch: float, critical: Critical | None
) -> float:
    """The law's loss after S steps at a batch; with B_crit(L), L stands on both sides."""

    from scipy.optimize import brentq

    def law(s_min):
        return float(result.law(result.values, n_params=n_params, n_steps=s_min))

    if critical is None:
        return law(steps)
    return brentq(lambda loss: law(steps / (1 + float(critical(loss)) / batch)) - loss, 1e-3, 1e3)


def draw(spec: KaplanValleys, tables: Tables) -> Drawing:
    """Loss by size at fixed compute and at fixed steps; dashes are L(N, S)."""
    found = tables.analysed(spec.law, spec.called)
    losses, lines = found.points(Q.LOSS), found.line(Q.LOSS)
    sheet = Sheet(2)
    named = []
    for cut, title, unit, text in ((G.COMPUTE, "Fixed compute", "PF-days", science),
                                   (G.STEPS, "Fixed steps", "steps", short)):  # fmt: skip
        panel = sheet.panel(SIZE_LABEL, spec.loss_label, title)
        of_level = {group[cut]: group for group in found.groups(Q.LOSS) if cut in group}
        ends = []
        for level, color in looks.level_colors(sorted(of_level)).items():
            group, label = str(of_level[level]), f"{text(level)} {unit}"
            here, line = (rows[rows["group"] == group] for rows in (losses, lines))
            look = {"color": color, "markersize": 4}
            panel.line(here["x"], here["value"], label, "along the sizes", color=color,
                       linewidth=0.9)  # fmt: skip
            fitted = here["x"].between(line["x"].min(), line["x"].max())
            for part, what in ((fitted, FILLED), (~fitted, HOLLOW)):
                panel.points(here["x"][part], here["value"][part], label, "interpolated",
                             **look | what)  # fmt: skip
            panel.line(line["x"], line["value"], label, "L(N, S)", color=color, linestyle=DASH,
                       linewidth=1.6)  # fmt: skip
            end = here.iloc[0 if cut is G.COMPUTE else -1]  # valleys lie free at their left
            ends.append((text(level), end["x"], end["value"], color))
        named.append((panel, ends, cut is G.COMPUTE, unit))
    for panel, ends, left, _ in named:
        if left and ends:
            low, high = panel.axes.dataLim.intervalx
            panel.axes.set_xlim(low / NAMED_ROOM, high * 1.2)
    sheet.finish()
    missed = _missed(found)
    for panel, ends, left, unit in named:
        looks.name_ends(panel, ends, left=left)
        words = [(f"at the {'left' if left else 'right'}: {unit}", GREY)] if ends else []
        if missed is not None and not left:
            words += [("L(N, S) misses the curves", GREY), (f"by {100 * missed:.1f} %", GREY)]
        looks.in_corner(panel, words)
    key = [
        ("along the training curves", {"color": GREY, "marker": "o"}),
        ("the same before the steps that are fitted", {"color": GREY, **HOLLOW}),
        ("L(N, S), fitted to all curves", {"color": GREY, "linestyle": DASH}),
    ]
    notes = found.why_not()
    for quantity, _, paper in PARAMETERS[:2]:
        notes += told(found, quantity, f"{quantity} (the paper: {paper:g})")
    notes += told(found, Q.A_PREDICTED, "Exponent of N_opt that L(N, S) predicts")
    notes += warned(found, Q.ALPHA_N, "The law")
    if missed is not None:
        notes.append(f"L(N, S) misses the points that it is fitted to by {missed:.2%} (root mean "
                     "square).")  # fmt: skip
    return sheet.drawing(key, notes)


def _missed(found: Analysed) -> float | None:
    """Root mean square of ln L less the law, over the points that the law was fitted to."""
    values = found.values([quantity for quantity, *_ in PARAMETERS])
    losses = found.points(Q.LOSS)
    fitted = losses[losses["x_quantity"] == X.STEPS]
    if values is None or fitted.empty:
        return None
    law = (values[Q.N_C] / fitted["of"]) ** values[Q.ALPHA_N]
    law += (values[Q.S_C] / fitted["x"]) ** values[Q.ALPHA_S]
    return root_mean_square(np.log(fitted["value"].to_numpy(float) / law.to_numpy(float)))


ANALYSES = {"size_and_steps": Analysis(SizeAndSteps, analyse)}
FIGURES = {"kaplan_valleys": Figure(KaplanValleys, draw)}
