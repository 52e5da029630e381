"""Losses drawn from a known law, to check that a fit recovers the known parameters."""

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from isoloss.config.study import Planted
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.counting import six_nd
from isoloss.errors import UserError, nearest
from isoloss.laws import LAWS, Law
from isoloss.tasks.streams import numpy_stream

if TYPE_CHECKING:
    import pandas as pd

MOST = 2**63  # whole columns of tables are 64-bit
MOST_ROWS = 100_000  # the most rows of a sweep
LARGEST_LOSS = 1e100  # small enough that it stays finite with noise of several standard deviations
WHOLE = ("n_params", "n_tokens", "seed")
AXES = {
    "n_params": "parameters",
    "n_tokens": "training tokens",
    "compute_flops": "training compute, 6 n_params n_tokens, in FLOP",
    "tokens_per_param": "n_tokens / n_params",
}


def simulate(study: Planted) -> "pd.DataFrame":
    """One row per run, in the order of the study: its sizes, and its loss with noise.

    A sweep names two of `AXES`, which determine the other two. It may also name `seed`, for repeats
    with other noise. The loss is the law's loss times exp(noise_sd * z), with z standard normal.
    z depends on the study's seed and on the run alone. So another sweep changes no row, and a run
    in two sweeps has one loss.

    Raises
    ------
    UserError
        `problems` finds a problem.
    """
    import pandas as pd  # not at the top: planning checks a study without pandas

    found = problems(study)
    if found:
        raise UserError("the planted study", found)
    law = LAWS[study.law]
    rows = [
        {"sweep": name, **_run(law, study, dict(zip(grid, values, strict=True)))}
        for name, grid in study.sweeps.items()
        for values in product(*grid.values())
    ]
    return pd.DataFrame(rows)


def problems(study: Planted) -> list[str]:
    """All problems of a study beyond its keys and types, each with its key."""
    if study.law not in LAWS:
        allowed = ", ".join(sorted(LAWS))
        hint = nearest(study.law, LAWS)
        found = [f"law: there is no law {study.law!r} (laws: {allowed}){hint}"]
    else:
        found = _law_problems(LAWS[study.law], study.parameters)
    for name, grid in study.sweeps.items():
        found += _sweep_problems(f"sweeps.{name}", grid)
    return found or _row_problems(study)


def _row_problems(study: Planted) -> list[str]:
    """The first row of each sweep that no table of runs can hold."""
    law, found = LAWS[study.law], []
    for name, grid in study.sweeps.items():
        count = math.prod(map(len, grid.values()))
        if count > MOST_ROWS:
            found.append(
                f"sweeps.{name}: {count:,} runs are more than the {MOST_ROWS:,} that can be drawn"
            )
            continue
        axes = [axis for axis in grid if axis != "seed"]
        points = [dict(zip(axes, v, strict=True)) for v in product(*(grid[axis] for axis in axes))]
        found += _point_problems(law, study, name, points)
    return found


def _point_problems(law: Law, study: Planted, name: str, points: list[dict]) -> list[str]:
    sizes = []
    for point in points:
        try:
            found = _sizes(point)
        except (OverflowError, ValueError, ZeroDivisionError):
            found = (MOST, MOST)
        if max(found) >= MOST:
            must = "n_params and n_tokens must be from 1 to 2^63 (9.2e18)"
            return [f"sweeps.{name}: {must}; at {_at(point)}, they are not"]
        sizes.append(found)
    n_params, n_tokens = np.array(sizes, float).T
    with np.errstate(all="ignore"):
        losses = law(study.parameters, n_params=n_params, n_tokens=n_tokens)
    bad = np.flatnonzero(~(np.isfinite(losses) & (losses > 0) & (losses < LARGEST_LOSS)))
    if not len(bad):
        return []
    loss, at = losses[bad[0]], _at(points[bad[0]])
    return [f"parameters: the loss at {at} is {loss:g}; it must lie between 0 and 1e100"]


