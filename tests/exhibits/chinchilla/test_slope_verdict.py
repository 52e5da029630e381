"""What an exponent is called where some draws have no line."""

import numpy as np
import pytest

from isoloss.exhibits.chinchilla.allocation import slope_row, slope_verdict
from isoloss.results import Q


def draws(lost, count=400):
    """Draws about .5, of which a share is nothing."""
    made = 0.5 + 0.02 * np.random.default_rng(0).standard_normal(count)
    made[: round(lost * count)] = np.nan
    return made


@pytest.mark.parametrize(
    ("lost", "known"), [(0.0, True), (0.05, True), (0.06, False), (1.0, False)]
)
def test_more_than_a_twentieth_of_draws_without_a_line_leaves_an_exponent_unknown(lost, known):
    verdict = slope_verdict(0.5, draws(lost))
    assert verdict.identified is known
    if not known:
        assert verdict.startswith(f"not identified: {lost:.0%} of the draws have fewer than three")


def test_the_row_of_an_exponent_has_that_verdict_and_the_interval_of_the_other_draws():
    found = slope_row(Q.A_OPT, 0.5, draws(0.36))
    assert found.verdict == slope_verdict(0.5, draws(0.36))
    assert 0.4 < found.lo < 0.5 < found.hi < 0.6
