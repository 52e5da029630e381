"""isoloss: scaling laws, measured.

    import isoloss

    runs = isoloss.read_runs("losses.csv")        # the rows that count, with their units
    fit = isoloss.fit(runs)                       # parameters with intervals, and a verdict
    fit.summary(), fit.plot(), fit.params["alpha"]
    fit.optimal(1e21)                             # N*, D*, loss at a budget in FLOP
    fit.predict(n_params=1e9, n_tokens=2e10)      # the loss, with its interval
    fit.next(target=1e21, budget=1e19)            # which runs to do next
    fit.compare("other.csv")                      # the speed-up of another recipe

These have the numbers of `isoloss fit`, `optimal`, `predict`, `next` and `compare`. The steps
behind them: `read_table`, `fit_law`, `average`, `rank_laws`, `next_runs`. docs/python.md is a tour.

Each name is imported when it is first asked for. It is also there in its own module. `isoloss.fit`
is the package of that name, which can be called.

Data flows one way, and imports point only back along it:
constants, elementary, errors, extras, files, extensions | stats | laws | tables | logs | results |
charts | config, counting | native | corpus | models, tasks | plan | runtime | train | runs | fit,
schedules | forecast, decide | exhibits | report | jobs | api | pipeline, reference, cli.
"""

import importlib

TYPE_CHECKING = False  # that of `typing`, which takes longer to import than a job's client runs
if TYPE_CHECKING:
    from isoloss.api.fit_runs import fit
    from isoloss.api.fitted import Fit
    from isoloss.api.runs import Runs, read_runs
    from isoloss.decide.next_runs import next_runs
    from isoloss.decide.question import Question
    from isoloss.errors import UserError
    from isoloss.fit.api import fit_law
    from isoloss.fit.result import FitResult, load_fit
    from isoloss.fit.settings import FitSettings
    from isoloss.forecast.average import average
    from isoloss.forecast.holdout import rank_laws
    from isoloss.tables.read import read_table

__version__ = "0.1.0"
__all__ = [
    "Fit",
    "FitResult",
    "FitSettings",
    "Question",
    "Runs",
    "UserError",
    "average",
    "fit",
    "fit_law",
    "load_fit",
    "next_runs",
    "rank_laws",
    "read_runs",
    "read_table",
]
_HOMES = {
    "Fit": "isoloss.api.fitted",
    "FitResult": "isoloss.fit.result",
    "FitSettings": "isoloss.fit.settings",
    "Question": "isoloss.decide.question",
    "Runs": "isoloss.api.runs",
    "UserError": "isoloss.errors",
    "average": "isoloss.forecast.average",
    "fit_law": "isoloss.fit.api",
    "load_fit": "isoloss.fit.result",
    "next_runs": "isoloss.decide.next_runs",
    "rank_laws": "isoloss.forecast.holdout",
    "read_runs": "isoloss.api.runs",
    "read_table": "isoloss.tables.read",
}


def __getattr__(name: str) -> object:
    if name == "fit":
        return importlib.import_module("isoloss.fit")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
