"""What a log tells of how its losses were averaged: means of batches, or of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from isoloss.logs.join import Run

OTHER_BATCH = 1.2  # texts a step; those of one batch size differ by less, but for a part of a batch


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
