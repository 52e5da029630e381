"""What a table may hide: units of compute, training losses, planned sizes, sweeps, rounding."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from isoloss.tables import names
from isoloss.tables.asking import rows_text
from isoloss.tables.cells import is_empty, read_cells
from isoloss.tables.grouping import ALONG_A_RUN, RUN_NAMES, codes_of, n_points, plain_name
from isoloss.tables.recognised import Found, options_of, times

MORE = frozenset({"n_params", "n_tokens", "compute", "compute_pf_days", "n_steps", "x"})
APART = 0.7  # decades: compute this far from 6 N D is in another unit, or counts something else
# Times from the nearest other row, in a table of so many; a nearer one is off by so much of ln L.
ALONE, FEWEST_ROWS, APART_BY, OFF = 30.0, 6, 6.0, 0.2
NARROW = 1.02  # largest over smallest: a variable that hardly varies
FOLLOWS = 0.02  # residual of ln D on ln N below which D says no more than N
RISES = 3.0  # t of the slope of ln loss
COARSE = 0.9e-3  # rounding over the loss, beside Huber's default delta of 1e-3
WRAPPED = "as products of whole numbers do that wrap around in 64 bits (multiply floats)"
MOST_VOCABULARY = 300_000  # no common tokenizer is larger
SWEPT = (
    "lr peak_lr max_lr learning_rate peak_learning_rate batch_size bs bsz gbs global_batch_size "
    "batch seed random_seed weight_decay wd warmup schedule optimizer setting config trial beta2 "
    "momentum dropout init_scale"
)
SWEPT = frozenset(SWEPT.split())
# Numbers that name an experiment; other columns of numbers are measurements.
KINDS = frozenset(("epochs", "context", "seq_len", "vocab_size", "depth", "version", "group"))
LOOKED_AT = 1000  # first rows, which often show that a column has more kinds
MOST_KINDS, FEWEST = 60, 3  # different values of a column of experiments, and rows of each
MANY_KINDS = 20  # more are experiments only if most of them have several sizes
MOST_CELLS = 2_000_000  # rows times kinds, for which the test has a matrix
MOST_RARE = 0.1  # share of the rows whose labels are rarer
EMPTY, RARE = "(empty)", "(rare)"
VOCABULARIES = ("vocab_size", "n_vocab", "vocabulary", "vocab")
ENDED = (
    "crashed crash failed fail failure diverged divergence killed error nan oom aborted "
    "incomplete unfinished cancelled canceled preempted timeout timed_out invalid running "
    "pending queued scheduled stopped"
)
ENDED = frozenset(ENDED.split())
STATES = ("state", "status", "run_state", "run_status", "wandb_state", "training_status")
FLAGS = {"diverged": True, "crashed": True, "failed": True, "training": False, "converged": False,
         "finished": False, "completed": False, "valid": False, "is_valid": False,
         "outlier": True, "is_outlier": True, "excluded": True, "exclude": True}  # fmt: skip


def not_counted(named: Mapping[str, np.ndarray]) -> dict[str, tuple[list[int], str]]:
    """Rows that a column says do not count: column -> (rows from 0, what it says of them).

    A column of flags counts only if it has both kinds of rows.
    """
    found = {}
    for column, cells in named.items():
        name = plain_name(column)
        if name in STATES or name.endswith(("_state", "_status")):
            written = ["" if is_empty(cell) else str(cell) for cell in cells]
            short = {text: plain_name(text) for text in set(written)}
            texts = [short[text] for text in written]
            rows = [i for i, text in enumerate(texts) if text in ENDED]
            if rows:
                kinds = dict.fromkeys(str(cells[i]) for i in rows)
                found[column] = (rows, " or ".join(repr(kind) for kind in kinds))
        elif name in FLAGS:
            flags = [_flag(cell) for cell in cells]
            rows = [i for i, flag in enumerate(flags) if flag is FLAGS[name]]
            if rows and len(rows) < len(flags) and None not in flags:
                found[column] = (rows, repr(str(cells[rows[0]])))
    return found


def _flag(cell) -> bool | None:
    text = "" if is_empty(cell) else str(cell).strip().lower()
    if text in ("1", "1.0", "true", "yes", "y"):
        return True
    return False if text in ("0", "0.0", "false", "no", "n") else None


def compute_scale(compute, n_params, n_tokens, k: float) -> float | None:
    """The factor that makes compute about K N D, if it is off by thousands; None if it is not."""
    with np.errstate(all="ignore"):
        off = np.log10(compute) - np.log10(k * n_params * n_tokens)
    middle = float(np.median(off))
    steps = round(middle / 3)
    if not np.isfinite(middle) or steps == 0 or abs(middle - 3 * steps) > APART:
        return None
    return float(f"1e{-3 * steps}")


def wrapped(numbers) -> str:
    """What negative numbers of a column of compute are: they went beyond 64 bits; "" if not."""
    return f", {WRAPPED}" if np.any(numbers < -1e17) else ""


def scale_text(column: str, scale: float) -> str:
    """What is wrong with a column of compute, and the option that cures it."""
    found = Found(column, scale)
    return (
        f"column {column!r} is about {1 / scale:.0e} of 6 N D: for FLOP add "
        f"--column compute='{times(found.column, scale)}'"
    ).replace("1e+0", "1e").replace("1e+", "1e").replace("1e-0", "1e-")  # fmt: skip


def warnings_of(named, found, values, variables, numbers, k) -> Iterator[str]:
    """Warnings about a table that can be fitted.

    Parameters
    ----------
    named : mapping of column to array
        All columns of the table.
    found, values : mapping
        Quantity -> its `Found`, and its numbers.
    """
    yield from _compute(named, found, values, numbers, k)
    yield from _alone(values, numbers)
    yield from _training(named, found["loss"].column)
    yield from _flos(found)
    for column, (rows, said) in not_counted(named).items():
        yield f"column {column!r} says {said}, and the fit counts these: {rows_text(rows, numbers)}"
    yield from _follows(values)
    yield from _chance(named, values["loss"], found["loss"].column, numbers)
    yield from _rounded(named, found["loss"], values["loss"])
    yield from _sweeps(named, found, values, variables)
    yield from _own_sweeps(named)


def _compute(named, found, values, numbers, k):
    """A column of compute in another unit, or that wrapped, whether or not the law takes it."""
    if not {"n_params", "n_tokens"} <= set(found):
        return
    columns = [found["compute"]] if "compute" in found else []
    taken = [one.column for name, one in found.items() if name != "compute"]
    columns = columns or options_of("compute", named, taken)[:1]
    for one in columns:
        got = read_cells(np.asarray(named[one.column]), "compute", factor=one.factor)
        if got.issues:
            if why := wrapped(got.numbers):
                yield f"column {one.column!r} has negative numbers{why}"
            continue
        scale = compute_scale(got.numbers, values["n_params"], values["n_tokens"], k)
        if scale is not None:
            yield scale_text(one.column, scale * one.factor)
        product = k * values["n_params"] * values["n_tokens"]
        beyond = product > 2.0**63
        with np.errstate(all="ignore"):
            off = np.abs(np.log10(got.numbers) - np.log10(product)) > APART
        if np.any(beyond & off) and not np.all(off) and not np.any(off[~beyond]):
            yield (
                f"column {one.column!r} is far from 6 N D where that is beyond {2.0**63:.3g}, "
                f"{WRAPPED}: {rows_text(np.flatnonzero(beyond & off), numbers)}"
            )


def _alone(values, numbers):
    """A row whose size or tokens lie far from those of all others: a slip of units.

    A run far beyond the others is common. Where it is not very far, its loss must be off as well.
    """
    sizes = [name for name in ("n_params", "n_tokens") if name in values]
    if len(values["loss"]) < FEWEST_ROWS:
        return
    for name in sizes:
        for sign, side in ((1, "smaller"), (-1, "larger")):
            at = sign * np.log(values[name])
            order = np.argsort(at, kind="stable")
            gaps = np.diff(at[order])
            row, factor = order[0], np.exp(gaps[0])
            near = factor < ALONE and not (factor > APART_BY and _is_off(values, sizes, row))
            if not near and gaps[0] > 1.6 * gaps[1:].max():
                yield (
                    f"{rows_text([row], numbers)}: {name} {values[name][row]:.4g} is {factor:.3g} "
                    f"times {side} than in any other row: is it in another unit?"
                )


def _is_off(values, sizes, row) -> bool:
    """Whether the loss of a row is far from the plane of ln loss through all others."""
    x = np.column_stack([np.ones(len(values["loss"])), *(np.log(values[name]) for name in sizes)])
    y, others = np.log(values["loss"]), np.arange(len(x)) != row
    plane = np.linalg.lstsq(x[others], y[others], rcond=None)[0]
    left = y - x @ plane
    return bool(abs(left[row]) > max(OFF, 4 * np.std(left[others])))


def _training(named, column):
    if not names.is_training(column):
        return
    held = [c for c in named if c != column and _looks_held_out(c)]
    others = f"; these look held-out: {', '.join(map(repr, held))}" if held else ""
    yield (
        f"column {column!r} is a training loss by its name: it is noisy, and low where data "
        f"repeat{others}"
    )


def _looks_held_out(column):
    words = set(names.words(column))
    return names.is_held_out(column) and bool(words & {"loss", "nll", "bpb", "bpc", "ppl"})


def _flos(found):
    one = found.get("compute")
    if one is not None and {"flos"} & set(names.words(one.column)) and "n_params" in found:
        if "n_tokens" in found:
            return
        yield (
            f"column {one.column!r} is Hugging Face's count, which leaves embeddings out: tokens "
            f"= compute / (6 N) are too few unless column {found['n_params'].column!r} leaves "
            "them out too; name tokens (--column n_tokens=COLUMN) or that size"
        )


def _follows(values):
    if not {"n_params", "n_tokens"} <= set(values):
        return
    x, y = np.log(values["n_params"]), np.log(values["n_tokens"])
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    slope, intercept = np.polyfit(x, y, 1)
    if np.std(y - slope * x - intercept) < FOLLOWS:
        ratio = np.exp(np.median(y - x))
        yield (
            f"n_tokens follows n_params (D ~ N^{slope:.2f}, {ratio:.3g} tokens a parameter in "
            "median): such runs cannot tell the exponents of N and D apart"
        )


def _chance(named, loss, column, numbers):
    small = {plain_name(c): c for c in named}
    sizes = next((small[name] for name in VOCABULARIES if name in small), None)
    if sizes is not None:
        got = read_cells(np.asarray(named[sizes]), "n_tokens")
        kinds = np.unique(got.numbers[np.isfinite(got.numbers)])
        if len(kinds) > 1:
            yield (
                f"column {sizes!r} has {len(kinds)} vocabularies ({kinds[0]:g} to {kinds[-1]:g}): "
                "losses a token of different vocabularies do not compare; fit one at a time "
                f"(--by {sizes}), or bits a byte"
            )
        with np.errstate(all="ignore"):
            high = np.flatnonzero(loss > np.log(got.numbers))
        if len(high) and names.metric_of(column) == "nats":
            yield f"the loss is above chance, ln({sizes}): {rows_text(high, numbers)}"
    elif names.metric_of(column) == "nats":
        high = np.flatnonzero(loss > np.log(MOST_VOCABULARY))
        if len(high) and len(high) < len(loss):
            yield (
                f"column {column!r} is above {np.log(MOST_VOCABULARY):.1f} nats, worse than chance "
                f"for any vocabulary: {rows_text(high, numbers)}"
            )


def _rounded(named, one, loss):
    if one.parts:
        return
    cells = np.asarray(named[one.column])
    with np.errstate(all="ignore"):
        half = cells.dtype.kind == "f" and np.array_equal(cells, cells.astype(np.float16))
    middle = float(np.median(loss))
    decimals = next(
        (n for n in range(5) if np.allclose(loss * 10**n, np.round(loss * 10**n), atol=1e-7)), None
    )
    if decimals is not None and len(np.unique(loss)) > 1:
        step = 10.0**-decimals
        how = f"rounded to {step:g}"
    elif half:
        step, how = middle * 2.0**-10, "in half precision"
    else:
        return
    if step / middle > COARSE:
        yield (
            f"column {one.column!r} is {how}, {step / middle:.2%} of the loss: Huber's delta of "
            "0.001 takes rounding for outliers (--delta 0.01, or more digits)"
        )


def _sweeps(named, found, values, variables):
    """Many settings at one point: the best of them is a scaling law's loss, not all of them."""
    used = {one.column for one in found.values()}
    swept = [c for c in named if plain_name(c) in SWEPT and c not in used]
    swept = [c for c in swept if len(set(map(str, named[c].tolist()))) > 1]
    points = n_points([values[v] for v in variables])
    n_rows = len(values["loss"])
    if not swept or n_rows < 2.5 * points:
        return
    columns = ",".join(swept)
    seeds = all("seed" in plain_name(c) for c in swept)
    if seeds:
        return
    yield (
        f"{n_rows} rows at {points} points are {n_rows / points:.3g} settings of "
        f"{', '.join(swept)} each, good and bad: a law of the best run of each point is "
        f"--best-of {columns}"
    )


