#!/usr/bin/env bash
# transformers 5.24.0: the Trainer logs a loss of 0 for a run that diverged.
#
# What one believes: a run that diverges has NaN in its log. The manual of logging_nan_inf_filter
# (on by default) says that NaN is replaced by the average of recent valid losses.
# What happens: each NaN adds the sum since the last log, divided by one more than the steps done
# since then. The logged mean divides by all steps. So the mean is too low, and where no loss since
# the last log was valid it is exactly 0. The evaluation leaves such batches out of eval_loss.
# Output seen: losses 3, 3, 3 and then NaN to the end, logged every two steps, give 3.0, 2.25, 0.0,
# 0.0, and train_loss 1.3125; no 2.25 and no 1.3125 is a mean of 3s. Held-out batches of 2, NaN and
# 4 give eval_loss 3.0. With logging_nan_inf_filter=False all of these are NaN.
# Why it matters for a fit: the runs with too high a rate seem to be the best of a sweep.
# isoloss: takes a loss of 0, and a gradient norm of NaN, for a run that diverged:
# test_a_loss_of_zero_is_the_filter_of_nan in tests/logs/test_huggingface.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
    numpy==2.4.6 torch==2.13.0 transformers==5.24.0 accelerate==1.15.0
cd "$folder"
HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error venv/bin/python -I - <<'PYTHON'
import math
import sys
import warnings

import torch
from transformers import Trainer, TrainingArguments

warnings.simplefilter("ignore")
NAN = math.nan
TRAINING, HELD_OUT = [3.0, 3.0, 3.0, NAN, NAN, NAN, NAN, NAN], [2.0, NAN, 4.0]


class Planned(torch.nn.Module):
    """Its losses are those planned, one a batch."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.losses = {True: iter(TRAINING), False: iter(HELD_OUT)}

    def forward(self, x, labels):
        return {"loss": next(self.losses[self.training]) + 0 * self.weight, "logits": x}


def logged(filtered):
    rows = [{"x": torch.zeros(1), "labels": torch.zeros(1)}] * len(TRAINING)
    arguments = TrainingArguments(
        "run", max_steps=len(TRAINING), logging_steps=2, logging_nan_inf_filter=filtered,
        per_device_train_batch_size=1, per_device_eval_batch_size=1, learning_rate=0.0,
        save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(
        Planned(), arguments, train_dataset=rows, eval_dataset=rows[: len(HELD_OUT)]
    )
    summary = trainer.train().training_loss
    held_out = trainer.evaluate()["eval_loss"]
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    return str([*losses, "train_loss", summary, "eval_loss", held_out])


seen = {"filter on, as by default": logged(True), "filter off": logged(False)}
known = {
    "filter on, as by default": str(
        [3.0, 2.25, 0.0, 0.0, "train_loss", 1.3125, "eval_loss", 3.0]
    ),
    "filter off": str([3.0, NAN, NAN, NAN, "train_loss", NAN, "eval_loss", NAN]),
}
for what, value in seen.items():
    print(f"{what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
