#!/usr/bin/env bash
# transformers 5.24.0: with a compute_loss of one's own, loss and gradient grow with accumulation.
#
# What one believes: 8 texts a step give the same training loss, in one batch or in 4 accumulated
# ones. A subclass that overrides compute_loss with the same cross-entropy changes nothing.
# What happens: the Trainer divides the loss by the accumulated batches only if the model takes no
# num_items_in_batch. Nearly all models take it, so it trusts that compute_loss has divided by it.
# One that returns the mean of its batch is summed, in the log and in the gradient. The evaluation
# is right. The attribute loss_is_scaled_for_ga = False of the subclass restores the mean.
# Output seen: 8 texts of one length in batches of 8, 4 and 2: loss 4.17, 8.33 and 16.66, and a norm
# of the gradient of .53, 1.05 and 2.10, with eval_loss 4.17. Without the override 4.17 and .53.
# Why it matters for a fit: larger models accumulate more. Clipping at a norm of 1, the default,
# then cuts their updates and not those of small models, and a law of training losses has a loss
# that rises with N.
# isoloss: says it where the training loss is several times the held-out one:
# test_a_training_loss_that_is_a_sum_over_accumulated_batches_is_said in
# tests/logs/test_huggingface.py.
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
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

warnings.simplefilter("ignore")
torch.manual_seed(0)
rows = [{"input_ids": ids, "labels": ids} for ids in torch.randint(64, (8, 32))]


class Own(Trainer):
    """The same loss as without it: the mean over the tokens of a batch."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        outputs = model(inputs["input_ids"])
        loss = cross_entropy(
            outputs.logits[:, :-1].flatten(0, 1), inputs["labels"][:, 1:].flatten()
        )
        return (loss, outputs) if return_outputs else loss


class Said(Own):
    """It also says that its loss is not scaled."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.loss_is_scaled_for_ga = False


def step(kind, batch):
    """Training loss, norm of the gradient and eval_loss of one step over all rows."""
    torch.manual_seed(1)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
            num_attention_heads=2,
        )
    )  # fmt: skip
    arguments = TrainingArguments(
        "run", max_steps=1, logging_steps=1, learning_rate=0.0, per_device_train_batch_size=batch,
        gradient_accumulation_steps=8 // batch, save_strategy="no", report_to=[], use_cpu=True,
        disable_tqdm=True,
    )  # fmt: skip
    trainer = kind(model, arguments, train_dataset=rows, eval_dataset=rows)
    trainer.train()
    logged = trainer.state.log_history[0]
    values = logged["loss"], logged["grad_norm"], trainer.evaluate()["eval_loss"]
    return [round(value, 2) for value in values]


seen = {
    f"{kind.__name__}: loss, gradient, eval_loss": {batch: step(kind, batch) for batch in (8, 4, 2)}
    for kind in (Trainer, Own, Said)
}
known = {
    "Trainer: loss, gradient, eval_loss": {batch: [4.17, 0.53, 4.17] for batch in (8, 4, 2)},
    "Own: loss, gradient, eval_loss": {
        8: [4.17, 0.53, 4.17],
        4: [8.33, 1.05, 4.17],
        2: [16.66, 2.1, 4.17],
    },
    "Said: loss, gradient, eval_loss": {batch: [4.17, 0.53, 4.17] for batch in (8, 4, 2)},
}
for what, value in seen.items():
    print(f"{what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
