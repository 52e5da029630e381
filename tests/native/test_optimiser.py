"""The kernel's AdamW, clipping and noise sums beside PyTorch's and NumPy's."""

import numpy as np
import pytest
import torch

from isoloss.native import build

if build.library() is None:
    pytest.skip(f"there is no kernel: {build.why_not()}", allow_module_level=True)

from isoloss.native import optimiser
from isoloss.native.parameters import Parameters
from isoloss.train.optim import AdamW, clip_gradients

SHAPES = {"matrix": (37, 5), "gain": (11,), "long": (300, 50), "last": (3,)}


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize("clip_norm", [None, 0.5, 1e6])
def test_steps_are_those_of_pytorch_with_decay_on_matrices_alone(weight_decay, clip_norm):
    """Rounding apart: 30 steps agree to 1e-6 of what they moved."""
    rng = np.random.default_rng(0)
    ours = Parameters(SHAPES)
    ours.parameters[:] = rng.standard_normal(len(ours.parameters))
    start = ours.parameters.copy()
    model = torch.nn.ParameterDict(
        {name: torch.from_numpy(t.copy()) for name, t in ours.tensors(ours.parameters).items()}
    )
    theirs = AdamW(model, beta1=0.9, beta2=0.95, weight_decay=weight_decay, eps=1e-3)
    for step in range(1, 31):
        lr = 0.01 / step
        ours.gradients[:] = 0.05 * rng.standard_normal(len(start))
        for name, gradient in ours.tensors(ours.gradients).items():
            model[name].grad = torch.from_numpy(gradient.copy())
        if clip_norm:
            clip_gradients(theirs.parameters, clip_norm)
        theirs.step(lr)
        optimiser.update(
            ours,
            step=step,
            lr=lr,
            beta1=0.9,
            beta2=0.95,
            eps=1e-3,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
        )
    expected = np.concatenate([model[name].detach().numpy().ravel() for name in SHAPES])
    moved = np.linalg.norm(expected - start)
    assert np.linalg.norm(ours.parameters - expected) <= 3e-6 * moved


@pytest.mark.parametrize(("value", "spoilt"), [(np.nan, range(20)), (np.inf, [3])])
def test_clipping_hides_no_gradient_that_is_not_finite(value, spoilt):
    """As in PyTorch: a norm of NaN spoils every weight, an infinite norm its own."""
    ours = Parameters({"weights": (20,)})
    ours.gradients[:] = 1
    ours.gradients[3] = value
    settings = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.1, "clip_norm": 1.0}
    optimiser.update(ours, step=1, lr=0.1, **settings)
    assert np.flatnonzero(np.isnan(ours.parameters)).tolist() == list(spoilt)


@pytest.mark.parametrize("n", [1, 8, 31, 4096, 4097, 100_003])
def test_noise_sums_are_exact_to_float32(n):
    a, b = np.random.default_rng(0).standard_normal((2, n)).astype(np.float32)
    dot, square = optimiser.noise(a, b)
    double = a.astype(float), b.astype(float)
    scale = np.abs(double[0] * double[1]).sum()
    assert dot == pytest.approx(double[0] @ double[1], abs=1e-6 * scale)
    assert square == pytest.approx(((double[0] - double[1]) ** 2).sum(), rel=1e-6)