def _at(point: dict[str, float]) -> str:
    return ", ".join(f"{axis} {value:g}" for axis, value in point.items())


def _run(law: Law, study: Planted, point: dict[str, float]) -> dict:
    seed = int(point.get("seed", 0))
    n_params, n_tokens = _sizes(point)
    noiseless = float(law(study.parameters, n_params=n_params, n_tokens=n_tokens))
    z = numpy_stream(study.seed, "planted", n_params, n_tokens, seed).standard_normal()
    # The compute of the sweep: rounding N and D to whole numbers changes a late digit of 6 N D.
    compute_flops = point.get("compute_flops", six_nd(n_params, n_tokens))
    return {
        "run_id": f"planted-N{n_params}-D{n_tokens}-s{seed}",
        "task": "planted",
        "target": law.name,
        "seed": seed,
        "n_params": n_params,
        "n_params_non_embedding": n_params,
        "n_tokens": n_tokens,
        "n_unique_tokens": n_tokens,
        "compute_flops": compute_flops,
        "compute_6nd_flops": compute_flops,
        "compute_6nd_non_embedding_flops": compute_flops,
        "loss": noiseless * math.exp(study.noise_sd * z),
        "theory_loss": noiseless,
        "status": "done",
    }


def _sizes(point: dict[str, float]) -> tuple[int, int]:
    """N and D from any two of the axes, each to the nearest whole number."""
    n, d, ratio = (point.get(axis) for axis in ("n_params", "n_tokens", "tokens_per_param"))
    k, compute = FLOPS_PER_PARAM_TOKEN, point.get("compute_flops")
    if ratio is not None and n is None:
        n = d / ratio if d is not None else math.sqrt(compute / (k * ratio))
    if ratio is not None and d is None:
        d = n * ratio
    if n is None:
        n = compute / (k * d)
    if d is None:
        d = compute / (k * n)
    return max(1, round(n)), max(1, round(d))


def _law_problems(law: Law, given: dict[str, float]) -> list[str]:
    if set(law.variables) != {"n_params", "n_tokens"}:
        variables = ", ".join(law.variables)
        return [f"law: must be one of n_params and n_tokens, {law.name!r} is one of {variables}"]
    found = [f"parameters.{name}: missing" for name in law.names if name not in given]
    for name, value in given.items():
        if name not in law.names:
            allowed = ", ".join(law.names)
            hint = nearest(name, law.names)
            found.append(f"parameters.{name}: {law.name} has only {allowed}{hint}")
        elif not (math.isfinite(value) and value >= 0):
            found.append(f"parameters.{name}: must be finite and not negative, got {value!r}")
    return found


def _sweep_problems(key: str, grid: dict[str, list[float]]) -> list[str]:
    allowed = [*AXES, "seed"]
    found = [
        f"{key}.{axis}: unknown key{nearest(axis, allowed)}" for axis in grid if axis not in allowed
    ]
    named = [axis for axis in grid if axis in AXES]
    if len(named) != 2:
        got = ", ".join(named) or "none"
        found.append(f"{key}: must name two of {', '.join(AXES)}, got {got}")
    for axis, values in grid.items():
        if not values:
            found.append(f"{key}.{axis}: has no values, so there would be no runs")
        if len(set(values)) < len(values):
            found.append(f"{key}.{axis}: has a value twice")
        if axis == "seed":
            bad = [value for value in values if not (value >= 0 and value % 1 == 0)]
            must = "must be a whole number, 0 or more"
        else:
            bad = [value for value in values if not (math.isfinite(value) and value > 0)]
            must = "must be positive and finite"
        large = [value for value in values if value >= MOST]
        if axis in WHOLE and large and not bad:
            must, bad = "must be below 2^63 (9.2e18)", large
        found += [f"{key}.{axis}: {must}, got {value!r}" for value in bad]
    return found
