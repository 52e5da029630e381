"""Fits scaling laws to tables, with intervals, a certificate and a verdict.

    from isoloss.fit import fit_law

    result = fit_law(table, law="power_law_floor", x="n_params", y="loss")
    result = fit_law(table, law="chinchilla",
                     columns={"n_params": "N", "n_tokens": "D", "loss": "eval_loss"},
                     cluster="run_id", objective="huber", delta=1e-3, level=0.9, draws=1000, seed=0)

    result.params["alpha"]          # Estimate(value, lo, hi, se, unit)
    result.derived["a"]             # chinchilla: a, b, G of the compute optimum; power_law: Xc
    result.verdict                  # "identified", "not identified: ...", "not a power law: ..."
    result.certificate              # n_starts, n_agree, converged, gradient_norm, ...
    result.predict({"n_params": [1e9], "n_tokens": [2e10]})   # DataFrame: loss, lo, hi
    forecast(result, {"n_params": log_n, "n_tokens": log_d})   # of one run, with the law's drift
    result.optimum([1e21])          # DataFrame: n_params, n_tokens, tokens_per_param, loss, _lo/_hi
    result.to_dict(), result.to_frame()

`table` is a pandas DataFrame or a mapping of names to arrays. Columns that are not named are
recognised (N, params, tokens, flops, ...; `result.notes` says what was assumed), and any two of
N, D and C = 6 N D give the third. Mistakes raise `isoloss.errors.UserError`, all at once.
Laws: `isoloss.laws.LAWS`. How it works and what the intervals cover: docs/fitting.md.
"""

from isoloss.fit.api import fit_law
from isoloss.fit.drift import Forecast, forecast
from isoloss.fit.result import FitResult
from isoloss.stats.intervals import Estimate

__all__ = ["Estimate", "FitResult", "Forecast", "fit_law", "forecast"]
