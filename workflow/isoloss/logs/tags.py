"""Which tag of a run is its loss: held-out before training, one and not several."""

from __future__ import annotations

import fnmatch
import re

from isoloss.logs.join import Run
from isoloss.logs.records import HELD_OUT, OTHER, TRAINING
from isoloss.tables import names

FORM = ("loss", "nll", "ppl", "perplexity", "bpb", "bpc", "bits", "bit", "per", "byte", "word",
        "token", "char", "none", "epoch", "value")  # fmt: skip
OF_LIGHTNING = re.compile(r"(?:_step|_epoch)?(?:/dataloader_idx_\d+)?$")
BETTER = {"nats": 0, "bits": 1, "perplexity": 2}
# Mean of an epoch or sum of parts; the same data as another tag.
KNOWN_TRAINING = ("train/loss", "train_loss", "loss", "training_loss", "train/loss_step",
                  "train_loss_step", "train/loss_epoch", "train_loss_epoch")  # fmt: skip


def kind_of(tag: str) -> str:
    """What a tag holds by its name: HELD_OUT, TRAINING or OTHER."""
    tag = OF_LIGHTNING.sub("", tag)
    # "lm loss validation" is a loss, too; "lm loss validation vs samples" has samples as its steps
    base = " ".join(word for word in names.words(tag) if word not in names.HELD_OUT)
    if not names.is_loss(base):
        return OTHER
    if names.is_held_out(tag):
        return HELD_OUT
    return TRAINING


def held_out(run: Run) -> list[str]:
    """The held-out losses of a run: one of those that say the same in other units.

    Losses in nats come before bits, and bits before perplexity.
    """
    found: dict[tuple, list[str]] = {}
    for tag, one in run.tags.items():
        if one.kind == HELD_OUT and len(one.step):
            base = tuple(word for word in names.words(tag) if word not in FORM)
            found.setdefault(base, []).append(tag)
    return [min(same, key=_worth) for same in found.values()]


def _worth(tag: str):
    words = names.words(tag)
    return (BETTER.get(names.metric_of(tag), 3), "word" in words, "step" in words, len(tag), tag)


def training(run: Run) -> str | None:
    """The tag of a run's training loss, or None."""
    found = [tag for tag, one in run.tags.items() if one.kind == TRAINING and len(one.step)]
    known = [tag for tag in KNOWN_TRAINING if tag in found]
    return (known or sorted(found) or [None])[0]


def asked(run: Run, patterns) -> str | None:
    """The first tag of a loss that a user's patterns name, or None."""
    losses = [tag for tag, one in run.tags.items() if len(one.step)]
    for pattern in patterns:
        if pattern in losses:
            return pattern
        matching = [tag for tag in losses if fnmatch.fnmatchcase(tag, pattern)]
        if matching:
            return matching[0]
    return None
