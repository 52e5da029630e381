#!/usr/bin/env bash
# transformers 5.24.0: total_flos of a model with tied embeddings is a fraction of the same work.
#
# What one believes: tying the output matrix to the embedding saves parameters and no FLOP, and
# total_flos in trainer_state.json is the compute of the run.
# What happens: total_flos is 6 N D, and its N leaves out each matrix of an embedding. A tied output
# matrix is such a matrix, so its product, often the largest of a small model, is not counted. Of an
# untied model it is. Padding counts as tokens in both.
# Output seen: two Llamas of width 128 with 4 layers and 32,000 tokens, trained on the same tokens.
# A step of 512 tokens has 15.80 GFLOP of matrix products in both, without attention. total_flos is
# 3.22 GFLOP a step tied and 15.81 untied.
# Why it matters for a fit: small models of a family are often tied and large ones are not. Then the
# law of compute has a step between them, and tokens as total_flos / (6 N) need another N for each.
# isoloss: divides by the N that total_flos has, the output matrix in it if it is untied:
# test_total_flos_have_an_output_matrix_only_if_it_is_untied in tests/logs/test_huggingface.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
    numpy==2.4.6 torch==2.13.0 transformers==5.24.0 accelerate==1.15.0
cd "$folder"
HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error venv/bin/python -I - <<'PYTHON'
import sys
import warnings

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

warnings.simplefilter("ignore")
rows = [{"input_ids": ids, "labels": ids} for ids in torch.randint(32_000, (8, 64))]


def counts(tied):
    """Parameters, FLOP of the products of a step, and total_flos a step, the last two in 1e9."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=32_000, hidden_size=128, intermediate_size=512, num_hidden_layers=4,
            num_attention_heads=4, tie_word_embeddings=tied,
        )
    )  # fmt: skip
    batch = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    with FlopCounterMode(display=False) as counter:
        model(**batch).loss.backward()
    arguments = TrainingArguments(
        "run", max_steps=2, per_device_train_batch_size=8, save_strategy="no", report_to=[],
        use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(model, arguments, train_dataset=rows)
    trainer.train()
    flop = counter.get_total_flops(), trainer.state.total_flos / 2
    return [model.num_parameters(), *(round(one / 1e9, 2) for one in flop)]


seen = {name: counts(name == "tied") for name in ("tied", "untied")}
known = {"tied": [5_145_728, 15.8, 3.22], "untied": [9_241_728, 15.8, 15.81]}
for what, value in seen.items():
    print("{}: {:,} parameters, products {} GFLOP a step, total_flos {}".format(what, *value))
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
