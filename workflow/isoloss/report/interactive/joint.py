"""The laws of size and data that a study fitted, with the runs that they were fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from isoloss.laws import LAWS
from isoloss.report.interactive.formulas import LABELS
from isoloss.results.fits import Fitted, read_fits
from isoloss.results.verdict import Status

COUNTS = {
    "n_params_non_embedding": "N without embeddings",
    "n_params": "N with all parameters",
}


@dataclass(frozen=True)
class JointFit:
    """One law of N and D, fitted to runs of one study.

    Attributes
    ----------
    study, unit : str
        The study, and the unit of its losses.
    synthetic : bool
        Whether the losses were drawn from a formula.
    fitted : Fitted
        As the table of fits has it.
    count : str
        The column that is the law's N.
    counted : str
        How N is counted, in words; "" where all laws of the study count alike.
    runs : DataFrame
        The fitted runs, by D and then by N.
    """

    study: str
    unit: str
    synthetic: bool
    fitted: Fitted
    count: str
    counted: str
    runs: pd.DataFrame

    @property
    def label(self) -> str:
        """The law's name, its group of runs if it has one, and how N is counted."""
        name = LABELS.get(self.fitted.law_name, self.fitted.law_name)
        group = f" ({self.fitted.group})" if str(self.fitted.group) else ""
        return f"{name}{group}{f', {self.counted}' if self.counted else ''}"

    @property
    def tokens(self) -> str:
        """What D counts: "bytes" where losses are per byte, and so on."""
        return tokens_of(self.unit)

    @property
    def n_params(self) -> np.ndarray:
        """N of each run as the law counts it, shape (run,)."""
        return self.runs[self.count].to_numpy(float)

    @property
    def n_tokens(self) -> np.ndarray:
        """D of each run, in tokens, shape (run,)."""
        return self.runs["n_tokens"].to_numpy(float)

    @property
    def loss(self) -> np.ndarray:
        """Held-out loss of each run, in `unit`, shape (run,)."""
        return self.runs["loss"].to_numpy(float)

    @property
    def predicted(self) -> np.ndarray:
        """The law's loss of each run, shape (run,)."""
        return self.fitted.law(self.fitted.params, n_params=self.n_params, n_tokens=self.n_tokens)

    @property
    def miss(self) -> float:
        """Root mean square of ln(loss / law)."""
        return float(np.sqrt(np.mean(np.log(self.loss / self.predicted) ** 2)))

    @property
    def residual(self) -> float:
        """Residual standard error of ln L: the misfit, with a price for each parameter."""
        spare = len(self.runs) - len(self.fitted.params)
        return self.miss * np.sqrt(len(self.runs) / spare) if spare > 0 else np.inf


def tokens_of(unit: str) -> str:
    """What a loss in this unit is counted per, as a plural: nats per byte -> bytes."""
    _, per, what = unit.rpartition(" per ")
    return f"{what}s" if per and what.isalpha() else "tokens"


def joint_fits(
    study: str,
    texts: Mapping[str, Any],
    fits: pd.DataFrame | None,
    runs: pd.DataFrame | None,
) -> list[JointFit]:
    """Every law of N, D and loss that a study fitted, in the order of its table of fits.

    Parameters
    ----------
    texts : mapping
        The study's texts; `variables` maps each fit to the columns of its law's variables.
    fits, runs : DataFrame or None
        Columns as `isoloss.tables.schema` has them.
    """
    if fits is None or runs is None or runs.empty:
        return []
    columns = texts.get("variables", {})
    rows = runs.drop_duplicates("run_id")
    found = []
    for fitted in read_fits(fits):
        of = columns.get(fitted.fit, {})
        if not _is_joint(fitted, of):
            continue
        fit_runs = rows[rows["run_id"].isin(fitted.runs.split())]
        fit_runs = fit_runs.sort_values(["n_tokens", of["n_params"], "run_id"], kind="stable")
        whole = fit_runs[[of["n_params"], "n_tokens", "loss"]].notna().all(axis=None)
        if len(fit_runs) and len(fit_runs) == fitted.n_runs and whole:
            found.append(
                JointFit(
                    study=study, unit=texts.get("loss_unit", ""),
                    synthetic=texts["source"] == "planted",
                    fitted=fitted, count=of["n_params"], counted="", runs=fit_runs,
                )
            )  # fmt: skip
    if len({one.count for one in found}) == 1:
        return found
    return [replace(one, counted=COUNTS[one.count]) for one in found]


def _is_joint(fitted: Fitted, columns: Mapping[str, str]) -> bool:
    """Whether a fit is of N, D and the final loss, with all of its parameters."""
    if fitted.law_name not in LAWS or fitted.verdict.status is Status.NOT_A_POWER_LAW:
        return False
    law = fitted.law
    return (
        set(law.variables) == {"n_params", "n_tokens"}
        and fitted.describes
        and set(fitted.params) == set(law.names)
        and columns.get("n_params") in COUNTS
        and columns.get("n_tokens") == "n_tokens"
        and columns.get("loss") == "loss"
    )


def best(found: Sequence[JointFit]) -> JointFit:
    """The law with the least residual standard error."""
    return min(found, key=lambda one: one.residual)


def by_study(fits: Sequence[JointFit]) -> list[JointFit]:
    """The fits of each study in turn, the law that misses least first."""
    ordered = []
    for study in dict.fromkeys(one.study for one in fits):
        of_study = [one for one in fits if one.study == study]
        first = best(of_study)
        ordered += [first, *(one for one in of_study if one is not first)]
    return ordered
