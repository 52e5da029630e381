"""Every law: the formula as printed, its derivatives, and its parameters from its own values."""

import math

import numpy as np
import pytest
from tests.laws.planted_laws import PLANTED, X, points

from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.laws import LAWS, Law, Parameter, Sum, Term, coefficient, exponent, floor, law


def test_every_law_is_tried_here():
    assert set(PLANTED) == set(LAWS)


@pytest.mark.parametrize("name", LAWS)
def test_a_law_comes_back_from_its_own_values_to_1e_6(name):
    at = points(name)
    table = {**at, "loss": LAWS[name](PLANTED[name], **at)}
    result = fit_law(
        table, name, columns={v: v for v in at} | {"loss": "loss"}, draws=0, objective="lsq"
    )
    assert result.values == pytest.approx(PLANTED[name], rel=1e-6)
    assert result.certificate.converged


@pytest.mark.parametrize("name", LAWS)
def test_derivatives_agree_with_differences(name):
    one, log_x = LAWS[name], {k: np.log(v) for k, v in points(name).items()}
    theta = one.internal(PLANTED[name])[None]
    value, gradient, curvature = one.derivatives(theta, log_x)
    weights = np.linspace(-1, 2, value.shape[1])[None]
    second = curvature(weights) - (gradient * weights[:, None]) @ gradient.transpose(0, 2, 1)
    for j in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[0, j] = h = 1e-5 * max(1.0, abs(theta[0, j]))
        ahead, behind = one.derivatives(theta + step, log_x), one.derivatives(theta - step, log_x)
        scale = np.abs(gradient[:, j]).max()
        assert (ahead[0] - behind[0]) / (2 * h) == pytest.approx(gradient[:, j], abs=1e-6 * scale)
        slope = ((ahead[1] - behind[1]) / (2 * h) * weights[:, None]).sum(axis=2)
        assert slope == pytest.approx(
            second[:, j], rel=1e-4, abs=1e-4 * np.abs(second).max() + 1e-8
        )


@pytest.mark.parametrize("name", LAWS)
def test_parameters_survive_the_way_through_the_solvers_coordinates(name):
    one = LAWS[name]
    there_and_back = one.natural(one.internal(PLANTED[name]))
    assert dict(zip(one.names, there_and_back, strict=True)) == pytest.approx(PLANTED[name])


def test_formulas_are_those_that_the_papers_print():
    n, d = 3e8, 4e9
    p = PLANTED["kaplan_nd"]
    printed = ((p["Nc"] / n) ** (p["alpha_N"] / p["alpha_D"]) + p["Dc"] / d) ** p["alpha_D"]
    assert LAWS["kaplan_nd"](p, n_params=n, n_tokens=d) == pytest.approx(printed)
    p = PLANTED["chinchilla"]
    printed = p["E"] + p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"]
    assert LAWS["chinchilla"](p, n_params=n, n_tokens=d) == pytest.approx(printed)
    p, x = PLANTED["bnsl_1"], 1e5
    bend = (1 + (x / p["d1"]) ** (1 / p["f1"])) ** (-p["c1"] * p["f1"])
    assert LAWS["bnsl_1"](p, x=x) == pytest.approx(p["a"] + p["b"] * x ** -p["c0"] * bend)
    p = PLANTED["m4"]
    loss = float(LAWS["m4"](p, x=x))
    assert (loss - p["E"]) / (p["L0"] - loss) ** p["alpha"] == pytest.approx(
        p["beta"] * x ** -p["c"]
    )
    p = PLANTED["kaplan_b_crit"]
    assert LAWS["kaplan_b_crit"](p, loss_reached=3.0) == pytest.approx(2.1e8 / 3 ** (1 / 0.21))


def test_kaplans_loss_of_gpt3_is_what_its_constants_give():
    """Kaplan et al. (2020), Table 5 and Fig. 15: 3.14e23 FLOP are 3634 PF-days."""
    loss = LAWS["kaplan_c_min"](PLANTED["kaplan_c_min"], compute_min_pf_days=3634.0)
    assert loss == pytest.approx(1.764, abs=1e-3)


def test_chinchillas_optimum_is_its_own_minimum_along_a_budget():
    one, params, compute = LAWS["chinchilla"], PLANTED["chinchilla"], 5.76e23
    best = one.optimum(params, compute)
    n = np.geomspace(0.5, 2, 2001) * best["n_params"]
    losses = one(params, n_params=n, n_tokens=compute / 6 / n)
    assert n[losses.argmin()] == pytest.approx(best["n_params"], rel=1e-3)
    assert best["loss"] == pytest.approx(losses.min(), rel=1e-9)
    assert 6 * best["n_params"] * best["n_tokens"] == pytest.approx(compute)