def _own_sweeps(named):
    """Sweeps of a study of ours: they vary other things than N and D, too."""
    if not {"sweep", "run_id"} <= set(named):
        return
    kinds = list(dict.fromkeys(map(str, named["sweep"])))
    if len(kinds) > 1:
        most = max(kinds, key=[*map(str, named["sweep"])].count)
        yield (
            f"column 'sweep' has {len(kinds)} sweeps, which vary more than size and tokens: "
            f"{', '.join(kinds[:8])}; for one of them add --where 'sweep == \"{most}\"'"
        )


def rising(values, variables, column) -> Iterator[str]:
    """A problem where the loss rises with every variable of the law."""
    names_ = [name for name in variables if name in MORE]
    y = np.log(values["loss"])
    if len(names_) != len(variables) or len(y) < len(names_) + 3:
        return
    x = np.column_stack([np.ones(len(y)), *(np.log(values[name]) for name in names_)])
    if np.linalg.matrix_rank(x - [0, *x[:, 1:].mean(axis=0)]) < x.shape[1] or np.ptp(y) == 0:
        return
    at, *_ = np.linalg.lstsq(x, y, rcond=None)
    left = y - x @ at
    variance = left @ left / max(len(y) - x.shape[1], 1)
    se = np.sqrt(np.maximum(variance * np.diag(np.linalg.inv(x.T @ x)), 1e-30))
    if np.all(at[1:] / se[1:] > RISES):
        yield (
            f"column {column!r} rises with {' and '.join(names_)}, where a loss falls: for a "
            "quantity that grows as a power (a batch size) add --metric inverse, for an accuracy "
            "--metric accuracy"
        )


