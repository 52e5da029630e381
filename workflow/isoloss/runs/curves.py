"""Parts of a learning curve."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

AT_PEAK = 1e-6  # relative difference to the peak rate, from rounding
NEAR_HIGHEST = 0.999  # share of the highest rate


def at_peak_rate(curve: "pd.DataFrame", peak_lr: float) -> "pd.DataFrame":
    """The part of a run's learning curve at its peak learning rate, by rising step.

    It has the rows with a positive loss whose rate equals the peak, up to rounding. A run that was
    evaluated only in its warm-up or its cooldown has no such rows. (`near_highest_rate` does not
    need the peak, and returns such a run's row of the highest rate.)

    Parameters
    ----------
    curve : DataFrame
        Columns `step`, `lr` and `loss` of one run.
    peak_lr : float or NA
        The peak learning rate of the plan; no row is at one that is not known.
    """
    curve = curve.sort_values("step", kind="stable")
    import pandas as pd

    peak = np.nan if pd.isna(peak_lr) else float(peak_lr)  # runs of a table have none
    at_peak = np.isclose(curve["lr"].astype(float), peak, rtol=AT_PEAK, atol=0)
    return curve[at_peak & (curve["loss"].astype(float) > 0)]


def near_highest_rate(curve: "pd.DataFrame") -> "pd.DataFrame":
    """The part of a run's learning curve at the highest rate that the curve has, by rising step.

    It has the rows within a thousandth of that rate. That rate is the peak only if the run was
    evaluated at its peak; compare `at_peak_rate`.

    Parameters
    ----------
    curve : DataFrame
        Columns `step` and `lr` of one run.
    """
    highest = curve["lr"] >= NEAR_HIGHEST * curve["lr"].max()
    return curve[highest].sort_values("step", kind="stable")
