"""A parabola near the lowest run: minima that are there, and a word where they are not."""

import numpy as np
import pytest

from isoloss.fit.near_lowest import valley

SIZES = np.geomspace(1e6, 4e6, 7)


def parabola(at, bend=0.1):
    return 3.0 + bend * np.log(SIZES / at) ** 2


def test_a_minimum_between_the_runs_is_found():
    found = valley(1e18, SIZES[::-1], parabola(1.9e6)[::-1])
    assert found.status == "interior"
    assert found.n_opt == pytest.approx(1.9e6, rel=1e-9)
    assert found.loss_opt == pytest.approx(3.0, rel=1e-9)


@pytest.mark.parametrize(
    ("loss", "status"),
    [(parabola(9e6), "edge"), (parabola(2e6, -0.1), "no minimum"), (parabola(1e5), "edge")],
)
def test_a_valley_without_a_minimum_between_its_runs_is_said_to_have_none(loss, status):
    found = valley(1e18, SIZES, loss)
    assert (found.status, found.n_opt, found.loss_opt) == (status, None, None)


def test_three_runs_are_too_few():
    assert valley(1e18, SIZES[:3], parabola(1.2e6)[:3]).status == "too few runs"
