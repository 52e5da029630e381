"""Spread of draws, against the normal distribution and numbers made by hand."""

import numpy as np
import pytest
from scipy.stats import norm

from isoloss.stats.spread import ONE_SD, between, root_mean_square, standard_error


def test_one_sd_is_where_the_normal_distribution_has_it():
    assert pytest.approx(norm.cdf([-1.0, 1.0]), abs=5e-7) == ONE_SD


def test_the_standard_error_of_normal_draws_is_their_standard_deviation():
    draws = norm.ppf((np.arange(100_000) + 0.5) / 100_000, loc=3.0, scale=[[0.2], [7.0]]).T
    assert standard_error(draws) == pytest.approx([0.2, 7.0], rel=1e-3)


def test_a_few_wild_draws_do_not_move_it():
    draws = norm.ppf((np.arange(1000) + 0.5) / 1000)
    assert standard_error(np.concatenate([draws, [1e9, -1e9]])) == pytest.approx(1.0, rel=0.01)


def test_the_distance_between_two_quantiles_of_a_ladder():
    assert between(np.arange(101.0), (0.1, 0.75)) == pytest.approx(65.0)


def test_the_root_mean_square_of_three_and_four():
    assert root_mean_square(np.array([3.0, -4.0])) == pytest.approx(np.sqrt(12.5))
