"""A grid of sizes and data as arrays, and the ways to count its parameters and its compute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from isoloss.config.section import Draws, Levels, Name, PositiveInt
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysing, Inputs
from isoloss.results import X
from isoloss.runs.curves import at_peak_rate
from isoloss.runs.lineage import Lineage, lineage_of
from isoloss.runs.select import finished_in
from isoloss.tables.asking import INDEPENDENT

if TYPE_CHECKING:
    import pandas as pd

FEWEST_SIZES, FEWEST_BUDGETS = 4, 3
ALONE = Lineage(INDEPENDENT)

Reach = Annotated[float, Field(gt=1, allow_inf_nan=False)]
Counting = Literal["kaplan", "logits", "embeddings", "exact"]


class OfGrid(Analysing):
    """What the analyses of a grid of sizes and tokens share."""

    levels: Levels = 9  # budgets of the isoFLOP valleys
    reach: Reach = 3.0  # factor in N about the lowest run within which a valley is fitted
    first_step: PositiveInt = 100  # learning curves are used from it on
    draws: Draws = 400  # of noise, from which intervals are made


class OfCurves(OfGrid):
    """What the analyses have that use learning curves of the grid's sizes, too."""

    curves: list[Name] = []  # sweeps whose longest runs have the curves; empty: `sweeps`

    @property
    def sweeps_named(self) -> list[str]:
        """The sweeps that it reads."""
        return [*self.sweeps, *self.curves]

    def design(self, inputs: Inputs, counts: Iterable[str]) -> Design:
        """The design of its sweeps, as `design_of` makes it."""
        return design_of(
            inputs.runs, inputs.curves, self.sweeps, self.name, self.first_step, counts, self.curves
        )


@dataclass(frozen=True)
class Count:
    """One way to count N and C.

    Attributes
    ----------
    size : X
        What N is, which is also the column of the table of runs that has it.
    compute : str
        The column of the table of runs that has C, in FLOP.
    axis : X
        What C is called as an axis.
    label, how : str
        What a reader calls the count, and what stands beside C at an axis.
    plain : str
        The count with the same N whose C is 6 N D.
    """

    size: X
    compute: str
    axis: X
    label: str
    how: str
    plain: Counting

    @property
    def embeddings(self) -> bool:
        """Whether N has the embeddings."""
        return self.size is X.N_PARAMS


