"""The multi-layer perceptron: its size, its values, its initial weights and its cost."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from isoloss.counting import mlp_flops, mlp_params
from isoloss.models.mlp import Mlp
from isoloss.models.shapes import MlpShape
from isoloss.tasks.streams import Stream


def network(n_inputs=3, width=8, n_hidden=2, activation="tanh", seed=0):
    shape = MlpShape(n_inputs=n_inputs, width=width, n_hidden=n_hidden, activation=activation)
    return Mlp(shape, shape.initial(Stream(seed)))


def reference(n_inputs, width, n_hidden, activation):
    layers, fan_in = [], n_inputs
    for _ in range(n_hidden):
        layers += [nn.Linear(fan_in, width), activation()]
        fan_in = width
    return nn.Sequential(*layers, nn.Linear(fan_in, 1))


@pytest.mark.parametrize(
    ("width", "published"),
    [(2, 13), (4, 33), (8, 97), (16, 321), (32, 1153), (64, 4353), (128, 16897), (256, 66561)],
)
def test_one_input_and_two_hidden_layers_have_w2_plus_4w_plus_1_parameters(width, published):
    assert mlp_params(1, width, 2) == width**2 + 4 * width + 1 == published
    assert sum(p.numel() for p in network(1, width).parameters()) == published


@pytest.mark.parametrize("n_hidden", [1, 2, 3])
@pytest.mark.parametrize(
    ("name", "activation"), [("tanh", nn.Tanh), ("relu", nn.ReLU)], ids=["tanh", "relu"]
)
def test_computes_what_torch_layers_compute(n_hidden, name, activation):
    ours = network(n_hidden=n_hidden, activation=name)
    theirs = reference(3, 8, n_hidden, activation)
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.copy_(mine)
    x = torch.randn(5, 3)
    ours(x).sum().backward()
    theirs(x).sum().backward()
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=0, atol=0)


def test_starts_from_the_same_distribution_as_torch_linear():
    torch.manual_seed(1)
    ours, theirs = network(width=400), reference(3, 400, 2, nn.Tanh)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        if mine.numel() > 300:
            mine, other = mine.detach(), other.detach()
            assert mine.abs().max().item() == pytest.approx(other.abs().max().item(), rel=0.02)
            assert mine.std().item() == pytest.approx(other.std().item(), rel=0.1)
            assert abs(mine.mean().item()) < 0.1 * other.abs().max().item()


def test_initial_weights_depend_on_the_stream_alone():
    torch.manual_seed(0)
    first = [p.clone() for p in network(seed=5).parameters()]
    torch.manual_seed(1)
    for one, two in zip(first, network(seed=5).parameters(), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(first[0], next(network(seed=6).parameters()))


@pytest.mark.parametrize("shape", [(1, 8, 2), (3, 16, 1), (6, 32, 3)])
def test_flops_are_those_that_torch_counts_in_a_forward_and_a_backward_pass(shape):
    model = network(*shape)
    with FlopCounterMode(display=False) as counter:
        model(torch.randn(10, shape[0])).square().mean().backward()
    assert counter.get_total_flops() == 10 * mlp_flops(*shape)


def test_the_weights_are_named_in_the_order_of_the_models_parameters():
    shape = MlpShape(n_inputs=3, width=8, n_hidden=2, activation="relu")
    named = [(name, tuple(p.shape)) for name, p in network(activation="relu").named_parameters()]
    initial = shape.initial(Stream(0))
    assert named == [(name, values.shape) for name, values in initial.items()]


def test_predicts_what_it_computes():
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    with torch.no_grad():
        expected = network()(torch.from_numpy(x)).numpy()
    assert np.array_equal(network().predict(x), expected)
