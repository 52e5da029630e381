"""Columns of settings: those that were swept at a point, and those that tell experiments apart."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from isoloss.tables import names
from isoloss.tables.cells import is_empty
from isoloss.tables.grouping import ALONG_A_RUN, RUN_NAMES, codes_of, codes_of_all, n_points
from isoloss.tables.grouping import plain_name as plain
from isoloss.tables.recognised import quote
from isoloss.tables.states import says_whether_it_counts

SWEPT = (
    "lr peak_lr max_lr learning_rate peak_learning_rate batch_size bs bsz gbs global_batch_size "
    "batch seed random_seed weight_decay wd warmup schedule optimizer setting config trial beta1 "
    "beta2 momentum dropout init_scale"
)
SWEPT = frozenset(SWEPT.split())
SWEPT_WORDS = frozenset(("lr", "bsz", "gbs", "wd", "warmup", "momentum", "dropout"))
SEEDS = frozenset(("seed", "rep", "reps", "repeat", "replicate", "repetition", "replica", "fold"))
# Words of numbers that name an experiment; other columns of numbers are measurements.
KINDS = {
    "epoch",
    "epochs",
    "context",
    "vocab",
    "vocabulary",
    "depth",
    "version",
    "group",
    "experts",
}
ALONG = {"step", "steps", "iter", "iters", "iteration", "iterations", "ti", "time", "updates"}
MOST_ROWS = 100_000  # that are looked at for columns of numbers that cross sizes and tokens
LOOKED_AT = 1000  # first rows, which often show that a column has more kinds
MOST_KINDS, FEWEST = 60, 3  # different values of a column of experiments, and rows of each
FEW_KINDS = 12  # of a column of numbers that crosses sizes and tokens
MANY_KINDS = 20  # more are experiments only if most of them have several sizes
MOST_CELLS = 2_000_000  # rows times kinds, for which the test has a matrix
MOST_RARE = 0.1  # share of the rows whose labels are rarer
CROSSED = 1.5  # values of a setting at a point, on average, of a column that was varied there
MANY_RUNS = 2.5  # rows a point, where settings were swept
EMPTY, RARE = "(empty)", "(rare)"


@dataclass(frozen=True)
class Crossed:
    """Columns of numbers that have several values at most points of the law.

    Attributes
    ----------
    swept : tuple of str
        Settings, where most points have many rows.
    sure : bool
        Whether their names say that they are settings.
    kinds : tuple of str
        Other columns, which may tell experiments apart.
    """

    swept: tuple[str, ...]
    sure: bool
    kinds: tuple[str, ...]


def crossed_of(named, found, values, variables) -> Crossed:
    """The columns that cross the points of a law, in the first rows of a table."""
    used = {one.column for one in found.values()}
    head = {c: np.asarray(cells)[:MOST_ROWS] for c, cells in named.items() if c not in used}
    points = codes_of_all([values[v][:MOST_ROWS] for v in variables])
    n = len(np.unique(points))
    crossing = [c for c in head if not _is_seed(c)
                and (_is_setting(c) or _may_be_setting(c, head[c]))
                and _crosses(head[c], points, n)]  # fmt: skip
    known = tuple(c for c in crossing if _is_setting(c))
    texts = [cells for cells in head.values() if _has_texts(cells)]
    kinds = tuple(c for c in crossing if c not in known
                  and not any(_same(head[c], cells) for cells in texts))  # fmt: skip
    if len(points) < MANY_RUNS * n:
        return Crossed((), True, kinds)
    return Crossed(known, True, kinds) if known else Crossed(kinds, False, ())


def sweeps(named, crossed: Crossed, values, variables) -> Iterator[str]:
    """Many settings at one point: the best of them is a scaling law's loss, not all of them."""
    if columns := crossed.swept:
        points = n_points([values[v] for v in variables])
        n_rows, joined = len(values["loss"]), ",".join(columns)
        otherwise = f" (or --by {quote(columns[0])}, if it tells experiments apart)"
        yield (
            f"{n_rows} rows at {points} points are {n_rows / points:.3g} settings of "
            f"{', '.join(columns)} each, good and bad: a law of the best run of each point is "
            f"--best-of {quote(joined)}{'' if crossed.sure else otherwise}"
        )
    if {"sweep", "run_id"} <= set(named):  # a study of ours, whose sweeps vary other things, too
        kinds = list(dict.fromkeys(map(str, named["sweep"])))
        if len(kinds) > 1:
            most = max(kinds, key=[*map(str, named["sweep"])].count)
            yield (
                f"column 'sweep' has {len(kinds)} sweeps, which vary more than size and tokens: "
                f"{', '.join(kinds[:8])}; for one of them add --where 'sweep == \"{most}\"'"
            )


def _has_texts(cells) -> bool:
    """Whether a column has a few different texts."""
    cells = np.asarray(cells)
    few = cells.dtype.kind not in "fiub" and len(set(map(str, cells[:LOOKED_AT]))) <= MOST_KINDS
    return few and len(set(map(str, cells.tolist()))) <= MOST_KINDS


