"""The law of repeated tokens whose loss can rise, and the shifted power law."""

import numpy as np
import pytest
from tests.laws.planted_laws import PLANTED, points

from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.laws import LAWS
from isoloss.laws.data_constrained import _worth_slopes as worth_slopes

REPEATED, TRUE = LAWS["repetition_penalty"], PLANTED["repetition_penalty"]


def test_the_formulas_are_those_that_the_papers_print():
    n, d, u = 3e8, 4e9, 1e8
    p = TRUE
    printed = p["E"] + p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"]
    printed += p["P"] * (d / u - 1) ** p["delta"] * (n / u) ** p["kappa"]
    assert REPEATED(p, n_params=n, n_tokens=d, n_unique_tokens=u) == pytest.approx(printed)
    p, x = PLANTED["shifted_power"], 1e4
    printed = p["E"] + p["A"] * (x + p["x0"]) ** -p["alpha"]
    assert LAWS["shifted_power"](p, x=x) == pytest.approx(printed)


def test_without_repeats_it_is_hoffmanns_sum():
    at = points("chinchilla")
    plain = {name: TRUE[name] for name in PLANTED["chinchilla"]}
    for unique in (at["n_tokens"], 10 * at["n_tokens"]):
        loss = REPEATED(TRUE, **at, n_unique_tokens=unique)
        assert loss == pytest.approx(LAWS["chinchilla"](plain, **at), rel=1e-14)


def test_its_loss_rises_with_epochs_sooner_for_a_larger_model():
    epochs = np.geomspace(1, 1000, 400)
    best = [
        epochs[
            REPEATED(TRUE, n_params=n, n_tokens=1e8 * epochs, n_unique_tokens=1e8).argmin()
        ]
        for n in (3e7, 3e8)
    ]  # fmt: skip
    assert 1000 > best[0] > best[1] > 1
    law, params = LAWS["data_constrained"], PLANTED["data_constrained"]
    level = law(params, n_params=3e7, n_tokens=1e8 * epochs, n_unique_tokens=1e8)
    assert np.all(np.diff(level) <= 0)


def test_a_budget_beyond_the_unique_tokens_goes_into_size():
    free, few = (REPEATED.optimum(TRUE, 1e22, n_unique_tokens=u) for u in (np.inf, 1e9))
    assert few["n_params"] != pytest.approx(free["n_params"], rel=0.01)
    assert few["loss"] > free["loss"]
    n = np.geomspace(0.5, 2, 2001) * few["n_params"]
    losses = REPEATED(TRUE, n_params=n, n_tokens=1e22 / 6 / n, n_unique_tokens=1e9)
    assert few["loss"] == pytest.approx(losses.min(), rel=1e-9)


def test_noisy_runs_give_it_back():
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e11, 6)))
    at = {"n_params": n, "n_tokens": d, "n_unique_tokens": np.tile([1e8, 1e9, 1e11], 10)}
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(30))
    table = {**at, "loss": REPEATED(TRUE, **at) * noise}
    result = fit_law(table, "repetition_penalty", draws=100)
    assert result.identified, result.verdict
    assert result.values["delta"] == pytest.approx(TRUE["delta"], rel=0.1)
    assert result.values["kappa"] == pytest.approx(TRUE["kappa"], rel=0.1)


def test_unique_tokens_in_billions_are_noticed():
    at = points("repetition_penalty")
    table = {**at, "loss": REPEATED(TRUE, **at)}
    table["n_unique_tokens"] = table["n_unique_tokens"] / 1e9
    with pytest.raises(UserError) as caught:
        fit_law(table, "repetition_penalty", draws=0)
    (said,) = [text for text in caught.value.problems if "'n_unique_tokens' looks like" in text]
    assert "n_unique_tokens*1e9" in said


@pytest.mark.parametrize("epochs", [1.5, 30.0])
def test_the_curvature_of_the_worth_of_repeats_is_the_difference_of_its_slopes(epochs):
    """Beside the terms of the whole law it is too small to be seen in its curvature."""
    total, u, r, h = np.log(3e9 * epochs), np.log(3e9), np.log(4.0), 1e-5

    def slopes(log_unique, log_star):
        return np.array(worth_slopes(total, log_unique, log_star)[1])

    u_u, u_r, r_r = worth_slopes(total, u, r)[2]
    by_u = (slopes(u + h, r) - slopes(u - h, r)) / (2 * h)
    by_r = (slopes(u, r + h) - slopes(u, r - h)) / (2 * h)
    assert [*by_u, *by_r] == pytest.approx([u_u, u_r, u_r, r_r], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("extreme", [{"alpha": 0.02, "A": 1e-5}, {"beta": 0.0}])
def test_a_law_without_a_size_for_its_tokens_has_finite_derivatives(extreme):
    """The solver passes exponents near zero, where U_N is 0 or endless."""
    law = LAWS["data_constrained"]
    theta = law.internal(PLANTED["data_constrained"] | extreme)[None]
    log_x = {name: np.log(x) for name, x in points("data_constrained").items()}
    value, gradient, curvature = law.derivatives(theta, log_x)
    assert np.isfinite(value).all() and np.isfinite(gradient).all()
    assert np.isfinite(curvature(np.ones_like(value))).all()
