#!/usr/bin/env bash
# transformers 5.24.0: the Trainer's eval_loss of one model and one text set moves with the batch.
#
# What one believes: eval_loss is the mean over the tokens that are held out, as the training loss
# is over those of a step. The batch of the evaluation is a matter of memory alone.
# What happens: the loss of a batch is the mean of its tokens, and eval_loss is the mean of these
# means, each weighted by its texts. So a token of a short text, or in a batch of few tokens, counts
# more than another. Only if all texts have one length is it the mean over tokens.
# Output seen: 64 texts of 4 to 1,024 tokens, whose token i has the loss 2.5 + 3 / sqrt(i). With one
# batch of all 64 texts eval_loss is 2.824, the mean of all tokens. With batches of 32, 8, 4 and 1
# it is 2.829, 2.841, 2.925 and 3.344.
# Why it matters for a fit: a larger model is evaluated in smaller batches. Where short texts are the
# harder ones, as here, its loss is then too high, and alpha is too small.
# isoloss: names the runs whose evaluations read as many texts in other batches:
# test_evaluations_in_other_batches_are_said in tests/logs/test_huggingface.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
    numpy==2.4.6 torch==2.13.0 transformers==5.24.0 accelerate==1.15.0
cd "$folder"
HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error venv/bin/python -I - <<'PYTHON'
import random
import sys
import warnings

import torch
from transformers import Trainer, TrainingArguments

warnings.simplefilter("ignore")
LENGTHS = [round(4 * 256 ** (i / 63)) for i in range(64)]
random.Random(0).shuffle(LENGTHS)
LOSS = 2.5 + 3 / torch.arange(1, 1025) ** 0.5  # of a text's first, second, ... token


class Planted(torch.nn.Module):
    """Its loss is the mean over the tokens of a batch, as that of a language model."""

    def forward(self, x, labels):
        return {"loss": LOSS.expand(len(x), -1)[:, : x.shape[1]][labels >= 0].mean(), "logits": x}


def padded(rows):
    longest = max(row["length"] for row in rows)
    labels = [[0] * row["length"] + [-100] * (longest - row["length"]) for row in rows]
    return {"x": torch.zeros(len(rows), longest), "labels": torch.tensor(labels)}


def eval_loss(batch):
    arguments = TrainingArguments(
        "run", per_device_eval_batch_size=batch, remove_unused_columns=False, report_to=[],
        use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    rows = [{"length": length} for length in LENGTHS]
    trainer = Trainer(Planted(), arguments, eval_dataset=rows, data_collator=padded)
    return round(trainer.evaluate()["eval_loss"], 3)


seen = {
    "mean over tokens": round(float(torch.cat([LOSS[:n] for n in LENGTHS]).mean()), 3),
    "eval_loss by batch": {batch: eval_loss(batch) for batch in (64, 32, 8, 4, 1)},
}
known = {
    "mean over tokens": 2.824,
    "eval_loss by batch": {64: 2.824, 32: 2.829, 8: 2.841, 4: 2.925, 1: 3.344},
}
for what, value in seen.items():
    print(f"{what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
