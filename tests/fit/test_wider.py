"""An answer that a wider law puts elsewhere, as the runs allow, holds only if the law does."""

import json

import numpy as np
import pandas as pd
import pytest

from isoloss.cli.main import main
from isoloss.fit import fit_law, questions
from isoloss.fit.questions import Asked, answer
from isoloss.fit.wider import LARGEST, LOWEST, Moved, Wider, wider
from isoloss.laws import LAWS

BUDGETS = np.repeat(np.geomspace(1e18, 1e20, 5), 6)
HOFFMANN = {"A": 480.0, "B": 2085.0, "E": 1.8, "alpha": 0.35, "beta": 0.37}
K = 0.75
# The same limits of size and of data; only how the two join is another.
JOINED = {"A": 480.0 ** (1 / K), "B": 2085.0 ** (1 / K), "E": 1.8,
          "alpha": 0.35 / K, "beta": 0.37 / K, "k": K}  # fmt: skip
TARGET = 1e21


def grid(off):
    """Five budgets, each with six sizes at these multiples of Hoffmann's optimum."""
    best = LAWS["chinchilla"].optimum(HOFFMANN, BUDGETS)["n_params"]
    n = best * np.tile(off, 5)
    return {"n_params": n, "n_tokens": BUDGETS / 6 / n}


LARGE, CENTRED = grid(np.geomspace(2, 12, 6)), grid(np.geomspace(1 / 3, 3, 6))


def table(law, params, at, seed, sd=0.003):
    noise = sd * np.random.default_rng([seed, 5]).standard_normal(len(at["n_params"]))
    return at | {"loss": LAWS[law](params, **at) * np.exp(noise)}


def of(result, runs=None):
    return wider(result.problem, result.theta, runs, 0.9)


def size(result):
    return next(one for one in result.answers([TARGET]) if one.question.startswith("N*"))


def test_the_allowed_values_of_k_hold_the_planted_one():
    """Nine of ten intervals of 90 % do."""
    held = 0
    for seed in range(8):
        found = of(fit_law(table("skaling", JOINED, LARGE, seed), "chinchilla", draws=0))
        held += found.k[1] <= K <= found.k[-1]
    assert held >= 6


def test_the_optimum_of_each_point_is_the_minimum_at_that_budget():
    found = of(fit_law(table("skaling", JOINED, LARGE, 0), "chinchilla", draws=0))
    n = np.geomspace(1e7, 1e13, 60_001)
    by_law = found.optimum(TARGET, 6.0)
    names = LAWS["skaling"].names
    for i, theta in enumerate(found.theta):
        params = dict(zip(names, LAWS["skaling"].natural(theta), strict=True))
        assert params["k"] == pytest.approx(found.k[i])
        loss = LAWS["skaling"](params, n_params=n, n_tokens=TARGET / 6 / n)
        assert by_law["n_params"][i] == pytest.approx(n[loss.argmin()], rel=1e-3)
        assert by_law["loss"][i] == pytest.approx(loss.min(), rel=1e-6)


def test_the_first_point_is_the_law_itself():
    result = fit_law(table("chinchilla", HOFFMANN, CENTRED, 1), "chinchilla", objective="lsq",
                     draws=0)  # fmt: skip
    found = of(result)
    assert found.k[0] == 1
    for name, value in found.numbers().items():
        expected = {**result.values, **{n: e.value for n, e in result.derived.items()}}[name]
        assert value[0] == pytest.approx(expected, rel=0.05), name


def test_a_size_off_the_centre_depends_on_the_law_and_one_in_the_centre_does_not():
    """The true law is Hoffmann's in both: only the places of the runs differ."""
    known = {}
    for name, at in (("large", LARGE), ("centred", CENTRED)):
        said = [
            size(fit_law(table("chinchilla", HOFFMANN, at, seed), "chinchilla", draws=60))
            for seed in range(4)
        ]
        known[name] = sum(one.verdict.identified for one in said)
    assert known["large"] == 0
    assert known["centred"] >= 3


def test_a_size_that_the_wrong_law_misses_is_not_called_known():
    """What the wider law allows holds the truth, and the sentence has both ranges."""
    truth = LAWS["skaling"].optimum(JOINED, TARGET)["n_params"]
    missed = inside = 0
    for seed in range(4):
        result = fit_law(table("skaling", JOINED, LARGE, seed), "chinchilla", draws=60)
        said, by = size(result), of(result).optimum(TARGET, 6.0)["n_params"][1:]
        missed += not said.lo < truth < said.hi
        assert said.verdict.status == "identified only if the law holds"
        if not result.misfit.rejects:
            assert f"where the law says {said.lo:.3g} to {said.hi:.3g}" in said.sentence
            assert "skaling with k from" in said.sentence
        inside += by.min() < truth < by.max()
    assert missed >= 2
    assert inside >= 3


