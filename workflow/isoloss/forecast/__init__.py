"""Forecasts (extrapolation): the loss of untrained runs, with the law's drift in the interval.

    from isoloss.forecast import forecast

    forecast(result, {"n_params": log_n, "n_tokens": log_d})   # Forecast: loss, lo, hi, drift

`trials` tries a law on its own smaller runs, and `drift` says how far losses drift from it beyond
them. `average` weights laws by their trials. `ask` has the questions to a fit: the loss of a run,
the best run of a budget, and the compute that reaches a loss (`paths`, `crossing`). `saved` keeps
fits in a file. `compare` compares two `recipes`. `holdout` ranks laws by how well they predict
larger runs. `prediction` is the job of a study's predictions.
"""

from isoloss.forecast.drift import Drift, Forecast, forecast

__all__ = ["Drift", "Forecast", "forecast"]
