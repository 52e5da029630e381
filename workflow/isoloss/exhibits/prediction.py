"""A run that is predicted before it is trained: what each law said, and what was measured."""

from __future__ import annotations

from typing import Literal

import numpy as np

from isoloss.charts import COLORS, GREY, Sheet
from isoloss.config.section import Name
from isoloss.exhibits.base import Analysing, Analysis, Drawing, Figure, Inputs, OfLosses, Tables
from isoloss.results import Group, Kind, Q, Row, Verdict, X, identified
from isoloss.runs.select import chosen, finished, is_finished

NAME = "prediction"  # of the analysis: a study that predicts has it without being asked
MEASURED_AFTER, MEASURED_BEFORE = "measured afterwards", "measured before"
LATE = "predicted after the run was made"
WITH_DRIFT = {"color": COLORS[0], "linestyle": "-", "linewidth": 1.2}
NO_DRIFT = WITH_DRIFT | {"linewidth": 4.5, "solid_capstyle": "butt"}


class Prediction(Analysing):
    """The predictions of a study's largest run, beside the loss that was measured."""

    do: Literal["prediction"] = "prediction"
    name: Name = NAME
    sweeps: list[Name] = []


class PredictionTested(OfLosses):
    """The runs, the run that was held out, and what each law said of it before it was trained."""

    draw: Literal["prediction_tested"]
    name: Name = "prediction"
    title: str = "A held-out run: predicted and measured loss"
    caption: str = (
        "Left: all runs; the predictions use the filled ones. Right: each law's prediction of "
        "the largest run, and the measured loss. Predictions are made before that run can start, "
        "unless a note says otherwise. Thick bar: 90 % interval if the law goes on unchanged. "
        "Thin bar: it also counts how far losses drift beyond fitted runs, as tried on smaller "
        "runs."
    )
    sweeps: list[Name]
    labels: dict[str, str] = {}  # fit of the prediction -> what the figure calls it

    @property
    def analyses_named(self) -> list[str]:
        return [NAME]


def analyse(spec: Prediction, inputs: Inputs) -> list[Row]:
    """Each law's prediction, with the measured loss as its `theory`.

    Where several seeds of the run were trained, their losses are averaged.
    """
    runs = inputs.runs
    losses = runs[is_finished(runs)].drop_duplicates("run_id").set_index("run_id")["loss"]
    rows = []
    for law in inputs.prediction.to_dict("records"):
        tested = losses.reindex(law["run_ids"].split()).dropna()
        measured = float(tested.mean()) if len(tested) else None
        late = law["made_before"] is False
        warnings = ["the run that tests it has no loss"] if measured is None else []
        warnings += [LATE] if late else []
        of_law = {"group": Group.of(law["fit"]), "unit": "nats per token", "value": law["loss"],
                  "level": law["level"]}  # fmt: skip
        rows.append(Row(
            quantity=Q.PREDICTED, kind=Kind.PARAMETER, x_quantity=X.COMPUTE_FLOPS,
            x=law["compute_flops"], lo=law["lo"], hi=law["hi"], method=law["method"],
            n_runs=law["n_runs"], verdict=Verdict.read(law["verdict"]), theory=measured,
            theory_source=MEASURED_BEFORE if late else MEASURED_AFTER,
            warnings="; ".join(warnings), runs=law["run_ids"], **of_law,
        ))  # fmt: skip
        rows.append(Row(
            quantity=Q.PREDICTED_WITHOUT_DRIFT, kind=Kind.POINT, lo=law["law_lo"],
            hi=law["law_hi"], **of_law,
        ))  # fmt: skip
    fitted = inputs.prediction["fitted_compute_flops"].dropna()
    if len(fitted):
        rows.append(Row(quantity=Q.LARGEST_FITTED, kind=Kind.POINT, value=float(fitted.max()),
                        unit="FLOP"))  # fmt: skip
    return rows