COUNTS: dict[str, Count] = {
    "kaplan": Count(
        X.N_NON_EMBEDDING, "compute_6nd_non_embedding_flops", X.COMPUTE_KAPLAN,
        "Kaplan's: N and 6ND without embeddings", "6ND without embeddings", "kaplan",
    ),
    "logits": Count(
        X.N_NON_EMBEDDING, "compute_6nd_logits_flops", X.COMPUTE_LOGITS,
        "+ FLOPs of the output layer", "6ND and output layer", "kaplan",
    ),
    "embeddings": Count(
        X.N_PARAMS, "compute_6nd_flops", X.COMPUTE_EMBEDDINGS,
        "all parameters, 6ND", "6ND", "embeddings",
    ),
    "exact": Count(
        X.N_PARAMS, "compute_flops", X.COMPUTE_EXACT,
        "all parameters, exact FLOPs", "exact count", "embeddings",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """The learning curve of a size at a constant rate: shape (point,), by rising tokens."""

    log_d: np.ndarray
    log_loss: np.ndarray
    run: int  # the place in the design's runs of the one that has its noise
    run_id: str  # whose it is


@dataclass(frozen=True)
class Design:
    """Finished runs of several sizes and numbers of tokens.

    Attributes
    ----------
    size : ndarray of int, shape (run,)
        The place of the run's size; sizes are ordered by parameters.
    log_d, log_loss : ndarray, shape (run,)
        ln of the tokens, and of the final held-out loss.
    run_ids : tuple of str
    log_n : dict of str to ndarray, shape (size,)
        Count -> ln of the parameters.
    log_k : dict of str to ndarray, shape (size,)
        Count -> ln of the FLOPs per token: C = k D.
    curves : tuple of Curve or None, one a size
        None where a size's longest run has no curve at a constant rate.
    lineage : Lineage
        Which runs continue one trunk.
    """

    size: np.ndarray
    log_d: np.ndarray
    log_loss: np.ndarray
    run_ids: tuple[str, ...]
    log_n: dict[str, np.ndarray]
    log_k: dict[str, np.ndarray]
    curves: tuple[Curve | None, ...]
    lineage: Lineage = ALONE

    @property
    def n_sizes(self) -> int:
        return len(self.log_n["embeddings"])

    @property
    def trunk(self) -> np.ndarray:
        """The place of the run's trunk, shape (run,); without lineages, that of its size."""
        if self.lineage.codes is None:
            return self.size
        pairs = list(zip(self.size.tolist(), self.lineage.codes.tolist(), strict=True))
        places = {pair: place for place, pair in enumerate(dict.fromkeys(pairs))}
        return np.array([places[pair] for pair in pairs])

    def log_compute(self, count: str) -> np.ndarray:
        """ln C of each run, shape (run,)."""
        return self.log_k[count][self.size] + self.log_d

    @property
    def ids(self) -> str:
        """All runs, for the table of analyses."""
        return " ".join(self.run_ids)

    @property
    def curve_ids(self) -> str:
        """The runs whose curves there are, for the table of analyses."""
        return " ".join(c.run_id for c in self.curves if c is not None)


def design_of(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    sweeps: Iterable[str],
    where: str,
    first_step: int = 1,
    counts: Iterable[str] = (),
    of_curves: Iterable[str] = (),
) -> Design:
    """The design of some sweeps.

    Parameters
    ----------
    first_step : int
        Learning curves are taken from it on.
    counts : iterable of str
        Ways to count whose sizes and compute every run must have.
    of_curves : iterable of str
        Sweeps whose runs have the learning curves; without, the same as of the losses.

    Raises
    ------
    UserError
        Fewer than four sizes, or than three numbers of tokens, have a loss; or a run lacks a size
        or the compute of a count.
    """
    chosen = finished_in(runs, sweeps, "loss").sort_values(
        ["n_params", "n_tokens", "run_id"], kind="stable"
    )
    sizes, size = np.unique(chosen["n_params"].to_numpy("int64"), return_inverse=True)
    n_budgets = chosen["n_tokens"].nunique()
    problems = [
        f"{needed} {what} with finished runs are needed, found {found}"
        for found, needed, what in (
            (len(sizes), FEWEST_SIZES, "sizes"),
            (n_budgets, FEWEST_BUDGETS, "numbers of tokens"),
        )
        if found < needed
    ]
    problems += [
        f"{lacking} of {len(chosen)} runs have no {column}, which the count {count!r} needs"
        for count in counts
        for column in (str(COUNTS[count].size), COUNTS[count].compute)
        if (lacking := int((~(chosen[column].astype(float) > 0)).sum()))
    ]
    if problems:
        raise UserError(where, problems)
    first = np.searchsorted(size, np.arange(len(sizes)))
    longest = chosen
    if of_curves := list(of_curves):
        longest = finished_in(runs, of_curves, "loss").sort_values(
            ["n_tokens", "run_id"], kind="stable"
        )
    per_token = {
        name: chosen[count.compute].to_numpy(float) / chosen["n_tokens"].to_numpy(float)
        for name, count in COUNTS.items()
    }
    return Design(
        size=size,
        log_d=np.log(chosen["n_tokens"].to_numpy(float)),
        log_loss=np.log(chosen["loss"].to_numpy(float)),
        run_ids=tuple(chosen["run_id"]),
        log_n={
            name: np.log(chosen[count.size].to_numpy(float)[first])
            for name, count in COUNTS.items()
        },
        log_k={name: np.log(values[first]) for name, values in per_token.items()},
        curves=tuple(
            _curve(longest[longest["n_params"] == n], curves, first_step, np.flatnonzero(size == i))
            for i, n in enumerate(sizes)
        ),
        lineage=lineage_of(chosen),
    )


def _curve(runs, curves, first_step, places):
    """The curve of the longest of some runs of one size while its rate was at the peak.

    A curve of another run than the design's has noise like that of the size's longest run.
    """
    if runs.empty:
        return None
    run = runs.iloc[-1]  # by rising tokens
    curve = at_peak_rate(curves[curves["run_id"] == run["run_id"]], run["peak_lr"])
    curve = curve[curve["step"] >= first_step]
    if len(curve) < 4:
        return None
    log_d, log_loss = (np.log(curve[name].to_numpy(float)) for name in ("n_tokens", "loss"))
    return Curve(log_d, log_loss, int(places[-1]), str(run["run_id"]))
