"""Forecasts (extrapolation): the loss of untrained runs, with the law's drift in the interval.

    from isoloss.forecast import forecast

    forecast(result, {"n_params": log_n, "n_tokens": log_d})   # Forecast: loss, lo, hi, drift

`drift` measures how far losses drift from a law beyond its runs. `holdout` ranks laws by how well
they predict larger runs. `prediction` is the job of a study's predictions.
"""

from isoloss.forecast.drift import Drift, Forecast, forecast

__all__ = ["Drift", "Forecast", "forecast"]
