"""The held-out runs of a study's prediction, and the runs that the prediction is fitted to."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from isoloss.config.study import Fit, Prediction
from isoloss.counting import BYTES
from isoloss.errors import UserError
from isoloss.plan.planned import HeldOut, PlannedRun
from isoloss.tasks import cost_of, run_of, task_of


def hold_out(prediction: Prediction, members: Iterable[tuple[str, PlannedRun]]) -> HeldOut:
    """Hold out the run with the most compute; fit runs of at most a share of that compute.

    Raises
    ------
    UserError
        No run is small enough, or a law's `where` keeps none. Or N and D of the held-out run lie
        within the range of the fitted runs, so that the prediction is no extrapolation.
    """
    members = list(members)
    candidates = [run for sweep, run in members if sweep == prediction.sweep]
    most = max(run.whole_flops for run in candidates)
    others = [run for sweep, run in members if sweep in prediction.fitted_sweeps]
    fitted = [run for run in others if run.whole_flops <= prediction.at_most * most]
    if not fitted:
        least = min(run.whole_flops for run in others) / most
        problem = (
            f"prediction.at_most: no run has at most {prediction.at_most:g} of the {most:.2e} FLOP "
            f"of the largest; the smallest has {least:.2g} of it"
        )
        raise UserError("prediction", [problem])
    held = [run for run in candidates if run.whole_flops == most]
    rows = [_columns(run) for run in fitted]
    problems = [p for fit in prediction.fits for p in _of_fit(fit, held, rows)]
    if problems:
        raise UserError("prediction", dict.fromkeys(problems))
    return HeldOut(run_ids=_ids(held), fitted=_ids(fitted))


def _of_fit(fit: Fit, held: Sequence[PlannedRun], fitted: list[dict[str, Any]]) -> Iterator[str]:
    kept = _kept(fit, fitted)
    if not kept:
        yield (
            f"prediction.fits.{fit.name}.where: keeps none of the {len(fitted)} runs that may be "
            "fitted"
        )
        return
    sizes, tokens = ([row[name] for row in kept] for name in ("size", "data"))
    for run in held:
        row = _columns(run)
        n, d = row["size"], row["data"]
        if min(sizes) <= n < max(sizes) and min(tokens) <= d < max(tokens):
            where = f"fits.{fit.name}.where" if fit.where else "at_most"
            yield (
                f"prediction.{where}: the run that is held out, {run.run_id}, lies within the runs "
                f"that are fitted, with N {n:,} (they have {min(sizes):,} to {max(sizes):,}) and D "
                f"{d:,} ({min(tokens):,} to {max(tokens):,}): its loss would be interpolated, not "
                "predicted"
            )


def _kept(fit: Fit, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that a law's `where` keeps, by the columns that are known before training."""
    kept = rows
    for name, values in fit.where.items():
        if not all(name in row for row in rows):
            continue
        found = [row[name] for row in rows]
        extremes = {"largest": max(found), "smallest": min(found)}
        wanted = [extremes.get(value, value) for value in values]
        kept = [row for row in kept if row[name] in wanted]
    return kept


def _columns(planned: PlannedRun) -> dict[str, Any]:
    """The columns of a run's row that its settings determine, and its "size" and "data"."""
    run = run_of(planned.settings)
    cost = cost_of(run, BYTES)  # of any vocabulary: sizes are only compared
    columns = task_of(run).planned_columns(run) | {"seed": planned.seed}
    data = cost.n_tokens or columns.get("n_samples") or cost.steps * cost.samples_per_step
    return columns | {"size": cost.n_params, "data": data}


def _ids(runs: Sequence[PlannedRun]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.run_id for run in runs))
