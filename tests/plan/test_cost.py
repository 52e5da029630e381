"""What a job is planned to cost: its steps, its evaluations, and its kind."""

import re
from pathlib import Path

import pytest

from isoloss.counting import transformer_flops
from isoloss.plan.cost import DROPOUT, JOB_S, MLP, RULE_S, TRANSFORMER, cost_of
from isoloss.runtime.progress import TRAINING
from isoloss.tasks import run_of

ROOT = Path(__file__).parents[2]

LANGUAGE = {
    "task": {"kind": "language", "corpus": "c", "context": 64},
    "model": {"n_layer": 2, "d_model": 16, "n_head": 1},
    "data": {"n_tokens": 4 * 64 * 100, "n_unique_tokens": "all", "n_heldout_tokens": 6400},
    "training": {"peak_lr": 1e-2, "schedule": "wsd", "batch_size": 4, "evals_per_octave": 1,
                 "first_eval": 4},
}  # fmt: skip
FUNCTION = {
    "task": {"kind": "function", "target": "sine"},
    "model": {"width": 8},
    "data": {"n_samples": 64},
    "training": {"peak_lr": 1e-2, "schedule": "constant", "steps": 50, "n_evals": 1},
}


def language(**model):
    return run_of(LANGUAGE | {"model": LANGUAGE["model"] | model})


def test_a_run_is_charged_for_the_evaluations_after_its_trunk():
    """Of 4, 8, 16, 32, 64 and the last, 100: those after step 40 are two."""
    run = language()
    whole, cooldown = cost_of(run, 256), cost_of(run, 256, begun=40)
    assert (whole.steps, whole.evaluations) == (100, 6)
    assert (cooldown.steps, cooldown.evaluations) == (60, 2)
    one = transformer_flops(run.model, 256, 64).forward
    assert cooldown.evaluation_flops == 2 * 100 * one


def test_a_piece_of_a_trunk_is_not_evaluated_at_its_end():
    assert cost_of(language(), 256, to_be_continued=True).evaluations == 5


def test_twice_the_steps_and_evaluations_take_twice_the_time():
    whole = cost_of(language(), 256)
    double = type(whole)(**vars(whole) | {"steps": 200, "evaluations": 12})
    assert double.core_s - JOB_S == pytest.approx(2 * (whole.core_s - JOB_S))


def test_evaluations_take_time():
    whole = cost_of(language(), 256)
    without = type(whole)(**vars(whole) | {"evaluations": 0})
    assert whole.core_s - without.core_s > whole.evaluation_flops / 1e11


def test_the_speed_is_that_of_what_trains_the_run():
    assert cost_of(language(), 256).speed == TRANSFORMER
    assert cost_of(language(dropout=0.1), 256).speed == DROPOUT
    assert cost_of(run_of(FUNCTION)).speed == MLP


def test_every_rule_has_a_planned_cost():
    """In the time left, a rule without one would count as any other."""
    files = [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    text = "\n".join(path.read_text() for path in files)
    rules = set(re.findall(r"^ *rule (\w+):", text, re.MULTILINE))
    assert rules - set(TRAINING) == set(RULE_S)
