"""A prediction, and the run that tested it."""

import numpy as np

from isoloss.analysis.prediction import DO, FITTED, LATE, WITHOUT_DRIFT
from isoloss.config.prediction_figure import PredictionTested
from isoloss.errors import UserError
from isoloss.figures.panel import Panel, Record, finish
from isoloss.figures.style import COLORS, GREY, legend_below, new_figure
from isoloss.figures.tables import Drawing, Tables, chosen, finished, where_of

WITH_DRIFT = {"color": COLORS[0], "linestyle": "-", "linewidth": 1.2}
NO_DRIFT = WITH_DRIFT | {"linewidth": 4.5, "solid_capstyle": "butt"}


def prediction_tested(spec: PredictionTested, tables: Tables) -> Drawing:
    """Left: the loss of all runs. Right: each law's prediction, and the loss measured later."""
    said = tables.analyses
    said = said[said["do"] == DO] if len(said) else said
    if not len(said):
        raise UserError(where_of(spec), ["the study has no `prediction`"])
    fitted_flops = said.loc[said["quantity"] == FITTED, "value"].max()  # NaN if no law was fitted
    plain = said[said["quantity"] == WITHOUT_DRIFT].set_index("group")
    said = said[said["kind"] == "parameter"]
    runs, notes = finished(chosen(tables.runs, spec.sweeps), "loss")
    runs = runs.drop_duplicates("run_id")
    held = set(" ".join(said["runs"]).split())
    tested, others = runs[runs["run_id"].isin(held)], runs[~runs["run_id"].isin(held)]
    late = said["warnings"].str.contains(LATE, regex=False).any()
    panel = "Measured before, said after" if late else "Said before, measured after"
    notes += ["The run was measured before this prediction was made."] if late else []
    figure, axes = new_figure(columns=2, width=9.2, height=3.9)
    record = Record()
    left = Panel(axes[0, 0], record, "training compute C (FLOP, exact count)",
                 "held-out loss (nats per token)", "The runs")  # fmt: skip
    small = others["compute_flops"] <= fitted_flops
    left.points(others.loc[small, "compute_flops"], others.loc[small, "loss"], "fitted runs",
                "measured", color=COLORS[0], markersize=4)  # fmt: skip
    left.points(others.loc[~small, "compute_flops"], others.loc[~small, "loss"], "other runs",
                "measured", color=GREY, markersize=4, mfc="white")  # fmt: skip
    left.points(tested["compute_flops"], tested["loss"], "held-out run", "measured",
                color=COLORS[1], marker="*", markersize=13)  # fmt: skip
    right = Panel(axes[0, 1], record, "loss of the held-out run (nats per token)", "",
                  panel, x_scale="linear", y_scale="linear")  # fmt: skip
    drawn = said.dropna(subset=["value"])
    places = np.arange(len(drawn))
    for place, (_, law) in zip(places, drawn.iterrows(), strict=True):
        name = spec.labels.get(law["group"], law["group"])
        record.add(panel=panel, series=[name], what="predicted",
                   x_quantity="", x=[np.nan], y_quantity="loss", y=[law["value"]],
                   lo=[law["lo"]], hi=[law["hi"]])  # fmt: skip
        sure = law["verdict"] == "identified"
        narrow = plain.loc[law["group"]]
        record.add(panel=panel, series=[name], what="without drift",
                   x_quantity="", x=[np.nan], y_quantity="loss", y=[narrow["value"]],
                   lo=[narrow["lo"]], hi=[narrow["hi"]])  # fmt: skip
        right.axes.plot([law["lo"], law["hi"]], [place, place], **WITH_DRIFT)
        right.axes.plot([narrow["lo"], narrow["hi"]], [place, place], **NO_DRIFT)
        right.axes.plot([law["value"]], [place], color=COLORS[0], marker="o",
                        mfc=COLORS[0] if sure else "white")  # fmt: skip
        if not sure:
            notes.append(f"{name}: {law['verdict']} (hollow marker).")
    for _, law in said[said["value"].isna()].iterrows():
        notes.append(f"{spec.labels.get(law['group'], law['group'])}: {law['verdict']}.")
    measured = float(said["theory"].iloc[0])
    if np.isfinite(measured):
        record.add(panel=panel, series=["held-out run"], what="measured",
                   x_quantity="loss", x=[measured], y_quantity="", y=[np.nan])  # fmt: skip
        right.axes.axvline(measured, color=COLORS[1], linewidth=1.4)
        inside = ((drawn["lo"] <= measured) & (measured <= drawn["hi"])).sum()
        plain = plain.loc[drawn["group"]]
        narrow = ((plain["lo"] <= measured) & (measured <= plain["hi"])).sum()
        notes.append(f"The measured loss, {measured:.4f}, lies within {inside} of {len(drawn)} "
                     f"90 % intervals, and within {narrow} of those without drift.")  # fmt: skip
    names = [spec.labels.get(group, group) for group in drawn["group"]]
    right.axes.set_yticks(places, names)
    right.axes.set_ylim(len(drawn) - 0.3, -0.7)  # the first law at the top
    right.axes.margins(x=0.12)
    finish(figure, [left])
    legend_below(figure, [
        ("runs that the laws were fitted to", {"color": COLORS[0], "marker": "o", "markersize": 4}),
        ("other runs", {"color": GREY, "marker": "o", "markersize": 4, "mfc": "white"}),
        ("held-out run, measured", {"color": COLORS[1], "marker": "*"}),
        ("predicted", {"color": COLORS[0], "marker": "o"}),
        ("90 % if the law goes on", NO_DRIFT),
        ("90 % with the drift of laws beyond their runs", WITH_DRIFT),
    ])  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)
