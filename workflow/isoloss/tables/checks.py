"""Checks of a table's numbers: plausible units, plausible losses, enough points for a law."""

import numpy as np

from isoloss.constants import FLOPS_PER_PF_DAY
from isoloss.tables.asking import COMMAND_LINE, Asking, rows_text
from isoloss.tables.cells import read_cells
from isoloss.tables.grouping import n_points
from isoloss.tables.names import implied_unit
from isoloss.tables.recognised import IN_PF_DAYS, Found, options_of, quote, times

UNITS = {"n_params": "parameters", "n_tokens": "tokens"}
COUNTED = {**UNITS, "n_unique_tokens": "tokens"}
MOST = {"n_params": 1e13, "n_tokens": 1e14, "n_unique_tokens": 1e14}  # plausible, in a stated unit
FEWEST = 1e4  # a column whose largest number is smaller may be in millions
TOKENS_PER_PARAM = (0.1, 1e8)  # a median beyond is a wrong unit, or sizes that are called tokens
FEWEST_POINTS = 3  # for a power law with a floor
NARROW = 1.02  # largest over smallest, of a variable that hardly varies
MOST_PF_DAYS = 1e9
WORDS = {1e3: "thousands", 1e6: "millions", 1e9: "billions", 1e12: "trillions"}
FLOP_UNITS = {"GFLOP": 1e9, "TFLOP": 1e12, "PFLOP": 1e15, "EFLOP": 1e18, "ZFLOP": 1e21}
FLOP_UNITS |= {"PF-days": FLOPS_PER_PF_DAY}
LOG10 = (4.0, 32.0)  # of sizes, tokens and FLOP
LIKELY = (0.2, 2e4)  # tokens for each parameter, of a unit that is suggested
LEAST_PF_DAYS = 1e9 / FLOPS_PER_PF_DAY  # of the largest run, where FLOP are assumed


def unit_problems(values, found: dict[str, Found], table):
    """Columns whose numbers cannot be in the expected unit, or in the unit of their name.

    `table` has the numbers of rows (`numbers`), the texts of its user (`asking`), and the columns
    whose cells look like thousands in groups (`thousands`).
    """
    asking = table.asking
    for name, unit in COUNTED.items():
        if name not in found:
            continue
        one, largest = found[name], values[name].max()
        if one.assumed and largest > MOST[name]:
            yield (
                f"column {one.column!r}: in the unit that its name states the largest is "
                f"{largest:g} {unit}; {_beyond(values[name], one, name, table)}"
            )
        elif largest < FEWEST and np.any(values[name] != np.round(values[name])):
            implied = 1.0 if one.assumed else implied_unit(one.column)
            factors = [implied] if implied != 1 else _likely_factors(name, values)
            like = _listed([WORDS[f] for f in factors])
            if one.column in table.thousands and implied == 1:
                factors, like = [1e3], "thousands (25.000 for 25000?)"
            texts = [times(one.column, one.factor * f) for f in factors]
            if _may_be_log10(values[name]) and asking is COMMAND_LINE:
                sure = _compute_is_log10(table.named)
                texts = [f"10**{one.column}"] if sure else [*texts, f"10**{one.column}"]
                like = "log10" if sure else f"{like} or log10"
            said = asking.column(name, *texts)
            yield (
                f"column {one.column!r} looks like {like} of {unit} "
                f"(largest {largest:g}); {unit} are wanted, e.g. {said}"
            )
    for name in IN_PF_DAYS:
        if name not in found:
            continue
        one, largest = found[name], values[name].max()
        if largest > MOST_PF_DAYS:
            yield (
                f"column {one.column!r} goes to {largest:g} PF-days; in FLOP? Divide: "
                f'--column "{name}={one.column}*1.1574e-20"'
            )


def _listed(words) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _likely_factors(name, values) -> list[float]:
    """The units that give a likely number of tokens for each parameter; all, if none does."""
    every = [1e6, 1e9] if name == "n_params" else [1e6, 1e9, 1e12]
    other = {"n_params": "n_tokens", "n_tokens": "n_params"}.get(name)
    if other not in values or values[other].max() < FEWEST:
        return every
    with np.errstate(all="ignore"):
        ratio = np.median(values[name] / values[other])
    ratios = {f: ratio * f if name == "n_tokens" else 1 / (ratio * f) for f in every}
    return [f for f in every if LIKELY[0] <= ratios[f] <= LIKELY[1]] or every


def _beyond(column, one, name, table) -> str:
    """What may be wrong where numbers are too large: a few cells, or the unit."""
    rows = np.flatnonzero(column > MOST[name])
    if len(rows) < len(column) / 2:
        leaves = table.asking.leave_out(rows, table.numbers)
        return f"look at {rows_text(rows, table.numbers)} ({leaves})"
    written = table.asking.column(name, f"{one.column}*1")
    return f"if its numbers are {COUNTED[name]} already, add {written}"


def derived_problems(values, found, numbers):
    """Rows where compute gives an N or D below one: compute must be in another unit."""
    for name, other in (("n_params", "n_tokens"), ("n_tokens", "n_params")):
        if name in values and name not in found and np.any(values[name] < 1):
            rows = np.flatnonzero(values[name] < 1)
            compute = found["compute"]
            yield (
                f"{name} = column {compute.column!r} / (6 column {found[other].column!r}) is below "
                f"1: {rows_text(rows, numbers)}; compute is wanted in FLOP"
                f"{_likely(values, found, compute)}"
            )


def _may_be_log10(numbers) -> bool:
    """Whether numbers lie as the logarithms of sizes do: 9.48 for 3e9."""
    low, high = numbers.min(), numbers.max()
    return bool(LOG10[0] <= low <= high <= min(LOG10[1], 3 * low)
                and np.any(numbers != np.round(numbers)))  # fmt: skip


