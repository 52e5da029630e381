"""Notes that say what a figure shows are computed from what it draws."""

import numpy as np
import pandas as pd
import pytest

from isoloss.exhibits.kaplan.optima import Frontier
from isoloss.exhibits.notes import in_words, told
from isoloss.exhibits.training.learning_rate import _missed
from isoloss.results import Analysed, Q
from isoloss.tables.schema import ANALYSIS_COLUMNS, typed


def test_the_local_exponents_of_a_parabola_are_those_of_its_ends():
    compute = np.geomspace(1e-9, 1e-7, 12)
    x = np.log(compute / compute[0])
    none = np.empty((0, 12))
    frontier = Frontier(compute, none, none, np.zeros(0, int), 0.0, ())
    bend = 0.005
    found = frontier.local_exponents(np.exp(1.0 - 0.04 * x - bend * x**2))
    assert found == pytest.approx((-0.04, -0.04 - 2 * bend * x[-1]))
    assert frontier.local_exponents(np.where(np.arange(12) < 2, 1.0, np.nan)) is None


def test_the_parabolas_are_said_to_miss_the_runs_by_as_much_as_they_do():
    rate = np.geomspace(1e-3, 1e-2, 40)
    lines = pd.DataFrame({"of": 8.0, "x": rate, "value": np.log(rate) ** 2})
    there = np.geomspace(1.5e-3, 9e-3, 6)
    off = np.array([0.02, -0.02] * 3)
    losses = pd.DataFrame({"of": 8.0, "x": there, "value": np.log(there) ** 2 + off})
    beyond = pd.DataFrame({"of": [8.0], "x": [0.5], "value": [9.0]})
    assert _missed(pd.concat([losses, beyond]), lines) == [
        "The parabolas miss the runs by 0.020 nats (root mean square)."
    ]


def test_a_range_that_the_interval_has_already_is_not_said_again():
    verdict = "not identified: may be anything from 0.25 to 0.75"
    row = {"value": 0.5, "lo": 0.25, "hi": 0.75, "verdict": verdict}
    assert in_words(pd.Series(row)) == "0.50, 90 % interval 0.25 to 0.75 (not identified)"
    other = row | {"verdict": "not identified: 36% of the draws have none"}
    assert in_words(pd.Series(other)).endswith("(not identified: 36% of the draws have none)")
    wide = row | {"quantity": "a", "kind": "parameter", "lo": 1e-9, "analysis": "x"}
    (note,) = told(Analysed(typed([wide], ANALYSIS_COLUMNS), "x"), Q.A_OPT, "a")
    assert note == "a: 0.5, 90 % interval 10⁻⁹ to 0.75 (not identified)."
