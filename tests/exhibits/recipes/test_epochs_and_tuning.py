"""Repeated data and the number of settings tried, on planted losses."""

from itertools import combinations

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.make import drawing
from isoloss.exhibits.training.epochs import Epochs
from isoloss.exhibits.training.tuning import Tuning, best_of
from tests.exhibits.made import rows_of
from tests.exhibits.recipes import planted as P
from tests.exhibits.recipes.cases import spec, tables
from tests.rows import one, some

EPOCHS = Epochs(do="epochs", sweeps=["fresh", "few"], draws=20)
TUNING = Tuning(do="tuning", sweeps=["tuning"], own=["own"])


@pytest.fixture(scope="module")
def exact():
    return rows_of(EPOCHS, P.epochs(noise=0.0)[0])


def test_repeated_data_are_worth_what_was_planted(exact):
    """But for the straight lines between fresh runs, which are a factor of two apart."""
    worth = some(exact, "worth of repeated data")
    rounds = worth["x"].to_numpy(float) - 1
    planted = 1 - P.R_D * np.expm1(-rounds / P.R_D)
    assert len(worth) >= 18
    np.testing.assert_allclose(worth["value"], planted, rtol=0.03)


def test_the_price_of_four_epochs_is_that_of_the_planted_law(exact):
    found = one(exact, "loss increase", kind="parameter",
                group="n_params_non_embedding=6144, n_unique_tokens=51200")  # fmt: skip
    n = P.run("a", "b", P.model(16), 51_200, 1.0)["n_params"]
    worth = 51_200 * (1 - P.R_D * np.expm1(-3 / P.R_D))
    planted = P.fresh_loss(n, worth) / P.fresh_loss(n, 4 * 51_200) - 1
    assert found["value"] == pytest.approx(100 * planted, rel=1e-6)


def test_the_fitted_law_finds_the_planted_repetitions():
    found = one(tables("epochs_worth").analyses, "R_D")
    assert found["lo"] < P.R_D < found["hi"]
    assert found["theory"] == pytest.approx(15.39, abs=0.01)


def test_worth_beyond_the_fresh_runs_has_no_value():
    runs, _ = P.epochs(noise=0.0)
    harmed = (runs["sweep"] == "few") & (runs["n_tokens"] == runs["n_tokens"].max())
    runs.loc[harmed, "loss"] = 9.0
    worth = some(rows_of(EPOCHS, runs), "worth of repeated data")
    assert not set(worth["runs"]) & set(runs["run_id"][harmed])


def test_without_repeated_runs_it_is_said():
    runs, _ = P.epochs()
    with pytest.raises(UserError, match="runs on repeated data"):
        rows_of(EPOCHS, runs[runs["sweep"] == "fresh"])


def test_the_expected_best_of_k_is_the_mean_over_all_choices():
    losses = np.array(P.TRIED)
    for k, found in enumerate(best_of(losses), start=1):
        every = [min(some_of) for some_of in combinations(losses, k)]
        assert found == pytest.approx(np.mean(every))


def test_the_gain_is_what_the_second_half_adds_and_is_judged_by_the_scatter():
    rows = rows_of(TUNING, P.tuning()[0])
    gain = one(rows, "gain of twice the settings", group="n_params_non_embedding=3456")
    assert gain["value"] == pytest.approx(100 * (best_of(P.TRIED)[2] / 2.0 - 1))
    assert gain["verdict"].startswith("not identified: twice the settings")
    loose = rows_of(TUNING, P.tuning(noise=0.05)[0])
    assert one(loose, "gain of twice the settings", group="n_params_non_embedding=3456")[
        "verdict"
    ] == "identified"  # fmt: skip


def test_a_setting_that_diverged_is_tried_and_said():
    rows = rows_of(TUNING, P.tuning()[0])
    lost = one(rows, "gain of twice the settings", group="n_params_non_embedding=13824")
    assert "1 of 6 settings diverged" in lost["warnings"]
    points = some(rows, "best of k settings", group="n_params_non_embedding=13824")
    assert points["x"].min() == 2  # one setting alone may be the one that diverged


def test_the_studys_own_setting_is_compared_with_the_best_tried():
    rows = rows_of(TUNING, P.tuning(own=2.2, noise=1e-9)[0])
    assert some(rows, "loss increase")["value"].to_numpy() == pytest.approx(10.0)
    study = tables("tuned_enough")
    near = rows_of(TUNING, P.tuning(own=2.001, noise=0.02)[0])
    notes = drawing(spec("tuned_enough"), type(study)(runs=study.runs, analyses=near)).notes
    assert sum("no difference is seen" in note for note in notes) == 2


def test_three_settings_are_too_few():
    runs, _ = P.tuning()
    with pytest.raises(UserError, match="4 settings"):
        rows_of(TUNING, runs.groupby(["sweep", "width"]).head(3))
