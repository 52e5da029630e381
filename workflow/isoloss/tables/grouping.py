"""Which rows of a table may belong to one run: a column that names it, or a size measured often.

Rows of one run (checkpoints), or of runs that share a trunk, have noise in common. A column such
as `run_id` says so. Otherwise residuals tell whether rows of one size do (`fit.together`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from isoloss.tables.cells import is_empty

RUN_NAMES = ("run", "run_id", "run_name", "runid", "run_index", "wandb_run", "trajectory")
# Other columns that often name a run, and as often a size, a recipe or a row.
LABELS = ("name", "id", "model", "model_id", "model_name", "experiment", "experiment_id")
# Runs that differ in these are different runs, whatever their size.
SETTINGS = (
    *("seed", "random_seed", "lr", "peak_lr", "max_lr", "learning_rate", "schedule", "optimizer"),
    *("batch_size", "global_batch_size", "dataset", "corpus", "width", "n_layer", "depth"),
    *("recipe", "replicate", "repeat"),
)
ALONG_A_RUN = ("n_tokens", "n_steps", "compute", "compute_pf_days", "compute_min_pf_days")
DIGITS = 6  # of a size: two sizes that agree so far are one
FEWEST_GROUPS = 3
MOST_KINDS = 60  # values of a column that may tell runs of one size apart


@dataclass(frozen=True)
class Grouping:
    """Rows that may be of one run.

    Attributes
    ----------
    codes : ndarray of int, shape (row,)
    said : str
        What the rows of a group have in common, as part of a sentence: "column 'run'".
    option : str
        The value of `cluster` by which a user takes this grouping; "" where no column has it.
    certain : bool
        Whether a column says it. If not, residuals decide.
    """

    codes: np.ndarray
    said: str
    option: str
    certain: bool

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(np.unique(self.codes))


def find_grouping(
    named: Mapping[str, np.ndarray],
    columns: Mapping[str, str],
    values: Mapping[str, np.ndarray],
    variables: Iterable[str],
) -> Grouping | None:
    """The grouping of a table's rows, or None where each row is plainly a run of its own.

    Parameters
    ----------
    named : mapping of column to array
        All columns of the table.
    columns, values : mapping
        Quantity -> its column, and its numbers; `variables` are those of the law.
    """
    variables = list(variables)
    sizes = [values[name] for name in variables if name not in ALONG_A_RUN]
    along = [values[name] for name in variables if name in ALONG_A_RUN]
    free = {plain_name(c): c for c in reversed([*named]) if c not in set(columns.values())}
    for names, certain in ((RUN_NAMES, True), (LABELS, False)):
        for column in (free[name] for name in names if name in free):
            if not _may_repeat(named[column]):
                continue
            codes = codes_of(named[column])
            if _repeats(codes) and _may_be_runs(codes, sizes, along):
                return Grouping(codes, f"column {column!r}", column, certain)
    if not sizes or not along:
        return None
    settings = [free[name] for name in SETTINGS if name in free]
    codes = codes_of_all([*map(_rounded, sizes), *(codes_of(named[column]) for column in settings)])
    if not _repeats(codes):
        return None
    if not _may_be_runs(codes, sizes, along):
        # At one point twice, rows of a size are different runs. Another column may tell them apart.
        for column in free.values():
            if column in settings or not _has_kinds(named[column]):
                continue
            finer = codes_of_all([codes, codes_of(named[column])])
            if _repeats(finer) and _may_be_runs(finer, sizes, along):
                codes, settings = finer, [*settings, column]
                break
        else:
            return None
    size = next(name for name in variables if name not in ALONG_A_RUN)
    alone = len(sizes) == 1 and len(np.unique(codes)) == len(np.unique(_rounded(sizes[0])))
    said = f"equal {size}" if alone else f"equal {size} and settings"
    option = columns.get(size, "")
    if not alone:
        varied = [c for c in settings if len(set(map(str, named[c].tolist()))) > 1]
        said = f"{said} ({', '.join(varied)})" if varied else said
        option = ",".join([option, *varied]) if option else ""
    return Grouping(codes, said, option, certain=False)


def _may_repeat(cells) -> bool:
    """Whether no cell is empty, and so few differ that most rows may be with others."""
    cells = np.asarray(cells).tolist()
    try:
        kinds = set(cells)
    except TypeError:  # lists in cells
        return not any(map(is_empty, cells))
    return 4 * len(kinds) < 3 * len(cells) and not any(map(is_empty, kinds))


def _has_kinds(cells) -> bool:
    """Whether a column has a few values of several rows each."""
    kinds = {str(cell) for cell in cells[:1000].tolist()}
    if not 2 <= len(kinds) <= MOST_KINDS or 2 * len(kinds) > len(cells):
        return False
    return len({str(cell) for cell in cells.tolist()}) <= MOST_KINDS


def plain_name(name: str) -> str:
    """A column's name in lower case, with underscores."""
    return "_".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def codes_of(cells) -> np.ndarray:
    """An integer for each cell of a column, in the order of their texts, shape (row,)."""
    texts = list(map(str, np.asarray(cells).tolist()))
    places = {text: place for place, text in enumerate(sorted(set(texts)))}
    return np.fromiter(map(places.__getitem__, texts), int, len(texts))


def n_points(columns) -> int:
    """How many rows of some columns of numbers differ."""
    order = np.lexsort(columns)
    return 1 + int(np.sum(np.any([np.diff(column[order]) != 0 for column in columns], axis=0)))


def codes_of_all(columns) -> np.ndarray:
    """An integer for each row of some columns, in the order of their values, shape (row,)."""
    codes = np.zeros(len(columns[0]), int)
    for column in columns:
        kinds, places = np.unique(column, return_inverse=True)
        codes = np.unique(codes * len(kinds) + places.ravel(), return_inverse=True)[1].ravel()
    return codes


def _rounded(size):
    """An integer for each size, the same where they agree in `DIGITS` digits."""
    power = np.floor(np.log10(size)).astype(int) - DIGITS + 1
    digits = np.rint(np.where(power < 0, size * 10.0**-power, size / 10.0**power)).astype(int)
    carried = digits == 10**DIGITS
    digits = np.where(carried, digits // 10, digits)
    return (power + carried) * 10**DIGITS + digits


def _repeats(codes) -> bool:
    """Whether there are groups enough, and most rows are in a group with others."""
    counts = np.bincount(codes)
    together = counts[counts > 1]
    return len(counts) >= FEWEST_GROUPS and len(together) >= 2 and 2 * together.sum() > len(codes)


def _may_be_runs(codes, sizes, along) -> bool:
    """Whether each group has one size, and no place along the run twice."""
    if any(n_points([codes, _rounded(size)]) > len(np.unique(codes)) for size in sizes):
        return False
    return not along or any(n_points([codes, place]) == len(codes) for place in along)
