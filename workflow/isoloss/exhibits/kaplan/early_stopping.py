"""When training on few tokens should stop: Kaplan et al. (2020, arXiv:2001.08361), Sec. 5.3.

The analysis is a part of `overfitting`; their Fig. 16 shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import GREY, REFERENCE, Panel, Sheet, short
from isoloss.config.section import Name, PositiveInt
from isoloss.errors import UserError
from isoloss.exhibits.base import Does, Drawing, Drawn, Figure, Tables
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.batch_scan import SIZE, steady_curves, steps_to_reach
from isoloss.exhibits.kaplan.size_curves import fit_along_steps, spread_out
from isoloss.results import IDENTIFIED, Group, Kind, Q, Row, Verdict, X, row, undetermined
from isoloss.results.verdict import not_identified, not_made, scale_verdict
from isoloss.runs.select import chosen

if TYPE_CHECKING:
    import pandas as pd

    from isoloss.fit.result import FitResult

SOURCE = "Kaplan et al. (2020), arXiv:2001.08361, Eq. 5.7"
STILL_FALLING = not_identified("the lowest loss is the run's last")
DATA = "unique tokens D"
NAMED_ROOM = 1.5  # as a factor of steps


class EarlyStopping(Drawn):
    """Kaplan et al., Fig. 16: the step of the lowest loss against its bound, and curves."""

    draw: Literal["early_stopping"]
    name: Name = "kaplan_16"
    title: str = "Step of the lowest held-out loss (Kaplan et al. 2020, Figure 16)"
    caption: str = (
        "Step of the lowest held-out loss on repeated data, against the step that reaches this "
        "loss on fresh data. Filled: the bound of Eq. 5.7. Hollow: the run without repetition. "
        "Bars reach to the neighbouring evaluations. Beside it: curves of one size."
    )
    loss_label: str = "loss (nats per token)"
    overfitting: Annotated[Name, Does("overfitting")] = "overfitting"  # an overfitting
    sweeps: list[Name]
    n_params: PositiveInt | None = None  # non-embedding, whose curves are drawn; null: the largest


def early_stopping(table: pd.DataFrame, runs: pd.DataFrame, curves: pd.DataFrame) -> list[Row]:
    """The step of the lowest loss against its lower bound (Eq. 5.7), for each limited run.

    S_stop >= Sc (L(N, D) - L(N, infinity))**(-1 / alpha_S). L(N, D) is the run's lowest loss; Sc,
    alpha_S and L(N, infinity) are those of Eq. 1.6, fitted to the curves of the unlimited runs: the
    bound is where that law reaches L(N, D) on endless data. Where the unlimited run's own curve
    does is given beside it (`unlimited_step`). All runs have one batch size, so that steps are
    compared with steps, and not with S_min.

    Parameters
    ----------
    table : DataFrame
        Columns run_id, n_params, n_tokens (unique), loss (the lowest), limited.
    """
    steady = steady_curves(runs, curves)
    unlimited = table[~table["limited"] & table["run_id"].isin(list(steady))]
    try:
        law = _along_steps(unlimited, steady)
    except UserError as error:
        why = not_made(f"no L(N, S) for the bound: {'; '.join(error.problems)}")
        return [Row(quantity=Q.BEST_STEP, kind=Kind.POINT, verdict=why)]
    natural = dict(zip(law.law.names, law.law.natural(law.draws).T, strict=True))
    rows = [
        row(Q.ALPHA_S, law.params["alpha_S"].value, natural["alpha_S"],
            verdict=Verdict.read(law.verdict), method=law.method, n_runs=len(unlimited),
            runs=" ".join(unlimited["run_id"]))
    ]  # fmt: skip
    steps_of = runs.set_index("run_id")[["best_step", "steps"]].astype(float)
    same_size = dict(zip(unlimited["n_params"], unlimited["run_id"], strict=True))
    above = []
    for run in table[table["limited"]].itertuples():
        common = {"kind": Kind.POINT, "group": Group.of(n_params_non_embedding=round(run.n_params)),
                  "unit": "steps", "x_quantity": X.N_UNIQUE_TOKENS, "x": run.n_tokens, "n_runs": 1,
                  "runs": run.run_id}  # fmt: skip
        best, last = steps_of.loc[run.run_id]
        before, after = _beside(curves[curves["run_id"] == run.run_id], best)
        stopped = after is not None and best < last
        rows.append(row(Q.BEST_STEP, best, verdict=IDENTIFIED if stopped else STILL_FALLING,
                        lo=before, hi=after, method="the evaluations beside it",
                        **common))  # fmt: skip
        bound, drawn = _bound(law.values, run), _bound(natural, run)
        verdict = scale_verdict(drawn, ~np.isfinite(drawn))
        if np.isfinite(bound):
            rows.append(row(Q.STOP_BOUND, bound, drawn, verdict=verdict, method=law.method,
                            **common))  # fmt: skip
        if run.n_params in same_size:
            curve = steady[same_size[run.n_params]]
            step = steps_to_reach(curve["step"], curve["loss"], [run.loss])[0]
            if np.isfinite(step):
                rows.append(row(Q.UNLIMITED_STEP, step, method="interpolated", **common))
        if stopped and verdict.identified:
            above.append(after >= bound)
    if above:
        rows.append(row(Q.BEYOND_BOUND, float(np.mean(above)), n_runs=len(above), theory=1.0,
                        theory_source=SOURCE))  # fmt: skip
    return rows


def _along_steps(unlimited, steady) -> FitResult:
    """Eq. 1.6 through the curves of the unlimited runs, after warm-up."""
    import pandas as pd

    parts = []
    for run in unlimited.itertuples():
        curve = steady[run.run_id]
        step, loss = curve["step"].to_numpy(float), curve["loss"].to_numpy(float)
        kept = spread_out(step, step[-1])
        parts.append(pd.DataFrame({"n_params": run.n_params, "n_steps": step[kept],
                                   "loss": loss[kept], "run_id": run.run_id}))  # fmt: skip
    if not parts:
        raise UserError("curves", ["no unlimited run has a learning curve"])
    return fit_along_steps(parts, 300, "curves")


def _bound(params, run):
    """Sc (L - A N**-alpha_N)**(-1 / alpha_S) with B = Sc**alpha_S; NaN where L lies below."""
    with np.errstate(all="ignore"):
        excess = run.loss - params["A"] * run.n_params ** -np.asarray(params["alpha_N"])
        return np.exp(np.log(params["B"] / np.where(excess > 0, excess, np.nan))
                      / params["alpha_S"])  # fmt: skip


def _beside(curve: pd.DataFrame, step: float) -> tuple[float | None, float | None]:
    """The evaluations before and after a step."""
    steps = np.sort(curve["step"].to_numpy(float))
    before, after = steps[steps < step], steps[steps > step]
    return (float(before[-1]) if len(before) else None, float(after[0]) if len(after) else None)


def draw(spec: EarlyStopping, tables: Tables) -> Drawing:
    """Left: the step of the lowest loss against its bound. Right: curves of one size, by data."""
    rows = tables.analysed(spec.overfitting, spec.called)
    notes = rows.why_not()
    best = rows.points(Q.BEST_STEP).set_index("runs")
    limited = rows.points(Q.BEST_LOSS, optional=True)["x"].unique()
    colors = looks.data_colors(sorted(limited if len(limited) else _repeated(spec, tables)))
    stopped = best[best["verdict"] != STILL_FALLING]
    if len(stopped) < len(best):
        notes.append(f"{len(best) - len(stopped)} of {len(best)} runs on repeated data had their "
                     "lowest loss at their end. They were not overfitted yet, and are not in the "
                     "left panel.")  # fmt: skip
    bounds, open_ends = {}, 0
    for quantity in (Q.UNLIMITED_STEP, Q.STOP_BOUND):
        # Neither is there where no limited run comes down to the loss of endless data.
        bound = rows.points(quantity, optional=True).set_index("runs")
        open_ends += int(undetermined(bound).sum())
        bound = bound[~undetermined(bound)]
        bounds[quantity] = stopped.join(bound["value"].rename("bound"), how="inner")
    if open_ends:
        notes.append(f"{open_ends} bounds of Eq. 5.7 are not determined, and are not drawn.")
    bounded = any(len(both) for both in bounds.values())
    sheet = Sheet(1 + bounded)
    key, ends = [], []
    if bounded:
        left = sheet.panel("lower bound of S_stop (steps)", "step of the lowest loss",
                           "When to stop")  # fmt: skip
        ends = _steps_and_bounds(left, bounds, colors)
        key = [
            ("bound by Eq. 5.7", {"color": GREY, "marker": "o"}),
            ("same loss reached on endless data",
             {"color": GREY, "marker": "o", "fillstyle": "none"}),
            ("equal", REFERENCE),
        ]  # fmt: skip
    right, names = _repeated_curves(spec, tables, sheet, colors)
    key += [
        ("held-out loss", {"color": GREY, "linestyle": "-"}),
        ("held-out loss, every token seen once", {"color": "black", "linestyle": "-"}),
        ("training loss", {"color": GREY, "linestyle": looks.DASH}),
    ]
    # No share where no run both stopped and has a bound that is determined.
    share = rows.parameter(Q.BEYOND_BOUND, optional=True)
    words = [("unique tokens D at the right", GREY)] if names else []
    sheet.finish()
    if share is not None:
        held = round(share["value"] * share["n_runs"])
        notes.append(f"{held} of {share['n_runs']:.0f} runs have their lowest loss at or beyond "
                     "the bound of Eq. 5.7.")  # fmt: skip
        if bounded:
            looks.in_corner(left, [(f"{held} of {share['n_runs']:.0f} at or beyond", GREY),
                                   ("the bound of Eq. 5.7", GREY)])  # fmt: skip
    if bounded:
        looks.name_ends(left, ends, left=True)
    looks.name_ends(right, names)
    looks.in_corner(right, words)
    return sheet.drawing(key if len(sheet.record.table()) else (), notes)


def _repeated(spec: EarlyStopping, tables: Tables) -> set[float]:
    """The numbers of unique tokens that runs repeat."""
    runs = chosen(tables.runs, spec.sweeps)
    return set(runs["n_unique_tokens"][runs["n_unique_tokens"] < runs["n_tokens"]])


def _steps_and_bounds(panel: Panel, bounds: dict, colors: dict) -> list:
    """The step of the lowest loss against both bounds; the data, beside their first points."""
    ends = {}
    for quantity, what, look in (
        (Q.UNLIMITED_STEP, "same loss on endless data", {"fillstyle": "none"}),
        (Q.STOP_BOUND, "Eq. 5.7", {}),
    ):
        for tokens, group in bounds[quantity].groupby("x"):
            panel.intervals(group["bound"], group["value"], group["lo"], group["hi"],
                            f"D {short(tokens)}", what, color=colors[tokens], **look)  # fmt: skip
            last = group.loc[group["bound"].idxmin()]
            if last["bound"] < ends.get(tokens, (0, np.inf))[1]:
                ends[tokens] = (short(tokens), last["bound"], last["value"], colors[tokens])
    lines = panel.record.table()
    across = [
        min(lines["x"].min(), lines["y"].min()) / 1.3,
        max(lines["x"].max(), lines["y"].max()) * 1.3,
    ]
    panel.line(across, across, "equal", "reference", **REFERENCE)
    panel.axes.set_xlim(across[0] / NAMED_ROOM, across[1] * 1.1)
    return list(ends.values())


def _repeated_curves(
    spec: EarlyStopping, tables: Tables, sheet: Sheet, colors: dict
) -> tuple[Panel, list]:
    """Held-out and training loss of one size's runs; the panel, and the data at the line ends."""
    runs = chosen(tables.runs, spec.sweeps).drop_duplicates("run_id")
    sizes = sorted(runs[SIZE].dropna().unique())
    size = spec.n_params or (sizes[-1] if sizes else 0)
    panel, ends = sheet.panel("steps", spec.loss_label, f"N = {short(size)}"), []
    of_size = runs[runs[SIZE] == size].sort_values("n_unique_tokens", kind="stable")
    for run in of_size.itertuples():
        curve = tables.curves[tables.curves["run_id"] == run.run_id].sort_values(
            "step", kind="stable"
        )
        limited = run.n_unique_tokens < run.n_tokens
        color = colors.get(run.n_unique_tokens, GREY) if limited else "black"
        name = f"D {short(run.n_unique_tokens)}" if limited else "every token seen once"
        panel.line(curve["step"], curve["loss"], name, "held-out loss", color=color, linewidth=1.3)
        if len(curve):
            last = curve.iloc[-1]
            text = short(run.n_unique_tokens) if limited else "all"
            ends.append((text, last["step"], last["loss"], color))
        if limited:
            panel.line(curve["step"], curve["train_loss"], name, "training loss", color=color,
                       linewidth=1.0, linestyle=looks.DASH)  # fmt: skip
            panel.points([run.best_step], [run.best_loss], name, "lowest", color=color,
                         markeredgecolor="white", markersize=6)  # fmt: skip
    return panel, ends


FIGURES = {"early_stopping": Figure(EarlyStopping, draw)}
