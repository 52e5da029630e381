"""The critical batch of Kaplan et al. (2020), Sec. 5.1, on curves with a planted one."""

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.exhibits.kaplan.batch_law import law_of
from isoloss.exhibits.kaplan.batch_scan import steps_to_reach
from isoloss.exhibits.kaplan.critical_batch import CriticalBatch
from isoloss.exhibits.kaplan.noise_scale import ratio
from isoloss.results.analysed import Analysed
from tests.exhibits.kaplan import planted_batch as S
from tests.exhibits.made import rows_of
from tests.rows import one, some

SPEC = CriticalBatch(name="batches", do="critical_batch", sweeps=["batch"])


def analysed(runs, curves, spec=SPEC):
    return rows_of(spec, runs, curves)


@pytest.fixture(scope="module")
def exact():
    return analysed(*S.batch_scan(noise=0.0))


def parameter(rows, quantity):
    return one(rows, quantity, kind="parameter")


def points(rows, quantity):
    return some(rows, quantity, kind="point")


def test_noiseless_curves_give_the_planted_law_back(exact):
    assert parameter(exact, "inverse_alpha_B")["value"] == pytest.approx(4.76, rel=0.02)
    assert parameter(exact, "B_star")["value"] == pytest.approx(S.B_STAR, rel=0.03)


def test_s_min_and_e_min_of_each_size_are_the_planted_ones(exact):
    for row in points(exact, "S_min").itertuples():
        floor = S.SIZES[int(row.group.partition("=")[2])]
        assert row.value == pytest.approx(S.s_min(row.x, floor), rel=0.02)
    for row in points(exact, "E_min").itertuples():
        floor = S.SIZES[int(row.group.partition("=")[2])]
        assert row.value == pytest.approx(S.s_min(row.x, floor) * S.b_crit(row.x), rel=0.02)


def test_nine_in_ten_intervals_hold_the_planted_law_and_that_the_size_does_not_matter():
    hits = []
    for seed in range(5):
        rows = analysed(*S.batch_scan(noise=0.03, seed=seed))
        middle = parameter(rows, "B_crit")
        for row, truth in (
            (middle, S.b_crit(middle["x"])),
            (parameter(rows, "inverse_alpha_B"), S.INVERSE_ALPHA_B),
            (parameter(rows, "size exponent of B_crit"), 0.0),
        ):
            assert row["verdict"] == "identified"
            hits.append(row["lo"] < truth < row["hi"])
    assert sum(hits) >= 11  # of 15; 13.5 are expected


def test_the_hyperbola_passes_through_what_the_runs_took(exact):
    """(S / S_min - 1)(E / E_min - 1) = 1, Eq. 5.1."""
    s_min, e_min = (
        points(exact, quantity).set_index(["group", "x"])["value"]
        for quantity in ("S_min", "E_min")
    )
    for (group, loss), least in s_min.items():
        at = exact[exact["group"] == f"{group}, loss={loss:.6g}"]
        product = (at["value"] / least - 1) * (at["x"] / e_min[group, loss] - 1)
        assert len(at) >= 4
        np.testing.assert_allclose(product.to_numpy(float), 1.0, rtol=0.1)


def test_batches_far_below_the_critical_one_do_not_identify_it():
    """All steps are then equally useful: S = B_crit S_min / B says nothing of B_crit alone."""
    rows = analysed(*S.batch_scan(batches=(1, 2, 3, 4), n_tokens=200_000, noise=0.25))
    assert parameter(rows, "B_crit")["verdict"].startswith("not identified: ")
    assert law_of(Analysed(rows, "batches")).identified is False


def test_the_law_for_other_analyses_is_the_fitted_one(exact):
    law = law_of(Analysed(exact, "batches"))
    assert law.identified
    assert law.at(2.5) == pytest.approx(S.b_crit(2.5), rel=0.02)
    assert 2.0 < law.lo_loss < law.hi_loss < 4.0
    assert law_of(None) is None


def test_the_noise_scale_of_each_size_is_the_planted_one_in_tokens(exact):
    found = points(exact, "noise_scale")
    assert found["group"].nunique() == 2
    for row in found.itertuples():
        assert row.value == pytest.approx(S.b_crit(row.x), rel=0.25)


def test_a_scan_without_gradients_says_that_their_noise_was_not_measured():
    rows = analysed(*S.batch_scan(noise=0.0, gradients=False))
    (row,) = points(rows, "noise_scale").itertuples()
    assert pd.isna(row.value)
    assert row.verdict == "not measured: the curves have no gradient noise"


def test_three_batch_sizes_are_refused():
    runs, curves = S.batch_scan(batches=(2, 8, 32))
    with pytest.raises(UserError, match="no loss is reached with four batch sizes"):
        analysed(runs, curves)


def test_a_size_with_three_batch_sizes_is_left_out_beside_one_with_five():
    runs, curves = S.batch_scan(noise=0.0)
    few = (runs["n_params_non_embedding"] == 1536) & (runs["batch_size"] < 8)
    rows = analysed(runs[~few], curves)
    assert set(points(rows, "S_min")["group"]) == {"n_params_non_embedding=13824"}


def test_a_size_without_a_curve_is_left_out():
    runs, curves = S.batch_scan(noise=0.0)
    seen = set(runs["run_id"][runs["n_params_non_embedding"] == 13824])
    rows = analysed(runs, curves[curves["run_id"].isin(seen)])
    assert set(points(rows, "S_min")["group"]) == {"n_params_non_embedding=13824"}


def test_a_run_that_diverged_is_left_out():
    runs, curves = S.batch_scan(noise=0.0)
    runs.loc[0, "status"] = "diverged"
    rows = analysed(runs, curves)
    assert runs["run_id"][0] not in " ".join(rows["runs"].dropna()).split()


def test_a_loss_is_reached_between_evaluations_and_once_in_a_noisy_curve():
    """ln step is linear in the loss; two evaluations out of order count as their mean."""
    reached = steps_to_reach([1, 100, 1e4], [4.0, 3.0, 2.0], [3.5, 2.5, 1.0, 5.0])
    np.testing.assert_allclose(reached, [10.0, 1000.0, np.nan, np.nan])
    bump = steps_to_reach([1, 10, 1000, 1e4], [4.0, 2.9, 3.1, 2.0], [3.0])
    np.testing.assert_allclose(bump, [100.0])


def test_a_squared_gradient_that_may_be_zero_gives_no_noise_scale():
    value, lo, hi, verdict = ratio(np.array([[1.0, 5.0], [-2.0, 5.0], [0.5, 6.0]]))
    assert (value, lo, hi) == (None, None, None)
    assert verdict == "not identified: the squared gradient cannot be told from zero"


def test_parts_are_averaged_before_they_are_divided():
    """The mean of the two quotients would be 5.05."""
    value, *_ = ratio(np.array([[1.0, 10.0], [10.0, 1.0]]))
    assert value == pytest.approx(1.0)
