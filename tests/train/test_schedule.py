"""Learning-rate schedules against their definitions."""

import itertools
import math

import pytest

from isoloss.config.runs import Optimisation
from isoloss.tasks.evaluations import evaluation_steps
from isoloss.train.schedule import learning_rate

STEPS = 100


def rates(schedule, **settings):
    training = Optimisation(peak_lr=0.5, schedule=schedule, **settings)
    return [learning_rate(training, step, STEPS, width=8) for step in range(1, STEPS + 1)]


def test_warm_up_rises_linearly_to_the_peak():
    rising = rates("constant", warmup_fraction=0.1)[:11]
    assert rising == pytest.approx([0.5 * k / 11 for k in range(1, 12)])


def test_cosine_starts_at_the_peak_and_is_half_way_in_the_middle():
    falling = rates("cosine", final_lr_fraction=0.1)
    assert falling[0] == 0.5
    assert falling[50] == pytest.approx(0.5 * 0.55)
    assert falling[-1] > 0.05


def test_linear_falls_by_the_same_amount_each_step():
    falling = rates("linear")
    differences = [a - b for a, b in itertools.pairwise(falling)]
    assert differences == pytest.approx([0.5 / STEPS] * (STEPS - 1))


def test_the_cooldown_of_wsd_is_one_minus_the_square_root_of_its_progress():
    falling = rates("wsd", cooldown_fraction=0.2)
    assert falling[:80] == [0.5] * 80
    assert falling[80:] == pytest.approx([0.5 * (1 - math.sqrt(k / 21)) for k in range(1, 21)])


def test_the_learning_rate_falls_with_width_by_its_exponent():
    training = Optimisation(
        peak_lr=0.5, schedule="constant", lr_base_width=16, lr_width_exponent=-1.0
    )
    assert learning_rate(training, 1, STEPS, width=64) == pytest.approx(0.125)


@pytest.mark.parametrize("steps", [1, 2, 7, 1000, 123_457])
@pytest.mark.parametrize("n_evals", [1, 2, 20])
def test_evaluations_are_in_order_once_each_and_end_with_the_last_step(steps, n_evals):
    at = evaluation_steps(steps, Optimisation(peak_lr=1.0, schedule="constant", n_evals=n_evals))
    assert at == sorted(set(at))
    assert at[-1] == steps
    assert len(at) <= n_evals
    assert at[0] >= 1


def test_evaluations_by_octave_are_the_same_for_runs_of_any_length():
    training = Optimisation(
        peak_lr=1.0, schedule="constant", evals_per_octave=2, first_eval=8, n_evals=1
    )
    assert evaluation_steps(40, training) == [8, 11, 16, 23, 32, 40]
    assert evaluation_steps(32, training) == [8, 11, 16, 23, 32]
    assert evaluation_steps(5, training) == [5]


def test_warm_up_in_steps_does_not_depend_on_the_length():
    training = Optimisation(peak_lr=0.5, schedule="constant", warmup_steps=10)
    for steps in (20, 1000):
        rising = [learning_rate(training, step, steps, width=8) for step in range(1, 12)]
        assert rising == pytest.approx([0.5 * k / 11 for k in range(1, 12)])
