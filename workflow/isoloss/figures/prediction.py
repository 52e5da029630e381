"""A prediction, and the run that tested it."""

import numpy as np

from isoloss.analysis.prediction import DO
from isoloss.config.prediction_figure import PredictionTested
from isoloss.errors import UserError
from isoloss.figures.panel import Panel, Record, finish
from isoloss.figures.style import COLORS, GREY, legend_below, new_figure
from isoloss.figures.tables import Drawing, Tables, chosen, finished, where_of


def prediction_tested(spec: PredictionTested, tables: Tables) -> Drawing:
    """Left: the loss of all runs. Right: each law's prediction, and the loss measured later."""
    said = tables.analyses
    said = said[said["do"] == DO] if len(said) else said
    if not len(said):
        raise UserError(where_of(spec), ["the study has no `prediction`"])
    runs, notes = finished(chosen(tables.runs, spec.sweeps), "loss")
    runs = runs.drop_duplicates("run_id")
    held = set(" ".join(said["runs"]).split())
    target = float(said["x"].iloc[0])
    tested, others = runs[runs["run_id"].isin(held)], runs[~runs["run_id"].isin(held)]
    figure, axes = new_figure(columns=2, width=9.2, height=3.9)
    record = Record()
    left = Panel(axes[0, 0], record, "training compute C (FLOP, exact count)",
                 "held-out loss (nats per token)", "The runs")  # fmt: skip
    left.points(others["compute_flops"], others["loss"], "other runs", "measured",
                color=GREY, alpha=0.7, markersize=4)  # fmt: skip
    left.points(tested["compute_flops"], tested["loss"], "held-out run", "measured",
                color=COLORS[1], marker="*", markersize=13)  # fmt: skip
    left.axes.axvspan(0.1 * target, target * 3, color=GREY, alpha=0.1, linewidth=0)
    right = Panel(axes[0, 1], record, "loss of the held-out run (nats per token)", "",
                  "Said before, measured after", x_scale="linear", y_scale="linear")  # fmt: skip
    drawn = said.dropna(subset=["value"])
    places = np.arange(len(drawn))[::-1]
    for place, (_, law) in zip(places, drawn.iterrows(), strict=True):
        name = spec.labels.get(law["group"], law["group"])
        record.add(panel="Said before, measured after", series=[name], what="predicted",
                   x_quantity="", x=[np.nan], y_quantity="loss", y=[law["value"]],
                   lo=[law["lo"]], hi=[law["hi"]])  # fmt: skip
        sure = law["verdict"] == "identified"
        ends = [[law["value"] - law["lo"]], [law["hi"] - law["value"]]]
        right.axes.errorbar([law["value"]], [place], xerr=np.abs(ends), color=COLORS[0], marker="o",
                            capsize=3, mfc=COLORS[0] if sure else "white")  # fmt: skip
        if not sure:
            notes.append(f"{name}: {law['verdict']} (hollow marker).")
    for _, law in said[said["value"].isna()].iterrows():
        notes.append(f"{spec.labels.get(law['group'], law['group'])}: {law['verdict']}.")
    measured = float(said["theory"].iloc[0])
    if np.isfinite(measured):
        right.axes.axvline(measured, color=COLORS[1], linewidth=1.4)
        inside = ((drawn["lo"] <= measured) & (measured <= drawn["hi"])).sum()
        notes.append(f"The measured loss, {measured:.4f}, lies within {inside} of {len(drawn)} "
                     "90 % intervals.")  # fmt: skip
    names = [spec.labels.get(group, group) for group in drawn["group"]]
    right.axes.set_yticks(places, names)
    right.axes.set_ylim(-0.7, len(drawn) - 0.3)
    right.axes.margins(x=0.12)
    finish(figure, [left])
    legend_below(figure, [
        ("runs", {"color": GREY, "marker": "o"}),
        ("held-out run, measured", {"color": COLORS[1], "marker": "*"}),
        ("predicted, with the 90 % interval of one run", {"color": COLORS[0], "marker": "o"}),
    ])  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)
