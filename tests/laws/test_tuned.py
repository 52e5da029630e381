"""The law of N, D and settings that have a best value."""

import json

import numpy as np
import pytest

from isoloss.cli.main import main
from isoloss.decide.doubt import doubt_of
from isoloss.errors import UserError
from isoloss.fit import fit_law, load_fit
from isoloss.forecast.trials import sizes
from isoloss.laws import LAWS, law

NAME = "tuned:learning_rate,batch"
TRUE = {
    "A": 400.0,
    "B": 900.0,
    "E": 1.7,
    "alpha": 0.34,
    "beta": 0.3,
    "K_learning_rate": 0.08,
    "c_learning_rate": 20.0,
    "a_learning_rate": -0.6,
    "b_learning_rate": 0.06,
    "g_learning_rate_batch": 0.25,
    "K_batch": 0.05,
    "c_batch": 0.01,
    "a_batch": -0.2,
    "b_batch": 0.6,
}
RNG = np.random.default_rng(0)
N, D = 10 ** RNG.uniform(7.5, 9, 120), 10 ** RNG.uniform(9, 11, 120)


def loss(n, d, rate, batch):
    """The law as its docstring has it, written again."""
    best_batch = TRUE["c_batch"] * n ** TRUE["a_batch"] * d ** TRUE["b_batch"]
    best_rate = TRUE["c_learning_rate"] * n ** TRUE["a_learning_rate"]
    best_rate = best_rate * d ** TRUE["b_learning_rate"] * batch ** TRUE["g_learning_rate_batch"]
    wasted = TRUE["K_learning_rate"] * np.log(rate / best_rate) ** 2
    wasted = wasted + TRUE["K_batch"] * np.log(batch / best_batch) ** 2
    data = TRUE["B"] / d ** TRUE["beta"] * np.exp(wasted)
    return TRUE["E"] + TRUE["A"] / n ** TRUE["alpha"] + data


def sweeps():
    """Runs about the best settings, within a factor of five of the rate and ten of the batch."""
    batch = 0.01 * N**-0.2 * D**0.6 * 10 ** RNG.uniform(-1, 1, 120)
    rate = 20 * N**-0.6 * D**0.06 * batch**0.25 * 10 ** RNG.uniform(-0.7, 0.7, 120)
    return {"n_params": N, "n_tokens": D, "learning_rate": rate, "batch": batch}


AT = sweeps()
LOSS = loss(*AT.values())


@pytest.fixture(scope="module")
def noisy():
    """A fit to runs with a noise of 0.3 %."""
    noise = np.exp(0.003 * np.random.default_rng(1).standard_normal(120))
    return fit_law({**AT, "loss": LOSS * noise}, NAME, draws=120)


def test_runs_without_noise_give_every_parameter_back():
    result = fit_law({**AT, "loss": LOSS}, NAME, draws=0, objective="lsq")
    assert result.values == pytest.approx(TRUE, rel=1e-6)
    assert result.certificate.n_agree > result.certificate.n_starts / 2


def test_its_derivatives_are_those_of_its_formula():
    own, log_x = law(NAME), {name: np.log(x) for name, x in AT.items()}
    theta = own.internal(TRUE)[None]
    value, gradient, curvature = own.derivatives(theta, log_x)
    exact, slopes, bends = super(type(own), own).derivatives(theta, log_x)  # by complex steps
    weights = np.linspace(-1, 2, 120)[None]
    assert np.exp(value[0]) == pytest.approx(LOSS, rel=1e-12)
    assert value == pytest.approx(exact, rel=1e-14)
    assert gradient == pytest.approx(slopes, rel=1e-12)
    at_weights = bends(weights)
    assert curvature(weights) == pytest.approx(at_weights, abs=1e-6 * np.abs(at_weights).max())


def test_the_best_settings_are_where_the_loss_is_least():
    n, d = 3e8, 2e10
    best = law(NAME).best(TRUE, n, d)
    at_best = loss(n, d, best["learning_rate"], best["batch"])
    for angle in np.linspace(0, 2 * np.pi, 12):
        rate = best["learning_rate"] * np.exp(0.1 * np.cos(angle))
        assert loss(n, d, rate, best["batch"] * np.exp(0.1 * np.sin(angle))) > at_best
    hoffmann = {name: TRUE[name] for name in LAWS["chinchilla"].names}
    assert at_best == pytest.approx(LAWS["chinchilla"](hoffmann, n_params=n, n_tokens=d))


