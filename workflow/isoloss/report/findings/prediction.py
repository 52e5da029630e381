"""Finding: the largest run, predicted from smaller ones, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isoloss.fit.settings import AVERAGE_OF_LAWS
from isoloss.report.findings.base import (
    AFTERWARDS,
    FAILED,
    HELD,
    MISSING,
    OPEN,
    Finding,
    Results,
    reason,
)
from isoloss.report.findings.joint import name_of
from isoloss.report.findings.words import (
    brief,
    capital,
    count,
    known,
    like,
    listed,
    percent,
    times,
)
from isoloss.report.study import text
from isoloss.results import Q
from isoloss.results.verdict import Verdict

LABEL = "A run of {} times the compute, predicted before it was trained"
LATE = "A run of {} times the compute, from smaller runs alone"
AVERAGE = "an average of laws"


def prediction(results: Results) -> list[Finding]:
    """What was said of the held-out run, and what was measured.

    The law that speaks is chosen without the measured loss: the average of laws where there is one,
    else the first whose parameters the smaller runs determine, else the first with a value.
    """
    found, said = results.analysed("prediction"), results.prediction
    if found is None or said is None or said.empty:
        return []
    measured = {str(group): row["theory"] for group, row in _rows(found)}
    laws = said.to_dict("records")
    spoken = _chosen(laws)
    if spoken is None:
        return [_unsaid(results, laws)]
    value, lo, hi = (float(spoken[name]) for name in ("loss", "lo", "hi"))
    loss = measured.get(spoken["fit"])
    loss = float(loss) if known(loss) else np.nan
    ratio = float(spoken["compute_flops"]) / float(spoken["fitted_compute_flops"])
    number, interval = brief(value, lo, hi, least=3)
    who = AVERAGE if spoken["law"] == AVERAGE_OF_LAWS else name_of(spoken["law"])
    level = f"{percent(float(spoken['level']))} " if known(spoken["level"]) else ""
    late = spoken["made_before"] is False or str(spoken["made_before"]) == "False"
    numbers = {"predicted": value, "lo": lo, "hi": hi, "times_the_compute": ratio}
    label = (LATE if late else LABEL).format(times(ratio))
    shown = {
        "key": "prediction", "study": results.name, "label": label,
        "figure": results.figure("prediction_tested"), "runs": text(spoken["run_ids"]),
    }  # fmt: skip
    basis = f"Fitted to {count(int(spoken['n_runs']), 'smaller run')}."
    unit = f", {results.unit}" if results.unit else ""
    small = capital(f"{level}interval {interval}{unit}." if interval else f"no interval{unit}.")
    if not np.isfinite(loss):
        why = listed(list(dict.fromkeys(results.lost(text(spoken["run_ids"]).split()).values())))
        sentence = (
            f"{capital(who)} predicts a loss of {number} for a run of {times(ratio)} times the "
            f"compute; that run has no loss: {why or 'it is not in the table'}."
        )
        return [Finding(headline=f"{number} said, not measured", sentence=sentence, status=MISSING,
                        small=small, detail=basis, numbers=numbers, **shown)]  # fmt: skip
    came = like(loss, number)
    held = lo <= loss <= hi
    side = "inside" if held else "above" if loss > hi else "below"
    where = f"{side} the interval" if interval else "and there is no interval to judge it by"
    if late:
        sentence = (
            f"From smaller runs {who} gives {number} for one of {times(ratio)} times the compute; "
            f"it came to {came}, {where}, but this was computed after the run."
        )
    else:
        sentence = (
            f"Before it was trained, a run of {times(ratio)} times the compute was predicted to "
            f"reach {number} by {who}; it came to {came}, {where}"
            f"{'' if held or not interval else ': the prediction failed'}."
        )
    recorded = _recorded(results, spoken, loss) if late else ""
    detail = [recorded, basis, _others(laws, measured)]
    status = (AFTERWARDS if late else HELD) if held else FAILED if interval else OPEN
    return [
        Finding(
            headline=f"{number} said, {came} measured", sentence=sentence, status=status,
            small=small, detail=" ".join(filter(None, detail)),
            numbers=numbers | {"measured": loss}, **shown,
        )
    ]  # fmt: skip


def _rows(found):
    rows = found.all(Q.PREDICTED)
    return zip(rows["group"], (row for _, row in rows.iterrows()), strict=True)


def _chosen(laws: list[dict[str, Any]]) -> dict[str, Any] | None:
    valued = [law for law in laws if known(law["loss"])]
    averaged = [law for law in valued if law["law"] == AVERAGE_OF_LAWS]
    sure = [law for law in valued if Verdict.read(law["verdict"]).identified]
    return next(iter([*averaged, *sure, *valued]), None)


def _unsaid(results: Results, laws: list[dict[str, Any]]) -> Finding:
    why = reason(Verdict.read(laws[0]["verdict"]))
    return Finding(
        key="prediction", study=results.name, label="The largest run, predicted",
        headline="no prediction", status=OPEN,
        sentence="The largest run was not predicted: no law could be fitted to the smaller runs.",
        detail=f"{capital(why)}.",
    )  # fmt: skip


def _others(laws: list[dict[str, Any]], measured: Mapping[str, float]) -> str:
    """How many of all predictions have the measured loss in their interval."""
    judged = [
        law["lo"] <= measured[law["fit"]] <= law["hi"]
        for law in laws
        if known(law["lo"]) and known(measured.get(law["fit"]))
    ]
    if len(judged) < 2:
        return ""
    return f"Of {len(judged)} predictions, by other laws too, {sum(judged)} hold the loss."


def _recorded(results: Results, spoken: Mapping[str, Any], loss: float) -> str:
    """What a prediction of the same run said that was recorded before the run was made."""
    runs = sorted(text(spoken["run_ids"]).split())
    before = [
        record
        for record in results.records
        if record.get("made_before") and sorted(record.get("run_ids", ())) == runs
    ]
    if not before:
        return "No record of it was made before the run."
    latest = max(before, key=lambda record: (str(record.get("said_utc")), str(record.get("code"))))
    law = _chosen([one for one in latest["said"] if known(one.get("loss"))])
    if law is None:
        return "No record of it was made before the run."
    number, interval = brief(law["loss"], law["lo"], law["hi"], least=3)
    who = AVERAGE if law["law"] == AVERAGE_OF_LAWS else name_of(law["law"])
    inside = "it holds" if law["lo"] <= loss <= law["hi"] else "it does not hold"
    return f"Recorded before the run: {number} ({interval}) by {who}; {inside} the measured loss."
