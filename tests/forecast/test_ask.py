"""Questions to a fit whose answers are known: closed forms, a solver's solution, the law itself."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from isoloss.errors import UserError
from isoloss.fit import fit_law
from isoloss.fit.settings import FitSettings
from isoloss.forecast import ask, paths
from isoloss.forecast.average import Averaged, Member, alone, average
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
TRUE = {"A": 400.0, "B": 2000.0, "E": 1.7, "alpha": 0.34, "beta": 0.37}
K = 6.0
SERVED = 3e11


def table(noise, seed=0):
    axes = np.geomspace(1e7, 1e9, 6), np.geomspace(1e9, 1e11, 6)
    n, d = (a.ravel() for a in np.meshgrid(*axes))
    scatter = noise * np.random.default_rng(seed).standard_normal(n.size)
    loss = LAW(TRUE, n_params=n, n_tokens=d) * np.exp(scatter)
    return {"n_params": n, "n_tokens": d, "loss": loss}


@pytest.fixture(scope="module")
def exact():
    """The law of exact losses."""
    return alone(fit_law(table(0.0), "chinchilla", draws=20))


@pytest.fixture(scope="module")
def noisy():
    """The average of laws of losses with noise."""
    return average(table(0.002), FitSettings(law="best", draws=100))


def least_compute(loss):
    """C of a loss along Chinchilla's optimum: L = E + r C**-g, solved for C."""
    alpha, beta = TRUE["alpha"], TRUE["beta"]
    at_one = float(LAW.optimum(TRUE, 1e20, K)["loss"]) - TRUE["E"]
    power = alpha * beta / (alpha + beta)
    return 1e20 * ((loss - TRUE["E"]) / at_one) ** (-1 / power)


def test_the_compute_of_a_loss_is_that_of_the_closed_form(exact):
    path = paths.of_optimum(exact, K)
    for loss in (2.2, 2.1, 1.9):
        (reply,) = ask.reaching(exact, path, [loss])
        assert reply.estimates["compute"].value == pytest.approx(least_compute(loss), rel=2e-3)
        there = LAW.optimum(TRUE, least_compute(loss), K)
        assert reply.estimates["n_params"].value == pytest.approx(
            float(there["n_params"]), rel=0.01
        )


def test_the_loss_of_a_budget_is_reached_by_that_budget(noisy):
    path = paths.of_optimum(noisy, K)
    (reply,) = ask.at_budgets(noisy, path, [1e22])
    (back,) = ask.reaching(noisy, path, [reply.estimates["loss"].value])
    assert back.estimates["compute"].value == pytest.approx(1e22, rel=1e-4)
    optimum = noisy.optimum([1e22])[0].iloc[0]
    for name in ("n_params", "n_tokens", "tokens_per_param", "loss"):
        one = reply.estimates[name]
        expected = [optimum[f"{name}{end}"] for end in ("", "_lo", "_hi")]
        assert [one.value, one.lo, one.hi] == pytest.approx(expected, rel=1e-6), name


def test_the_interval_of_the_compute_holds_the_truth(noisy):
    (reply,) = ask.reaching(noisy, paths.of_optimum(noisy, K), [2.2])
    compute = reply.estimates["compute"]
    assert compute.lo < least_compute(2.2) < compute.hi < 3 * compute.lo
    assert "known within a factor of" in reply.sentences[0]
    size = reply.estimates["n_params"]
    for end in (compute.lo, compute.hi):
        at_end = ask.at_budgets(noisy, paths.of_optimum(noisy, K), [end])[0].estimates["n_params"]
        assert size.lo <= at_end.lo * 1.001 and at_end.hi * 0.999 <= size.hi


@pytest.mark.parametrize("n_params", [1e9, 1e10])
def test_at_a_fixed_size_the_tokens_are_those_of_the_law(exact, n_params):
    """L = E + A / N**alpha + B / D**beta, solved for D."""
    loss = 2.35
    rest = loss - TRUE["E"] - TRUE["A"] / n_params ** TRUE["alpha"]
    d = (TRUE["B"] / rest) ** (1 / TRUE["beta"])
    (reply,) = ask.reaching(exact, paths.of_size(n_params, K), [loss])
    assert reply.estimates["compute"].value == pytest.approx(K * n_params * d, rel=5e-3)
    assert reply.estimates["n_tokens"].value == pytest.approx(d, rel=5e-3)


@pytest.mark.parametrize("served", [0.0, SERVED])
def test_at_a_fixed_ratio_compute_is_that_of_training_and_inference(exact, served):
    path = paths.of_ratio(20.0, K, served=served)
    (reply,) = ask.at_budgets(exact, path, [1e22])
    n, d = (reply.estimates[name].value for name in ("n_params", "n_tokens"))
    assert d / n == pytest.approx(20)
    assert K * n * d + 2 * n * served == pytest.approx(1e22)
    truth = LAW(TRUE, n_params=n, n_tokens=d)
    assert reply.estimates["loss"].value == pytest.approx(float(truth), rel=1e-3)


