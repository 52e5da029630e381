"""Laws of learning curves: planted ones are found, and published ones are predicted."""

import numpy as np
import pytest

from isoloss.schedules.fit import LearningCurve, fit_curves
from isoloss.schedules.laws import LAWS, At
from isoloss.schedules.rates import Schedule
from isoloss.schedules.scores import score
from isoloss.schedules.table import read_curves
from tests.published import FOLDERS
from tests.schedules import planted

FITTED = ("constant", "cosine", "jump")
OTHERS = (("wsd", 1000), ("linear", 1000), ("cosine", 2000), ("constant", 2000))
# Luo et al.'s own split, and what their program reports of it (README of MultiPowerLaw @ 8da9f19).
THEIRS = {"25M": 0.00110, "100M": 0.00142}
TRAINED = ("cosine_24000", "constant_24000", "wsdcon_9")
HELD_OUT = ("constant_72000", "cosine_72000", "wsd_20000_24000", "wsdld_20000_24000", "wsdcon_3",
            "wsdcon_18")  # fmt: skip


@pytest.mark.parametrize(("law", "share"), [("multi_power_share", True), ("multi_power", False)])
def test_a_planted_law_predicts_schedules_that_it_has_not_seen(law, share):
    """Rows are 16 steps apart, and the truth is summed step by step."""
    runs = [planted.curve(kind, 1000, share=share) for kind in FITTED]
    fit = fit_curves(runs, law, draws=0)
    assert fit.verdict.identified
    assert fit.noise < 5e-4
    for kind, steps in OTHERS:
        assert score(fit, planted.curve(kind, steps, share=share)).errors.max() < 2e-3, kind


def test_parameters_come_back_in_the_units_of_the_table():
    fit = fit_curves([planted.curve(kind, 1000) for kind in FITTED], draws=0)
    found = {name: one.value for name, one in fit.params.items()}
    assert found["L0"] == pytest.approx(planted.L0, rel=0.01)
    assert found["alpha"] == pytest.approx(planted.ALPHA, rel=0.03)
    assert found["A"] == pytest.approx(planted.A, rel=0.05)
    # Between rows 16 steps apart the table does not say when the rate jumped.
    assert found["B"] == pytest.approx(planted.B / 3, rel=0.15)
    assert found["C"] == pytest.approx(planted.C, rel=0.5)


def test_the_law_without_a_drop_misses_what_the_drop_explains():
    runs = [planted.curve(kind, 1000) for kind in FITTED]
    without, with_it = (fit_curves(runs, law, draws=0) for law in ("summed_rate", "annealing"))
    assert with_it.noise < 0.3 * without.noise


def test_intervals_hold_the_planted_loss_of_other_schedules():
    held = []
    for seed in range(3):
        runs = [planted.curve(kind, 600, noise=2e-3, seed=seed) for kind in FITTED]
        fit = fit_curves(runs, draws=20, seed=seed)
        for kind, steps in (("wsd", 600), ("cosine", 900)):
            found = fit.predict(planted.curve(kind, steps))
            truth = planted.curve(kind, steps).loss
            held.append(np.mean((found.lo < truth) & (truth < found.hi)))
            assert np.all(found.hi / found.lo < 1.06)
    assert np.mean(held) > 0.85


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        (("constant",), "no fitted run lowers its rate; a run with a cooldown would tell"),
        (("cosine",), "one schedule alone does not tell what the rate did"),
    ],
)
def test_one_schedule_predicts_no_other(kinds, why):
    fit = fit_curves([planted.curve(kind, 1000) for kind in kinds], draws=0)
    found = fit.predict(planted.curve("wsd", 1000))
    assert np.isnan(found.loss).all()
    assert found.verdict == fit.verdict
    assert why in found.verdict


def test_two_lengths_of_a_constant_rate_are_one_schedule():
    fit = fit_curves([planted.curve("constant", steps) for steps in (600, 1000)], draws=0)
    assert fit.n_schedules == 1
    longer = fit.predict(planted.curve("constant", 1500))
    assert longer.loss == pytest.approx(planted.curve("constant", 1500).loss, rel=2e-3)
    assert "1.5 times as long as the longest fitted run" in longer.notes


def test_a_schedule_that_was_not_run_is_predicted():
    fit = fit_curves([planted.curve(kind, 1000) for kind in FITTED], draws=0)
    run = planted.curve("linear", 1000)
    planned = LearningCurve("planned", run.step, np.full(len(run.step), np.nan), run.schedule)
    assert fit.predict(planned).loss == pytest.approx(run.loss, rel=2e-3)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_derivatives_of_a_law_are_those_of_its_loss(law):
    at = At.of(planted.curve("cosine", 1000).schedule, [100, 400, 1000], (planted.PEAK, 40.0))
    theta = np.array([2.0, -0.5, 0.4, -3.0, 1.0, 0.7, 0.5])[: len(law.names)]
    if law.name == "annealing":
        theta[-1] = 1.5  # ln of the momentum's steps: as long as the falls are old
    for i, found in enumerate(law.loss(theta, at)[1]):
        step = 1e-5 * np.eye(len(theta))[i]
        around = law.loss(theta + step, at)[0] - law.loss(theta - step, at)[0]
        assert found == pytest.approx(around / 2e-5, rel=1e-4, abs=1e-7), law.names[i]


def test_a_lone_large_change_is_a_jump_midway():
    """Of 100 and 200 only the middle is known: the sum is as if the rate fell at 150."""
    found = Schedule.of_rows([1, 50, 100, 200, 250], [1.0, 1.0, 1.0, 0.2, 0.2], warmup=0)
    assert found.summed([100, 150, 200]) == pytest.approx([100, 150, 160])
    at, rate, fall = (x[-1] for x in found.drops)
    assert (at, rate, fall) == pytest.approx((150, 0.2, 0.8))


def test_a_slope_is_many_small_drops_whose_sum_is_the_fall():
    found = Schedule.of_rows([0, 100, 200], [1.0, 0.6, 0.2])
    at, rate, fall = found.drops
    assert fall.sum() == pytest.approx(0.8)
    assert fall.max() <= 0.01 + 1e-9
    assert rate == pytest.approx(1 - 0.004 * at)


@pytest.mark.parametrize("size", THEIRS)
def test_published_schedules_are_predicted_at_least_as_well_as_by_their_authors(size):
    """Their metric: |predicted / measured - 1|, its mean over rows, then over six schedules."""
    paths = [f"multipowerlaw/{size}_{name}.csv" for name in (*TRAINED, *HELD_OUT)]
    folder = next((one for one in FOLDERS if all((one / path).is_file() for path in paths)), None)
    if folder is None:
        pytest.skip(f"the curves of Luo et al. are not in {FOLDERS[0].name}/multipowerlaw")
    curves = read_curves([folder / path for path in paths])[0]
    fit = fit_curves(curves[:3], draws=20)
    scores = [score(fit, curve) for curve in curves[3:]]
    assert np.mean([one.errors.mean() for one in scores]) <= THEIRS[size]
    last = [one.record() for one in scores]
    assert sum(one["lo"] < one["measured"] < one["hi"] for one in last) >= 5