def test_a_law_of_ones_own_is_a_few_lines():
    own = Sum(
        name="two_floors",
        formula="L = E + A / w**alpha",
        source="here",
        variables=("w",),
        parameters=(coefficient("A", "loss", ""), floor(), exponent("alpha", "")),
        terms=(Term("A", "w", "alpha"),),
        floor="E",
    )
    table = {"w": X, "loss": 2 + 30 / X**0.4}
    assert fit_law(table, own, draws=0).values == pytest.approx({"A": 30, "E": 2, "alpha": 0.4})


def test_tied_and_fixed_parameters_stay_so():
    at = points("chinchilla")
    params = {"A": 400.0, "B": 900.0, "E": 1.7, "alpha": 0.35, "beta": 0.35}
    table = {**at, "loss": LAWS["chinchilla"](params, **at)}
    tied = fit_law(table, "chinchilla", tied=[("alpha", "beta")], draws=0)
    assert tied.values == pytest.approx(params, rel=1e-6)
    fixed = fit_law(table, "chinchilla", fixed={"E": 1.7, "A": 400.0}, draws=0)
    assert fixed.values == pytest.approx(params, rel=1e-6)


@pytest.mark.parametrize("name", LAWS)
def test_any_parameter_of_any_law_can_be_held(name):
    at, held = points(name), PLANTED[name]
    table = {**at, "loss": LAWS[name](held, **at)}
    last = list(held)[-1]
    columns = {v: v for v in at} | {"loss": "loss"}
    result = fit_law(
        table, name, columns=columns, draws=0, objective="lsq", fixed={last: held[last]}
    )
    assert result.values == pytest.approx(held, rel=1e-6)


def test_exponents_of_kaplans_joint_law_can_be_tied_and_held_together():
    at = points("kaplan_nd")
    params = {"Nc": 6.4e13, "Dc": 1.8e13, "alpha_N": 0.09, "alpha_D": 0.09}
    table = {**at, "loss": LAWS["kaplan_nd"](params, **at)}
    for fixed in ({}, {"alpha_D": 0.09}):
        found = fit_law(table, "kaplan_nd", tied=[("alpha_N", "alpha_D")], fixed=fixed, draws=0)
        assert found.values == pytest.approx(params, rel=1e-6)


def test_ties_that_make_no_sense_are_named():
    at = points("chinchilla")
    table = {**at, "loss": LAWS["chinchilla"](PLANTED["chinchilla"], **at)}
    with pytest.raises(UserError) as caught:
        fit_law(
            table, tied=[("alpha", "beta"), ("A", "E")], fixed={"alpha": 0.3, "beta": 0.3}, draws=0
        )
    assert caught.value.problems == (
        "A and E cannot be tied: one is a scale, the other is not",
        "alpha and beta are tied: hold one of them",
    )


NOISE = 0.002


@pytest.mark.parametrize("name", LAWS)
def test_a_laws_parameters_lie_within_their_intervals_with_noise(name):
    """From the least to the largest of 200 draws, which holds the truth in 99 of 100 cases."""
    at, rng = points(name), np.random.default_rng(7)
    loss = LAWS[name](PLANTED[name], **at)
    table = {**at, "loss": loss * np.exp(NOISE * rng.standard_normal(len(loss)))}
    columns = {v: v for v in at} | {"loss": "loss"}
    result = fit_law(table, name, columns=columns, objective="lsq", draws=200, level=0.99)
    for parameter, value in PLANTED[name].items():
        assert result.params[parameter].lo <= value <= result.params[parameter].hi, parameter


def test_an_unknown_law_is_answered_with_the_nearest():
    with pytest.raises(UserError) as caught:
        law("power_low")
    assert caught.value.problems[0].startswith(
        "there is no law 'power_low'; did you mean 'power_law'? (laws: power_law, "
    )


@pytest.mark.parametrize("one", LAWS.values(), ids=LAWS)
def test_a_law_says_what_it_is(one):
    assert isinstance(one, Law)
    assert one.formula.startswith(("L", "B", "(")) and "=" in one.formula
    assert "arXiv:" in one.source
    for parameter in one.parameters:
        assert isinstance(parameter, Parameter)
        assert parameter.meaning
        assert math.isnan(parameter.lower) is False
