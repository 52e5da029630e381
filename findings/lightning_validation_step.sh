#!/usr/bin/env bash
# Lightning 2.6.6: a validation loss is logged one step before the model that it belongs to.
#
# What one believes: rows of one step in CSVLogger's metrics.csv are of one model.
# What happens: steps count from 0, and a training row of step s is logged before the weights
# change for the (s + 1)-th time. Validation runs after that change, and its row also says s.
# Output seen: a weight that counts its own updates, 12 steps, validation every 4: training rows of
# steps 3, 7 and 11 hold 3, 7 and 11 updates; validation rows of the same steps hold 4, 8 and 12.
# Why it matters for a fit: tokens seen = step x tokens a step is too small by one step for each
# validation loss and right for each training loss. After 10 steps that is 10 %, where the points
# of an early envelope or of a run with a large batch lie.
# isoloss: test_a_validation_loss_is_measured_after_the_step_of_its_row in
# tests/logs/test_lightning.py.
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


class Counter(lightning.LightningModule):
    """Its weight is the number of times that it was updated."""

    def __init__(self):
        super().__init__()
        self.updates = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch, index):
        self.log("train_loss", self.updates.detach())
        return -self.updates

    def validation_step(self, batch, index):
        self.log("val_loss", self.updates.detach())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1.0)


batches = torch.utils.data.DataLoader(torch.zeros(12, 1))
lightning.Trainer(
    max_epochs=1, logger=CSVLogger("logs"), log_every_n_steps=1, val_check_interval=4,
    num_sanity_val_steps=0, accelerator="cpu", enable_progress_bar=False,
    enable_model_summary=False, enable_checkpointing=False,
).fit(Counter(), batches, torch.utils.data.DataLoader(torch.zeros(2, 1)))  # fmt: skip
(path,) = Path("logs").rglob("metrics.csv")
rows = list(csv.DictReader(path.open()))
updates = {
    tag: {int(row["step"]): float(row[tag]) for row in rows if row[tag]}
    for tag in ("train_loss", "val_loss")
}
seen = {
    "updates by step, training rows": {s: updates["train_loss"][s] for s in (3, 7, 11)},
    "updates by step, validation rows": updates["val_loss"],
}
known = {
    "updates by step, training rows": {3: 3.0, 7: 7.0, 11: 11.0},
    "updates by step, validation rows": {3: 4.0, 7: 8.0, 11: 12.0},
}
for what, value in seen.items():
    print(f"{what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
