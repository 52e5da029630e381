#!/usr/bin/env bash
# PyTorch 2.13.0: FlopCounterMode counts attention as 0 FLOP on a CPU, and a whole layer as 0.
#
# What one believes: torch.utils.flop_counter counts the matrix products of what runs, so a model
# costs the same on each device and with each dropout.
# What happens: scaled_dot_product_attention runs one of several kernels. Those of CUDA have a
# formula in the counter, and the one of CPUs has none: it counts as nothing, forward and backward.
# With dropout another kernel runs, which is counted. In evaluation without gradients,
# TransformerEncoderLayer is one fused operation that has no formula either.
# Output seen: a layer, forward and backward, on 1,024 tokens. Of 3 x (24 T d^2 + 4 T^2 d) FLOP the
# counter has .27 at width 64, .60 at 256 and .86 at 1,024. With dropout it has all. Evaluated, the
# layer has 0.
# Why it matters for a fit: FLOP are often counted on a laptop, for all sizes of a sweep, and runs
# of others are counted on a GPU. Here compute is too small by 3.7 for the smallest model and by 1.2
# for the largest. An optimum N* ~ C^.50 over these sizes then reads C^.45.
# isoloss: counts from a run's settings, attention in:
# test_attention_is_two_products_over_all_pairs_and_a_softmax_per_head in tests/test_counting.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 torch==2.13.0
cd "$folder"
venv/bin/python -I - <<'PYTHON'
import sys

import torch
from torch.utils.flop_counter import FlopCounterMode, flop_registry

T = 1024


def counted(width, dropout, train=True):
    """What the counter has of a layer, as a share of its matrix products."""
    layer = torch.nn.TransformerEncoderLayer(
        width, width // 16, 4 * width, dropout=dropout, batch_first=True
    ).train(train)
    x = torch.randn(1, T, width, requires_grad=train)
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(train):
        y = layer(x)
        if train:
            y.sum().backward()
    forward = 24 * T * width**2 + 4 * T**2 * width
    return round(counter.get_total_flops() / (forward * (3 if train else 1)), 2)


aten = torch.ops.aten
seen = {
    "trained, no dropout": {width: counted(width, 0.0) for width in (64, 256, 1024)},
    "trained, dropout of .1": {width: counted(width, 0.1) for width in (64, 256, 1024)},
    "evaluated": {width: counted(width, 0.0, train=False) for width in (64, 256, 1024)},
    "the kernel of CUDA has a formula": aten._scaled_dot_product_flash_attention in flop_registry,
    "the kernel of CPUs has one": aten._scaled_dot_product_flash_attention_for_cpu in flop_registry,
}
known = {
    "trained, no dropout": {64: 0.27, 256: 0.6, 1024: 0.86},
    "trained, dropout of .1": {64: 1.0, 256: 1.0, 1024: 1.0},
    "evaluated": {64: 0.0, 256: 0.0, 1024: 0.0},
    "the kernel of CUDA has a formula": True,
    "the kernel of CPUs has one": False,
}
for what, value in seen.items():
    print(f"{what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
