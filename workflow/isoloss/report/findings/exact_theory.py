"""Finding of a task whose error is known exactly: measured over expected."""

from __future__ import annotations

import numpy as np

from isoloss.report.findings.base import KNOWN, Finding, Results
from isoloss.report.findings.words import count
from isoloss.stats import student
from isoloss.stats.intervals import LEVEL

MEASURED, EXPECTED, ERROR = "variance_loss", "theory_loss", "variance_loss_se"


def exact_theory(results: Results) -> list[Finding]:
    """How many intervals of measured / expected hold 1, at each number of samples."""
    done = results.done()
    if done is None or not {MEASURED, EXPECTED, ERROR, "n_samples"} <= set(done.columns):
        return []
    done = done[done[[MEASURED, ERROR, "n_samples"]].notna().all(axis=1) & (done[EXPECTED] > 0)]
    if done.empty:
        return []
    ratio = (done[MEASURED] / done[EXPECTED]).astype(float)
    squares = (done[ERROR] / done[EXPECTED]).astype(float) ** 2
    keys = [done["sweep"], done["n_samples"]]
    means, sizes = ratio.groupby(keys).mean(), ratio.groupby(keys).size()
    half = student.quantile(LEVEL) * np.sqrt(squares.groupby(keys).sum()) / sizes
    held, should = int(((means - 1).abs() <= half).sum()), LEVEL * len(means)
    lo, hi = float(means.min()), float(means.max())
    return [Finding(
        key="exact_theory", study=results.name, label=str(results.texts["title"]), status=KNOWN,
        headline=f"{held} of {len(means)} hold the theory",
        sentence=f"The added error is {lo:.2f} to {hi:.2f} times its exact theory: {held} of "
                 f"{count(len(means), 'interval')} hold the theory, and about {should:.0f} should.",
        figure=results.figure("ratio_to_theory"), runs=" ".join(sorted(done["run_id"])),
        numbers={"held": held, "of": len(means), "lowest": lo, "highest": hi},
    )]  # fmt: skip
