#!/usr/bin/env bash
# MLflow 3.17.2 with SQLite: a run that diverged has a finite loss, and in the table the lowest.
#
# What one believes: a metric comes back as it was logged, and what is no number never as a number.
# What happens: the database has no infinity and no NaN. An infinite metric is stored as the largest
# double, and MLflow's own client gives it back so: math.isinf is false. A NaN is stored as value 0
# beside is_nan = 1; the client gives NaN back, a query of the table gives 0.
# Output seen: inf -> 1.7976931348623157e+308, NaN -> (0.0, is_nan 1). Of runs that end at 2.5,
# infinity and NaN, "order by value" puts the NaN first.
# Why it matters for a fit: a loss of 0 that is taken for a measurement pulls E down to 0, and
# a test for infinite losses lets a diverged run pass.
# isoloss: reads is_nan and the largest double as diverged:
# test_a_mark_is_nan_and_the_largest_number_is_infinity in tests/logs/test_mlflow.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1
cd "$folder"
venv/bin/python -I - <<'PYTHON'
import logging
import math
import sqlite3
import sys

logging.disable(logging.INFO)
import mlflow

mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("study")
runs = {}
for name, last in (("trained", 2.5), ("infinite", math.inf), ("nan", math.nan)):
    with mlflow.start_run(run_name=name) as run:
        for step, loss in enumerate((3.0, last)):
            mlflow.log_metric("eval_loss", loss, step=step)
    runs[name] = run.info.run_id

names = {run_id: name for name, run_id in runs.items()}
with sqlite3.connect("mlflow.db") as database:
    rows = database.execute("select run_uuid, value, is_nan from latest_metrics order by value")
    rows = [(names[run_id], value, is_nan) for run_id, value, is_nan in rows]
infinite = mlflow.get_run(runs["infinite"]).data.metrics["eval_loss"]
seen = {
    "table, ordered by the loss": rows,
    "the client's loss of the infinite one": infinite,
    "is infinite": math.isinf(infinite),
    "the client's loss of the other is NaN": math.isnan(
        mlflow.get_run(runs["nan"]).data.metrics["eval_loss"]
    ),
}
known = {
    "table, ordered by the loss": [
        ("nan", 0.0, 1),
        ("trained", 2.5, 0),
        ("infinite", sys.float_info.max, 0),
    ],
    "the client's loss of the infinite one": sys.float_info.max,
    "is infinite": False,
    "the client's loss of the other is NaN": True,
}
for what, value in seen.items():
    print(f"{what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
