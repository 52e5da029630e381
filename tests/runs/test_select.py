"""Which runs of a table are finished."""

import numpy as np
import pandas as pd

from isoloss.runs.select import finished_in, is_finished

RUNS = pd.DataFrame(
    {
        "sweep": ["grid", "grid", "again", "again", "other"],
        "run_id": ["a", "lost", "a", "b", "c"],
        "status": ["done", "diverged", "done", "done", "done"],
        "loss": [2.0, np.nan, 2.0, np.nan, 1.0],
    }
)


def test_a_run_that_diverged_is_not_finished():
    assert is_finished(RUNS).tolist() == [True, False, True, True, True]


def test_a_run_of_two_sweeps_comes_once_in_the_order_of_the_table():
    assert finished_in(RUNS, ["again", "grid"])["run_id"].tolist() == ["a", "b"]
    assert finished_in(RUNS, iter(["grid"]))["run_id"].tolist() == ["a"]


def test_what_was_not_measured_is_left_out_where_it_is_asked_for():
    assert finished_in(RUNS, ["again", "other"], "loss")["run_id"].tolist() == ["a", "c"]
