"""Which runs share a trunk, in which pieces, and at what cost."""

import pytest
from tests.plan.test_plan import LANGUAGE, plan_of

from isoloss.errors import UserError

TRAINING = {
    "peak_lr": 0.01,
    "schedule": "wsd",
    "warmup_steps": 2,
    "cooldown_fraction": 0.2,
    "batch_size": 4,
    "n_evals": 1,
}
BUDGETS = [640, 1280, 2560]  # 20, 40 and 80 steps of 4 windows of 8 tokens


def study(training=None, data=None, budgets=BUDGETS, **sweep):
    settings = LANGUAGE["settings"] | {
        "training": TRAINING | (training or {}),
        "data": {"n_tokens": 640, "n_unique_tokens": "all", "n_heldout_tokens": 100} | (data or {}),
    }
    grid = {"grid": {"data.n_tokens": budgets}} | sweep
    return LANGUAGE | {"settings": settings, "sweeps": {"grid": grid}}


def test_the_pieces_end_where_cooldowns_begin_and_each_goes_on_from_the_one_before():
    plan = plan_of(study())
    trunks = list(plan.trunks.values())
    assert [trunk.trunk.steps for trunk in trunks] == [16, 32, 64]
    assert [trunk.before for trunk in trunks] == [None, *list(plan.trunks)[:2]]
    assert [trunk.cost.steps for trunk in trunks] == [16, 16, 32]
    assert [run.cost.steps for run in plan.runs.values()] == [4, 8, 16]


def test_every_step_is_paid_once_and_is_that_of_the_runs_alone():
    shared = plan_of(study())
    alone = plan_of(study(training={"schedule": "constant"}))
    per_step = next(iter(alone.runs.values())).cost.flops_per_step
    paid = sum(job.cost.flops for job in (*shared.runs.values(), *shared.trunks.values()))
    assert paid == per_step * (64 + 4 + 8 + 16)
    assert [run.whole_flops for run in shared.runs.values()] == [
        run.whole_flops for run in alone.runs.values()
    ]


def test_a_larger_budget_adds_a_piece_and_leaves_the_others_as_they_are():
    before, after = plan_of(study(budgets=BUDGETS[:2])), plan_of(study())
    assert list(after.trunks.items())[:2] == list(before.trunks.items())
    assert list(after.runs.items())[:2] == list(before.runs.items())


def test_runs_of_other_seeds_or_settings_have_trunks_of_their_own():
    seeds = plan_of(study(seeds=2))
    assert len({trunk.trunk.line for trunk in seeds.trunks.values()}) == 2
    rates = study()
    rates["sweeps"]["grid"]["grid"]["training.peak_lr"] = [0.01, 0.02]
    assert len({trunk.trunk.line for trunk in plan_of(rates).trunks.values()}) == 2


def test_another_cooldown_shares_the_trunk():
    longer = study(budgets=[640])
    longer["sweeps"]["grid"]["grid"]["training.cooldown_fraction"] = [0.1, 0.2]
    plan = plan_of(longer)
    assert [trunk.trunk.steps for trunk in plan.trunks.values()] == [18, 16]
    assert len({trunk.trunk.line for trunk in plan.trunks.values()}) == 1


@pytest.mark.parametrize(
    "alone",
    [
        {"training": {"schedule": "cosine"}},
        {"training": {"schedule": "constant"}},
        {"training": {"warmup_steps": None}},
        {"training": {"n_evals": 5}},
        {"training": {"patience": 3}},
        {"data": {"n_unique_tokens": 640}},
    ],
    ids=str,
)
def test_a_run_whose_beginning_depends_on_its_length_is_trained_alone(alone):
    assert not plan_of(study(**alone)).trunks


def test_a_trunk_waits_no_longer_than_what_comes_after_it():
    plan = plan_of(study())
    first, *_, last = plan.trunks
    final = plan.trunks[last].cost.core_s + max(
        run.cost.core_s for run in plan.runs.values() if run.trunk.trunk_id == last
    )
    assert plan.waiting_s[last] == pytest.approx(final)
    pieces = sum(trunk.cost.core_s for trunk in plan.trunks.values())
    longest = max(run.cost.core_s for run in plan.runs.values())
    assert plan.waiting_s[first] == pytest.approx(pieces + longest)


@pytest.mark.parametrize(
    ("training", "problem"),
    [
        ({"cooldown_fraction": 0.8},
         r"training.cooldown_fraction 0.8: the cooldown would be longer than its trunk, "
         r"16 of 20 steps"),
        ({"warmup_steps": 17},
         r"training.warmup_steps 17 is more than the 16 steps before the cooldown begins"),
        ({"warmup_fraction": 0.1}, r"warmup_steps and warmup_fraction exclude each other"),
        ({"noise_scale": True, "batch_size": 3}, r"noise_scale needs an even batch_size, got 3"),
    ],
)  # fmt: skip
def test_an_impossible_trunk_is_refused_with_the_reason(training, problem):
    with pytest.raises(UserError, match=problem):
        plan_of(study(training=training, budgets=[640]))


FIT = {
    "name": "law",
    "law": "power_law",
    "variables": {"x": "n_tokens", "loss": "loss"},
}


def predicting(**prediction):
    return study() | {"prediction": {"sweep": "grid", "fits": [FIT]} | prediction}


def test_the_largest_run_waits_for_the_prediction_and_so_does_what_only_it_needs():
    plan = plan_of(predicting(at_most=0.5))
    *small, largest = plan.runs
    assert plan.held_out["s0"].run_ids == (largest,)
    assert plan.held_out["s0"].fitted == tuple(small)
    assert set(plan.predicted_by) == {largest, list(plan.trunks)[-1]}
    assert plan.urgent == {*small, *list(plan.trunks)[:2]}


def test_a_prediction_without_runs_to_make_it_from_is_refused():
    with pytest.raises(UserError, match=r"n.at_most: no run has at most 0.1 of .* has 0.25 of it"):
        plan_of(predicting())
    with pytest.raises(UserError, match=r"at_most: must lie between 0 and 1, so that .* got 1"):
        plan_of(predicting(at_most=1.0))
