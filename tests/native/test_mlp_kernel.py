"""The kernel's MLP beside PyTorch's, which defines it."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from isoloss.models import mlp as pytorch
from isoloss.models.shapes import MlpShape
from isoloss.native import build
from isoloss.native.mlp import ACTIVATIONS, Mlp
from isoloss.tasks.streams import Stream

if build.library() is None:
    pytest.skip(f"there is no kernel: {build.why_not()}", allow_module_level=True)

# n_inputs, width, n_hidden, batch: whole and broken vectors, one sample, more than one chunk.
SHAPES = [
    *((1, 1, 1, 1), (1, 2, 2, 128), (1, 3, 1, 7), (2, 5, 3, 33), (5, 8, 2, 64)),
    *((1, 16, 2, 128), (20, 12, 2, 100), (3, 31, 4, 50), (7, 64, 1, 129), (1, 300, 2, 500)),
]
CASES = list(itertools.product(SHAPES, ACTIVATIONS))


def both(shape, activation, seed=0):
    """The model in PyTorch and in the kernel, with the same parameters."""
    n_inputs, width, n_hidden, _ = shape
    of = MlpShape(n_inputs=n_inputs, width=width, n_hidden=n_hidden, activation=activation)
    defined = pytorch.Mlp(of, of.initial(Stream(seed)))
    model = Mlp(**vars(of))
    assert model.names == tuple(name for name, _ in defined.named_parameters())
    tensors = model.tensors(model.parameters)
    for name, parameter in defined.named_parameters():
        tensors[name][...] = parameter.detach().numpy()
    return defined, model


def batch(shape, rng):
    n_inputs, _, _, n = shape
    x = 2 * rng.standard_normal((n, n_inputs), np.float32)
    return x, rng.standard_normal((n, 1), np.float32)


def test_the_activations_are_those_of_pytorchs_model():
    assert set(ACTIVATIONS) == set(pytorch.ACTIVATIONS)


@pytest.mark.parametrize(("shape", "activation"), CASES, ids=str)
def test_gradients_and_predictions_are_pytorchs(shape, activation, rng):
    defined, model = both(shape, activation)
    x, y = batch(shape, rng)
    predicted = defined(torch.from_numpy(x))
    loss = functional.mse_loss(predicted, torch.from_numpy(y))
    loss.backward()
    gradients = np.concatenate([p.grad.numpy().ravel() for p in defined.parameters()])
    assert model.backward(x, y) == pytest.approx(loss.item(), rel=1e-6)
    difference = np.linalg.norm(model.gradients - gradients)
    assert difference <= 1e-6 * np.linalg.norm(gradients)
    np.testing.assert_allclose(model.predict(x), predicted.detach(), rtol=1e-5, atol=1e-6)


def test_a_prediction_does_not_depend_on_the_samples_beside_it(rng):
    """So an evaluation may take any number of samples at a time."""
    shape = (3, 70, 2, 2000)
    _, model = both(shape, "tanh")
    x, _ = batch(shape, rng)
    together = model.predict(x)
    assert np.array_equal(together, np.concatenate([model.predict(part) for part in x[:, None]]))
    assert model.predict(x[:0]).shape == (0, 1)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_what_is_not_finite_comes_out_as_in_pytorch(value, activation, rng):
    shape = (2, 5, 2, 20)
    defined, model = both(shape, activation)
    x, y = batch(shape, rng)
    x[3, 1] = value
    expected = defined(torch.from_numpy(x))
    np.testing.assert_allclose(model.predict(x), expected.detach(), rtol=1e-5, atol=1e-6)
    loss = functional.mse_loss(expected, torch.from_numpy(y))
    loss.backward()
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(model.backward(x, y), loss.item(), rtol=1e-5)
    for name, parameter in defined.named_parameters():
        ours = model.tensors(model.gradients)[name]
        assert np.array_equal(np.isfinite(ours), np.isfinite(parameter.grad.numpy())), name


def test_tanh_is_exact_to_two_units_in_the_last_place():
    _, model = both((1, 1, 1, 1), "tanh")
    model.parameters[:] = [1, 0, 1, 0]  # the network is tanh itself
    x = np.concatenate([np.linspace(-12, 12, 20001), np.geomspace(1e-30, 1, 2001)])
    x = x.astype(np.float32)
    expected = np.tanh(x.astype(np.float64))
    error = np.abs(model.predict(x[:, None])[:, 0] - expected)
    assert np.all(error <= 2 * np.spacing(np.abs(expected).astype(np.float32)))


@pytest.mark.parametrize(
    ("x", "y"),
    [((4, 2), (4, 1)), ((4,), (4, 1)), ((4, 3), (4,)), ((4, 3), (5, 1)), ((0, 3), (0, 1))],
)
def test_a_batch_of_another_shape_is_refused(x, y):
    model = Mlp(n_inputs=3, width=4, n_hidden=1, activation="relu")
    with pytest.raises(ValueError, match="the shape"):
        model.backward(np.zeros(x, np.float32), np.zeros(y, np.float32))
