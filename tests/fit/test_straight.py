"""Fits whose floor is badly known end at a minimum, and soon."""

import numpy as np
import pytest

from isoloss.fit import fit_law
from isoloss.fit.newton import minimise
from isoloss.fit.objective import Objective
from isoloss.fit.optimum import find
from isoloss.fit.problem import Problem
from isoloss.fit.resample import ENOUGH, cluster_weights
from isoloss.laws import LAWS
from isoloss.stats import fisher

LAW = LAWS["chinchilla"]
SHALLOW = {"A": 16.0, "B": 1300.0, "E": 0.9, "alpha": 0.14, "beta": 0.35}


def problem_of(table):
    logs = {name: np.log(table[name]) for name in LAW.variables}
    return Problem(LAW, logs, np.log(table["loss"]), Objective("huber", 1e-3))


@pytest.fixture
def shallow(rng):
    """17 points of a narrow range of N, 30 rows each: E and alpha trade off along a long valley."""
    n, d = np.meshgrid(np.geomspace(2e8, 1e9, 4), np.geomspace(4e9, 1e11, 4), indexing="ij")
    n, d = np.repeat(n.ravel(), 30), np.repeat(d.ravel(), 30)
    loss = LAW(SHALLOW, n_params=n, n_tokens=d) * np.exp(0.03 * rng.standard_normal(len(n)))
    return {"n_params": n, "n_tokens": d, "loss": loss}


def test_the_derivatives_in_straight_coordinates_are_those_of_the_objective(shallow):
    problem = problem_of(shallow)
    evaluate = problem.straight.evaluator(problem.evaluator(np.inf))
    z = problem.z(LAW.internal(SHALLOW)[None])
    w = problem.straight.w(z)
    assert problem.straight.z(w) == pytest.approx(z)
    _, gradient, hessian, _ = evaluate(w, [0])
    for i, step in enumerate(1e-5 * np.abs(w[0])):
        ahead, behind = w.copy(), w.copy()
        ahead[0, i] += step
        behind[0, i] -= step
        up, down = evaluate(ahead, [0]), evaluate(behind, [0])
        assert (up[0] - down[0]) / (2 * step) == pytest.approx(gradient[0, i], rel=1e-5, abs=1e-6)
        assert (up[1] - down[1]) / (2 * step) == pytest.approx(hessian[:, i], rel=1e-4, abs=1e-4)


def test_a_valley_of_the_floor_takes_no_more_steps_than_a_round_minimum(shallow, rng):
    problem = problem_of(shallow)
    z, _, certificate = find(problem)
    assert certificate.n_agree == certificate.n_starts
    weights = cluster_weights(np.arange(len(shallow["loss"])), 40, rng)
    starts = np.repeat(z[None], len(weights), axis=0)
    ends = problem.solve(starts, weights=weights, damping=0.1, enough=ENOUGH)
    assert ends.converged.all()
    assert np.median(ends.steps) <= 12  # 50 and more in ln A and alpha
    assert np.ptp(ends.z[:, 2]) > 0.5  # so far do the draws' floors lie apart


def test_every_resampled_table_of_a_law_without_floor_has_its_minimum(rng):
    """Some draws' objectives fall from E = 0 upwards, where their Hessian sees no descent."""
    n, d = (v.ravel() for v in np.meshgrid([2e5, 8e5, 5e6, 2.5e7], [5e6, 2e7, 8e7], indexing="ij"))
    loss = LAW({"A": 17, "B": 4400, "E": 0.0, "alpha": 0.155, "beta": 0.44}, n_params=n, n_tokens=d)
    table = {"N": n, "D": d, "loss": loss * np.exp(0.02 * rng.standard_normal(len(n)))}
    result = fit_law(table, draws=300)
    assert len(result.draws) == 300
    assert not any("no minimum" in text for text in result.warnings)


def test_a_bound_from_which_the_objective_falls_is_no_minimum():
    """Along x the Hessian is negative at the bound: Newton's step points out of the bounds."""

    def evaluate(z, which):
        x, y = z.T
        value = 3 - 0.1 * x - x**2 + x**4 + (y - 1) ** 2
        gradient = np.stack([-0.1 - 2 * x + 4 * x**3, 2 * (y - 1)], axis=1)
        hessian = np.zeros((len(z), 2, 2))
        hessian[:, 0, 0], hessian[:, 1, 1] = 12 * x**2 - 2, 2
        return value, gradient, hessian, np.tile(np.diag([8.0, 2.0]), (len(z), 1, 1))

    bounds = np.zeros(2), np.full(2, 5.0)
    ends = minimise(evaluate, np.zeros((1, 2)), *bounds, damping=0.1, enough=1e-6)
    assert ends.converged.all()
    assert ends.z[0] == pytest.approx([0.731, 1.0], abs=1e-3)


def test_a_law_fits_no_worse_than_without_one_of_its_terms(rng):
    """Losses that do not depend on N: the best A is nearly zero, out of the straight bounds."""
    n, d = (v.ravel() for v in np.meshgrid(np.geomspace(1e6, 1e8, 4), np.geomspace(1e7, 1e9, 5)))
    loss = (2 + 900 * d**-0.4) * np.exp(0.01 * rng.standard_normal(len(n)))
    table = {"n_params": n, "n_tokens": d, "loss": loss}
    both = fit_law(table, "chinchilla", draws=0, objective="lsq")
    alone = fit_law(table, "power_law_floor", x="n_tokens", draws=0, objective="lsq")
    assert both.objective_value <= alone.objective_value * (1 + 1e-9)


@pytest.mark.parametrize(("value", "above", "below"), [(2.0, 3, 7), (120.0, 1, 240), (0.5, 4, 5)])
def test_the_tail_of_fishers_distribution_is_scipys(value, above, below):
    from scipy import stats

    assert fisher.tail(value, above, below) == pytest.approx(stats.f.sf(value, above, below))
    quantile = stats.f.ppf(0.9, above, below)
    assert fisher.quantile(0.9, above, below) == pytest.approx(quantile)
