"""Whether draws determine a number."""

import numpy as np
import pytest

from isoloss.results.quantity import Q
from isoloss.results.rows import row
from isoloss.results.verdict import exponent_verdict, scale_verdict

NARROW = np.linspace(0.95, 1.05, 101)


def test_narrow_draws_identify_a_scale_and_an_exponent():
    assert scale_verdict(NARROW) == "identified"
    assert exponent_verdict(1.0, NARROW) == "identified"


@pytest.mark.parametrize("gone", [np.nan, np.inf])
def test_draws_without_a_value_count_against_it(gone):
    """A quantile with NaN is NaN, and no comparison with it is true."""
    draws = np.where(np.arange(101) < 10, gone, NARROW)
    assert scale_verdict(draws) == (
        "not identified: 10% of the draws lie far outside what was tried"
    )
    assert exponent_verdict(1.0, draws) == "not identified: 10% of the draws have no value"


def test_few_draws_without_a_value_hide_no_wide_interval():
    draws = np.where(np.arange(101) < 3, np.nan, np.geomspace(0.1, 10, 101))
    assert scale_verdict(draws).startswith("not identified: may be anything from 0.1")


def test_an_interval_through_zero_leaves_an_exponent_open():
    verdict = exponent_verdict(1.0, np.linspace(-1, 3, 101))
    assert verdict == "not identified: may be anything from -0.84 to 2.8"


def test_without_draws_nothing_is_identified_and_no_interval_is_written():
    assert scale_verdict(np.empty(0)) == "not identified: there is no interval"
    made = row(Q.STEPS, 3.0)
    assert (made.lo, made.hi, made.se) == (None, None, None)
    assert made.level is None
