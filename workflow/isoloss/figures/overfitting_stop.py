"""When to stop: Kaplan et al. (2020, arXiv:2001.08361), Fig. 16."""

from isoloss.charts.panel import REFERENCE, Panel, Record, finish
from isoloss.charts.style import GREY, key_of_values, legend_below, new_figure, ordered_colors
from isoloss.charts.text import short
from isoloss.config.batch_figures import EarlyStopping
from isoloss.exhibits.base import Drawing, Figure, Tables, where_of
from isoloss.figures.analysed import analysed, part, undetermined, unmade
from isoloss.figures.overfitting import DATA, LAW_DASH
from isoloss.runs.select import chosen


def early_stopping(spec: EarlyStopping, tables: Tables) -> Drawing:
    """Left: the step of the lowest loss against its bound. Right: curves of one size, by data."""
    rows = analysed(tables, spec.overfitting, where_of(spec))
    notes = unmade(rows)
    figure, axes = new_figure(2, 1, width=9.2, height=4.4)
    record = Record()
    left = Panel(axes[0, 0], record, "lower bound of S_stop (steps)",
                 "step of the lowest loss", "When to stop")  # fmt: skip
    best = part(rows, "best_step").set_index("runs")
    data = sorted(best["x"].unique())
    colors = dict(zip(data, ordered_colors(len(data)), strict=True))
    stopped = best[~undetermined(best)]
    if len(stopped) < len(best):
        notes.append(f"{len(best) - len(stopped)} of {len(best)} limited runs had their lowest "
                     "loss at their end: they were not overfitted yet, and are not in the left "
                     "panel.")  # fmt: skip
    open_ends = 0
    for quantity, look in (("unlimited_step", {"fillstyle": "none"}), ("stop_bound", {})):
        bound = part(rows, quantity).set_index("runs")
        open_ends += int(undetermined(bound).sum())
        bound = bound[~undetermined(bound)]
        both = stopped.join(bound["value"].rename("bound"), how="inner")
        for tokens, group in both.groupby("x"):
            what = "Eq. 5.7" if quantity == "stop_bound" else "same loss on endless data"
            left.intervals(group["bound"], group["value"], group["lo"], group["hi"],
                           f"D {short(tokens)}", what, color=colors[tokens], **look)  # fmt: skip
    if open_ends:
        notes.append(f"{open_ends} bounds of Eq. 5.7 are not determined, and are not drawn.")
    _diagonal(left)
    right = _repeated_curves(spec, tables, axes[0, 1], record, colors)
    finish(figure, [left, right])
    if data:
        key_of_values(figure, [left.axes, right.axes], data, list(colors.values()), DATA)
    legend_below(figure, [
        ("bound by Eq. 5.7", {"color": GREY, "marker": "o"}),
        ("same loss reached on endless data", {"color": GREY, "marker": "o", "fillstyle": "none"}),
        ("equal", REFERENCE),
        ("held-out loss", {"color": GREY, "linestyle": "-"}),
        ("training loss", {"color": GREY, "linestyle": LAW_DASH}),
    ], width=110)  # fmt: skip
    share = rows[rows["quantity"] == "share of runs that stop at or beyond the bound"]
    for row in share.itertuples():
        notes.append(f"{row.value:.0%} of {row.n_runs:.0f} runs have their lowest loss at or "
                     "beyond the bound of Eq. 5.7.")  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _diagonal(panel: Panel) -> None:
    lines = panel.record.table()
    if lines.empty:
        panel.axes.set(xlim=(1, 10), ylim=(1, 10))
        return
    ends = [
        min(lines["x"].min(), lines["y"].min()) / 1.3,
        max(lines["x"].max(), lines["y"].max()) * 1.3,
    ]
    panel.line(ends, ends, "equal", "reference", **REFERENCE)


def _repeated_curves(spec, tables, place, record, colors) -> Panel:
    """Held-out and training loss of one size's runs, and the step of the lowest."""
    runs = chosen(tables.runs, spec.sweeps).drop_duplicates("run_id")
    sizes = sorted(runs["n_params_non_embedding"].dropna().unique())
    size = spec.n_params or (sizes[-1] if sizes else 0)
    panel = Panel(place, record, "steps", spec.loss_label, f"N = {short(size)}")
    of_size = runs[runs["n_params_non_embedding"] == size].sort_values("n_unique_tokens")
    for run in of_size.itertuples():
        curve = tables.curves[tables.curves["run_id"] == run.run_id].sort_values("step")
        limited = run.n_unique_tokens < run.n_tokens
        color = colors.get(run.n_unique_tokens, GREY) if limited else "black"
        name = f"D {short(run.n_unique_tokens)}" if limited else "every token seen once"
        panel.line(curve["step"], curve["loss"], name, "held-out loss", color=color, linewidth=1.3)
        if limited:
            panel.line(curve["step"], curve["train_loss"], name, "training loss", color=color,
                       linewidth=1.0, linestyle=LAW_DASH)  # fmt: skip
            panel.points([run.best_step], [run.best_loss], name, "lowest", color=color,
                         markeredgecolor="white", markersize=6)  # fmt: skip
    if of_size.empty:
        panel.axes.set(xlim=(1, 10), ylim=(1, 10))
    return panel


FIGURES = {
    "early_stopping": Figure(EarlyStopping, early_stopping),
}
