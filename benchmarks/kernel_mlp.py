"""A training step of an MLP by the kernel against PyTorch's, at the same shape.

    python benchmarks/kernel_mlp.py [--only WIDTH ...] [--repeats 15] [--out FILE]

Both take turns in this process, as in benchmarks/kernel.py: forward, backward and AdamW.
"""

import numpy as np
import torch
from kernel import BETA1, BETA2, EPS, LR, Turn, compare, run
from torch.nn import functional

from isoloss.counting import mlp_flops
from isoloss.models import mlp as pytorch
from isoloss.models.shapes import MlpShape
from isoloss.native import optimiser
from isoloss.native.mlp import Mlp
from isoloss.tasks.streams import Stream
from isoloss.train.optim import AdamW

# Inputs, width, hidden layers, activation, samples of a step: those of the shipped studies.
SHAPES = [
    *((1, 2, 2, "tanh", 128), (1, 16, 2, "tanh", 128), (1, 64, 2, "tanh", 128)),
    *((1, 256, 2, "tanh", 128), (1, 256, 2, "tanh", 2048), (1, 32, 2, "tanh", 1024)),
    *((5, 12, 2, "relu", 128), (5, 48, 2, "relu", 128)),
]
HEAD = "shape                     us a step  GFLOP/s  x PyTorch (range)"


def main() -> None:
    run(__doc__, SHAPES, measure, HEAD, line)


def line(row: dict) -> str:
    """What is printed of a shape."""
    return (
        f"{row['shape']:<25} {1e6 * row['ours_s']:>9.1f} {row['gflops']:>8.1f} "
        f"{row['ratio']:>10.2f} ({row['ratio_min']:.2f}-{row['ratio_max']:.2f})"
    )


def measure(shape: tuple, repeats: int) -> dict:
    """CPU time of a step of both, in turns."""
    n_inputs, width, n_hidden, activation, batch = shape
    of = MlpShape(n_inputs=n_inputs, width=width, n_hidden=n_hidden, activation=activation)
    model = pytorch.Mlp(of, of.initial(Stream(0)))
    ours = Mlp(**vars(of))
    with torch.no_grad():
        ours.parameters[:] = torch.cat([p.flatten() for p in model.parameters()]).numpy()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, n_inputs), np.float32)
    y = rng.standard_normal((batch, 1), np.float32)
    steps = compare(*steps_of(model, ours, x, y), repeats)
    flops = batch * mlp_flops(n_inputs, width, n_hidden)
    name = f"{n_inputs}-{width} x {n_hidden} {activation}, {batch}"
    return {"shape": name, "gflops": flops / steps["ours_s"] / 1e9, **steps}


def steps_of(model: pytorch.Mlp, ours: Mlp, x: np.ndarray, y: np.ndarray) -> tuple[Turn, Turn]:
    """Forward, backward and AdamW by PyTorch and by the kernel."""
    adamw = AdamW(model, beta1=BETA1, beta2=BETA2, eps=EPS)
    inputs, outputs = torch.from_numpy(x), torch.from_numpy(y)

    def theirs(steps: int) -> None:
        for _ in range(steps):
            loss = functional.mse_loss(model(inputs), outputs)
            adamw.zero_grad()
            loss.backward()
            adamw.step(LR)

    def kernel(steps: int) -> None:
        for step in range(1, steps + 1):
            ours.backward(x, y)
            optimiser.update(
                ours,
                step=step,
                lr=LR,
                beta1=BETA1,
                beta2=BETA2,
                eps=EPS,
                weight_decay=0.0,
                clip_norm=None,
            )

    return theirs, kernel


if __name__ == "__main__":
    main()