def test_with_inference_the_run_is_that_of_a_solver(exact):
    """Sardana et al. (2024), Eq. 1: least 6 N D + 2 N T where L(N, D) is a loss."""
    loss = 2.2

    def cost(log_n):
        rest = loss - TRUE["E"] - TRUE["A"] / np.exp(log_n) ** TRUE["alpha"]
        if rest <= 0:
            return np.inf
        d = (TRUE["B"] / rest) ** (1 / TRUE["beta"])
        return np.log(np.exp(log_n) * (K * d + 2 * SERVED))

    found = optimize.minimize_scalar(cost, bounds=(np.log(6e8), np.log(1e12)), method="bounded",
                                     options={"xatol": 1e-9})  # fmt: skip
    path = paths.of_optimum(exact, K, served=SERVED)
    (reply,) = ask.reaching(exact, path, [loss])
    assert np.log(reply.estimates["compute"].value) == pytest.approx(found.fun, abs=5e-3)
    assert np.log(reply.estimates["n_params"].value) == pytest.approx(found.x, abs=2e-2)
    n_plain = float(LAW.optimum(TRUE, least_compute(loss), K)["n_params"])
    both = least_compute(loss) + 2 * n_plain * SERVED
    saving = 1 - np.exp(found.fun) / both
    assert saving > 0
    assert reply.estimates["saving"].value == pytest.approx(saving, abs=5e-3)
    (dual,) = ask.at_budgets(exact, path, [reply.estimates["compute"].value])
    assert dual.estimates["loss"].value == pytest.approx(loss, rel=1e-4)


def test_a_loss_that_some_draws_never_reach_has_no_upper_end(noisy):
    floor = noisy.members[0].result.params["E"]
    loss = (floor.value + 3 * floor.hi) / 4
    (reply,) = ask.reaching(noisy, paths.of_optimum(noisy, K), [loss])
    assert reply.estimates["compute"].hi is None
    assert 0.05 < reply.never < 1
    assert "not known to be reachable: it takes at least" in reply.sentences[0]
    assert f"{reply.never:.0%} of the draws never reach it" in reply.sentences[0]


def test_without_draws_there_is_no_interval():
    bare = alone(fit_law(table(0.0), "chinchilla", draws=0))
    (reply,) = ask.reaching(bare, paths.of_optimum(bare, K), [2.1])
    assert (reply.estimates["compute"].lo, reply.estimates["compute"].hi) == (None, None)
    assert "not known: there are too few draws for an interval" in reply.sentences[0]
    (reply,) = ask.at_budgets(bare, paths.of_optimum(bare, K, served=SERVED), [1e22])
    assert (reply.estimates["n_params"].lo, reply.estimates["n_params"].hi) == (None, None)


def test_a_loss_that_a_run_has_reached_is_no_target_of_the_optimum(noisy):
    """On other paths it is a question, and the answer names the run."""
    rows = table(0.002)
    done = rows["loss"] <= 2.6
    cheapest = (K * rows["n_params"] * rows["n_tokens"])[done].min()
    with pytest.raises(UserError, match=r"2\.6 is no target: a run has reached it") as caught:
        ask.reaching(noisy, paths.of_optimum(noisy, K), [2.6])
    (reply,) = ask.reaching(noisy, paths.of_ratio(20.0, K), [2.6])
    assert reply.sentences[-1].startswith("A run has reached it already: ")
    for said in (caught.value.problems[0], reply.sentences[-1]):
        assert f"{cheapest:.3g} FLOP" in said


def test_what_no_run_can_say_is_refused_at_once(exact):
    path = paths.of_optimum(exact, K)
    with pytest.raises(UserError) as caught:
        ask.reaching(exact, path, [1.2, 2.2, 30.0])
    below, above = caught.value.problems
    assert below.startswith("a loss of 1.2 is out of reach at the optimum: ")
    assert above.startswith("a loss of 30 is above what the cheapest run of the table can reach")
    with pytest.raises(UserError, match=r"1e\+10 FLOP is below the cheapest run of the table"):
        ask.at_budgets(exact, path, [1e10])
    served = paths.of_size(1e9, K, served=1e13)
    with pytest.raises(UserError, match="leaves nothing to train with at N = 1e"):
        ask.at_budgets(exact, served, [1e22])


