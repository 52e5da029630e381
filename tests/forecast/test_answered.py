"""The answers of an average of laws: nothing is known where its laws disagree."""

import dataclasses

import numpy as np
import pytest

from isoloss.fit import fit_law
from isoloss.forecast.average import Averaged, Member
from isoloss.laws import LAWS

N, D = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e11, 5)))
HOFFMANN = {"A": 400.0, "B": 2000.0, "E": 1.7, "alpha": 0.34, "beta": 0.37}
TARGET = 1e22
SEED = 1


def of(*results):
    """An average without trials: laws that fit have equal weights."""
    members = tuple(Member(result, None, np.nan) for result in results)
    return Averaged(members, {}, 0.9, (), ())


def fitted(loss, law, sd=0.002):
    noise = sd * np.random.default_rng(SEED).standard_normal(len(N))
    return fit_law({"n_params": N, "n_tokens": D, "loss": loss * np.exp(noise)}, law, draws=80)


@pytest.fixture(scope="module")
def right():
    return fitted(LAWS["chinchilla"](HOFFMANN, n_params=N, n_tokens=D), "chinchilla")


def asked(averaged):
    return {one.question.partition(" ")[0]: one for one in averaged.answers([TARGET])}


def test_an_average_of_one_law_answers_as_its_fit_does(right):
    found = asked(of(right))
    assert list(found) == ["a", "N*", "loss"]
    for one in right.answers([TARGET]):
        if one.question in ("a", *(f"{what} at 1e+22 FLOP" for what in ("N*", "loss"))):
            average = found[one.question.partition(" ")[0]]
            assert average.verdict.identified and one.verdict.identified
            assert average.value == pytest.approx(one.value, rel=1e-3)
            assert [average.lo, average.hi] == pytest.approx([one.lo, one.hi], rel=0.01)


def test_an_answer_has_the_interval_of_the_averaged_optimum(right):
    averaged = of(right)
    row, found = averaged.optimum([TARGET])[0].iloc[0], asked(averaged)
    for question, name in (("N*", "n_params"), ("loss", "loss")):
        assert found[question].value == row[name]
        assert (found[question].lo, found[question].hi) == (row[f"{name}_lo"], row[f"{name}_hi"])


def test_laws_that_disagree_leave_the_optimum_unknown(right):
    """Each of two laws knows N* within 1.2 x; they put it a factor of 4 apart."""
    shift = np.zeros(5)
    shift[0] = np.log(4.0) * (HOFFMANN["alpha"] + HOFFMANN["beta"])  # of ln A
    other = dataclasses.replace(right, theta=right.theta + shift, draws=right.draws + shift,
                                params=right.params | {"A": dataclasses.replace(
                                    right.params["A"], value=right.values["A"] * np.exp(shift[0])
                                )})  # fmt: skip
    assert all(asked(of(one))["N*"].verdict.identified for one in (right, other))
    size = asked(of(right, other))["N*"]
    assert size.verdict.status == "not identified"
    assert size.hi > 3 * size.lo
    assert "isoloss next --target 1e+22" in size.sentence


def test_an_average_without_the_wider_law_depends_on_it_as_its_law_does():
    """Sizes far above the optimum: they hardly tell how size and data join."""
    n = np.geomspace(1e9, 1e11, 5)[:, None] * np.geomspace(1, 4, 5)
    at = {"n_params": n.ravel(), "n_tokens": (np.geomspace(1e20, 1e23, 5)[:, None] / 6 / n).ravel()}
    noise = 0.003 * np.random.default_rng(SEED).standard_normal(25)
    table = at | {"loss": LAWS["chinchilla"](HOFFMANN, **at) * np.exp(noise)}
    one, wide = (fit_law(table, law, draws=80) for law in ("chinchilla", "skaling"))
    size = asked(of(one))["N*"].verdict
    assert size.reason.startswith("skaling with k from")
    assert size.status == "identified only if the law holds"
    misfit = dataclasses.replace(wide.misfit, p_value=1e-9, size=0.01, noise=0.001)
    weightless = dataclasses.replace(wide, misfit=misfit)
    assert "skaling with k" not in asked(of(one, weightless))["N*"].verdict


def test_an_average_of_rejected_laws_holds_only_if_one_of_them_does(right):
    misfit = dataclasses.replace(right.misfit, p_value=1e-9, size=0.01, noise=0.001)
    found = asked(of(dataclasses.replace(right, misfit=misfit))).values()
    reason = "the runs reject chinchilla"
    assert {one.verdict for one in found} == {f"identified only if the law holds: {reason}"}


def test_an_average_of_laws_that_the_rows_cannot_test_holds_only_if_one_of_them_does(right):
    found = asked(of(dataclasses.replace(right, misfit=None))).values()
    reason = "the runs are too few to test chinchilla"
    assert {one.verdict for one in found} == {f"identified only if the law holds: {reason}"}


def test_laws_that_know_no_optimum_leave_it_unknown(right):
    unknown = dataclasses.replace(right, loose=("a", "b", "G"))
    assert asked(of(unknown))["N*"].verdict.reason == "100% of the draws have none"
