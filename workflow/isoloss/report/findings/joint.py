"""Laws of N and D that a study has fitted: their names, how far they miss the runs, and ties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isoloss.laws import LAWS
from isoloss.report.findings.base import Results
from isoloss.results.fits import Fitted, FittedNumber
from isoloss.stats import student
from isoloss.stats.intervals import LEVEL
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    import pandas as pd

NAMES = {
    "kaplan_nd": "Kaplan's joint law",
    "chinchilla": "Chinchilla's sum",
    "skaling": "the law Skaling",
}
BOTH = {"n_params", "n_tokens"}
ALL, NO_EMBEDDINGS = "n_params", "n_params_non_embedding"
COUNTED = {ALL: "all parameters counted", NO_EMBEDDINGS: "embeddings not counted"}
FEWEST_GROUPS = 4  # of runs, for a test of what differs between laws


@dataclass(frozen=True)
class Joint:
    """A law of N and D, fitted to a study's runs.

    Attributes
    ----------
    fit : Fitted
    size : str
        The column that is its N.
    squares : Series
        Run -> the squared residual of ln L; empty where the law was not fitted.
    sizes : Series
        Run -> its N.
    """

    fit: Fitted
    size: str
    squares: pd.Series
    sizes: pd.Series

    @property
    def name(self) -> str:
        """The law in a sentence."""
        return name_of(self.fit.law_name)

    @property
    def counted(self) -> str:
        """How the parameters are counted."""
        return COUNTED.get(self.size, f"N is {self.size}")

    @property
    def miss(self) -> float:
        """Root mean square residual of ln L: how far the law misses its runs, as a share."""
        return root_mean_square(np.sqrt(self.squares.to_numpy())) if len(self.squares) else np.nan

    @property
    def residual(self) -> float:
        """Residual standard error of ln L: the misfit, with a price for each parameter."""
        spare = len(self.squares) - len(self.fit.law.names)
        return self.miss * np.sqrt(len(self.squares) / spare) if spare > 0 else np.inf

    @property
    def rejected(self) -> bool | None:
        """Whether the runs reject the form of the law; None where no test could be made."""
        return None if self.fit.misfit is None else bool(self.fit.misfit["rejects"])

    def number(self, name: str) -> FittedNumber | None:
        """A parameter or a derived quantity that has a value."""
        found = self.fit.number(name)
        return found if found is not None and np.isfinite(found.value) else None


def name_of(law: str) -> str:
    """A law as a sentence names it."""
    return NAMES.get(law, f"the law {law.replace('_', ' ')}")


def joint_laws(results: Results) -> list[Joint]:
    """Every fitted law of N and D of a study, in the order of their residual standard errors.

    So a law with more parameters does not come first by having them.
    """
    found = [
        joint
        for fit in results.fits
        if fit.law_name in LAWS and set(fit.law.variables) >= BOTH and not str(fit.group)
        if (joint := _joint(fit, results)) is not None
    ]
    return sorted(found, key=lambda joint: (len(joint.squares) == 0, joint.residual))


def unfitted(results: Results) -> list[Fitted]:
    """The laws of N and D that the runs did not allow to fit."""
    fits = [fit for fit in results.fits if fit.law_name in LAWS]
    return [fit for fit in fits if set(fit.law.variables) >= BOTH and not fit.numbers]


def tied(best: Joint, other: Joint) -> bool:
    """Whether noise alone could make one of two laws miss the same runs less than the other.

    The squared residuals of both are compared run by run. Runs of one size share a trunk or an
    initial state, so their differences are summed by size before their spread is taken (a paired
    t test with clusters, at 10 %; Vuong 1989, Econometrica 57, compares likelihoods alike).
    """
    apart = (other.squares - best.squares).dropna()
    if apart.empty:
        return False
    groups = apart.groupby(best.sizes.reindex(apart.index))
    summed = (groups.sum() - groups.size() * apart.mean()).to_numpy()
    if len(summed) < FEWEST_GROUPS:
        summed = (apart - apart.mean()).to_numpy()
    freedom = len(summed) - 1
    if freedom < 1:
        return False
    error = np.sqrt(np.sum(summed**2) * len(summed) / freedom) / len(apart)
    return bool(apart.mean() <= student.quantile(LEVEL, freedom) * error)


def best_of_each(joints: Sequence[Joint]) -> list[Joint]:
    """Of each law the first fit with residuals, in this order."""
    found: dict[str, Joint] = {}
    for joint in joints:
        if np.isfinite(joint.miss):
            found.setdefault(joint.fit.law_name, joint)
    return list(found.values())


def _joint(fit: Fitted, results: Results) -> Joint | None:
    """The law with its residuals; None where it was not fitted, or its runs are not there."""
    done = results.done()
    columns = [*fit.columns.values()]
    loss = results.variables(fit).get("loss", "loss")
    if done is None or not fit.numbers or set(fit.params) != set(fit.law.names):
        return None
    if not {*columns, loss} <= set(done.columns):
        return None
    runs = done[done["run_id"].isin(fit.runs.split())].set_index("run_id").sort_index()
    at = {column: runs[column].to_numpy(float) for column in columns}
    with np.errstate(all="ignore"):
        squares = (np.log(runs[loss].astype(float)) - np.log(fit.curve(**at))) ** 2
    size = fit.columns["n_params"]
    return Joint(fit, size, squares[np.isfinite(squares)], runs[size].astype(float))
