"""What a log tells of how its losses were averaged: means of batches, and sums over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isoloss.logs import tags
from isoloss.logs.join import Run

OTHER_BATCH = 1.2  # texts a step; those of one batch size differ by less, but for a part of a batch
SLOWEST = 0.01  # steps a second; both rates are rounded to .001, and slower ones say too little
WHOLE = 0.05  # how near a multiple of the held-out loss a training loss is


def evaluated(run: Run, tag: str) -> tuple[int, float] | None:
    """How many texts the last evaluation read, and how many in a step; None where no rate is said.

    Hugging Face's Trainer writes both rates beside its losses, in every tool that it logs to.
    """
    if not tag.endswith("loss"):
        return None
    found = []
    for name in ("runtime", "samples_per_second", "steps_per_second"):
        one = run.tags.get(tag.removesuffix("loss") + name)
        if one is None or not len(one.step) or not 0 < one.value[-1] < np.inf:
            return None
        found.append(float(one.value[-1]))
    seconds, texts, steps = found
    if steps < SLOWEST:
        return None
    return round(texts * seconds), texts / steps


def in_other_batches(said: Sequence[Sequence[Any]]) -> list[str]:
    """Notes on runs whose evaluations read as many texts in other batches.

    Hugging Face's `eval_loss` weights the means of batches by their texts, not by their tokens.

    Parameters
    ----------
    said : sequence of (run, tag, texts, texts a step)
    """
    alike: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for run, tag, texts, each in said:
        alike.setdefault((tag, f"{texts:.3g}"), []).append((each, run))
    notes = []
    for (tag, _), found in alike.items():
        (least, small), (most, large) = min(found), max(found)
        if most > OTHER_BATCH * least:
            notes.append(
                f"{tag} is a mean of the means of batches, and as many texts were read {most:.3g} "
                f"a step in {large} and {least:.3g} in {small}: if texts differ in length, these "
                "losses compare only if the batch of a device is the same"
            )
    return notes


def multiple(run: Run, tag: str, columns: Mapping[str, Any]) -> str:
    """What a training loss of several times the held-out one means; "" where it is none."""
    training = tags.training(run)
    if training not in ("loss", "train/loss") or not tag.startswith(("eval_", "eval/")):
        return ""
    if "eval_loss" not in columns or not len(columns["eval_loss"]):
        return ""
    if len(run.tags[training].step) < 2:
        return ""  # the first is a mean since the model was untrained
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = columns["train_loss"] / columns["eval_loss"]
    ratio = ratio[np.isfinite(ratio)]
    typical = float(np.median(ratio)) if len(ratio) else 0.0
    times = round(typical)
    if times < 2 or abs(typical / times - 1) > WHOLE:
        return ""
    return (
        f"{training!r} is {typical:.3g} times {tag!r}, as where a Trainer's own compute_loss is "
        "summed over accumulated batches: its gradients are then as many times too large"
    )
