"""The optimiser against PyTorch's own."""

import copy

import pytest
import torch

from isoloss.train.optim import AdamW, clip_gradients


def small_model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))


def backward(model, inputs):
    model.zero_grad()
    model(inputs).pow(2).mean().backward()


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_every_bit_is_that_of_torch_optim_with_decay_on_matrices_alone(weight_decay):
    ours, theirs = small_model(), small_model()
    optimizer = AdamW(ours, beta2=0.95, weight_decay=weight_decay)
    reference = torch.optim.AdamW(
        [
            {"params": [p for p in theirs.parameters() if p.ndim >= 2]},
            {"params": [p for p in theirs.parameters() if p.ndim < 2], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.95),
        weight_decay=weight_decay,
        fused=True,
    )
    inputs = torch.randn(10, 3, generator=torch.Generator().manual_seed(1))
    for step in range(20):
        for model in (ours, theirs):
            backward(model, inputs)
        for group in reference.param_groups:
            group["lr"] = 0.01 * (step + 1)
        optimizer.step(0.01 * (step + 1))
        reference.step()
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(own, other)


def test_clipping_is_that_of_torch():
    ours, theirs = small_model(), small_model()
    inputs = torch.randn(10, 3, generator=torch.Generator().manual_seed(1))
    for max_norm in (0.1, 100.0):
        backward(ours, inputs)
        backward(theirs, inputs)
        clip_gradients(list(ours.parameters()), max_norm)
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), max_norm)
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(own.grad, other.grad)


def test_a_restored_optimiser_goes_on_with_the_same_bits():
    inputs = torch.randn(10, 3, generator=torch.Generator().manual_seed(1))
    model = small_model()
    optimizer = AdamW(model, weight_decay=0.1)
    for _ in range(3):
        backward(model, inputs)
        optimizer.step(0.01)
    resumed = copy.deepcopy(model)
    restored = AdamW(resumed, weight_decay=0.1)
    restored.load_state([tensor.clone() for tensor in optimizer.state()])
    for own, its_optimizer in ((model, optimizer), (resumed, restored)):
        backward(own, inputs)
        its_optimizer.step(0.01)
    for first, second in zip(model.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(first, second)