def draw(spec: PredictionTested, tables: Tables) -> Drawing:
    """Left: the loss of all runs. Right: each law's prediction, and the loss measured later."""
    found = tables.analysed(NAME, spec.called)
    fitted_flops = found.points(Q.LARGEST_FITTED, optional=True)["value"].max()  # NaN without laws
    plain = found.all(Q.PREDICTED_WITHOUT_DRIFT).set_index("group")
    said = found.all(Q.PREDICTED)
    runs, notes = finished(chosen(tables.runs, spec.sweeps), "loss")
    runs = runs.drop_duplicates("run_id")
    held = set(" ".join(said["runs"]).split())
    tested, others = runs[runs["run_id"].isin(held)], runs[~runs["run_id"].isin(held)]
    late = (said["theory_source"] == MEASURED_BEFORE).any()
    panel = "Predicted after the run" if late else "Predicted before the run"
    notes += ["The run was measured before this prediction was made."] if late else []
    sheet = Sheet(2)
    left = sheet.panel("training compute C (FLOP, exact count)", spec.loss_label, "The runs")
    small = others["compute_flops"] <= fitted_flops
    for _, of_size in runs.groupby("n_params", sort=True):
        of_size = of_size.sort_values("compute_flops", kind="stable")
        left.line(of_size["compute_flops"], of_size["loss"], "runs of one size", "measured",
                  color=GREY, linewidth=0.8, alpha=0.5, zorder=1)  # fmt: skip
    left.points(others.loc[small, "compute_flops"], others.loc[small, "loss"], "fitted runs",
                "measured", color=COLORS[0], markersize=4)  # fmt: skip
    left.points(others.loc[~small, "compute_flops"], others.loc[~small, "loss"], "other runs",
                "measured", color=GREY, markersize=4, mfc="white")  # fmt: skip
    left.points(tested["compute_flops"], tested["loss"], "held-out run", "measured",
                color=COLORS[1], marker="*", markersize=13)  # fmt: skip
    right = sheet.panel(spec.loss_label, "", panel, x_scale="linear", y_scale="linear")
    drawn = said.dropna(subset=["value"])
    places, hollow = np.arange(len(drawn)), 0
    for place, (_, law) in zip(places, drawn.iterrows(), strict=True):
        name = spec.labels.get(law["group"], law["group"])
        narrow = plain.loc[law["group"]]
        for row, what, look in (
            (law, "predicted", WITH_DRIFT),
            (narrow, "without drift", NO_DRIFT),
        ):
            sheet.record.add(panel=panel, series=[name], what=what, x_quantity="", x=[np.nan],
                             y_quantity="loss", y=[row["value"]], lo=[row["lo"]],
                             hi=[row["hi"]])  # fmt: skip
            right.axes.plot([row["lo"], row["hi"]], [place, place], **look)
        sure = identified(law)
        right.axes.plot([law["value"]], [place], color=COLORS[0], marker="o",
                        mfc=COLORS[0] if sure else "white")  # fmt: skip
        if not sure:
            hollow += 1
    if hollow:
        notes.append(f"Hollow: the fitted runs do not determine {hollow} of {len(drawn)} laws.")
    for _, law in said[said["value"].isna()].iterrows():
        notes.append(f"{spec.labels.get(law['group'], law['group'])}: {law['verdict']}.")
    measured = float(said["theory"].iloc[0])
    if np.isfinite(measured):
        sheet.record.add(panel=panel, series=["held-out run"], what="measured", x_quantity="loss",
                         x=[measured], y_quantity="", y=[np.nan])  # fmt: skip
        right.axes.axvline(measured, color=COLORS[1], linewidth=1.4)
        right.write(f"measured: {measured:.3f}", measured, len(drawn) - 0.3, color=COLORS[1])
        inside = ((drawn["lo"] <= measured) & (measured <= drawn["hi"])).sum()
        plain = plain.loc[drawn["group"]]
        narrow = ((plain["lo"] <= measured) & (measured <= plain["hi"])).sum()
        notes.append(f"The measured loss is {measured:.4f}. It lies within {inside} of "
                     f"{len(drawn)} intervals with drift, and {narrow} without.")  # fmt: skip
    right.name_heights([spec.labels.get(group, group) for group in drawn["group"]])
    right.axes.set_ylim(len(drawn) + 0.1, -0.6)  # a line for the measured loss below
    right.axes.margins(x=0.12)
    key = [
        ("fitted by the laws", {"color": COLORS[0], "marker": "o", "markersize": 4}),
        ("not fitted", {"color": GREY, "marker": "o", "markersize": 4, "mfc": "white"}),
        ("the held-out run", {"color": COLORS[1], "marker": "*", "markersize": 9}),
        ("90 % if the law goes on", NO_DRIFT),
        ("90 % with drift", WITH_DRIFT),
    ]  # fmt: skip
    return sheet.drawing(key, notes)


ANALYSES = {"prediction": Analysis(Prediction, analyse)}
FIGURES = {"prediction_tested": Figure(PredictionTested, draw)}
