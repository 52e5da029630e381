"""A user's table as the arrays of a law: columns are recognised, and all problems are reported."""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError
from isoloss.laws.base import Law
from isoloss.tables import checks, factors, traps
from isoloss.tables.asking import COMMAND_LINE, IN_STUDY, INDEPENDENT, Asking, rows_text
from isoloss.tables.cells import RANGE, is_empty, read_cells
from isoloss.tables.grouping import Grouping, find_grouping
from isoloss.tables.metrics import as_loss
from isoloss.tables.recognised import Found, known, recognise, said
from isoloss.tables.search import find
from isoloss.tables.shapes import other_shape

SWEPT = ("learning_rate", "batch")
NO_LOSS = (
    ", and a law is one of the loss itself: a log-likelihood is minus a loss, and a difference to "
    "a baseline is none"
)
__all__ = ["Data", "read", "read_named", "recognise", "rows_text"]


@dataclass(frozen=True)
class Data:
    """The data of a fit: ln of each variable and of the loss, all of shape (row,)."""

    log_x: dict[str, np.ndarray]
    log_loss: np.ndarray
    weights: np.ndarray | None = None
    clusters: np.ndarray | None = None  # integers; all rows of a run have the same
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = field(default=())  # about units that look wrong
    grouping: Grouping | None = None  # rows that may be of one run, where the user said nothing
    labels: dict[str, np.ndarray] = field(default_factory=dict)  # that may tell experiments apart
    numbers: np.ndarray | None = None  # of the rows in the user's table; None: from 1

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.log_loss)

    @property
    def n_clusters(self) -> int:
        """Number of runs; without `clusters`, each row is a run."""
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
    flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN,
    metric: str | None = None,
    where: str = "table",
) -> Data:
    """Check a table and take the columns that `law` needs; the table itself is not modified.

    Parameters
    ----------
    table : pandas.DataFrame or mapping of name to array
    columns : mapping
        Variable of the law, or "loss", -> its column, or "COLUMN*FACTOR". Columns that are not
        named are recognised.
    cluster, weights : str, optional
        Columns: the run of a row (several, with commas between them, name it together); the weight
        of a row. "none" as the cluster says that all rows are independent; without one, `grouping`
        has the rows that may be of one run.
    vocabulary : int, optional
        Size of the vocabulary: no model that beats chance has a loss above its logarithm.
    flops_per_param_token : float
        K of C = K N D, by which any two of N, D and C give the third.
    metric : str, optional
        What the column of the loss holds, one of `metrics.METRICS`; its name says it if None.

    Raises
    ------
    UserError
        The error lists every problem of the table; rows are counted from 1 below the header.
    """
    t = _Table(table, where, metric=metric)
    found, values = t.quantities([*law.variables, "loss"], columns, law.name)
    named, numbers, problems = t.named, t.numbers, t.problems
    problems += constant_problems(flops_per_param_token)
    weight = None
    if weights is not None and known(weights, named, "weights", problems):
        weight, _ = t.cells("weights", Found(weights))
    codes = grouping = None
    if cluster not in (None, INDEPENDENT):
        codes = t.codes_of(cluster)
    t.raise_problems()
    values = _complete(values, law.variables, t.notes, flops_per_param_token)
    problems += checks.design_problems(values, found, law, n_free, codes)
    loss = found["loss"].column
    problems += checks.loss_problems(values["loss"], loss, vocabulary, numbers)
    problems += checks.unit_problems(values, found, t)
    problems += checks.derived_problems(values, found, numbers)
    if metric is None:
        problems += traps.rising(values, law.variables, loss)
    problems += t.duplicates()
    t.raise_problems()
    log_x = {name: np.log(values[name]) for name in law.variables}
    if cluster is None:
        columns = {name: one.column for name, one in found.items()}
        grouping = find_grouping(named, columns, values, law.variables)
    units = checks.unit_warnings(values, found, t.asking, t.thousands)
    hidden = traps.warnings_of(named, found, values, law.variables, numbers, flops_per_param_token,
                               metric)  # fmt: skip
    crossed = factors.crossed_of(named, found, values, law.variables)
    swept = factors.sweeps(named, crossed, values, law.variables)
    warnings = (*units, *t.warnings, *hidden, *swept)
    log_loss, notes = np.log(values["loss"]), tuple(t.notes)
    used = {one.column for one in found.values()} | ({cluster} if cluster else set())
    labels = factors.labels_of(named, used, crossed, law.variables, values)
    return Data(log_x, log_loss, weight, codes, notes, warnings, grouping, labels, numbers)


