"""Profile intervals: exact where theory is, near the published ones, and open where data say no."""

import numpy as np
import pytest
from scipy import stats

from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.laws import LAWS

X = np.geomspace(10, 1e4, 14)


def line(rng, x=X):
    return {"x": x, "loss": 9 - 0.5 * np.log(x) + 0.1 * rng.standard_normal(len(x))}


def students(table, level=0.9):
    """Intervals of intercept and k by linear regression."""
    found = stats.linregress(-np.log(table["x"]), table["loss"])
    t = stats.t.ppf((1 + level) / 2, len(table["x"]) - 2)
    return {
        "intercept": (found.intercept, t * found.intercept_stderr),
        "k": (found.slope, t * found.stderr),
    }


def test_a_straight_line_has_students_interval(rng):
    table = line(rng)
    result = fit_law(table, "logarithmic", objective="lsq_raw", draws=0, intervals="profile")
    for name, (value, half) in students(table).items():
        found = result.params[name]
        assert (found.lo, found.hi) == pytest.approx((value - half, value + half), rel=1e-7)


def test_resampled_tables_give_a_straight_line_nearly_the_same(rng):
    """500 tables know the critical value to a twentieth, the width to half of that."""
    table = line(rng, np.geomspace(10, 1e4, 400))
    result = fit_law(
        table, "logarithmic", objective="lsq_raw", method="cluster", intervals="profile"
    )
    for name, (_, half) in students(table).items():
        found = result.params[name]
        assert (found.hi - found.lo) / 2 == pytest.approx(half, rel=0.12)


def test_epochs_profile_is_near_the_published_intervals(epoch):
    """Besiroglu et al. (2024), from resampled rows: the ends within a fifth of the width."""
    result = fit_law(epoch, level=0.95, intervals="profile", draws=300)
    published = {"E": (1.769, 1.871), "alpha": (0.317, 0.373), "beta": (0.331, 0.415)}
    for name, (lo, hi) in published.items():
        found = result.params[name]
        assert (found.lo, found.hi) == pytest.approx((lo, hi), abs=0.2 * (hi - lo)), name
    a, b = result.derived["a"], result.derived["b"]
    assert (a.lo, a.hi) == pytest.approx((0.474, 0.552), abs=0.015)
    assert (b.lo, b.hi) == pytest.approx((1 - a.hi, 1 - a.lo), abs=1e-3)


def test_a_floor_that_is_not_there_has_a_profile_that_is_flat_down_to_zero(rng):
    loss = 7.0 * X**-0.25 * np.exp(0.01 * rng.standard_normal(len(X)))
    result = fit_law({"x": X, "loss": loss}, "power_law_floor", intervals="profile", draws=200)
    assert result.params["E"].lo == 0
    assert "the profile of E is flat down to 0" in result.verdict


def test_tied_parameters_share_a_profile_and_fixed_ones_have_none(rng):
    true = {"Nc": 6.4e13, "Dc": 1.8e13, "alpha_N": 0.09, "alpha_D": 0.09}
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e6, 1e9, 5), np.geomspace(1e7, 1e10, 5)))
    loss = LAWS["kaplan_nd"](true, n_params=n, n_tokens=d)
    loss *= np.exp(0.003 * rng.standard_normal(len(n)))
    result = fit_law(
        {"N": n, "D": d, "loss": loss},
        "kaplan_nd",
        objective="lsq",
        tied=[("alpha_N", "alpha_D")],
        fixed={"Dc": 1.8e13},
        draws=0,
        intervals="profile",
    )
    assert result.params["alpha_N"] == result.params["alpha_D"]
    assert result.params["alpha_N"].lo < 0.09 < result.params["alpha_N"].hi
    assert result.params["Nc"].lo < 6.4e13 < result.params["Nc"].hi
    assert result.params["Dc"].lo is None


def test_a_profile_without_draws_is_refused_where_no_theory_holds():
    with pytest.raises(UserError, match="a profile of huber needs draws"):
        fit_law({"x": X, "loss": X}, "power_law", intervals="profile", draws=0)
    with pytest.raises(UserError, match="did you mean 'profile'"):
        fit_law({"x": X, "loss": X}, "power_law", intervals="profil")
