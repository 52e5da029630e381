"""The average of laws: its weights, its interval, and what it says of tables too small for it."""

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.fit.settings import FitSettings
from isoloss.forecast.average import alone, average
from isoloss.laws import LAWS

NOISE = 0.002
PLANTED = {
    "chinchilla": {"A": 400.0, "B": 2000.0, "E": 1.7, "alpha": 0.34, "beta": 0.37},
    "kaplan_nd": {"Nc": 6e13, "Dc": 2e13, "alpha_N": 0.08, "alpha_D": 0.1},
}
FAR = {"n_params": np.array([1e10]), "n_tokens": np.array([1e12])}
FEW = FitSettings(draws=60)


def table(law, sizes=6, noise=NOISE, seed=0):
    axes = np.geomspace(1e7, 1e9, sizes), np.geomspace(1e9, 1e11, sizes)
    n, d = (a.ravel() for a in np.meshgrid(*axes))
    loss = LAWS[law](PLANTED[law], n_params=n, n_tokens=d)
    scatter = noise * np.random.default_rng(seed).standard_normal(n.size)
    return {"n_params": n, "n_tokens": d, "loss": loss * np.exp(scatter)}


@pytest.fixture(scope="module", params=PLANTED)
def of_planted(request):
    return request.param, average(table(request.param), FEW)


def test_a_law_that_is_wrong_has_little_weight(of_planted):
    law, averaged = of_planted
    wrong = {"chinchilla": "kaplan_nd", "kaplan_nd": "chinchilla"}[law]
    assert averaged.weights[wrong] < 0.1, averaged.weights
    assert sum(averaged.weights.values()) == pytest.approx(1)
    assert set(averaged.tied) <= {law, "skaling"}  # which holds both of the others


def test_the_average_holds_the_loss_of_a_hundred_times_the_compute(of_planted):
    law, averaged = of_planted
    truth = LAWS[law](PLANTED[law], **FAR)[0]
    said = averaged.predict(FAR).iloc[0]
    assert said["lo"] < truth < said["hi"]
    assert said["loss"] == pytest.approx(truth, rel=0.02)


def test_the_averaged_optimum_is_near_that_of_the_true_law(of_planted):
    law, averaged = of_planted
    found, by_law = averaged.optimum([1e21])
    row, truth = found.iloc[0], LAWS[law].optimum(PLANTED[law], 1e21)
    assert row["n_params_lo"] < float(truth["n_params"]) < row["n_params_hi"]
    assert row["n_params"] * row["n_tokens"] == pytest.approx(1e21 / 6)
    assert row["n_tokens_lo"] < row["n_tokens"] < row["n_tokens_hi"]
    assert by_law["weight"].sum() == pytest.approx(1)
    assert set(by_law["law"]) == set(averaged.laws)


def test_laws_that_agree_are_a_tie_and_it_is_said():
    """Skaling holds Hoffmann's sum: on its runs, both predict alike."""
    averaged = average(table("chinchilla"), FEW)
    assert set(averaged.tied) >= {"chinchilla", "skaling"}
    assert "a tie of" in averaged.evidence


def test_the_interval_of_an_average_holds_what_tied_laws_say():
    averaged = average(table("chinchilla", sizes=4, noise=0.01), FEW)
    said = averaged.predict(FAR).iloc[0]
    for law in averaged.tied:
        assert said["lo"] < said[f"loss_{law}"] < said["hi"]


def test_the_averaged_loss_is_that_of_the_middle_of_each_laws_draws():
    """A law that the runs hardly determine may say something extreme as fitted."""
    averaged = average(table("chinchilla", sizes=4, noise=0.01), FEW)
    said = averaged.predict(FAR).iloc[0]
    logs, weights = [], []
    for member in averaged.members:
        law = member.result.law
        draws = law.natural(member.result.draws)
        losses = [law(dict(zip(law.names, one, strict=True)), **FAR)[0] for one in draws]
        logs.append(np.median(np.log(losses)))
        weights.append(said[f"weight_{member.name}"])
        assert np.log(said[f"loss_{member.name}"]) == pytest.approx(logs[-1], abs=1e-6)
    assert np.log(said["loss"]) == pytest.approx(np.dot(weights, logs), abs=1e-6)


def test_an_average_of_one_law_or_without_draws_says_what_the_laws_say_as_fitted():
    runs = table("chinchilla", sizes=4, noise=0.01)
    averaged = average(runs, FEW)
    for member in averaged.members:
        fitted = member.result.predict(FAR, interval=False)["loss"].iloc[0]
        assert alone(member.result).predict(FAR)["loss"].iloc[0] == pytest.approx(fitted)
    undrawn = average(runs, FitSettings(draws=0))
    said = undrawn.predict(FAR).iloc[0]
    for member in undrawn.members:
        fitted = member.result.predict(FAR, interval=False)["loss"].iloc[0]
        assert said[f"loss_{member.name}"] == pytest.approx(fitted)


def test_a_table_too_small_for_trials_gives_equal_weights_to_laws_that_fit_and_says_so():
    runs = {name: column[:12] for name, column in table("chinchilla", sizes=4).items()}
    averaged = average(runs, FEW)
    assert averaged.n_trials == 0
    allowed = [m.name for m in averaged.members if not m.rejected]
    assert {averaged.weights[name] for name in allowed} == {1 / len(allowed)}
    assert averaged.evidence.startswith("too few runs to try laws on")


def test_a_law_of_more_parameters_than_the_runs_allow_is_left_out_with_the_reason():
    runs = {name: column[:10] for name, column in table("chinchilla", sizes=4).items()}
    averaged = average(runs, FEW)
    assert averaged.left_out == {"skaling": "10 runs, and 12 are needed"}
    assert set(averaged.laws) == {"chinchilla", "kaplan_nd"}


def test_a_table_that_no_law_can_be_fitted_to_gives_each_reason_once():
    runs = {name: column[:3] for name, column in table("chinchilla").items()}
    with pytest.raises(UserError) as error:
        average(runs, FEW)
    assert len(set(error.value.problems)) == len(error.value.problems)


def test_laws_of_one_variable_are_averaged_too():
    x = np.geomspace(1e3, 1e7, 9)
    loss = 1.5 + 8 * x**-0.3
    averaged = average({"x": x, "loss": loss}, FitSettings(x="x", draws=30))
    said = averaged.predict({"x": [1e8]}).iloc[0]
    assert said["loss"] == pytest.approx(1.5 + 8 * 1e8**-0.3, rel=0.02)
    assert "power_law" in averaged.laws
    with pytest.raises(UserError, match="an optimum needs a law of n_params and n_tokens"):
        averaged.optimum([1e20])
