"""The kernel's transformer beside PyTorch's, which defines it."""

import threading

import numpy as np
import pytest
import torch
from torch.nn import functional

from isoloss.native import build

if build.library() is None:
    pytest.skip(f"there is no kernel: {build.why_not()}", allow_module_level=True)

from tests.native.shapes import SHAPES, Shape, batch, both, flat, kernel

SMALL = Shape(2, 12, 2, 20, 17, 5, n_targets=7)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_losses_and_gradients_are_those_of_pytorch(shape):
    """To 1e-6 of their norm, as PyTorch computes them in float64."""
    defined, ours = both(shape)
    ids, targets = batch(shape)
    defined.double()
    loss = defined.loss(torch.from_numpy(ids), torch.from_numpy(targets))
    loss.backward()
    gradients = flat(parameter.grad for parameter in defined.parameters())
    assert ours.backward(ids, targets) == pytest.approx(loss.item(), abs=5e-7)
    difference = np.linalg.norm(ours.gradients - gradients)
    assert difference <= 1e-6 * np.linalg.norm(gradients)
    summed, _ = ours.evaluate(ids, targets)
    assert summed / targets.size == pytest.approx(loss.item(), abs=5e-7)


def test_a_sequence_shorter_than_the_context_takes_the_first_positions():
    defined, ours = both(SMALL)
    ids, targets = batch(SMALL)
    ids = ids[:, :11]
    loss = defined.loss(torch.from_numpy(ids), torch.from_numpy(targets))
    loss.backward()
    assert ours.backward(ids, targets) == pytest.approx(loss.item(), rel=1e-6)
    np.testing.assert_allclose(
        ours.gradients, flat(p.grad for p in defined.parameters()), atol=1e-6
    )
    assert not ours.tensors(ours.gradients)["positions"][11:].any()


def test_an_evaluation_counts_the_sequences_without_an_error():
    """Any number of sequences; PyTorch's own predictions of some are made the targets."""
    defined, ours = both(SMALL)
    ids = np.random.default_rng(0).integers(17, size=(100, 20))
    logits = defined(torch.from_numpy(ids), last=7).detach()
    targets = logits.argmax(-1).numpy()
    targets[:60, 3] = (targets[:60, 3] + 1) % 17
    loss = functional.cross_entropy(
        logits.flatten(0, 1), torch.from_numpy(targets).flatten(), reduction="sum"
    )
    assert ours.evaluate(ids, targets) == (pytest.approx(loss.item(), rel=1e-6), 40)


def test_of_equal_logits_the_first_is_the_prediction():
    ours = kernel(SMALL)  # all weights are 0
    ids, targets = batch(SMALL)
    assert ours.evaluate(ids, np.zeros_like(targets))[1] == 5
    assert ours.evaluate(ids, np.ones_like(targets))[1] == 0


def test_a_sequence_has_the_same_loss_in_every_company():
    """To the last bit of float32; the sums over sequences are float64."""
    _, ours = both(SMALL)
    ids = np.random.default_rng(0).integers(17, size=(33, 20))
    alone = [ours.evaluate(ids[i : i + 1], ids[i : i + 1, -7:])[0] for i in range(33)]
    for first in range(0, 33, 4):
        together, _ = ours.evaluate(ids[first:], ids[first:, -7:])
        assert together == pytest.approx(sum(alone[first:]), rel=1e-13)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", range(15))
def test_a_weight_that_is_not_finite_gives_a_loss_that_is_not_finite(which, value):
    """As in PyTorch: no comparison or choice of the larger one may hide it."""
    defined, ours = both(SMALL)
    ids, targets = batch(SMALL)
    ids[:, 0] = 0
    name = ours.names[which]
    ours.tensors(ours.parameters)[name].flat[0] = value
    with torch.no_grad():
        dict(defined.named_parameters())[name].view(-1)[0] = value
        expected = defined.loss(torch.from_numpy(ids), torch.from_numpy(targets))
    assert not torch.isfinite(expected)
    assert not np.isfinite(ours.backward(ids, targets))
    assert not np.isfinite(ours.evaluate(ids, targets)[0])


def test_models_in_two_threads_share_nothing():
    shapes = (SMALL, Shape(1, 16, 1, 64, 256, 4))
    expected = [hundred_losses(shape) for shape in shapes]
    found = {}
    threads = [
        threading.Thread(target=lambda s=shape: found.update({s: hundred_losses(s)}))
        for shape in shapes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[shape] for shape in shapes] == expected


def hundred_losses(shape):
    _, ours = both(shape)
    losses = []
    for seed in range(100):
        losses.append(ours.backward(*batch(shape, seed)))
        ours.parameters[:] -= 0.01 * ours.gradients
    return losses


@pytest.mark.parametrize(
    ("ids", "targets"),
    [
        (np.full((2, 20), 17), np.zeros((2, 7))),
        (np.zeros((2, 20)), np.full((2, 7), -1)),
        (np.zeros((2, 21)), np.zeros((2, 7))),
        (np.zeros((2, 6)), np.zeros((2, 7))),
        (np.zeros((2, 20)), np.zeros((3, 7))),
        (np.zeros((0, 20)), np.zeros((0, 7))),
    ],
    ids=["an id", "a target", "too long", "too many targets", "unlike", "none"],
)
def test_a_batch_that_does_not_fit_is_refused(ids, targets):
    ours = kernel(SMALL)
    for function in (ours.backward, ours.evaluate):
        with pytest.raises(ValueError, match=r"do not fit a context of 20 and a vocabulary of 17$"):
            function(ids, targets)


def test_a_batch_larger_than_the_models_is_refused():
    ids = np.zeros((6, 20))
    with pytest.raises(ValueError, match=r"^6 sequences are more than batch_size, 5$"):
        kernel(SMALL).backward(ids, ids)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match=r"^n_head: 5 does not divide d_model, 12$"):
        kernel(Shape(2, 12, 5, 20, 17, 5))
