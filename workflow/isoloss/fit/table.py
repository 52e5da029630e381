"""A user's table as the arrays of a law: columns recognised, every problem named at once."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isoloss.errors import UserError, nearest
from isoloss.laws.base import Law

FLOPS_PER_PARAM_TOKEN = 6.0  # C = 6 N D: forward 2, backward 4 (Kaplan et al. 2020, Sec. 2.1)

KNOWN = {
    "n_params": "n_params params n parameters model_size num_params param_count parameter_count "
    "n_parameters num_parameters size non_embedding_params params_active_precise total_params",
    "n_tokens": "n_tokens tokens d num_tokens token_count tokens_seen training_tokens d_tokens "
    "train_tokens n_train_tokens data_size",
    "compute": "compute flops c flop training_flop training_flops compute_flop compute_flops "
    "total_flops n_flops train_flops",
    "loss": "loss eval_loss val_loss validation_loss final_loss test_loss heldout_loss l "
    "train_loss training_loss",
    "n_unique_tokens": "n_unique_tokens unique_tokens u unique dataset_tokens",
    "n_steps": "n_steps steps s step min_steps s_min",
}
KNOWN = {name: tuple(words.split()) for name, words in KNOWN.items()}
RANGE = (1e-40, 1e60)  # of any quantity; beyond, a table is broken and powers overflow
LISTED = 8  # rows named in one message


@dataclass(frozen=True)
class Data:
    """What a fit sees: ln of each variable and of the loss, all of shape (row,)."""

    log_x: dict[str, np.ndarray]
    log_loss: np.ndarray
    weights: np.ndarray | None = None
    clusters: np.ndarray | None = None  # integers; rows of one run share one
    notes: tuple[str, ...] = field(default=())

    @property
    def n_rows(self) -> int:
        return len(self.log_loss)

    @property
    def n_clusters(self) -> int:
        return self.n_rows if self.clusters is None else len(np.unique(self.clusters))


def read(
    table: Any,
    law: Law,
    columns: Mapping[str, str],
    *,
    cluster: str | None = None,
    weights: str | None = None,
    vocabulary: int | None = None,
    n_free: int | None = None,
    where: str = "table",
) -> Data:
    """Check a table and take from it what `law` needs; the table itself is left as it is.

    Parameters
    ----------
    table : pandas.DataFrame or mapping of name to array
    columns : mapping
        Variable of the law, or "loss", -> name of its column. What is not named is recognised.
    cluster, weights : str, optional
        Columns: which run a row belongs to; how much a row counts.
    vocabulary : int, optional
        Size of the vocabulary: no model that beats chance has a loss above its logarithm.

    Raises
    ------
    UserError
        With every problem of the table, its rows counted from 1 below the header.
    """
    named = _columns_of(table, where)
    numbers = _row_numbers(table, len(next(iter(named.values()))))
    problems: list[str] = []
    notes: list[str] = []
    found = _find(named, law, columns, problems, notes)
    bad: set[int] = set()
    values = {
        name: _numbers(named[column], column, problems, bad, numbers)
        for name, column in found.items()
    }
    weight = None
    if weights is not None and _known(weights, named, "weights", problems):
        weight = _numbers(named[weights], weights, problems, bad, numbers)
    codes = None
    if cluster is not None and _known(cluster, named, "cluster", problems):
        codes = _codes(named[cluster])
    if problems:
        raise UserError(where, problems, _leave_out(bad, numbers))
    values = _complete(values, law, found, notes)
    _judge(values, found, named, law, vocabulary, n_free, codes, problems, numbers)
    if problems:
        raise UserError(where, problems)
    log_x = {name: np.log(values[name]) for name in law.variables}
    return Data(log_x, np.log(values["loss"]), weight, codes, tuple(notes))


def _columns_of(table, where) -> dict[str, np.ndarray]:
    if hasattr(table, "columns") and hasattr(table, "to_numpy"):
        names = list(table.columns)
        twice = sorted({str(n) for n in names if names.count(n) > 1})
        if twice:
            raise UserError(where, [f"column {name!r} occurs twice" for name in twice])
        named = {str(name): table[name].to_numpy() for name in names}
    elif isinstance(table, Mapping):
        named = {str(name): np.asarray(values) for name, values in table.items()}
    else:
        kind = type(table).__name__
        raise UserError(where, [f"is no table: a DataFrame or a mapping is needed, got {kind}"])
    lengths = {name: len(v) if v.ndim == 1 else -1 for name, v in named.items()}
    if len(set(lengths.values())) > 1 or -1 in lengths.values():
        raise UserError(where, [f"columns differ in length: {lengths}"])
    if not named or not next(iter(lengths.values())):
        raise UserError(where, [f"has no rows (columns: {', '.join(named) or 'none'})"])
    return named


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _find(named, law, columns, problems, notes) -> dict[str, str]:
    """Which column holds which quantity."""
    wanted = [*law.variables, "loss"]
    for name, column in columns.items():
        if name not in {*wanted, "n_params", "n_tokens", "compute"}:
            allowed = ", ".join(wanted)
            problems.append(
                f"{law.name} has no variable {name!r}{nearest(name, wanted)} (variables: {allowed})"
            )
        else:
            _known(column, named, name, problems)
    found = {name: column for name, column in columns.items() if column in named}
    missing = []
    for name in wanted:
        if name in columns:
            continue
        column = recognise(name, named, taken=found.values())
        if column is None:
            missing.append(name)
        else:
            found[name] = column
            if column != name:
                notes.append(f"{name}: column {column!r}")
    two = {"n_params", "n_tokens"}
    if "compute" not in found and two & set(missing) and two <= {*law.variables, "compute"}:
        column = columns.get("compute") or recognise("compute", named, taken=found.values())
        if column in named:
            found["compute"] = column
            notes.append(f"compute: column {column!r}")
    can_derive = "compute" in found and len(two & set(missing)) == 1 and two & set(found)
    for name in missing:
        if not (can_derive and name in two):
            problems.append(
                f"no column for {name} was recognised{nearest(name, named)}; "
                f"name it, e.g. --column {name}=COLUMN (columns: {', '.join(named)})"
            )
    return found


def recognise(name: str, named, taken=()) -> str | None:
    """The column that holds `name`: the name itself, else the first known synonym."""
    if name in named:
        return name
    plain = {_plain(column): column for column in reversed(list(named)) if column not in taken}
    return next((plain[word] for word in KNOWN.get(name, ()) if word in plain), None)


def _known(column, named, role, problems) -> bool:
    if column in named:
        return True
    problems.append(
        f"{role}: there is no column {column!r}{nearest(column, named)} "
        f"(columns: {', '.join(named)})"
    )
    return False


def _row_numbers(table, n_rows) -> np.ndarray:
    """What messages call each row: from 1, and with gaps where rows of a frame were left out."""
    index = np.asarray(getattr(table, "index", ()))
    whole = len(index) == n_rows and index.dtype.kind in "iu"
    if whole and index.min() >= 0 and np.all(np.diff(index) > 0):
        return index + 1
    return np.arange(1, n_rows + 1)


def rows_text(rows, numbers=None) -> str:
    """ "row 3" or "rows 3, 7, 9 and 12 more", counted from 1 if there are no `numbers`."""
    rows = [int(row) + 1 if numbers is None else int(numbers[row]) for row in rows]
    text = ", ".join(map(str, rows[:LISTED]))
    more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    return f"row{'s' if len(rows) > 1 else ''} {text}{more}"


def _leave_out(bad, numbers) -> str:
    """How to go on without the bad rows, where most are good."""
    if not 0 < len(bad) < len(numbers) / 2:
        return ""
    rows = ",".join(str(numbers[row]) for row in sorted(bad))
    return f"to leave these rows out: --without {rows}"


def _numbers(values, column, problems, bad, row_numbers) -> np.ndarray:
    """Positive finite floats, or what is wrong with which rows; those are added to `bad`."""
    numbers = np.full(len(values), np.nan)
    strange, empty = [], []
    for i, value in enumerate(values):
        if value is None or (isinstance(value, float) and np.isnan(value)) or value == "":
            empty.append(i)
            continue
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            numbers[i] = float(value) if not isinstance(value, bool | np.bool_) else np.nan
        if np.isnan(numbers[i]):
            strange.append(i)
    for rows, what in (
        (empty, "is empty or NaN"),
        (strange, f"is not a number, e.g. {_short(values[strange[0]])}" if strange else ""),
        (np.flatnonzero(np.isinf(numbers)), "is infinite"),
        (np.flatnonzero(np.isfinite(numbers) & (numbers <= 0)), "is zero or negative"),
        (
            np.flatnonzero(
                ((numbers > 0) & (numbers < RANGE[0]))
                | (np.isfinite(numbers) & (numbers > RANGE[1]))
            ),
            f"is outside {RANGE[0]:g} to {RANGE[1]:g}",
        ),
    ):
        if len(rows):
            problems.append(f"column {column!r} {what}: {rows_text(rows, row_numbers)}")
            bad.update(map(int, rows))
    return numbers


def _short(value) -> str:
    text = repr(value) if not isinstance(value, int) else "an integer of many digits"
    return text if len(text) <= 30 else f"{text[:27]}..."


def _codes(values) -> np.ndarray:
    return np.unique(np.asarray([str(value) for value in values]), return_inverse=True)[1]


def _complete(values, law, found, notes):
    """Any two of N, D and C give the third."""
    k = FLOPS_PER_PARAM_TOKEN
    if "compute" not in values or "compute" in law.variables:
        return values
    if "n_tokens" in law.variables and "n_tokens" not in values:
        notes.append(f"n_tokens = compute / ({k:g} n_params)")
        return {**values, "n_tokens": values["compute"] / (k * values["n_params"])}
    if "n_params" in law.variables and "n_params" not in values:
        notes.append(f"n_params = compute / ({k:g} n_tokens)")
        return {**values, "n_params": values["compute"] / (k * values["n_tokens"])}
    return values


def _judge(values, found, named, law, vocabulary, n_free, codes, problems, numbers):
    n_rows = len(values["loss"])
    needed = n_free if n_free is not None else len(law.parameters)
    runs = n_rows if codes is None else len(np.unique(codes))
    points = len(np.unique(np.stack([values[v] for v in law.variables]), axis=1).T)
    if min(n_rows, points) <= needed:
        what = f"{n_rows} row{'s' if n_rows != 1 else ''} at {points} different points"
        problems.append(
            f"{needed} parameters of {law.name} need more than {needed} different "
            f"points, got {what}"
        )
    if codes is not None and runs < 2:
        problems.append("all rows are of one cluster: no interval can be had from them")
    for name in law.variables:
        if n_rows > 1 and np.ptp(values[name]) == 0:
            problems.append(
                f"column {found.get(name, name)!r}: {name} is {values[name][0]:g} in "
                f"every row, so its exponent cannot be found"
            )
    if vocabulary is not None:
        high = np.flatnonzero(values["loss"] > np.log(vocabulary))
        if len(high):
            problems.append(
                f"column {found['loss']!r} is above ln({vocabulary}) = "
                f"{np.log(vocabulary):.3f} nats, worse than chance: {rows_text(high, numbers)}"
            )
    for name, unit in (("n_params", "parameters"), ("n_tokens", "tokens")):
        if name in found:
            column = values[name]
            if column.max() < 1e4 and np.any(column != np.round(column)):
                problems.append(
                    f"column {found[name]!r} looks like millions or billions of {unit} "
                    f"(largest {column.max():g}); {unit} are wanted, "
                    f"e.g. --column {name}='{found[name]}*1e6'"
                )
    if n_rows > 1:
        problems.extend(_duplicates(named, numbers))


def _duplicates(named, numbers):
    seen: dict[tuple, int] = {}
    rows = list(zip(*(map(str, column.tolist()) for column in named.values()), strict=True))
    pairs = []
    for i, row in enumerate(rows):
        if row in seen:
            pairs.append(i)
        else:
            seen[row] = i
    if pairs:
        yield f"the same in every column as an earlier row: {rows_text(pairs, numbers)}"
