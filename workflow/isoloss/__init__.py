"""isoloss: scaling laws, measured.

    import isoloss

    runs = isoloss.read_table("losses.csv")                  # a row for each run: N, D, loss
    result = isoloss.fit_law(runs, law="chinchilla")         # FitResult
    result.summary(), result.plot(), result.params["alpha"]
    result.predict({"n_params": [1e9], "n_tokens": [2e10]})  # the loss, with its interval
    result.optimum([1e21])                                   # N*, D*, loss at a budget in FLOP
    isoloss.average(runs)                                    # laws weighted by their predictions
    isoloss.rank_laws(runs, 4)                               # which law predicts larger runs best
    isoloss.next_runs(result, isoloss.Question(target=1e21), budget=1e19)

Each name is imported when it is first asked for. It is also there in its own module. Functions have
the name of what they do, not of a subcommand: `isoloss.fit` is a package. docs/python.md is a tour.

Data flows one way, and imports point only back along it:
constants, errors, extras, files, extensions | stats | laws | tables | logs | results | charts |
config, counting | corpus | models, tasks | plan | runtime | train | runs | fit, schedules |
forecast, decide | exhibits | report | jobs | pipeline, reference, cli.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    "FitResult",
    "FitSettings",
    "Question",
    "UserError",
    "average",
    "fit_law",
    "load_fit",
    "next_runs",
    "rank_laws",
    "read_table",
]
_HOMES = {
    "FitResult": "isoloss.fit.result",
    "FitSettings": "isoloss.fit.settings",
    "Question": "isoloss.decide.question",
    "UserError": "isoloss.errors",
    "average": "isoloss.forecast.average",
    "fit_law": "isoloss.fit.api",
    "load_fit": "isoloss.fit.result",
    "next_runs": "isoloss.decide.next_runs",
    "rank_laws": "isoloss.forecast.holdout",
    "read_table": "isoloss.tables.read",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
