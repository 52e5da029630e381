"""What a copy is, how it is judged, and that it can be learnt."""

import math

import numpy as np
import pytest
import torch
from tests.train.engines import KERNELS, trainer_of
from torch.nn import functional

from isoloss.config.load import parse
from isoloss.tasks.copy import data as copy
from isoloss.tasks.copy.settings import CopyRun
from isoloss.tasks.pytorch import problem_of
from isoloss.tasks.streams import Stream

N_SYMBOLS, LENGTH, BATCH = 7, 5, 16


def run(n_samples=1600, d_model=16, **training):
    return parse(
        CopyRun,
        {
            "task": {"kind": "copy", "n_symbols": N_SYMBOLS, "length": LENGTH},
            "model": {"n_layer": 2, "d_model": d_model, "n_head": 1},
            "data": {"n_samples": n_samples, "n_heldout": 300},
            "training": {
                "peak_lr": 1e-2,
                "schedule": "cosine",
                "warmup_fraction": 0.1,
                "batch_size": BATCH,
                "n_evals": 3,
            }
            | training,
        },
        "run",
    )


def build(seed=0, **settings):
    return copy.arrays(run(**settings), seed, None)


def in_pytorch(arrays):
    return problem_of(arrays, torch.device("cpu"))


class Oracle:
    """Copies all strings but those whose first character is in `fails`."""

    def __init__(self, fails=()):
        self.fails = fails

    def loss_and_matches(self, ids, targets):
        assert np.array_equal(ids[:, :LENGTH], targets)
        return 0.0, int((~np.isin(ids[:, 0], self.fails)).sum())


def test_a_sequence_is_string_separator_copy():
    ids, targets = build().batch(1)
    assert ids.shape == (BATCH, 2 * LENGTH)
    assert targets.shape == (BATCH, LENGTH)
    assert np.array_equal(ids[:, :LENGTH], targets)
    assert (ids[:, LENGTH] == N_SYMBOLS).all()
    assert np.array_equal(ids[:, LENGTH + 1 :], targets[:, :-1])
    assert targets.min() >= 0
    assert targets.max() < N_SYMBOLS


def test_strings_are_fresh_at_every_step_and_the_same_in_a_resumed_run():
    problem, resumed, other = build(), build(), build(seed=1)
    assert not np.array_equal(problem.batch(1)[1], problem.batch(2)[1])
    assert np.array_equal(problem.batch(50)[1], resumed.batch(50)[1])
    assert not np.array_equal(problem.batch(1)[1], other.batch(1)[1])


def test_heldout_strings_are_the_same_for_every_seed_and_width():
    model = in_pytorch(build()).model
    losses = {build(seed=seed).evaluate(model)["loss"] for seed in (0, 1)}
    assert losses == {build(d_model=8).evaluate(model)["loss"]}


def test_a_perfect_copier_matches_every_string():
    assert build().evaluate(Oracle())["exact_match"] == 1.0


def test_one_wrong_character_spoils_a_string():
    problem = build()
    ids, _ = copy.sequences(run().task, 300, Stream(copy.HELDOUT_SEED, "heldout"))
    expected = 1 - (ids[:, 0] == 3).mean()
    assert 0.7 < expected < 1
    assert problem.evaluate(Oracle(fails=(3,)))["exact_match"] == pytest.approx(expected)


def test_the_loss_is_over_the_copied_characters_only():
    problem = in_pytorch(build())
    ids, targets = problem.batch(1)
    logits = problem.model(ids)
    expected = functional.cross_entropy(logits[:, LENGTH:].flatten(0, 1), targets.flatten())
    torch.testing.assert_close(problem.loss(problem.model, ids, targets), expected)


def test_an_untrained_model_is_at_chance():
    problem = in_pytorch(build())
    found = problem.evaluate(problem.model)
    assert found["loss"] == pytest.approx(math.log(N_SYMBOLS + 1), abs=0.05)
    assert found["exact_match"] < 0.05


@pytest.mark.parametrize("kernel", KERNELS)
def test_learns_to_copy(kernel):
    """Without attending to the string no model can be below ln 7."""
    trainer = trainer_of(run(n_samples=300 * BATCH), kernel=kernel)
    trainer.run()
    assert trainer.step == 300
    assert trainer.rows[-1]["loss"] < math.log(N_SYMBOLS) / 4
    assert trainer.rows[-1]["exact_match"] > 0.5
