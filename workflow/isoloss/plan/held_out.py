"""Which runs a study predicts before it trains them, and from which."""

from collections.abc import Iterable, Sequence

from isoloss.config.study import Prediction
from isoloss.errors import UserError
from isoloss.plan.planned import HeldOut, PlannedRun


def hold_out(prediction: Prediction, members: Iterable[tuple[str, PlannedRun]]) -> HeldOut:
    """Choose the run of the most compute, and the runs of at most a share of it.

    Raises
    ------
    UserError
        No run is small enough.
    """
    members = list(members)
    candidates = [run for sweep, run in members if sweep == prediction.sweep]
    most = max(run.whole_flops for run in candidates)
    fitted = [
        run
        for sweep, run in members
        if sweep in prediction.fitted_sweeps and run.whole_flops <= prediction.at_most * most
    ]
    if not fitted:
        problem = (
            f"at_most: no run has {prediction.at_most:g} of the {most:.2e} FLOP of the largest"
        )
        raise UserError("prediction", [problem])
    return HeldOut(
        run_ids=_ids([run for run in candidates if run.whole_flops == most]), fitted=_ids(fitted)
    )


def _ids(runs: Sequence[PlannedRun]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run.run_id for run in runs))
