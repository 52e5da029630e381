"""The joint law of Videau et al.: what it holds, its derivatives, its fits and their verdict."""

import numpy as np
import pytest
from tests.laws.planted_laws import PLANTED, points

from isoloss.fit import fit_law
from isoloss.laws import LAWS
from isoloss.laws.base import STEP

SKALING = LAWS["skaling"]
TRUE = PLANTED["skaling"]


def grid_of(n, factor):
    axes = np.geomspace(1e7, 1e7 * factor, n), np.geomspace(1e9, 1e9 * factor, n)
    n_params, n_tokens = (axis.ravel() for axis in np.meshgrid(*axes))
    return {"n_params": n_params, "n_tokens": n_tokens}


def noisy(at, sd, law="skaling", seed=0):
    noise = np.exp(sd * np.random.default_rng(seed).standard_normal(len(at["n_params"])))
    return {**at, "loss": LAWS[law](PLANTED[law], **at) * noise}


def test_it_is_what_the_paper_prints():
    at = points("skaling")
    printed = TRUE["E"] + (
        TRUE["A"] / at["n_params"] ** TRUE["alpha"] + TRUE["B"] / at["n_tokens"] ** TRUE["beta"]
    ) ** TRUE["k"]  # fmt: skip
    assert SKALING(TRUE, **at) == pytest.approx(printed, rel=1e-12)


def test_with_k_one_it_is_hoffmanns_sum():
    at, params = points("chinchilla"), PLANTED["chinchilla"]
    loss = LAWS["chinchilla"](params, **at)
    assert SKALING({**params, "k": 1.0}, **at) == pytest.approx(loss, rel=1e-12)


def test_without_a_floor_and_with_beta_one_it_is_kaplans_joint_law():
    at, of = points("kaplan_nd"), PLANTED["kaplan_nd"]
    alpha = of["alpha_N"] / of["alpha_D"]
    params = {"A": of["Nc"] ** alpha, "B": of["Dc"], "E": 0.0, "alpha": alpha, "beta": 1.0,
              "k": of["alpha_D"]}  # fmt: skip
    loss = LAWS["kaplan_nd"](of, **at)
    assert SKALING(params, **at) == pytest.approx(loss, rel=1e-12)
    one, other = (LAWS[name].optimum(p, 1e21) for name, p in (("skaling", params),
                                                              ("kaplan_nd", of)))  # fmt: skip
    assert one["n_params"] == pytest.approx(other["n_params"])


@pytest.mark.parametrize("k", [0.06, 0.4, 1.0, 3.0])
@pytest.mark.parametrize("law", [SKALING, SKALING.separated], ids=["joined", "separated"])
def test_the_gradient_is_that_of_a_complex_step(law, k):
    log_x = {name: np.log(x) for name, x in points("skaling").items()}
    theta = SKALING.internal({**TRUE, "k": 0.4})
    theta[5] = k
    named = dict(zip(SKALING.names, SKALING.natural(theta), strict=True))
    theta = law.internal(named)[None]
    value, gradient, _ = law.derivatives(theta, log_x)
    assert value == pytest.approx(law.log_loss(theta, log_x), rel=1e-13)
    for i in range(6):
        step = np.zeros(6)
        step[i] = STEP
        expected = law.log_loss(theta + 1j * step, log_x).imag / STEP
        assert gradient[:, i] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("k", [0.06, 0.4, 3.0])
@pytest.mark.parametrize("law", [SKALING, SKALING.separated], ids=["joined", "separated"])
def test_the_curvature_is_the_difference_of_gradients(law, k):
    log_x = {name: np.log(x) for name, x in points("skaling").items()}
    theta = SKALING.internal({**TRUE, "k": 0.4})
    theta[5] = k
    theta = law.internal(dict(zip(SKALING.names, SKALING.natural(theta), strict=True)))[None]
    weights = np.linspace(-1, 2, len(log_x["n_params"]))[None]
    _, gradient, curvature = law.derivatives(theta, log_x)
    second = curvature(weights) - (gradient * weights[:, None]) @ gradient.transpose(0, 2, 1)
    for i in range(6):
        step = np.zeros(6)
        step[i] = h = 1e-6 * max(1.0, abs(theta[0, i]))
        ahead, behind = (law.derivatives(theta + s * step, log_x)[1] for s in (1, -1))
        expected = ((ahead - behind) / (2 * h) * weights[:, None]).sum(axis=2)
        assert second[:, i] == pytest.approx(expected, rel=1e-5, abs=1e-6 * np.abs(second).max())


def test_noisy_runs_give_the_law_back_and_intervals_that_hold_it():
    result = fit_law(noisy(grid_of(5, 1e3), 0.003, seed=1), "skaling", draws=200)
    assert result.identified, result.verdict
    held = sum(e.lo <= TRUE[name] <= e.hi for name, e in result.params.items())
    assert held >= 5
    a = TRUE["beta"] / (TRUE["alpha"] + TRUE["beta"])
    assert result.derived["a"].lo <= a <= result.derived["a"].hi
    assert result.derived["a"].hi - result.derived["a"].lo < 0.06


def test_runs_of_hoffmanns_sum_give_k_one():
    result = fit_law(noisy(grid_of(5, 1e3), 0.002, "chinchilla"), "skaling", draws=200)
    assert result.params["k"].lo < 1 < result.params["k"].hi


def test_k_held_at_one_is_the_fit_of_hoffmanns_sum():
    table = noisy(grid_of(5, 1e3), 0.003)
    held = fit_law(table, "skaling", fixed={"k": 1.0}, draws=0)
    plain = fit_law(table, "chinchilla", draws=0)
    assert held.objective_value == pytest.approx(plain.objective_value, rel=1e-9)
    found = {name: held.values[name] for name in plain.values}
    assert found == pytest.approx(plain.values, rel=1e-4)


def test_any_of_its_parameters_can_be_held_or_tied():
    table = {**points("skaling")}
    table["loss"] = SKALING(TRUE, **table)
    for name, value in TRUE.items():
        result = fit_law(table, "skaling", fixed={name: value}, draws=0, objective="lsq")
        assert result.values == pytest.approx(TRUE, rel=1e-5)
    tied = fit_law(table, "skaling", tied=[("alpha", "beta")], draws=0)
    assert tied.values["alpha"] == tied.values["beta"]


def test_narrow_noisy_runs_do_not_identify_k_and_the_verdict_says_what_it_trades_off():
    result = fit_law(noisy(grid_of(6, 20.0), 0.01, seed=3), "skaling", draws=200)
    assert not result.identified
    assert "k may be anything from" in str(result.verdict)
    assert " trade off: from k = " in str(result.verdict)


def test_lack_of_fit_names_it_where_it_removes_the_pattern():
    table = noisy(grid_of(5, 1e3), 0.003)
    [warning] = fit_law(table, "chinchilla", draws=100).warnings
    assert warning.startswith("lack of fit (p = ")
    assert "): skaling leaves none (p = 0." in warning
    at = grid_of(6, 1e3)
    wave = np.exp(0.05 * np.sin(np.log(at["n_params"] / 1e7)))
    table = {**noisy(at, 0.003), "loss": noisy(at, 0.003)["loss"] * wave}
    warned = " ".join(fit_law(table, "chinchilla", draws=100).warnings)
    assert "another law may fit better" in warned
    assert "skaling" not in warned