def labels_of(named, used, variables, values) -> dict[str, np.ndarray]:
    """Columns that may tell experiments apart: column -> a text for each row.

    They are columns of text, and settings, with a few values of several rows each. A column that
    only cuts the range of one variable (small, large) is none, nor is a second name of each run.
    """
    found = {}
    runs = next((named[c] for c in named if plain_name(c) in RUN_NAMES), None)
    runs = None if runs is None else list(map(str, np.asarray(runs).tolist()))
    n_rows = len(values["loss"])
    for column, cells in named.items():
        name = plain_name(column)
        if column in used or name in RUN_NAMES or name in STATES or name in FLAGS:
            continue
        if np.asarray(cells).dtype.kind in "fiu" and name not in KINDS:
            continue
        cells = np.asarray(cells)
        if any(len({str(cell).strip() for cell in some}) > MOST_KINDS
               for some in (cells[:LOOKED_AT].tolist(), cells.tolist())):  # fmt: skip
            continue
        texts = ["" if is_empty(cell) else str(cell).strip() for cell in cells.tolist()]
        texts = _without_rare(texts)
        codes, kinds = codes_of(texts), set(texts)
        if not 2 <= len(kinds - {RARE}) <= MOST_KINDS:
            continue
        if len(kinds) > MANY_KINDS and not _have_sizes(codes, variables, values):
            continue
        if name not in KINDS and _numbers(cells):
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