def read_points(
    table: Any,
    columns: Mapping[str, str] | None = None,
    *,
    flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN,
    where: str = "table",
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """n_params and n_tokens of runs without a loss, each of shape (row,), and the assumptions.

    Names, units and compute are understood as by `read`.

    Raises
    ------
    UserError
        The error lists every problem of the table.
    """
    t = _Table(table, where)
    wanted = ("n_params", "n_tokens")
    found, values = t.quantities(wanted, columns or {}, "a run")
    t.raise_problems()
    values = _complete(values, wanted, t.notes, flops_per_param_token)
    t.problems += checks.unit_problems(values, found, t)
    t.problems += checks.derived_problems(values, found, t.numbers)
    t.raise_problems()
    return {name: values[name] for name in wanted}, tuple(t.notes)


def read_sweeps(
    table: Any,
    columns: Mapping[str, str] | None = None,
    *,
    flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN,
    where: str = "table",
) -> Data:
    """N, D and the loss of runs, and the learning rate or the batch that was swept, or both.

    Names, units and compute are understood as by `read`. A setting without a column is left out.

    Raises
    ------
    UserError
        The error lists every problem of the table.
    """
    t = _Table(table, where)
    columns = columns or {}
    swept = [name for name in SWEPT if name in columns or recognise(name, t.named) is not None]
    wanted = ["n_params", "n_tokens", *(swept or SWEPT[:1])]
    found, values = t.quantities([*wanted, "loss"], columns, "a sweep")
    t.raise_problems()
    values = _complete(values, wanted, t.notes, flops_per_param_token)
    t.problems += checks.unit_problems(values, found, t)
    t.problems += checks.derived_problems(values, found, t.numbers)
    t.problems += t.duplicates()
    t.raise_problems()
    log_x = {name: np.log(values[name]) for name in wanted}
    warnings = tuple(checks.unit_warnings(values, found, t.asking, t.thousands))
    return Data(log_x, np.log(values["loss"]), None, None, tuple(t.notes), warnings)


@dataclass(frozen=True)
class Named:
    """Columns of a table that a user has named.

    Attributes
    ----------
    values : mapping of name to array, shape (row,)
        Finite numbers, in single units (not thousands or millions).
    scaled : frozenset of str
        The names whose cells were in another unit.
    notes, warnings : tuple of str
        Assumptions about units and cells; units that look wrong.
    """

    values: dict[str, np.ndarray]
    scaled: frozenset[str]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def read_named(
    table: Any,
    columns: Mapping[str, str],
    *,
    quantities: Mapping[str, str] | None = None,
    may_be_zero: Container[str] = (),
    problems_of: Callable[[str, str, np.ndarray, bool], Iterable[str]] = lambda *_: (),
    where: str = "table",
) -> Named:
    """The columns of a table that a study names; cells and units are understood as by `read`.

    Parameters
    ----------
    table : pandas.DataFrame or mapping of name to array
    columns : mapping
        A name -> its column, or "COLUMN*FACTOR".
    quantities : mapping, optional
        A name -> the quantity of `read` with the same cells and units, if its name is another.
    may_be_zero : container of str
        Names whose numbers need not be positive.
    problems_of : callable
        Further checks of a name's column: (name, column, values, scaled) -> messages.

    Raises
    ------
    UserError
        The error lists every problem of the table; rows are counted from 1 below the header.
    """
    t = _Table(table, where, IN_STUDY)
    quantities, found, values, scaled = quantities or {}, {}, {}, set()
    for name, text in columns.items():
        quantity = quantities.get(name, name)
        notes: list[str] = []
        one = said(f"columns.{name}", str(text), t.named, t.problems, notes, quantity)
        t.notes += [note.removeprefix("columns.") for note in notes]
        if one is None:
            continue
        found[name] = one
        values[name], suffixed = t.cells(quantity, one, may_be_zero=name in may_be_zero, name=name)
        if suffixed or one.factor != 1:
            scaled.add(name)
    t.raise_problems()
    for name, one in found.items():
        t.problems += problems_of(name, one.column, values[name], name in scaled)
    t.problems += checks.unit_problems(values, found, t)
    t.problems += t.duplicates()
    t.raise_problems()
    warnings = tuple(checks.unit_warnings(values, found, IN_STUDY, t.thousands))
    return Named(values, frozenset(scaled), tuple(t.notes), warnings)


class _Table:
    """A table while it is read: its columns, and the assumptions and problems so far."""

    def __init__(self, table, where, asking: Asking = COMMAND_LINE, metric: str | None = None):
        self.where = where
        self.metric = metric
        self.asking = asking
        self.named = _columns_of(table, where)
        self.numbers = _row_numbers(table, len(next(iter(self.named.values()))))
        attrs = getattr(table, "attrs", {})
        self.decimal_comma = attrs.get("separator") == ";"
        self.dotted = attrs.get("dotted", False)
        self.of_files = attrs.get("of_files", False)
        self.thousands = frozenset(attrs.get("grouped", ()))  # columns of cells such as 25.000
        self.problems: list[str] = []
        self.notes: list[str] = list(attrs.get("notes", ()))
        self.warnings: list[str] = list(attrs.get("warnings", ()))
        self.bad: dict[str, set[int]] = {}  # column -> rows that can be left out
        self.only_empty = True  # whether all of them are empty

    def quantities(self, wanted, columns, law_name):
        """The columns of the wanted quantities, and their numbers."""
        found = find(self.named, wanted, columns, self.problems, self.notes, law_name)
        lacking = [one for one in self.problems if one.startswith("no column for ")]
        if lacking and not columns and (shape := other_shape(self.named)):
            raise UserError(self.where, [shape])
        return found, {name: self.cells(name, one)[0] for name, one in found.items()}

    def cells(self, quantity, one, *, may_be_zero=False, name=None):
        """The numbers of a column, and whether cells have units of their own, e.g. "1.3B"."""
        if one.parts:
            product = [self.cells("n_tokens", Found(part), name=name)[0] for part in one.parts]
            return np.prod(product, axis=0) * one.factor, False
        got = read_cells(
            self.named[one.column],
            "exponent" if one.log10 else quantity,
            factor=one.factor,
            decimal_comma=self.decimal_comma,
            dotted=self.dotted,
            may_be_zero=may_be_zero,
        )
        for rows, what in got.issues:
            why = ""
            if what.startswith("is zero or neg"):
                many = quantity == "loss" and 2 * len(rows) > len(self.numbers)
                why = NO_LOSS if many else traps.wrapped(got.numbers)
            self._add(one.column, what + why, rows)
        for cell, number in got.examples.values():
            self.notes.append(f"{name or quantity}: column {one.column!r}, {cell!r} is {number:g}")
        numbers = got.numbers
        if one.log10:
            if len(rows := np.flatnonzero(numbers > np.log10(RANGE[1]))):
                self._add(one.column, "is no logarithm of a quantity", rows)
            numbers = 10.0 ** np.minimum(numbers, np.log10(RANGE[1]))
        if quantity == "loss" and self.asking is COMMAND_LINE:
            numbers, note, bad, what = as_loss(numbers, one.column, self.metric)
            if note:
                self.notes.append(f"loss: column {one.column!r}, {note}")
            if len(bad):
                self._add(one.column, what, bad)
            elif what and not note:
                self.problems.append(f"column {one.column!r} {what}")
        return numbers, "suffix" in got.examples

    def duplicates(self):
        """Rows that occur twice; one run in two files of a pattern is one."""
        named = {c: v for c, v in self.named.items() if not (self.of_files and c == "file")}
        return checks.duplicates(named, self.numbers, self.asking) if len(self.numbers) > 1 else ()

    def codes_of(self, cluster) -> np.ndarray | None:
        """An integer for each run, which one column names, or several with commas between."""
        several = [part.strip() for part in cluster.split(",")]
        columns = [cluster] if cluster in self.named else several
        columns = columns if len(columns) > 1 else [cluster]
        found = [known(column, self.named, "cluster", self.problems) for column in columns]
        if not all(found):
            return None
        codes = np.stack([self.codes(column) for column in columns])
        return np.unique(codes, axis=1, return_inverse=True)[1].ravel()

    def codes(self, column) -> np.ndarray:
        """An integer for each run; rows without a label are a problem."""
        labels = self.named[column]
        missing = [i for i, label in enumerate(labels) if is_empty(label)]
        if missing:
            self._add(column, "does not say which run", missing)
        return np.unique(np.asarray([str(label) for label in labels]), return_inverse=True)[1]

    def _add(self, column, what, rows):
        self.only_empty &= what == "is empty or NaN"
        self.problems.append(f"column {column!r} {what}: {rows_text(rows, self.numbers)}")
        self.bad.setdefault(column, set()).update(map(int, rows))

    def raise_problems(self):
        """Raise if there are problems; where most rows are good, say how to leave out the bad."""
        if self.problems:
            bad = set().union(*self.bad.values())
            condition = self._condition(bad)
            # Sheets have many rows that are empty. Of other mistakes so many mean a wrong column.
            most = 0.8 if condition and self.only_empty else 0.5
            few = 0 < len(bad) < len(self.numbers) * most
            hint = self.asking.hint(bad, self.numbers, condition) if few else ""
            raise UserError(self.where, self.problems, hint, self.notes)

    def _condition(self, bad) -> str:
        """A condition on the columns of the bad rows that keeps all other rows, "" for none."""
        keeps = np.ones(len(self.numbers), dtype=bool)
        for column in self.bad:
            cells = np.asarray(self.named[column])
            if cells.dtype.kind not in "fiu":
                return ""
            keeps &= cells > 0
        if set(np.flatnonzero(~keeps)) != bad:
            return ""
        names = (c if c.isidentifier() else f"`{c}`" for c in self.bad)
        return " and ".join(f"{name} > 0" for name in names)


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


def _row_numbers(table, n_rows) -> np.ndarray:
    """The number of each row in messages: from 1, with gaps where rows of a frame are missing."""
    index = np.asarray(getattr(table, "index", ()))
    whole = len(index) == n_rows and index.dtype.kind in "iu"
    if whole and index.min() >= 0 and np.all(np.diff(index) > 0):
        return index + 1
    return np.arange(1, n_rows + 1)


def constant_problems(flops_per_param_token: float) -> list[str]:
    """Problems of K of C = K N D."""
    if np.isfinite(flops_per_param_token) and flops_per_param_token > 0:
        return []
    return [f"flops_per_param_token: must be positive and finite, got {flops_per_param_token:g}"]


def _complete(values, variables, notes, k):
    """Compute the third of N, D and C = k N D from the other two."""
    if "compute" not in values or "compute" in variables:
        return values
    if "n_tokens" in variables and "n_tokens" not in values:
        notes.append(f"n_tokens = compute / ({k:g} n_params)")
        return {**values, "n_tokens": values["compute"] / (k * values["n_params"])}
    if "n_params" in variables and "n_params" not in values:
        notes.append(f"n_params = compute / ({k:g} n_tokens)")
        return {**values, "n_params": values["compute"] / (k * values["n_tokens"])}
    return values
