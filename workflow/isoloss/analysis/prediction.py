"""What was predicted, beside what was measured afterwards."""

from typing import Any

import pandas as pd

NAME = DO = "prediction"  # of the rows in the table of analyses: one for each law
QUANTITY = "predicted loss"
WITHOUT_DRIFT = "predicted loss, if the law goes on without drift"
FITTED = "largest compute fitted"
SOURCE = "measured afterwards"
SOURCE_LATE = "measured before"
LATE = "predicted after the run was made"


def prediction_rows(prediction: pd.DataFrame, runs: pd.DataFrame) -> list[dict[str, Any]]:
    """The predictions of a study's largest run, with its measured loss as their `theory`.

    Where several seeds of the run were trained, their losses are averaged.
    """
    losses = runs[runs["status"] == "done"].drop_duplicates("run_id").set_index("run_id")["loss"]
    rows = []
    for _, law in prediction.iterrows():
        tested = losses.reindex(law["run_ids"].split()).dropna()
        measured = float(tested.mean()) if len(tested) else None
        late = pd.notna(law["made_before"]) and not law["made_before"]
        warnings = ["the run that tests it has no loss"] if measured is None else []
        warnings += [LATE] if late else []
        rows.append(
            {
                "group": law["fit"],
                "kind": "parameter",
                "quantity": QUANTITY,
                "unit": "nats per token",
                "theory": measured,
                "theory_source": SOURCE_LATE if late else SOURCE,
                "warnings": "; ".join(warnings),
                "value": law["loss"],
                "x_quantity": "compute_flops",
                "x": law["compute_flops"],
            }
            | {name: law[name] for name in ("lo", "hi", "level", "method", "n_runs", "verdict")}
            | {"runs": law["run_ids"]}
        )
        plain = {"value": law["loss"], "lo": law["law_lo"], "hi": law["law_hi"]}
        rows.append(
            {"group": law["fit"], "kind": "point", "quantity": WITHOUT_DRIFT, **plain}
            | {"unit": "nats per token", "level": law["level"]}
        )
    fitted = prediction["fitted_compute_flops"].dropna()
    if len(fitted):
        largest = {
            "kind": "point",
            "quantity": FITTED,
            "value": float(fitted.max()),
            "unit": "FLOP",
        }
        rows.append(largest)
    return rows
