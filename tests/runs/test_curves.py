"""Which part of a learning curve is at the peak rate."""

import numpy as np
import pandas as pd
import pytest

from isoloss.runs.curves import at_peak_rate, near_highest_rate


def curve(rates, losses=None):
    """Out of order, as a table may be."""
    table = pd.DataFrame({"step": np.arange(1, len(rates) + 1), "lr": rates})
    table["loss"] = 3.0 if losses is None else losses
    return table.iloc[::-1]


def test_warm_up_and_cooldown_are_not_at_the_peak():
    rates = [0.005, 0.01 * (1 + 1e-8), 0.01, 0.01, 0.0099, 0.001]
    assert at_peak_rate(curve(rates), 0.01)["step"].tolist() == [2, 3, 4]
    assert near_highest_rate(curve(rates))["step"].tolist() == [2, 3, 4]


def test_a_rate_a_hundred_thousandth_off_is_not_the_peak_but_near_the_highest():
    rates = [0.01, 0.01 * (1 - 1e-5), 0.01 * (1 - 2e-3)]
    assert at_peak_rate(curve(rates), 0.01)["step"].tolist() == [1]
    assert near_highest_rate(curve(rates))["step"].tolist() == [1, 2]


def test_a_run_seen_only_in_its_cooldown_has_no_part_at_the_peak():
    rates = [0.004, 0.002]
    assert at_peak_rate(curve(rates), 0.01).empty
    assert near_highest_rate(curve(rates))["step"].tolist() == [1]


@pytest.mark.parametrize("unknown", [pd.NA, np.nan])
def test_no_part_is_at_a_peak_that_is_not_known(unknown):
    assert at_peak_rate(curve([0.01, 0.01]), unknown).empty


@pytest.mark.parametrize("rate", [1e-2, 1e-9])
def test_the_tolerance_follows_the_rate(rate):
    """An absolute one would take every rate for the peak of a tiny one."""
    assert at_peak_rate(curve([rate, rate * 1.01]), rate)["step"].tolist() == [1]


def test_losses_without_a_logarithm_are_left_out_at_the_peak():
    assert at_peak_rate(curve([0.01] * 4, [3.0, 0.0, np.nan, -1.0]), 0.01)["step"].tolist() == [1]
