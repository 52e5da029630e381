"""Repeated data (Kaplan et al. 2020, Sec. 4 and 5.3) on runs with planted laws."""

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.kaplan.overfitting import Collapse, Overfitting
from isoloss.tables.schema import ANALYSIS_COLUMNS, typed
from tests.exhibits.kaplan import planted_batch as S
from tests.exhibits.made import rows_of
from tests.rows import one, some

SPEC = Overfitting(name="repeated", do="overfitting", sweeps=["limited"])
TABLE_2 = {"alpha_N": 0.076, "alpha_D": 0.103, "Nc": 6.4e13, "Dc": 1.8e13}


def analysed(runs, curves, spec=SPEC, done=()):
    return rows_of(spec, runs, curves, typed(done, ANALYSIS_COLUMNS))


@pytest.fixture(scope="module")
def exact():
    return analysed(*S.repeated())


def parameter(rows, quantity):
    return one(rows, quantity, kind="parameter")


def points(rows, quantity):
    return some(rows, quantity, kind="point")


def test_the_rule_for_tokens_follows_from_the_papers_own_law():
    """D >= 5e3 N**0.74 for an excess below 0.02 (Eq. 4.4), from Table 2."""
    found = Collapse.of(TABLE_2)
    assert found.p == pytest.approx(0.74, abs=0.005)
    assert found.enough(1.0, 0.02) == pytest.approx(5e3, rel=0.15)


def test_the_excess_is_the_papers_formula():
    """Eq. 4.3, as printed: (1 + (N / Nc)**(alpha_N / alpha_D) Dc / D)**alpha_D - 1."""
    k, n, d = TABLE_2, np.array([1e6, 1e8]), np.array([2e7, 1e9])
    inside = 1 + (n / k["Nc"]) ** (k["alpha_N"] / k["alpha_D"]) * k["Dc"] / d
    np.testing.assert_allclose(Collapse.of(k).excess(n, d), inside ** k["alpha_D"] - 1, rtol=1e-9)


def test_the_planted_joint_law_is_found(exact):
    """But for the unlimited runs, which are a little above the limit of their own law."""
    for name, tolerance in {"alpha_N": 0.05, "alpha_D": 0.05, "p": 0.05, "Nc": 0.1}.items():
        truth = S.LIMITED | {"p": 0.75}
        assert parameter(exact, name)["value"] == pytest.approx(truth[name], rel=tolerance)


def test_enough_tokens_by_the_rule_keep_the_planted_excess_at_the_threshold(exact):
    row = parameter(exact, "tokens that suffice")
    n, tokens = row["x"], row["value"]
    excess = S.limited_loss(n, tokens) / S.limited_loss(n, np.inf) - 1
    assert excess == pytest.approx(0.02, rel=0.1)


def test_excesses_of_all_sizes_lie_on_one_line(exact):
    line = some(exact, "excess", kind="line")
    at = points(exact, "excess")
    assert at["group"].nunique() == 4
    expected = np.interp(np.log(at["x"]), np.log(line["x"]), line["value"].to_numpy(float))
    np.testing.assert_allclose(at["value"].to_numpy(float), expected, rtol=0.1, atol=0.005)


def test_the_bound_is_the_planted_one_and_runs_that_overstay_lie_beyond_it(exact):
    bounds = points(exact, "stop_bound").set_index(["group", "x"])["value"]
    steps = points(exact, "best_step").set_index(["group", "x"])["value"]
    assert len(bounds) == len(steps) == 16
    for (group, unique), bound in bounds.items():
        n = float(group.partition("=")[2])
        assert bound == pytest.approx(S.stop_bound(n, unique), rel=0.1)
        assert steps[group, unique] == pytest.approx(1.4 * S.stop_bound(n, unique), rel=0.02)
    assert parameter(exact, "share of runs that stop at or beyond the bound")["value"] == 1.0


def test_the_unlimited_runs_reach_the_same_loss_at_the_bound(exact):
    for row in points(exact, "unlimited_step").itertuples():
        n = float(row.group.partition("=")[2])
        assert row.value == pytest.approx(S.stop_bound(n, row.x), rel=0.02)


def test_runs_that_stop_before_the_bound_are_counted():
    rows = analysed(*S.repeated(overstay=0.5))
    assert parameter(rows, "share of runs that stop at or beyond the bound")["value"] == 0.0


def test_a_run_that_ends_at_its_lowest_loss_has_no_step_of_stopping():
    runs, curves = S.repeated()
    first = runs["run_id"][0]
    keep = (curves["run_id"] != first) | (curves["step"] <= runs["best_step"][0])
    runs.loc[0, "steps"] = runs["best_step"][0]
    rows = analysed(runs, curves[keep])
    (verdict,) = points(rows, "best_step").query("runs == @first")["verdict"]
    assert verdict == "not identified: the lowest loss is the run's last"


def test_epochs_of_few_steps_are_not_fitted_and_it_is_said():
    """32,000 tokens are 125 batches of 4 x 64."""
    spec = SPEC.model_copy(update={"few_updates": 125})
    row = parameter(analysed(*S.repeated(), spec), "alpha_D")
    assert row["n_runs"] == 16
    assert "4 of 20 runs are not fitted: an epoch has at most 125 steps" in row["warnings"]


def test_the_scatter_over_seeds_gives_the_excess_its_interval():
    noise = {
        "analysis": "noise",
        "do": "seed_noise",
        "kind": "parameter",
        "quantity": "relative sd of the loss",
        "value": 0.01,
    }
    rows = analysed(*S.repeated(), done=[noise | {"verdict": "identified"}])
    at = points(rows, "excess").iloc[0]
    half = 1.645 * 0.01 * np.sqrt(2) * (1 + at["value"])
    assert at["hi"] - at["value"] == pytest.approx(half, rel=1e-3)


def test_no_unlimited_runs_are_refused():
    runs, curves = S.repeated()
    limited = runs[runs["n_unique_tokens"] < runs["n_tokens"]]
    with pytest.raises(UserError, match="with repeated data and runs without are both needed"):
        analysed(limited, curves)


def test_what_follows_from_a_law_without_a_minimum_is_not_identified():
    """Losses that depend on neither size nor data but for one step: no exponents describe them."""
    runs, curves = S.repeated()
    rng = np.random.default_rng(0)
    limited = runs["n_unique_tokens"] < runs["n_tokens"]
    level = np.where(limited, 3.0, 1.8) * np.exp(0.01 * rng.standard_normal(len(runs)))
    rows = analysed(runs.assign(best_loss=level), curves)
    for quantity in ("alpha_N", "p", "k"):
        assert parameter(rows, quantity)["verdict"].startswith("not identified: ")
