"""Fits scaling laws to tables, with intervals, a certificate and a verdict.

    fit = isoloss.fit("losses.csv")   # a Fit: see help(isoloss.api.fit_runs.fit)

The package is called as a function is: an import of one of its modules would replace a function of
its name. What follows are the steps behind that call:

    from isoloss.fit import FitSettings, fit_law, load_fit

    result = fit_law(table, law="power_law_floor", x="n_params", y="loss")
    result = fit_law(table, law="chinchilla",
                     columns={"n_params": "N", "n_tokens": "D", "loss": "eval_loss"},
                     cluster="run_id", objective="huber", delta=1e-3, level=0.9, draws=1000, seed=0)
    result = fit_law(table, settings=FitSettings(law="chinchilla", cluster="run_id"))

    print(result.summary())         # text; a notebook shows a table
    result.plot()                   # a matplotlib Figure: losses, the law, residuals
    result.params["alpha"]          # Estimate(value, lo, hi, se, unit)
    result.derived["a"]             # chinchilla: a, b, G of the compute optimum; power_law: Xc
    result.verdict                  # "identified", "not identified: ...", "not a power law: ..."
    result.certificate              # n_starts, n_agree, converged, gradient_norm, ...
    result.predict({"n_params": [1e9], "n_tokens": [2e10]})   # DataFrame: loss, lo, hi
    result.optimum([1e21])          # DataFrame: n_params, n_tokens, tokens_per_param, loss, _lo/_hi
    result.to_dict(), result.to_frame()
    result.save("fit.json"); load_fit("fit.json")             # the same to the last bit

`table` is a pandas DataFrame or a mapping of names to arrays. Columns that are not named are
recognised (N, params, tokens, flops, ...); `result.notes` lists each assumption. Any two of
N, D and C = 6 N D give the third. One `isoloss.errors.UserError` lists all problems at once.
Laws: `isoloss.laws.LAWS`. Losses of single runs that nobody has trained: `isoloss.forecast`.
The methods, and the measured coverage of the intervals: docs/fitting.md.

Each name is imported when it is first asked for: `isoloss fit --help` needs the settings alone.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoloss.fit.api import fit_law
    from isoloss.fit.result import FitResult, load_fit
    from isoloss.fit.settings import FitSettings
    from isoloss.stats.intervals import Estimate

__all__ = [
    "Estimate",
    "FitResult",
    "FitSettings",
    "fit_law",
    "load_fit",
]
_HOMES = {
    "Estimate": "isoloss.stats.intervals",
    "FitResult": "isoloss.fit.result",
    "FitSettings": "isoloss.fit.settings",
    "fit_law": "isoloss.fit.api",
    "load_fit": "isoloss.fit.result",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """The package, which fits when it is called (`isoloss.api.fit_runs.fit`)."""

    def __call__(self, runs: Any, law: Any = None, **settings: Any) -> Any:
        # By its name: the fit of a study depends on nothing that comes after fits.
        return importlib.import_module("isoloss.api.fit_runs").fit(runs, law, **settings)


sys.modules[__name__].__class__ = _Package
