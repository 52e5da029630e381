"""All analyses of a study, in the order in which it names them."""

from collections.abc import Iterable

import pandas as pd

from isoloss.analysis import critical_batch, seed_noise
from isoloss.columns import ANALYSES, typed
from isoloss.config.analyses import Analysis
from isoloss.errors import UserError

# What an analysis's `do` says -> the module that has a function of that name. Imported by name, so
# that an analysis is made again when they change.
MODULES = {
    "critical_batch": critical_batch,
    "seed_noise": seed_noise,
}


def analyse_study(
    study: str, analyses: Iterable[Analysis], runs: pd.DataFrame, curves: pd.DataFrame
) -> pd.DataFrame:
    """Make every analysis of a study.

    Each is a function `(spec, runs, curves, done) -> rows`; `done` has the rows of those before it.
    One that its runs do not allow has one row, without a quantity, whose verdict says why.

    Returns
    -------
    DataFrame
        Columns as `isoloss.columns.ANALYSES`.
    """
    done = typed([], ANALYSES)
    for spec in analyses:
        function = getattr(MODULES[spec.do], spec.do)
        try:
            rows = function(spec, runs, curves, done)
        except UserError as error:
            rows = [{"verdict": f"not made: {'; '.join(error.problems)}"}]
        named = {"study": study, "analysis": spec.name, "do": spec.do}
        made = typed([named | row for row in rows], ANALYSES)
        done = pd.concat([done, made], ignore_index=True) if len(done) else made
    return done