def _compute_is_log10(named) -> bool:
    """Whether a column of compute holds logarithms: then other columns do, too."""
    for one in options_of("compute", named)[:1]:
        got = read_cells(np.asarray(named[one.column]), "exponent")
        return not got.issues and _may_be_log10(got.numbers)
    return False


def _likely(values, found, compute) -> str:
    """The units of compute with a likely number of tokens for each parameter."""
    ratio = np.median(values["n_tokens"] / values["n_params"])
    if _may_be_log10(values["compute"]):
        return f", for log10 of FLOP add --column compute='10**{compute.column}'"
    of_tokens = "n_tokens" not in found  # which of the two follows from compute
    likely = []
    for unit, factor in FLOP_UNITS.items():
        per_param = ratio * factor if of_tokens else ratio / factor
        if LIKELY[0] <= per_param <= LIKELY[1]:
            added = times(compute.column, compute.factor * factor)
            likely.append(f"for {unit} add --column compute='{added}' ({per_param:.3g} tokens "
                          "a parameter)")  # fmt: skip
    return f", {' or '.join(likely)}" if likely else ""


def unit_warnings(values, found, asking: Asking = COMMAND_LINE, thousands=frozenset()):
    """Columns whose numbers are possible, but look as if they were in another unit."""
    for name, unit in COUNTED.items():
        if name in found and values[name].max() < FEWEST:
            one, column = found[name], values[name]
            implied = 1.0 if one.assumed else implied_unit(one.column)
            factors = [1e3] if one.column in thousands else _likely_factors(name, values)
            factors = [implied] if implied != 1 else factors
            texts = [times(one.column, one.factor * factor) for factor in factors]
            yield (
                f"{name} goes from {column.min():g} to {column.max():g}: if these are "
                f"{_listed([WORDS[factor] for factor in factors])} of {unit}, add "
                f"{asking.column(name, *texts)}"
            )
    for name in IN_PF_DAYS:
        if name in found and found[name].assumed and values[name].max() < LEAST_PF_DAYS:
            column = found[name].column
            yield (
                f"column {column!r} goes to {values[name].max() * FLOPS_PER_PF_DAY:g} FLOP only; "
                f'if these are PF-days, add --column "{name}={column}"'
            )
    if set(UNITS) <= set(values):
        ratio = np.median(values["n_tokens"] / values["n_params"])
        if not TOKENS_PER_PARAM[0] <= ratio <= TOKENS_PER_PARAM[1]:
            columns = " and ".join(
                repr(found[name].column) for name in (*UNITS, "compute") if name in found
            )
            yield f"{ratio:.3g} tokens per parameter in median: look at the units of {columns}"


def design_problems(values, found, law, n_free, codes):
    """Too few different points for the law's parameters, or for an interval."""
    n_rows = len(values["loss"])
    needed = n_free if n_free is not None else len(law.parameters)
    points = n_points([values[v] for v in law.variables])
    if min(n_rows, points) <= needed:
        what = f"{n_rows} row{'s' if n_rows != 1 else ''} at {points} different points"
        compute = found.get("compute") or found.get("n_params")
        fewer = ""
        if points > FEWEST_POINTS and len(law.variables) > 1 and compute and not compute.parts:
            fewer = (
                "; a law of one variable has three: --law power_law_floor --x "
                f"{quote(compute.column)}"
            )
        yield (
            f"{needed} parameters of {law.name} need more than {needed} different "
            f"points, got {what}{fewer}"
        )
    if codes is not None and len(np.unique(codes)) < 2:
        yield "all rows are of one cluster: no interval can be had from them"
    for name in law.variables:
        if n_rows <= 1 or values[name].max() >= NARROW * values[name].min():
            continue
        column = found[name].column if name in found else name
        others = [found[one].column for one in law.variables if one != name and one in found
                  and values[one].max() >= NARROW * values[one].min()]  # fmt: skip
        alone = ""
        if others:
            alone = f"; of {others[0]!r} alone: --law power_law_floor --x {quote(others[0])}"
        varies = values[name].max() / values[name].min() - 1
        what = f"varies by {varies:.1%} only" if varies else f"is {values[name][0]:g} in every row"
        yield f"column {column!r}: {name} {what}, so its exponent cannot be found{alone}"


def loss_problems(loss, column, vocabulary, numbers):
    """Losses above the loss of uniform guessing, where the vocabulary's size is known."""
    high = np.flatnonzero(loss > np.log(vocabulary)) if vocabulary is not None else []
    if len(high):
        yield (
            f"column {column!r} is above ln({vocabulary}) = "
            f"{np.log(vocabulary):.3f} nats, worse than chance: {rows_text(high, numbers)}"
        )


def duplicates(named, numbers, asking: Asking = COMMAND_LINE):
    """Rows that equal an earlier row in every column."""
    columns = sorted((c for c in named.values() if c.dtype.kind in "fiu"),
                     key=lambda c: c.dtype.kind != "f")  # fmt: skip
    if any(len(np.unique(c)) == len(c) for c in columns):  # a loss is most often so
        return
    seen: set[tuple] = set()
    again = []
    for i, row in enumerate(zip(*(map(str, c.tolist()) for c in named.values()), strict=True)):
        if row in seen:
            again.append(i)
        seen.add(row)
    if again:
        yield (
            f"the same in every column as an earlier row: {rows_text(again, numbers)} "
            f"({asking.leave_out(again, numbers)}; repeated runs need a column that tells "
            "them apart, e.g. their seed)"
        )
