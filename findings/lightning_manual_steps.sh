#!/usr/bin/env bash
# Lightning 2.6.6: with manual optimization, a run has two numbers of steps, a factor apart.
#
# What one believes: a step is an update of the weights, in metrics.csv, in the name of a checkpoint
# and in max_steps.
# What happens: with manual optimization rows count batches, whether or not the weights changed.
# trainer.global_step, the names of checkpoints and max_steps count each call of any optimizer's
# step(). Two optimizers, as of Muon with AdamW, make two of them a batch, and accumulation makes
# less than one.
# Output seen: max_steps = 24. One optimizer: 24 batches, rows to step 24, checkpoint of step 24.
# Two optimizers: 12 batches, rows to 12, checkpoint of 24. One that steps each fourth batch: 96
# batches, rows to 96, checkpoint of 24.
# Why it matters for a fit: tokens as step x tokens a step are twice or a quarter of the truth, by
# which number was taken. Runs with Muon also end at half of the planned data.
# isoloss: says it where the names of checkpoints and the rows count otherwise:
# test_checkpoints_that_count_other_steps_than_rows_are_said in tests/logs/test_lightning.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 torch==2.13.0 lightning==2.6.6
cd "$folder"
venv/bin/python -I - <<'PYTHON'
import csv
import logging
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
import lightning
import torch
from lightning.pytorch.loggers import CSVLogger

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Manual(lightning.LightningModule):
    """It counts its batches, and has an optimizer for each of its weights."""

    def __init__(self, n_optimizers, accumulated):
        super().__init__()
        self.automatic_optimization = False
        self.weights = torch.nn.ParameterList(
            [torch.nn.Parameter(torch.zeros(())) for _ in range(n_optimizers)]
        )
        self.accumulated, self.batches = accumulated, 0

    def training_step(self, batch, index):
        self.batches += 1
        self.manual_backward(sum(self.weights))
        if self.batches % self.accumulated == 0:
            found = self.optimizers()
            for optimizer in found if isinstance(found, list) else [found]:
                optimizer.step()
                optimizer.zero_grad()
        self.log("train_loss", 1.0)

    def configure_optimizers(self):
        return [torch.optim.SGD([weight], lr=1.0) for weight in self.weights]


def counted(n_optimizers, accumulated):
    """Batches, the steps of rows as their number, and the step in the checkpoint's name."""
    folder = Path(f"logs/{n_optimizers}-{accumulated}")
    model = Manual(n_optimizers, accumulated)
    trainer = lightning.Trainer(
        max_steps=24, logger=CSVLogger(folder), log_every_n_steps=1, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(model, torch.utils.data.DataLoader(torch.zeros(200, 1)))
    (table,), (checkpoint,) = folder.rglob("metrics.csv"), folder.rglob("*.ckpt")
    with table.open() as file:
        last = max(int(row["step"]) for row in csv.DictReader(file))
    return model.batches, last + 1, checkpoint.stem


seen = {
    "one optimizer": counted(1, 1),
    "two optimizers": counted(2, 1),
    "one, each fourth batch": counted(1, 4),
}
known = {
    "one optimizer": (24, 24, "epoch=0-step=24"),
    "two optimizers": (12, 12, "epoch=0-step=24"),
    "one, each fourth batch": (96, 96, "epoch=0-step=24"),
}
for what, value in seen.items():
    print("{}: {} batches, rows to step {}, checkpoint {}".format(what, *value))
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
