"""Each question has a verdict of its own: the exponents, a, N* at a budget, and the loss there."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from isoloss.cli.main import main
from isoloss.fit import fit_law
from isoloss.fit.questions import of_numbers
from isoloss.laws import LAWS

BUDGETS = np.repeat(np.geomspace(1e18, 1e20, 4), 5)
SIZES = np.sqrt(BUDGETS / 120) * np.tile(np.geomspace(0.3, 3.3, 5), 4)  # about D/N = 20
FLOORLESS = {"A": 30.0, "B": 60.0, "E": 0.0, "alpha": 0.2, "beta": 0.22}
RIGHT = {"A": 400.0, "B": 410.0, "E": 1.7, "alpha": 0.34, "beta": 0.28}


def rows(loss, seed=0, sd=0.003):
    noise = np.random.default_rng(seed).standard_normal(len(loss))
    return {"n_params": SIZES, "n_tokens": BUDGETS / 6 / SIZES, "loss": loss * np.exp(sd * noise)}


def additive(params, **more):
    return rows(LAWS["chinchilla"](params, n_params=SIZES, n_tokens=BUDGETS / 6 / SIZES), **more)


def coupled(**more):
    """The coupled law of Videau et al. (2026): Hoffmann's sum to the power of k = .35, plus E."""
    inner = 300.0 / SIZES**0.4 + 800.0 / (BUDGETS / 6 / SIZES) ** 0.4
    return rows(1.0 + 1.1 * inner**0.35, **more)


def asked(result, *args):
    return {answer.question.partition(" ")[0]: answer for answer in result.answers(*args)}


def test_a_floor_near_zero_leaves_the_optimum_known():
    """Whatever the floor is, it moves no optimum."""
    result = fit_law(additive(FLOORLESS, seed=1), "chinchilla", draws=300)
    said = asked(result, [1e21])
    assert not result.identified  # E may be zero
    assert said["E"].verdict.status == "not identified"
    assert "it may be zero" in said["E"].sentence
    size = said["N*"]
    truth = LAWS["chinchilla"].optimum(FLOORLESS, 1e21)["n_params"]
    assert size.verdict.identified
    assert size.lo < truth < size.hi < 3 * size.lo
    assert size.sentence.startswith("N* at 1e+21 FLOP is known within a factor of ")


def test_an_optimum_far_from_a_narrow_grid_is_not_known():
    """Three sizes and three lengths, close together, say little of a budget 5,000 times theirs."""
    n, d = (x.ravel() for x in np.meshgrid(np.geomspace(5e7, 5e8, 3), np.geomspace(1e9, 1e10, 3)))
    loss = LAWS["chinchilla"](RIGHT, n_params=n, n_tokens=d)
    loss = loss * np.exp(0.002 * np.random.default_rng(3).standard_normal(9))
    table = {"n_params": n, "n_tokens": d, "loss": loss}
    result = fit_law(table, "chinchilla", draws=300)
    said = asked(result, [1e24])["N*"]
    assert said.hi > 5 * said.lo
    assert said.verdict.status == "not identified"
    assert "isoloss next --target 1e+24" in said.sentence


def test_a_rejected_law_says_that_its_numbers_hold_only_if_it_does():
    result = fit_law(coupled(sd=0.0007), "chinchilla", draws=300)
    assert result.misfit.rejects
    assert result.verdict.status == "identified only if the law holds"
    assert not result.identified
    assert not any(answer.verdict.identified for answer in result.answers([1e21]))


def test_a_rejected_law_is_open_over_the_ranges_of_its_intervals():
    result = fit_law(coupled(sd=0.002), "chinchilla", draws=60)
    assert result.misfit.rejects
    ranges = re.findall(r"(\w+) may be anything from (\S+) to ([^\s;]+)", result.verdict.reason)
    assert len(ranges) >= 2
    for name, *ends in ranges:
        one = result.params[name]
        assert ends == [f"{one.lo:.2g}", f"{one.hi:.2g}"]


