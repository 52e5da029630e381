"""The lineage of runs: those that continue one trunk are not independent, and are fitted so."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from isoloss.tables.asking import INDEPENDENT

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

COLUMN = "lineage"


@dataclass(frozen=True)
class Lineage:
    """How the runs of a fit depend on each other.

    Attributes
    ----------
    cluster : str or None
        The argument of `fit_law`: a column, "none" for independent runs, None for "not known".
    notes : tuple of str
        What a reader of the fit must know of this.
    codes : ndarray of str, shape (run,), or None
        The lineage of each run, where `cluster` is a column.
    """

    cluster: str | None
    notes: tuple[str, ...] = ()
    codes: "np.ndarray | None" = None

    def beside(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """The table with the column of the lineage, where there is one."""
        return table if self.codes is None else table.assign(**{COLUMN: self.codes})


def lineage_of(runs: "pd.DataFrame") -> Lineage:
    """The lineage of runs, from their columns `lineage`, `run_id` and `task`.

    A run without a trunk is its own lineage. Rows of a user's table have no lineage: `fit_law`
    looks at their residuals.
    """
    if "task" in runs and (runs["task"] == "table").any():
        return Lineage(None)
    if COLUMN not in runs:
        return Lineage(INDEPENDENT)
    codes = runs[COLUMN].fillna(runs["run_id"]).astype(str)
    number = codes.nunique()
    if number == len(codes):
        return Lineage(INDEPENDENT)
    if number == 1:
        return Lineage(
            INDEPENDENT,
            (f"all {len(codes)} runs share one trunk: the interval holds only their differences",),
        )
    said = f"{len(codes)} runs share {number} trunks: runs of one trunk are one cluster"
    return Lineage(COLUMN, (said,), codes.to_numpy())
