"""Which runs a study predicts before it trains them, and from which."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from isoloss import counting
from isoloss.config.runs import RUN_MODELS, LanguageRun
from isoloss.config.study import Fit, Prediction
from isoloss.errors import UserError
from isoloss.plan.planned import HeldOut, PlannedRun

BYTES = 256  # a vocabulary, where none is known: sizes are only compared


def hold_out(prediction: Prediction, members: Iterable[tuple[str, PlannedRun]]) -> HeldOut:
    """Choose the run of the most compute, and the runs of at most a share of it.

    Raises
    ------
    UserError
        No run is small enough, or a law's `where` keeps none; or both N and D of the run that is
        held out lie within those of the runs that are fitted: its loss would only be interpolated.
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
    """The rows that a law's `where` keeps, by the columns that are known before a run."""
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
    """Of a run's row, what its settings give for certain; and its "size" and its "data"."""
    run = RUN_MODELS[planned.settings["task"]["kind"]].model_validate(planned.settings)
    cost = counting.cost_of(run, BYTES)
    model = run.model.model_dump()
    given = {**run.task.model_dump(), **model}
    known = ("n_inputs", "noise_sd", "degree", "width", "n_layer", "context", "dropout")
    columns = {name: given[name] for name in known if name in given}
    for ours, theirs in (("width", "d_model"), ("n_layer", "n_hidden")):
        if theirs in model:
            columns[ours] = model[theirs]
    columns |= {"seed": planned.seed, "n_params_non_embedding": cost.n_params_non_embedding}
    if not isinstance(run, LanguageRun):  # its vocabulary may not be known yet
        columns["n_params"] = cost.n_params
    if cost.n_tokens is not None:
        columns |= {"n_tokens": cost.n_tokens, "steps": cost.steps}
    return columns | {"size": cost.n_params, "data": cost.n_tokens or run.data.n_samples}


def _ids(runs: Sequence[PlannedRun]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.run_id for run in runs))
