"""How the runs were trained: learning rates, and the scatter over seeds."""

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import (
    COLORS,
    GREY,
    MARKERS,
    legend_below,
    new_figure,
)
from isoloss.charts.text import with_interval
from isoloss.config.batch_figures import SeedScatter
from isoloss.exhibits.base import Drawing, Figure, Tables, where_of
from isoloss.figures.analysed import analysed, part, unmade

PAPER_NOISE = 0.02


def seed_scatter(spec: SeedScatter, tables: Tables) -> Drawing:
    """Standard deviations over seeds with their intervals, beside the paper's threshold."""
    rows = analysed(tables, spec.noise, where_of(spec))
    notes = unmade(rows)
    found = part(rows, "sd of the loss", "parameter").sort_values("x")
    schedules = found["group"].astype(str).str.extract(r"schedule=([^,]+)")[0].fillna("")
    figure, axes = new_figure()
    record = Record()
    panel = Panel(axes[0, 0], record, "parameters N (no embeddings)",
                  "standard deviation of the loss over seeds")  # fmt: skip
    key = []
    for i, (schedule, group) in enumerate(found.groupby(schedules)):
        label = f"schedule {schedule}" if schedule else "runs"
        look = {"color": COLORS[i % len(COLORS)], "marker": MARKERS[i % len(MARKERS)]}
        aside = 5.0 * (i - (schedules.nunique() - 1) / 2)
        panel.intervals(group["x"], group["value"], group["lo"], group["hi"], label, "sd",
                        aside=aside, **look)  # fmt: skip
        key.append((label, look))
    panel.level(PAPER_NOISE, "Kaplan et al.: 0.02 nats per BPE token")
    key.append(("0.02, the threshold of Kaplan et al.", {"color": GREY, "linestyle": (0, (4, 2))}))
    for row in rows[rows["quantity"] == "relative sd of the loss"].itertuples():
        value, interval = with_interval(100 * row.value, 100 * row.lo, 100 * row.hi)
        notes.append(f"All settings together: {value} % of the loss (90 % interval {interval} %).")
    if found.empty:
        panel.axes.set(xlim=(1e3, 1e6), ylim=(1e-3, 1e-1))
    elif len(found["x"].unique()) == 1:
        panel.axes.set_xlim(found["x"].iloc[0] / 3, found["x"].iloc[0] * 3)
    finish(figure, [panel])
    legend_below(figure, key)
    return Drawing(figure=figure, table=record.table(), notes=notes)


FIGURES = {
    "seed_scatter": Figure(SeedScatter, seed_scatter),
}