def test_an_infinite_setting_is_taken_at_its_best_with_the_others_as_they_are():
    own, n, d, batch = law(NAME), 3e8, 2e10, 50.0
    rates = np.geomspace(1e-5, 1, 20001)
    least = loss(n, d, rates, batch).min()
    at = {"n_params": n, "n_tokens": d, "batch": batch}
    assert own(TRUE, **at, learning_rate=np.inf) == pytest.approx(least, rel=1e-7)
    best = own.best(TRUE, n, d)
    free = own(TRUE, n_params=n, n_tokens=d, learning_rate=np.inf, batch=np.inf)
    assert free == pytest.approx(loss(n, d, best["learning_rate"], best["batch"]), rel=1e-12)


def test_noisy_sweeps_give_the_exponents_of_the_best_rate_and_batch(noisy):
    assert noisy.identified, noisy.verdict
    joint = {"best_a_learning_rate": -0.6 + 0.25 * -0.2, "best_b_learning_rate": 0.06 + 0.25 * 0.6}
    for name, true in joint.items():
        assert noisy.derived[name].value == pytest.approx(true, abs=0.03)
    assert noisy.params["b_batch"].value == pytest.approx(0.6, abs=0.03)


def test_its_optimum_is_hoffmanns_with_the_best_settings_beside_it(noisy):
    found = noisy.optimum([1e21]).iloc[0]
    hoffmann = {name: noisy.values[name] for name in LAWS["chinchilla"].names}
    known = LAWS["chinchilla"].optimum(hoffmann, 1e21)
    assert found["n_params"] == pytest.approx(known["n_params"])
    assert found["loss"] == pytest.approx(known["loss"])
    best = noisy.law.best(noisy.values, found["n_params"], found["n_tokens"])
    assert found["learning_rate"] == pytest.approx(best["learning_rate"])
    assert found["learning_rate_lo"] < found["learning_rate"] < found["learning_rate_hi"]


def test_a_saved_fit_predicts_at_the_best_settings(noisy, tmp_path, capsys):
    path = tmp_path / "fit.json"
    noisy.save(path)
    assert load_fit(path).law == noisy.law
    question = ["--n-params", "3e8", "--n-tokens", "2e10", "--json"]
    assert main(["predict", str(path), *question]) == 0
    said = json.loads(capsys.readouterr().out)
    best = law(NAME).best(TRUE, 3e8, 2e10)
    true = loss(3e8, 2e10, best["learning_rate"], best["batch"])
    assert said["answers"][0]["loss"] == pytest.approx(true, rel=0.005)


def test_a_rate_and_a_batch_are_no_size_beside_n_and_d():
    assert sizes(law(NAME).variables) == ["n_params", "n_tokens"]
    assert sizes(["n_params", "n_experts"]) == ["n_params", "n_experts"]


def test_runs_that_show_no_valley_are_not_identified():
    rising = 1.7 + 400 / N**0.34 + 900 / D**0.3 * AT["learning_rate"] ** 0.05
    noise = np.exp(0.003 * np.random.default_rng(1).standard_normal(120))
    result = fit_law({**AT, "loss": rising * noise}, "tuned:learning_rate", draws=0)
    assert not result.identified


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tuned", r"must be tuned:COLUMN,COLUMN,..., got 'tuned'"),
        ("tuned:a,a", r"tuned: column 'a' is named twice"),
        ("tuned:batch,n_params", r"tuned: n_params is no setting"),
        ("tuned:a,b,c,d", r"tuned: at most 3 columns, got 4"),
    ],
)
def test_names_that_make_no_law_say_why(name, text):
    with pytest.raises(UserError, match=text):
        law(name)


def test_a_plan_doubts_runs_far_from_their_best_settings(noisy):
    """With the law's drift, a run off its best rate tells less than one at its best."""
    best = noisy.law.best(noisy.values, 3e8, 2e10)
    at = {name: np.log([x]) for name, x in {"n_params": 3e8, "n_tokens": 2e10, **best}.items()}
    off = at | {"learning_rate": at["learning_rate"] + 2}
    doubt = doubt_of(noisy, {name: x + 1e-9 for name, x in at.items()}, 0.01)
    assert doubt.covariance(at, at) == pytest.approx(0, abs=1e-12)
    assert doubt.covariance(off, off) == pytest.approx((0.01 * 2) ** 2)
