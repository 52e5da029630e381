"""What a table may hide: units of compute, training losses, planned sizes, sweeps, rounding."""

from collections.abc import Iterator

import numpy as np

from isoloss.tables import names
from isoloss.tables.asking import rows_text
from isoloss.tables.cells import read_cells
from isoloss.tables.grouping import codes_of_all, plain_name
from isoloss.tables.recognised import Found, options_of, quote, times, without_embeddings
from isoloss.tables.states import not_counted

MORE = frozenset({"n_params", "n_tokens", "compute", "compute_pf_days", "n_steps", "x"})
APART = 0.7  # decades: compute this far from 6 N D is in another unit, or counts something else
# Times from the nearest other row, in a table of so many; a nearer one is off by so much of ln L.
ALONE, FEWEST_ROWS, APART_BY, OFF = 30.0, 6, 6.0, 0.2
NARROW = 1.02  # largest over smallest: a variable that hardly varies
FOLLOWS = 0.02  # residual of ln D on ln N below which D says no more than N
MOST_ROWS = 100_000  # that are looked at for a loss that rises
RISES = 3.0  # t of the slope of ln loss
COARSE = 0.9e-3  # rounding over the loss, beside Huber's default delta of 1e-3
WRAPPED = "as products of whole numbers do that wrap around in 64 bits (multiply floats)"
MOST_VOCABULARY = 300_000  # no common tokenizer is larger
VOCABULARIES = ("vocab_size", "n_vocab", "vocabulary", "vocab")


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


def warnings_of(named, found, values, variables, numbers, k, metric=None) -> Iterator[str]:
    """Warnings about a table that can be fitted.

    Parameters
    ----------
    named : mapping of column to array
        All columns of the table.
    found, values : mapping
        Quantity -> its `Found`, and its numbers.
    metric : str, optional
        What the user says that the column of the loss holds.
    """
    yield from _compute(named, found, values, numbers, k)
    yield from _alone(values, numbers)
    yield from _training(named, found["loss"].column)
    yield from _flos(named, found)
    for column, (rows, said) in not_counted(named).items():
        yield f"column {column!r} says {said}, and the fit counts these: {rows_text(rows, numbers)}"
    yield from _follows(values)
    yield from _two_values(values, variables)
    if metric in (None, "nats", "perplexity", "bits"):  # others are no longer a loss in nats
        yield from _chance(named, values["loss"], found["loss"].column, numbers)
        yield from _rounded(named, found["loss"], values["loss"])


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


def _flos(named, found):
    """Hugging Face's FLOP beside a size with embeddings: the tokens that follow are too few."""
    one = found.get("compute")
    if one is None or "flos" not in names.words(one.column):
        return
    if "n_tokens" in found or "n_params" not in found:
        return
    size = found["n_params"].column
    if without_embeddings(size):
        return
    without = [x.column for x in options_of("n_params", named, [size])
               if without_embeddings(x.column)]  # fmt: skip
    other = without[0] if without else "COLUMN"
    yield (
        f"column {one.column!r} is Hugging Face's count, which leaves embeddings out: tokens = "
        f"compute / (6 N) are too few unless column {size!r} leaves them out too; name tokens "
        f"(--column n_tokens=COLUMN) or such a size (--column n_params={quote(other)})"
    )


def _follows(values):
    if not {"n_params", "n_tokens"} <= set(values):
        return
    x, y = np.log(values["n_params"]), np.log(values["n_tokens"])
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    slope, intercept = np.polyfit(x, y, 1)
    if slope > 0 and np.std(y - slope * x - intercept) < FOLLOWS:  # one budget is no such line
        ratio = np.exp(np.median(y - x))
        yield (
            f"n_tokens follows n_params (D ~ N^{slope:.2f}, {ratio:.3g} tokens a parameter in "
            "median): such runs cannot tell the exponents of N and D apart"
        )


