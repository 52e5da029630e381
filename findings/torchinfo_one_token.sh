#!/usr/bin/env bash
# torchinfo 1.8.0: a language model costs one token, whatever its context, and ties count twice.
#
# What one believes: "Total mult-adds" of summary() is the work of the input that it was given, and
# "Total params" is what an optimizer has.
# What happens: a linear layer counts its matrix once for each first index of its input. All other
# indices, as that of a token in its sequence, are left out, while a convolution counts them.
# Parameters are summed over layers, so a tied output matrix is there twice.
# Output seen: a model of 5,149,696 parameters, of them 4,096,000 in a tied embedding. Total params
# is 9,245,696, and mult-adds are 9,245,696 with 1, 64 and 1,024 tokens. Its products have 5.14e6,
# 3.29e8 and 5.27e9 multiply-adds.
# Why it matters for a fit: compute is too small by the context, and not by one factor if contexts
# differ. N is too large by a share that falls with N, so alpha is another one.
# isoloss: counts from a run's settings, a tied matrix once and each token of a context:
# test_gpt2_shapes_have_the_published_totals in tests/test_counting.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 torch==2.13.0 torchinfo==1.8.0
cd "$folder"
venv/bin/python -I - <<'PYTHON'
import sys

import torch
from torch.utils.flop_counter import FlopCounterMode
from torchinfo import summary


class Model(torch.nn.Module):
    """Feed-forward layers between an embedding and an output matrix that is tied to it."""

    def __init__(self, vocab_size=32_000, width=128):
        super().__init__()
        self.embedding = torch.nn.Embedding(vocab_size, width)
        self.layers = torch.nn.ModuleList(
            torch.nn.Sequential(
                torch.nn.Linear(width, 4 * width),
                torch.nn.GELU(),
                torch.nn.Linear(4 * width, width),
            )
            for _ in range(8)
        )
        self.output = torch.nn.Linear(width, vocab_size, bias=False)
        self.output.weight = self.embedding.weight

    def forward(self, tokens):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = x + layer(x)
        return self.output(x)


model = Model()
told, products = {}, {}
for context in (1, 64, 1024):
    tokens = torch.zeros(1, context, dtype=torch.long)
    told[context] = summary(model, input_data=tokens, verbose=0)
    with FlopCounterMode(display=False) as counter:
        model(tokens)
    products[context] = counter.get_total_flops() // 2
seen = {
    "parameters": sum(p.numel() for p in model.parameters()),
    "torchinfo's parameters": told[1].total_params,
    "multiply-adds by context": products,
    "torchinfo's by context": {context: one.total_mult_adds for context, one in told.items()},
}
known = {
    "parameters": 5_149_696,
    "torchinfo's parameters": 9_245_696,
    "multiply-adds by context": {1: 5_144_576, 64: 329_252_864, 1024: 5_268_045_824},
    "torchinfo's by context": {1: 9_245_696, 64: 9_245_696, 1024: 9_245_696},
}
for what, value in seen.items():
    print(f"{what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