def _same(cells, texts) -> bool:
    """Whether a column of texts tells the same rows apart as a column of numbers."""
    a, b = codes_of(cells), codes_of(texts)
    return len(np.unique(b)) == len(np.unique(a)) == len({*zip(a, b, strict=True)})


def _last(column) -> str:
    return plain(column.replace(".", "/").rpartition("/")[2])


def _is_seed(column) -> bool:
    return bool(SEEDS & set(names.words(column)))


def _is_setting(column) -> bool:
    found = set(names.words(column))
    rate = "learning" in found and "rate" in found
    return _last(column) in SWEPT or rate or bool(found & SWEPT_WORDS)


def _may_be_setting(column, cells) -> bool:
    """Whether a column of numbers with a few kinds may be a setting, whatever its name."""
    cells = np.asarray(cells)
    name = _last(column)
    return bool(
        cells.dtype.kind in "fiu"
        and not KINDS & set(names.words(column))
        and name not in (*RUN_NAMES, *names.SEQUENCE)
        and not ALONG & set(names.words(column))
        and not says_whether_it_counts(column)
        and not names.is_loss(column)
        and 2 <= len(np.unique(cells[:LOOKED_AT])) <= FEW_KINDS
        and len(np.unique(cells)) <= FEW_KINDS
    )


def _crosses(cells, points, n) -> bool:
    """Whether a column has several values at most points, and most values at several points."""
    codes = codes_of(cells)
    pairs = n_points([points, codes])
    return pairs >= CROSSED * n


def labels_of(named, used, crossed: Crossed, variables, values) -> dict[str, np.ndarray]:
    """Columns that may tell experiments apart: column -> a text for each row.

    They are columns of text, and settings, with a few values of several rows each. A column of
    numbers is one by its name, or where it has several values at most points. A column that
    only cuts the range of one variable (small, large) is none, nor is a second name of each run.
    """
    found = {}
    runs = next((named[c] for c in named if plain(c) in RUN_NAMES), None)
    runs = None if runs is None else list(map(str, np.asarray(runs).tolist()))
    n_rows = len(values["loss"])
    for column, cells in named.items():
        if (
            column in used
            or column in crossed.swept
            or plain(column) in RUN_NAMES
            or says_whether_it_counts(column)
            or _is_seed(column)
        ):
            continue
        of_numbers = bool(KINDS & set(names.words(column))) or _last(column) in names.SEQUENCE
        of_numbers |= column in crossed.kinds
        if np.asarray(cells).dtype.kind in "fiu" and not of_numbers:
            continue
        cells = np.asarray(cells)
        if len(set(map(str, cells[:LOOKED_AT].tolist()))) > MOST_KINDS:
            continue
        written = list(map(str, cells.tolist()))
        kinds = dict(zip(written, cells.tolist(), strict=True))
        if len(kinds) > MOST_KINDS:
            continue
        short = {text: "" if is_empty(cell) else text.strip() for text, cell in kinds.items()}
        texts = _without_rare([short[text] for text in written])
        codes, kinds = codes_of(texts), set(texts)
        if not 2 <= len(kinds - {RARE}) <= MOST_KINDS:
            continue
        if len(kinds) > MANY_KINDS and not _have_sizes(codes, variables, values):
            continue
        if not of_numbers and _numbers(cells):
            continue
        if runs is not None and len({*zip(texts, runs, strict=True)}) == len({*runs}) == len(kinds):
            continue
        if len(kinds) > n_rows / FEWEST or any(_cuts(codes, values[v]) for v in variables):
            continue
        found[column] = np.array(texts)
    return found


def _without_rare(texts: list[str]) -> list[str]:
    """The labels, with one name for all that too few rows have; none, if those rows are many."""
    counts = Counter(texts)
    rare = sum(n for n in counts.values() if n < FEWEST)
    if rare > MOST_RARE * len(texts):
        return []
    return [EMPTY if not text and counts[text] >= FEWEST else
            text if counts[text] >= FEWEST else RARE for text in texts]  # fmt: skip


def _have_sizes(codes, variables, values) -> bool:
    """Whether most groups have several sizes: runs, which may be as many, have one each."""
    sizes = [values[name] for name in variables if name not in ALONG_A_RUN]
    n_groups = len(np.unique(codes))
    return (
        bool(sizes)
        and len(codes) * n_groups <= MOST_CELLS
        and all(n_points([codes, size]) >= 2 * n_groups for size in sizes)
    )


def _numbers(cells) -> bool:
    try:
        np.asarray([x if x is not None else np.nan for x in cells], dtype=float)
    except (TypeError, ValueError):
        return False
    return np.asarray(cells).dtype.kind != "b"


def _cuts(codes, x) -> bool:
    """Whether the groups are ranges of a variable, one after the other."""
    order = np.lexsort([codes, x])
    return int(np.sum(np.diff(codes[order]) != 0)) == len(np.unique(codes)) - 1
