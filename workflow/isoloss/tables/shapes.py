"""Tables of other shapes than a row for each run: long ones are turned, others are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoloss.tables.names import is_loss, plain

if TYPE_CHECKING:
    import pandas as pd

METRIC = ("metric", "metric_name", "variable", "tag", "key", "measure", "quantity")
VALUE = ("value", "metric_value", "val")
LOGS = ("step", "epoch", "wall_time", "walltime", "time", "global_step", "iteration", "iter",
        "relative_time", "created_at")  # fmt: skip
MOST_METRICS = 200
WANTED = "isoloss fits a table with a row for each run: its size, its tokens and its loss"


def turned(table: pd.DataFrame) -> pd.DataFrame:
    """A long table (run, metric, value) with a column for each metric; others as they are."""
    import pandas as pd

    small = {plain(str(column)): column for column in table}
    metric = next((small[name] for name in METRIC if name in small), None)
    value = next((small[name] for name in VALUE if name in small), None)
    if metric is None or value is None:
        return table
    others = [c for c in table if c not in (metric, value)]
    kinds = table[metric].dropna().astype(str).unique()
    if not others or not 2 <= len(kinds) <= MOST_METRICS or set(kinds) & set(map(str, others)):
        return table
    try:
        if table.duplicated([*others, metric]).any():
            return table
    except TypeError:  # lists and records in cells
        return table
    rows: dict[tuple, dict] = {}
    for one in table.to_dict("records"):
        key = tuple(str(one[column]) for column in others)
        row = rows.setdefault(key, {str(column): one[column] for column in others})
        if isinstance(one[metric], str):
            row[one[metric]] = one[value]
    wide = pd.DataFrame([*rows.values()])
    note = (
        f"the table is long, {len(table)} rows of {metric!r} and {value!r}: it is read as "
        f"{len(wide)} rows with a column for each of {len(kinds)} metrics; rows are numbered so"
    )
    wide.attrs = {**table.attrs, "notes": [*table.attrs.get("notes", ()), note]}
    return wide


def other_shape(columns) -> str:
    """What a table is that has no sizes, where its columns tell; "" where they do not."""
    columns = [str(column) for column in columns]
    small = [plain(column) for column in columns]
    bounds = [c for c in columns if c.endswith(("__MIN", "__MAX"))]
    groups = [c for c in columns if " - " in c and c not in bounds]
    if bounds or len(groups) >= 2:
        return (
            f"is a chart that was exported (W&B): a column for each of {len(groups)} runs along "
            f"{columns[0]!r}, thinned out. {WANTED}; export the table of runs instead, with the "
            "size and tokens of each in its config"
        )
    if {"wall_time", "step", "value"} <= set(small):
        return (
            f"is one scalar of one run, as TensorBoard exports it. {WANTED}; take its last "
            "held-out value into such a table"
        )
    if any(name in LOGS for name in small) and any(map(is_loss, columns)):
        rest = [c for c, name in zip(columns, small, strict=True) if name not in LOGS]
        if all(is_loss(c) or plain(c) in ("lr", "learning_rate", "grad_norm") for c in rest):
            return (
                f"is the log of one run, such as Lightning's metrics.csv: it holds neither size "
                f"nor tokens. {WANTED}; isoloss import FOLDER --output runs.parquet makes one"
            )
    if any(name in METRIC for name in small) and any(name in VALUE for name in small):
        return (
            "is a long table (a metric and its value in each row) in which a row occurs twice or "
            f"no column tells the run. {WANTED}"
        )
    return ""
