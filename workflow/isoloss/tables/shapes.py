"""Tables of other shapes than a row for each run: long ones are turned, others are named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from isoloss.tables.cells import read_cells
from isoloss.tables.names import is_loss, plain
from isoloss.tables.recognised import options_of

if TYPE_CHECKING:
    import pandas as pd

METRIC = ("metric", "metric_name", "variable", "tag", "key", "measure", "quantity")
VALUE = ("value", "metric_value", "val")
LOGS = ("step", "epoch", "wall_time", "walltime", "time", "global_step", "iteration", "iter",
        "relative_time", "created_at")  # fmt: skip
MOST_METRICS = 200
FEWEST, LEAST = 3, 1e4  # columns of a matrix of losses, and the least number of their names
WANTED = "isoloss fits a table with a row for each run: its size, its tokens and its loss"


def turned(table: pd.DataFrame) -> pd.DataFrame:
    """A table of another shape as one with a row for each run; others as they are.

    It may be long (run, metric, value), transposed (a column for each run), or a matrix of losses
    with the sizes or the tokens as the names of columns.
    """
    if table.shape[1] < 3 or not len(table):
        return table
    for turn in (_of_long, _of_transposed, _of_matrix):
        if (wide := turn(table)) is not None:
            wide.attrs = {**table.attrs, **wide.attrs}
            return wide
    return table


def _noted(wide, table, note):
    wide.attrs = {"notes": [*table.attrs.get("notes", ()), f"{note}; rows are numbered so"]}
    return wide


def _of_long(table):
    import pandas as pd

    small = {plain(str(column)): column for column in table}
    metric = next((small[name] for name in METRIC if name in small), None)
    value = next((small[name] for name in VALUE if name in small), None)
    if metric is None:
        metric = next((c for c in table if _are_quantities(table[c])), None)
    if metric is None or value is None or metric == value:
        return None
    others = [c for c in table if c not in (metric, value)]
    kinds = table[metric].dropna().astype(str).unique()
    if not others or not 2 <= len(kinds) <= MOST_METRICS or set(kinds) & set(map(str, others)):
        return None
    try:
        if table.duplicated([*others, metric]).any():
            return None
    except TypeError:  # lists and records in cells
        return None
    rows: dict[tuple, dict] = {}
    for one in table.to_dict("records"):
        key = tuple(str(one[column]) for column in others)
        row = rows.setdefault(key, {str(column): one[column] for column in others})
        if isinstance(one[metric], str):
            row[one[metric]] = one[value]
    wide = pd.DataFrame([*rows.values()])
    note = (
        f"the table is long, {len(table)} rows of {metric!r} and {value!r}: it is read as "
        f"{len(wide)} rows with a column for each of {len(kinds)} metrics"
    )
    return _noted(wide, table, note)


def _are_quantities(column) -> bool:
    """Whether the cells of a column are the names of a size and of a loss."""
    if column.dtype.kind in "fiub":
        return False
    kinds = {text for text in column.head(MOST_METRICS).tolist() if isinstance(text, str)}
    if not 2 <= len(kinds) <= MOST_METRICS or any(len(text) > 80 for text in kinds):
        return False
    named = {kind: [1.0] for kind in sorted(kinds)}
    sizes = [name for name in ("n_params", "n_tokens", "compute") if options_of(name, named)]
    return len(sizes) >= 2 and bool(options_of("loss", named))


def _of_transposed(table):
    first = table.columns[0]
    names = table[first]
    texts = all(isinstance(name, str) for name in names)
    if not texts or not names.is_unique or not _are_quantities(names):
        return None
    named = {str(column): [1.0] for column in table.columns[1:]}
    if options_of("loss", named) or options_of("n_params", named):
        return None
    wide = table.set_index(first).T
    wide.columns.name = None
    wide = wide.rename_axis("run").reset_index()
    note = f"the table has a column for each of {len(wide)} runs: it is read with a row for each"
    return _noted(wide, table, note)


def _of_matrix(table):
    """Losses below the numbers of tokens, or the sizes, that are the names of the columns."""
    first, *heads = map(str, table.columns)
    known = re.split(r"[\\|]", first)[0]
    named = {known: table.iloc[:, 0].to_numpy()}
    down = next((name for name in ("n_params", "n_tokens") if options_of(name, named)), None)
    across = {"n_params": "n_tokens", "n_tokens": "n_params"}.get(down or "")
    counts = read_cells(heads, "n_tokens").numbers
    if across is None or len(heads) < FEWEST or not all(counts >= LEAST):
        return None
    if any(table[c].dtype.kind != "f" for c in table.columns[1:]):
        return None
    wide = table.melt(table.columns[0], var_name=across, value_name="loss").dropna(subset="loss")
    wide = wide.rename(columns={table.columns[0]: known}).reset_index(drop=True)
    note = (
        f"the table is a matrix of losses, whose {len(heads)} columns {heads[0]!r} to "
        f"{heads[-1]!r} are taken as {across}: it is read as {len(wide)} rows"
    )
    return _noted(wide, table, note)


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
    sizes = np.isfinite(read_cells(columns[1:], "n_params").numbers)
    if small[0] in LOGS and len(sizes) >= FEWEST and np.all(sizes):
        return (
            f"has a column for each of {len(sizes)} sizes along {columns[0]!r}, as a chart has. "
            f"{WANTED}; take the last value of each column into such a table"
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