def test_a_run_of_given_size_and_tokens_has_the_loss_of_the_law(exact):
    (reply,) = ask.at_points(exact, [3e9], [5e11], K)
    truth = float(LAW(TRUE, n_params=3e9, n_tokens=5e11))
    assert reply.estimates["loss"].value == pytest.approx(truth, rel=1e-4)
    assert reply.row()["compute"] == K * 3e9 * 5e11
    assert len(reply.sentences) == 1
    (reply,) = ask.at_points(exact, [1e9], [1e14], K)
    assert reply.sentences[1].startswith("D/N = 1e+05 is outside that of the runs (1 to 1e+04)")


def test_crossings_are_first_and_never_is_told_from_unknown():
    log_c = np.arange(5.0)
    curves = np.array([[4, 3, 2, 1, 0], [4, 3, 1, 3, 1], [9, 9, 9, 9, 9], [np.nan] * 5], float)
    found = ask.crossings(log_c, curves, 2.0)
    np.testing.assert_allclose(found, [2.0, 1.5, ask.NEVER, np.nan])


def far_from_the_optimum(seed=1):
    """Sizes far above the optimum, which hardly tell how size and data join."""
    n = np.geomspace(1e9, 1e11, 5)[:, None] * np.geomspace(1, 4, 5)
    at = {"n_params": n.ravel(), "n_tokens": (np.geomspace(1e20, 1e23, 5)[:, None] / 6 / n).ravel()}
    noise = 0.003 * np.random.default_rng(seed).standard_normal(25)
    return at | {"loss": LAW(TRUE, **at) * np.exp(noise)}


def test_a_reply_by_one_law_depends_on_it_as_the_fits_own_answer_does():
    """The sentence names where the wider law puts the size, as `isoloss optimal` does."""
    result = fit_law(far_from_the_optimum(), "chinchilla", draws=80)
    one, budget = alone(result), 1e24
    own = next(a for a in result.answers([budget]) if a.question.startswith("N*"))
    (reply,) = ask.at_budgets(one, paths.of_optimum(one, K), [budget])
    reason = own.sentence.partition("only if the law holds: ")[2]
    assert reason.startswith("skaling with k from")
    said = reply.sentences[0].partition("only if the law holds: ")[2].rstrip(".")
    assert said.partition(", where")[0] == reason.partition(", where")[0]
    for path in (paths.of_ratio(20.0, K), paths.of_optimum(one, K, served=1e12)):
        (cost,) = ask.reaching(one, path, [2.1])
        assert "only if the law holds: skaling with k from" in cost.sentences[0]


def test_at_a_run_of_the_table_no_wider_law_says_otherwise():
    """All that fit the runs agree where there are runs."""
    rows = far_from_the_optimum()
    one = alone(fit_law(rows, "chinchilla", draws=80))
    (reply,) = ask.at_points(one, rows["n_params"][12:13], rows["n_tokens"][12:13])
    assert "is known within" in reply.sentences[0]
    assert "only if the law holds" not in reply.sentences[0]


def test_a_reply_by_a_rejected_law_names_it():
    result = fit_law(table(0.002), "chinchilla", draws=80)
    misfit = replace(result.misfit, p_value=1e-9, size=0.01, noise=0.001)
    (reply,) = ask.at_points(alone(replace(result, misfit=misfit)), [1e8], [1e10])
    assert reply.sentences[0].endswith("only if the law holds: the runs reject chinchilla.")


def test_a_reply_depends_on_the_laws_that_have_the_weight_at_its_tokens_per_parameter(monkeypatch):
    """The trials of a table weigh its laws otherwise where runs are over-trained."""
    rejected, holds = (fit_law(table(0.002), law, draws=80) for law in ("chinchilla", "skaling"))
    misfit = replace(rejected.misfit, p_value=1e-9, size=0.01, noise=0.001)
    members = (Member(replace(rejected, misfit=misfit), None, np.nan), Member(holds, None, np.nan))
    monkeypatch.setattr(
        Averaged,
        "weights_at",
        lambda self, shape: np.array([0.6, 0.4] if shape < np.log(20) else [0.4, 0.6]),
    )
    both = Averaged(members, {}, 0.9, (), ())
    few, many = ask.at_points(both, [1e8, 1e8], [1e9, 1e10])
    assert few.sentences[0].endswith("the runs reject chinchilla, with 60% of the weight.")
    assert "the runs reject" not in many.sentences[0]
    log_c = np.log(K * 1e8 * 1e9)
    (reply,) = ask.at_budgets(both, paths.of_ratio(10.0, K), [np.exp(log_c)])
    assert "the runs reject chinchilla" in reply.sentences[0]
    (reply,) = ask.reaching(both, paths.of_ratio(30.0, K), [few.estimates["loss"].value])
    assert "the runs reject" not in reply.sentences[0]
