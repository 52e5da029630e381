"""Grids that cannot be trained, or could not show what they are for, are refused before any job."""

import pytest
from tests.plan.test_plan import plan_of
from tests.plan.test_trunks import predicting, study

from isoloss.errors import UserError


def problems_of(impossible):
    with pytest.raises(UserError) as error:
        plan_of(impossible)
    return error.value.problems


def with_heads(n_head):
    grid = {"model": [{"d_model": 8, "n_head": 2}, {"d_model": 12, "n_head": n_head}]}
    return study() | {"sweeps": {"grid": {"grid": grid}}}


@pytest.mark.parametrize(
    ("impossible", "problem"),
    [
        (
            study(budgets=[31, 640]),
            "sweeps.grid.grid.data.n_tokens 31 is smaller than one batch of 32",
        ),
        (
            study({"cooldown_fraction": 0.6, "warmup_steps": 0}, budgets=[640]),
            "settings.training.cooldown_fraction 0.6: the cooldown would be longer than its trunk, "
            "12 of 20 steps",
        ),
        (
            study(data={"n_unique_tokens": 5000}, budgets=[6400]),
            "sweeps.grid: data.n_unique_tokens: 5,000 is more than the 4,999 training tokens of "
            "the corpus 'books'",
        ),
        (
            study(data={"n_unique_tokens": 7}, budgets=[640]),
            "settings.data.n_unique_tokens 7 is smaller than one context of 8",
        ),
        (
            study(data={"n_heldout_tokens": 7}, budgets=[640]),
            "settings.data.n_heldout_tokens 7 is smaller than one context of 8",
        ),
        (with_heads(5), "sweeps.grid.grid.model: n_head 5 does not divide d_model 12"),
    ],
)
def test_an_impossible_grid_is_refused_with_its_key_and_the_reason(impossible, problem):
    assert problems_of(impossible) == (f"s0: {problem}",)


def test_the_run_that_tests_a_prediction_is_never_among_those_that_make_it():
    """Other sweeps' runs of its compute are left out, too; what may be used is below its range."""
    twice = {"again": {"grid": {"data.n_tokens": [2560, 1280]}, "seeds": [1]}}
    wanted = predicting(at_most=0.99, sweeps=["grid", "again"])
    plan = plan_of(wanted | {"sweeps": wanted["sweeps"] | twice})
    held, flops = plan.held_out["s0"], {i: run.whole_flops for i, run in plan.runs.items()}
    assert max(flops[i] for i in held.fitted) < min(flops[i] for i in held.run_ids)
    assert len(held.fitted) == 3


FITTED = {"name": "law", "law": "chinchilla", "variables": {v: v for v in ("n_params", "n_tokens")}}
FITTED["variables"]["loss"] = "loss"
SHAPES = [{"d_model": 8, "n_head": 2}, {"d_model": 16, "n_head": 2}, {"d_model": 32, "n_head": 2}]


def of_shapes(pairs, **prediction):
    """A study of runs of given shapes and tokens, of which the costliest is predicted."""
    sweeps = {
        f"s{i}": {"grid": {"model": [SHAPES[shape]]}, "set": {"data.n_tokens": tokens}}
        for i, (shape, tokens) in enumerate(pairs)
    }
    largest = f"s{len(pairs) - 1}"
    made = {"sweep": largest, "at_most": 0.99, "sweeps": list(sweeps), "fits": [FITTED]}
    return study() | {"sweeps": sweeps, "prediction": made | prediction}


def test_a_run_whose_size_and_data_lie_within_those_that_are_fitted_tests_no_prediction():
    (problem,) = problems_of(of_shapes([(0, 6400), (2, 640), (1, 5120)]))
    assert problem.startswith("s0: prediction.at_most: the run that is held out, language-L1-d16-")
    assert problem.endswith("and D 5,120 (640 to 6,400): its loss would be interpolated, not pre"
                            "dicted")  # fmt: skip


def test_a_run_at_the_corner_of_a_grid_tests_a_prediction():
    plan = plan_of(of_shapes([(0, 640), (0, 6400), (2, 640), (2, 6400)]))
    assert len(plan.held_out["s0"].fitted) == 3


@pytest.mark.parametrize("where", [{"seed": [1]}, {"width": [64]}, {"n_tokens": [1]}])
def test_a_prediction_from_no_run_is_refused(where):
    made = {"fits": [FITTED | {"where": where}]}
    assert problems_of(of_shapes([(0, 640), (2, 640), (2, 6400)], **made)) == (
        "s0: prediction.fits.law.where: keeps none of the 2 runs that may be fitted",
    )


def test_every_problem_of_every_sweep_is_said_at_once():
    impossible = study(budgets=[31, 640], data={"n_heldout_tokens": 300})
    more = {"short": {"grid": {"training.cooldown_fraction": [0.2, 0.7]}}}
    found = problems_of(impossible | {"sweeps": impossible["sweeps"] | more})
    assert [problem.split()[1] for problem in found] == [
        "sweeps.grid.grid.data.n_tokens",
        "sweeps.short.grid.training.cooldown_fraction",
    ]
