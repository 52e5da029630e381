"""All analyses of a study, in the order in which it names them."""

from collections.abc import Iterable

import pandas as pd

from isoloss.analysis import (
    approaches,
    cooldown,
    critical_batch,
    crossing,
    curvature,
    kaplan_frontier,
    learning_rate,
    loss_reached,
    overfitting,
    recount,
    seed_noise,
    size_and_steps,
    size_laws,
)
from isoloss.analysis.prediction import DO, NAME, prediction_rows
from isoloss.config.analyses import Analysis
from isoloss.errors import UserError
from isoloss.tables.schema import ANALYSIS_COLUMNS, typed

# What an analysis's `do` says -> the module that has a function of that name. Imported by name, so
# that an analysis is made again when they change.
MODULES = {
    "approaches": approaches,
    "cooldown_check": cooldown,
    "critical_batch": critical_batch,
    "crossing": crossing,
    "curvature": curvature,
    "kaplan_frontier": kaplan_frontier,
    "learning_rate": learning_rate,
    "loss_reached": loss_reached,
    "overfitting": overfitting,
    "recount": recount,
    "seed_noise": seed_noise,
    "size_and_steps": size_and_steps,
    "size_laws": size_laws,
}


def analyse_study(
    study: str,
    analyses: Iterable[Analysis],
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    prediction: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Make every analysis of a study.

    Each is a function `(spec, runs, curves, done) -> rows`; `done` has the rows of those before it,
    first those of the `prediction` and its test, if the study has one.
    One that its runs do not allow has one row, without a quantity, whose verdict says why.

    Returns
    -------
    DataFrame
        Columns as `isoloss.tables.schema.ANALYSIS_COLUMNS`.
    """
    tested = [] if prediction is None else prediction_rows(prediction, runs)
    of_prediction = {"study": study, "analysis": NAME, "do": DO}
    done = typed([of_prediction | row for row in tested], ANALYSIS_COLUMNS)
    for spec in analyses:
        function = getattr(MODULES[spec.do], spec.do)
        try:
            rows = function(spec, runs, curves, done)
        except UserError as error:
            rows = [{"verdict": f"not made: {'; '.join(error.problems)}"}]
        named = {"study": study, "analysis": spec.name, "do": spec.do}
        made = typed([named | row for row in rows], ANALYSIS_COLUMNS)
        done = pd.concat([done, made], ignore_index=True) if len(done) else made
    return done