def _two_values(values, variables):
    """Two sizes tell a slope, but neither a floor nor a bend."""
    for name in variables:
        kinds = np.unique(values[name])
        if len(kinds) == 2 and len(values["loss"]) > 2:
            yield (
                f"{name} has two values only ({kinds[0]:.4g} and {kinds[1]:.4g}): its exponent and "
                "the floor E cannot be told apart"
            )


def _chance(named, loss, column, numbers):
    small = {plain_name(c.replace(".", "/").rpartition("/")[2]): c for c in reversed([*named])}
    sizes = next((small[name] for name in VOCABULARIES if name in small), None)
    if sizes is not None:
        got = read_cells(np.asarray(named[sizes]), "n_tokens")
        kinds = np.unique(got.numbers[np.isfinite(got.numbers)])
        if len(kinds) > 1:
            yield (
                f"column {sizes!r} has {len(kinds)} vocabularies ({kinds[0]:g} to {kinds[-1]:g}): "
                "losses a token of different vocabularies do not compare; fit one at a time "
                f"(--by {quote(sizes)}), or bits a byte"
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
    """A loss in steps that are coarser than Huber's delta."""
    if one.parts or one.log10:
        return
    raw = np.asarray(named[one.column])
    cells = read_cells(raw, "loss", decimal_comma=True).numbers
    if not np.all(np.isfinite(cells)) or len(np.unique(loss)) < 2:
        return
    # What a step of the cells is of the loss: a perplexity's logarithm is the loss.
    perplexity = names.metric_of(one.column) == "perplexity" and np.allclose(loss, np.log(cells))
    middle = float(np.median(cells))
    share = 1 / (middle * float(np.median(loss)) if perplexity else middle)
    decimals = next(
        (n for n in range(5) if np.allclose(cells * 10**n, np.round(cells * 10**n), atol=1e-7)),
        None,
    )
    with np.errstate(all="ignore"):
        half = raw.dtype.kind == "f" and np.array_equal(raw, raw.astype(np.float16))
    if decimals is not None:
        step = 10.0**-decimals
        how = f"rounded to {step:g}"
    elif half:
        step, how = middle * 2.0**-10, "in half precision"
    else:
        return
    coarse = step * share
    if coarse > COARSE:
        delta = max(0.01, float(f"{coarse:.0e}"))
        yield (
            f"column {one.column!r} is {how}, {coarse:.2%} of the loss: Huber's delta of 0.001 "
            f"takes rounding for outliers (--delta {delta:g}, or more digits)"
        )


def rising(values, variables, column) -> Iterator[str]:
    """A problem where the loss rises with a variable of the law, and falls with none.

    Of several runs at a point the lowest loss counts: runs that diverge do so at large sizes.
    """
    taken = [name for name in variables if name in MORE]
    if len(taken) != len(variables):
        return
    values = {name: x[:: 1 + len(x) // MOST_ROWS] for name, x in values.items()}
    points = codes_of_all([values[name] for name in taken])
    order = np.lexsort([values["loss"], points])
    first = order[np.append(True, np.diff(points[order]) != 0)]
    y = np.log(values["loss"][first])
    if len(y) < len(taken) + 3 or np.ptp(y) == 0:
        return
    x = np.column_stack([np.ones(len(y)), *(np.log(values[name][first]) for name in taken)])
    if np.linalg.matrix_rank(x - [0, *x[:, 1:].mean(axis=0)]) < x.shape[1]:
        return
    at, *_ = np.linalg.lstsq(x, y, rcond=None)
    left = y - x @ at
    variance = left @ left / max(len(y) - x.shape[1], 1)
    t = at[1:] / np.sqrt(np.maximum(variance * np.diag(np.linalg.inv(x.T @ x))[1:], 1e-30))
    if np.any(t > RISES) and np.all(t > -1):
        rises = [name for name, one in zip(taken, t, strict=True) if one > RISES]
        yield (
            f"column {column!r} rises with {' and '.join(rises)}, where a loss falls: for a "
            "quantity that grows as a power (a batch size) add --metric inverse, for an accuracy "
            "--metric accuracy, and for a loss all the same --metric nats"
        )
