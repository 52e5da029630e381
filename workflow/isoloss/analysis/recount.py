"""The exponent of N*(C) from the same runs, however N and C are counted.

Kaplan et al. (2020) leave embeddings out of N and C and find N* ~ C**0.73; Hoffmann et al. (2022)
count them and find 0.5. Counting alone explains much of it where embeddings are a large part
(Pearce and Song 2024, arXiv:2406.12907; Porian et al. 2024, arXiv:2406.19146).
"""

from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.allocation import Allocation
from isoloss.analysis.allocation_rows import NAMES, difference, exponents, slope_row
from isoloss.analysis.design import COUNTS, design_of
from isoloss.analysis.design_noise import draw_noise
from isoloss.analysis.envelope import first_approach
from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.parametric import surface, third_approach
from isoloss.analysis.valleys import second_approach
from isoloss.config.analyses.allocation import Recount
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis

PREDICTED = "predicted"
PREDICTED_BY = (
    "the law fitted with all parameters, recounted: Pearce and Song (2024), arXiv:2406.12907, "
    "with the embeddings of these models"
)


def recount(
    spec: Recount, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """a by each approach under each count; `theory` is what Pearce and Song's argument predicts.

    The prediction is a law of all parameters, fitted once, whose optimum is then found and counted
    each way; it has rows of its own, with intervals, in the group "predicted".

    Raises
    ------
    UserError
        The sweeps are no grid of four sizes and three numbers of tokens.
    """
    design = design_of(runs, curves, spec.sweeps, spec.name, spec.first_step)
    draws = draw_noise(design, spec.draws)
    law = surface(design, draws, "embeddings", spec.name)
    rows: list[dict[str, Any]] = []
    found: dict[tuple[str, str], Allocation] = {}
    for count in spec.counts:
        predicted = third_approach(design, draws, count, spec.name, law)[0]
        found[count, PREDICTED] = predicted
        expected = {"theory": predicted.a, "theory_source": PREDICTED_BY}
        for number in NAMES:
            group = f"count={count}, approach={number}"
            try:
                one, warning = _make(number, count, spec, design, draws)
            except UserError as error:
                rows.append(_why_not(group, error) | expected)
                continue
            found[count, f"approach={number}"] = one
            fitted = number == 3 and count == "embeddings"  # it is the prediction itself
            rows += exponents(one, group, warnings=warning, **({} if fitted else expected))[:1]
        rows.append(
            slope_row("a", predicted.a, predicted.drawn["a"], group=f"count={count}, {PREDICTED}",
                      method=PREDICTED_BY, n_runs=predicted.n_runs, runs=predicted.runs,
                      warnings=law.warning)
        )  # fmt: skip
    return rows + _moved_by_counting(found) + _embeddings(design)


def _make(number, count, spec, design, draws):
    if number == 1:
        return first_approach(design, draws, count, spec.name), ""
    if number == 2:
        return second_approach(design, draws, count, spec.name, spec.levels, spec.reach)[0], ""
    found, law = third_approach(design, draws, count, spec.name)
    return found, law.warning


def _moved_by_counting(found) -> list[dict[str, Any]]:
    """By how much a is larger without embeddings than with all parameters, noise for noise."""
    rows = []
    for method in (*(f"approach={number}" for number in NAMES), PREDICTED):
        without, whole = found.get(("kaplan", method)), found.get(("embeddings", method))
        if without and whole:
            rows.append(difference(
                "a: difference", f"count=kaplan - count=embeddings, {method}",
                without.a - whole.a, without.drawn["a"] - whole.drawn["a"],
                (without.runs, whole.runs), "counting may move nothing|counting moves it",
            ))  # fmt: skip
    return rows


def _why_not(group, error) -> dict[str, Any]:
    verdict = f"not made: {'; '.join(error.problems)}"
    return {"group": group, "kind": "parameter", "quantity": "a", "verdict": verdict}


def _embeddings(design) -> list[dict[str, Any]]:
    """The share of each size's parameters that Kaplan's count leaves out."""
    total, inner = np.exp(design.log_n["embeddings"]), np.exp(design.log_n["kaplan"])
    return [
        {"group": "embeddings", "kind": "point", "quantity": "share outside the blocks",
         "x_quantity": COUNTS["kaplan"].n_params, "x": float(n), "value": float(1 - n / all_of_it),
         "unit": "", "verdict": "identified"}
        for n, all_of_it in zip(inner, total, strict=True)
    ]  # fmt: skip


ANALYSES = {"recount": Analysis(Recount, of_dicts(recount))}
