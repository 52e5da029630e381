"""Compare two recipes: how much compute the second needs for the loss of the first.

    from isoloss.forecast.compare import at_compute, at_loss
    from isoloss.forecast.recipes import recipes

    both = recipes(table_a, table_b, settings, settings)
    at_compute(both, 1e21)        # Comparison: compute_ratio, speed_up, loss_difference
    at_loss(both, 2.1)

Each law compares both recipes by itself, draw by draw. Its answer counts with its weight.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError
from isoloss.forecast.average import Averaged
from isoloss.forecast.crossing import NEVER, crossings, curve_draws, mean_curve, reached_by
from isoloss.forecast.mixture import picked_of
from isoloss.forecast.paths import Path, of_optimum, span, steps
from isoloss.forecast.recipes import Pair, Recipes
from isoloss.stats.intervals import Estimate, bounds

BEYOND = 10.0  # times the largest compute of the runs: the budget compared at by default
ENOUGH = 0.5  # of the laws' weight must say that a loss is reached
RARE = 0.01  # of the draws: a smaller share is not said in numbers
NAMES = ("compute_ratio", "compute_a", "compute_b", "loss_a", "loss_b", "loss_difference")


@dataclass(frozen=True)
class Comparison:
    """Two recipes at one budget or one loss.

    Attributes
    ----------
    asked : str
    estimates : dict of str to Estimate
        `compute_ratio` is the compute that B needs over that of A, for one loss, and `speed_up` its
        inverse. `compute_a` and `compute_b` (FLOP) reach that loss. `loss_a`, `loss_b` and
        `loss_difference` (B - A) are those at `compute_a`. An end that is None is open.
    never : float
        Share of the draws in which one recipe never reaches the loss.
    tells : bool
        Whether the interval of `compute_ratio` leaves out 1.
    sentence : str
    """

    asked: str
    estimates: dict[str, Estimate]
    never: float
    tells: bool
    sentence: str

    def row(self) -> dict[str, Any]:
        """The comparison as one row of a table; NaN where an end is open."""
        found: dict[str, Any] = {"asked": self.asked}
        for name, one in self.estimates.items():
            ends = {"": one.value, "_lo": one.lo, "_hi": one.hi}
            found |= {name + end: np.nan if x is None else x for end, x in ends.items()}
        return found | {"never": self.never, "tells": self.tells, "sentence": self.sentence}


def budget_beyond(both: Recipes, flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN) -> float:
    """Ten times the compute of the largest run of either recipe, in FLOP."""
    return BEYOND * float(np.exp(max(span(one, flops_per_param_token)[1] for one in _two(both))))


def at_compute(
    both: Recipes,
    compute: float,
    path_of: Callable[[Averaged], Path] | None = None,
    names: tuple[str, str] = ("A", "B"),
) -> Comparison:
    """The compute that B needs for the loss that A has at a budget.

    Parameters
    ----------
    both : Recipes
    compute : float
        The budget of A, in FLOP.
    path_of : callable, optional
        The path that the runs of a recipe take (`forecast.paths`); its optimum at 6 N D otherwise.
    names : tuple of str
        The recipes' names in the sentence.

    Raises
    ------
    UserError
        The recipes have no loss in common, or the budget is below a recipe's cheapest run.
    """
    return _compared(both, compute, None, path_of, names)


def at_loss(
    both: Recipes,
    loss: float,
    path_of: Callable[[Averaged], Path] | None = None,
    names: tuple[str, str] = ("A", "B"),
) -> Comparison:
    """The compute that B needs for a loss, over that of A; arguments and errors as `at_compute`."""
    return _compared(both, None, loss, path_of, names)


def _compared(both, compute, loss, path_of, names):
    path_of = path_of or (lambda averaged: of_optimum(averaged, FLOPS_PER_PARAM_TOKEN))
    _check_losses(both, names)
    said = [_of_law(pair, compute, loss, path_of) for pair in both.pairs]
    weights = np.array([pair.weight for pair in both.pairs])
    k = said[0]["path"].flops_per_param_token
    for one, name in zip(_two(both), names, strict=True):
        cheapest = np.exp(span(one, k)[0])
        if compute is not None and compute < cheapest * 0.99:
            raise UserError("compare", [f"{compute:.4g} FLOP is below the cheapest run of {name}, "
                                        f"{cheapest:.3g} FLOP"])  # fmt: skip
    reached = np.array([np.isfinite(one["value"]["compute_ratio"]) for one in said])
    if weights[reached].sum() < ENOUGH:
        what = (
            f"a loss of {loss:g}"
            if loss is not None
            else (
                f"the loss that {names[0]} has at {compute:.4g} FLOP "
                f"({_mean(said, weights, 'loss_a', np.exp):.4g})"
            )
        )
        missed = _missed(said, weights, names)
        text = "at any compute up to 1e9 times that of its runs: nothing to compare there"
        raise UserError("compare", [f"{missed} does not reach {what}, {text}"])
    estimates, never = {}, 0.0
    level = both.a.level
    for name in NAMES:
        value = _mean(said, np.where(reached, weights, 0.0), name)
        draws = np.concatenate([picked_of(one["draws"][name], weight)
                                for one, weight in zip(said, weights, strict=True)])  # fmt: skip
        if name == "compute_ratio":  # NaN where neither recipe reaches
            never = float(np.mean(~(np.abs(draws) < NEVER / 4)))
        draws = draws[~np.isnan(draws)]
        lo, hi = (float(end) for end in bounds(draws, level))
        lo, hi = (None if not abs(end) < NEVER / 4 else end for end in (lo, hi))
        natural = (lambda x: x) if name == "loss_difference" else np.exp
        ends = (None if end is None else float(natural(end)) for end in (lo, hi))
        unit = {"compute_a": "FLOP", "compute_b": "FLOP", "compute_ratio": ""}.get(name, "loss")
        estimates[name] = Estimate(float(natural(value)), *ends, None, unit)
    if compute is not None:
        estimates["compute_a"] = Estimate(compute, None, None, None, "FLOP")
    ratio = estimates["compute_ratio"]
    estimates["speed_up"] = Estimate(1 / ratio.value, _inverse(ratio.hi), _inverse(ratio.lo), None,
                                     "")  # fmt: skip
    tells = (ratio.hi is not None and ratio.hi < 1) or (ratio.lo is not None and ratio.lo > 1)
    asked = f"a loss of {loss:g}" if loss is not None else f"{compute:.4g} FLOP"
    return Comparison(asked, estimates, never, tells,
                      _sentence(estimates, never, tells, compute, loss, names))  # fmt: skip


def _of_law(pair: Pair, compute, loss, path_of):
    """What one law says: values and draws of `NAMES`; logarithms but for the difference."""
    paths = path_of(pair.a), path_of(pair.b)
    averages, sides = (pair.a, pair.b), (pair.side_a, pair.side_b)
    grids = [steps(one, path.flops_per_param_token, path.served)
             for one, path in zip(averages, paths, strict=True)]  # fmt: skip
    middle = [mean_curve(*one) for one in zip(averages, paths, grids, strict=True)]
    curves = [
        curve_draws(one, 0, path, grid, side)
        for one, path, grid, side in zip(averages, paths, grids, sides, strict=True)
    ]
    value, draws = {}, {}
    if loss is None:
        at = draws_at = np.log(compute)
        target = float(np.interp(at, grids[0], middle[0]))
        targets = _along(curves[0], grids[0], np.full(len(curves[0]), at))
    else:
        target, targets = np.log(loss), np.full(len(curves[0]), np.log(loss))
        at = reached_by(averages[0], paths[0], grids[0], middle[0], target)
        draws_at = crossings(grids[0], curves[0], targets)
    at_b = reached_by(averages[1], paths[1], grids[1], middle[1], target)
    value |= {"compute_a": at, "compute_b": at_b,
              "compute_ratio": at_b - at if np.isfinite(at + at_b) else np.nan}  # fmt: skip
    value["loss_a"] = target
    value["loss_b"] = float(np.interp(at, grids[1], middle[1])) if np.isfinite(at) else np.nan
    of_b = crossings(grids[1], curves[1], targets)
    draws["compute_a"] = draws_at + np.zeros(len(of_b))
    neither = (of_b >= NEVER) & (draws["compute_a"] >= NEVER)
    draws["compute_b"] = of_b
    draws["compute_ratio"] = np.where(neither, np.nan, of_b - draws["compute_a"])
    draws["loss_a"] = targets
    place = np.full(len(of_b), at if np.isfinite(at) else np.nan)
    draws["loss_b"] = _along(curves[1], grids[1], place)
    if loss is not None:
        targets = _along(curves[0], grids[0], place)
    draws["loss_difference"] = np.exp(draws["loss_b"]) - np.exp(targets)
    value["loss_difference"] = np.exp(value["loss_b"]) - np.exp(value["loss_a"])
    return {"value": value, "draws": draws, "path": paths[0]}


def _along(curves, log_c, at):
    """ln L of each draw at a place of its own, shape (draw,)."""
    place = np.clip(np.searchsorted(log_c, at), 1, len(log_c) - 1)
    rows = np.arange(len(curves))
    share = (at - log_c[place - 1]) / (log_c[place] - log_c[place - 1])
    return curves[rows, place - 1] * (1 - share) + curves[rows, place] * share


def _mean(said, weights, name, natural=lambda x: x):
    values = np.array([one["value"][name] for one in said])
    known = np.isfinite(values) & (weights > 0)
    return natural(np.average(values[known], weights=weights[known])) if known.any() else np.nan


def _missed(said, weights, names):
    """The recipe that does not reach the loss, by most of the weight."""
    unreached = np.array([not np.isfinite(one["value"]["compute_a"]) for one in said])
    return names[0] if weights[unreached].sum() >= ENOUGH else names[1]


def _check_losses(both, names):
    """Recipes whose runs have no loss in common cannot be compared."""
    losses = [np.exp(one.members[0].result.problem.log_loss) for one in _two(both)]
    (low_a, high_a), (low_b, high_b) = ((one.min(), one.max()) for one in losses)
    if high_a < low_b or high_b < low_a:
        raise UserError("compare", [
            f"the runs have no loss in common: {names[0]} from {low_a:.4g} to {high_a:.4g}, "
            f"{names[1]} from {low_b:.4g} to {high_b:.4g}; are they in one unit and on one text?"
        ])  # fmt: skip


def _sentence(estimates, never, tells, compute, loss, names):
    ratio, speed = estimates["compute_ratio"], estimates["speed_up"]
    first, second = names
    target = (
        f"a loss of {loss:g}"
        if loss is not None
        else (f"the loss that {first} has at {compute:.4g} FLOP ({estimates['loss_a'].value:.4g})")
    )
    between = f"{_end(ratio.lo)} to {_end(ratio.hi)}"
    start = f"To reach {target}, {second} needs {ratio.value:.3g} times the compute"
    share = f"{never:.0%}" if never >= RARE else f"less than {RARE:.0%}"
    more = f"; {share} of the draws never reach it" if never else ""
    if not tells:
        which = f"cannot tell whether {second} needs less than {first}"
        return f"{start} ({between}): {which}{more}."
    verb = "a speed-up of" if ratio.value < 1 else "slower: a speed-up of"
    return f"{start} ({between}): {verb} {speed.value:.3g}{more}."


def _end(value):
    return "open" if value is None else f"{value:.3g}"


def _inverse(value):
    return None if value is None else 1 / value


def _two(both):
    return both.a, both.b