def test_rows_of_one_run_allow_more_values_of_k():
    """Four rows of one run say hardly more than one."""
    runs = np.repeat(np.arange(30), 4)
    rng = np.random.default_rng(3)
    at = {name: np.repeat(x, 4) for name, x in CENTRED.items()}
    noise = 0.003 * rng.standard_normal(30)[runs] + 0.0003 * rng.standard_normal(120)
    loss = LAWS["chinchilla"](HOFFMANN, **at) * np.exp(noise)
    result = fit_law(at | {"loss": loss}, "chinchilla", draws=0)
    alone, together = (np.log(of(result, c).k[[1, -1]]) for c in (None, runs))
    assert np.ptp(together) > 1.5 * np.ptp(alone)


def test_runs_that_tell_nothing_of_k_allow_all_of_its_range():
    """As many rows as parameters of the wider law."""
    at = {name: x[[0, 5, 12, 17, 24, 29]] for name, x in CENTRED.items()}
    found = of(fit_law(table("chinchilla", HOFFMANN, at, 2), "chinchilla", draws=0))
    assert found.k[[1, -1]] == pytest.approx([LOWEST, LARGEST])


def test_exact_losses_and_other_laws_have_no_wider_law():
    exact = fit_law(table("chinchilla", HOFFMANN, CENTRED, 0, sd=0.0), "chinchilla", draws=0)
    assert of(exact) is None
    assert of(fit_law(table("chinchilla", HOFFMANN, CENTRED, 0), "skaling", draws=0)) is None


def test_k_of_one_is_rejected_as_often_as_its_level_says_and_where_it_is_wrong():
    """At 5 % of right tables; the wrong one has six times the misfit of the other tests."""
    right = [of(fit_law(table("chinchilla", HOFFMANN, CENTRED, seed), "chinchilla", draws=0))
             for seed in range(6)]  # fmt: skip
    assert sum(one.p_value < 0.05 for one in right) <= 2
    assert not any(one.doubt for one in right)
    wrong = of(fit_law(table("skaling", JOINED, LARGE, 0, sd=0.0005), "chinchilla", draws=0))
    assert wrong.p_value < 1e-3
    assert wrong.doubt.startswith("skaling, of which it is a case, fits better (p = ")


@pytest.mark.parametrize(("lo", "hi", "known"), [
    (1.01, 1.49, True), (0.99, 1.49, False), (1.01, 1.51, False),
])  # fmt: skip
def test_an_answer_is_known_up_to_the_ends_of_its_interval(lo, hi, known):
    ends = (1.0, 1.5, 0.0)
    by = Moved(lo, hi, "skaling with k from 0.5 to 1.5 fits as well and puts it")
    said = answer(Asked("N*", 1.2, ends, ends, 3.0, ratio=True, moved=by), "")
    assert said.verdict.identified is known
    if not known:
        assert said.verdict.reason == (
            f"skaling with k from 0.5 to 1.5 fits as well and puts it from {lo:.3g} to {hi:.3g}, "
            "where the law says 1 to 1.5"
        )


def test_all_answers_are_doubted_where_the_runs_do_not_allow_the_laws_own_k():
    theta = np.zeros((3, 6))
    assert Wider(np.array([1, 0.7, 0.9]), theta, 0.03).doubt.endswith("fits better (p = 0.03)")
    assert Wider(np.array([1, 1.1, 1.6]), theta, 0.03).doubt
    assert not Wider(np.array([1, 0.7, 1.1]), theta, 0.3).doubt


def test_an_answer_that_no_k_moves_is_doubted_where_another_k_fits_better():
    ends = (1.0, 1.5, 0.0)
    by = Moved(1.1, 1.2, "", "skaling, of which it is a case, fits better (p = 0.001)")
    said = answer(Asked("N*", 1.2, ends, ends, 3.0, ratio=True, moved=by), "")
    assert said.verdict.status == "identified only if the law holds"
    assert said.verdict.reason == by.doubt


def test_all_commands_say_that_the_size_depends_on_the_law(tmp_path, capsys):
    path = tmp_path / "runs.csv"
    pd.DataFrame(table("chinchilla", HOFFMANN, LARGE, 0)).to_csv(path, index=False)
    how = [str(path), "--law", "chinchilla", "--draws", "100", "--json"]
    said = []
    for command in (["fit", *how], ["optimal", *how, "--compute", "1e21"]):
        assert main(command) == 0
        found = json.loads(capsys.readouterr().out)["answers"]
        said.append(next(x["sentence"] for x in found if x["question"] == "N* at 1e+21 FLOP"))
    assert main(["next", *how, "--target", "1e21", "--budget", "1e20"]) == 0
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    assert said[0] == said[1]
    assert "but only if the law holds: skaling with k from" in said[0]
    assert said[0] in warnings


def test_a_law_without_draws_is_asked_of_no_wider_law():
    result = fit_law(table("chinchilla", HOFFMANN, CENTRED, 0), "chinchilla", draws=0)
    assert questions.wider_of(result) is None