def test_a_bend_too_weak_to_be_seen_makes_nothing_known():
    """The lack of fit is not significant here, and the plain interval of N* is narrow and wrong."""
    found = [fit_law(coupled(seed=seed), "chinchilla", draws=100) for seed in range(8)]
    unseen = [asked(result, [1e21])["N*"] for result in found if not result.misfit.significant]
    assert len(unseen) >= 2
    assert any(size.hi < 3 * size.lo for size in unseen)
    assert not any(size.verdict.identified for size in unseen)


def test_the_right_law_leaves_the_size_known_in_nearly_every_table():
    """The loss there hangs more on how size and data join: it is known in most."""
    found = [
        asked(fit_law(additive(RIGHT, seed=seed), "chinchilla", draws=100)) for seed in range(8)
    ]
    assert sum(said["N*"].verdict.identified for said in found) >= 7
    assert sum(said["loss"].verdict.identified for said in found) >= 5


def test_the_default_budget_is_ten_times_that_of_the_runs():
    said = asked(fit_law(additive(RIGHT), "chinchilla", draws=40))
    assert said["N*"].question == "N* at 1e+21 FLOP"


def test_without_draws_nothing_is_known():
    found = fit_law(additive(RIGHT), "chinchilla", draws=0).answers()
    assert {answer.verdict.reason for answer in found} == {
        "there are too few draws for an interval"
    }


def test_a_law_of_one_variable_is_asked_for_its_exponent_alone():
    x = np.geomspace(1e6, 1e9, 8)
    result = fit_law({"x": x, "loss": 5 * x**-0.1}, "power_law", x="x", draws=40)
    assert [answer.question for answer in result.answers()] == ["alpha"]


@pytest.mark.parametrize(
    "command", [["fit"], ["optimal", "--law", "chinchilla", "--compute", "1e21"]]
)
def test_the_commands_print_the_answers(command, tmp_path, capsys):
    path, table = tmp_path / "runs.csv", additive(RIGHT)
    pd.DataFrame(table).to_csv(path, index=False)
    asked = [command[0], str(path), *command[1:], "--draws", "100"]
    assert main(asked) == 0
    assert "answer: N* at 1e+21 FLOP is known within a factor of" in capsys.readouterr().out
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["answers"]
    size = next(one for one in found if one["question"] == "N* at 1e+21 FLOP")
    assert size["verdict"] == "identified"
    assert size["lo"] < size["value"] < size["hi"]


def grid(n_sizes, n_lengths, seed):
    """Runs of `RIGHT`, close together, with noise of .2 %."""
    n, d = np.meshgrid(np.geomspace(8e7, 5e8, n_sizes), np.geomspace(2e9, 1.4e10, n_lengths))
    at = {"n_params": n.ravel(), "n_tokens": d.ravel()}
    noise = np.random.default_rng(seed).standard_normal(n.size)
    return at | {"loss": LAWS["chinchilla"](RIGHT, **at) * np.exp(0.001 * noise)}


def test_nine_rows_cannot_test_the_law_and_leave_nothing_known_without_it():
    """Where chance makes nine residuals small, intervals are narrow, and miss too often."""
    few = [fit_law(grid(3, 3, seed), "chinchilla", draws=60) for seed in range(6)]
    narrow = [one for result in few for one in result.answers() if one.verdict.determined]
    assert len(narrow) >= 6
    for one in narrow:
        assert one.verdict.status == "identified only if the law holds"
        assert one.verdict.reason.startswith("9 rows are too few to test it")
        assert "but only if the law holds: 9 rows" in one.sentence
    known = {name for result in few for name, one in of_numbers(result).items() if one.identified}
    assert not known


def test_twelve_rows_can_test_the_law():
    enough = [fit_law(grid(4, 3, seed), "chinchilla", draws=60) for seed in range(4)]
    assert all(result.misfit is not None for result in enough)
    assert any(one.verdict.identified for result in enough for one in result.answers())


def test_nine_exact_rows_have_no_noise_that_could_be_larger():
    rows = grid(3, 3, 0)
    rows["loss"] = LAWS["chinchilla"](RIGHT, n_params=rows["n_params"], n_tokens=rows["n_tokens"])
    said = fit_law(rows, "chinchilla", draws=60).answers()
    assert not any("too few to test" in one.sentence for one in said)
