"""Fitted laws as curves: read from the table of fits, never fitted again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from isoloss.figures.tables import Tables
from isoloss.laws import Law, law

BAND = 0.90


@dataclass(frozen=True)
class Fitted:
    """One fitted law of one group of runs.

    `draws` holds the parameters of resampled fits, each an array of the same length; it is empty
    where the fit kept none. `columns` maps the law's variables to columns of the runs.
    """

    law: Law
    params: Mapping[str, float]
    verdict: str
    columns: Mapping[str, str]
    draws: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def identified(self) -> bool:
        """Whether the data determine the law: else it is said, not drawn."""
        return not self.verdict.lower().startswith("not ")

    def curve(self, **values: np.ndarray) -> np.ndarray:
        """The law at the given values of the columns; others that it needs must be given too."""
        return self.law(self.params, **self._variables(values))

    def band(self, level: float = BAND, **values) -> tuple[np.ndarray, np.ndarray] | None:
        """Pointwise interval of the law over its draws, or None if there are none."""
        if not self.draws:
            return None
        variables = self._variables(values)
        count = len(next(iter(self.draws.values())))
        sampled = [
            self.law({name: draws[i] for name, draws in self.draws.items()}, **variables)
            for i in range(count)
        ]
        tail = (1 - level) / 2
        return tuple(np.nanquantile(sampled, [tail, 1 - tail], axis=0))

    def _variables(self, values):
        return {variable: values[column] for variable, column in self.columns.items()}


def groups(tables: Tables, fit: str) -> list[str]:
    """The groups that a fit was made for, in the table's order."""
    if "fit" not in tables.fits.columns:
        return []
    return list(dict.fromkeys(tables.fits.loc[tables.fits["fit"] == fit, "group"]))


def fitted(tables: Tables, fit: str, group: str = "", x: str | None = None) -> Fitted | None:
    """The law of `fit` for one group, or None if the table of fits has none.

    `x` is the column that stands for the variable of a law of one variable, where the study
    does not say which.
    """
    if "fit" not in tables.fits.columns:
        return None
    rows = tables.fits[(tables.fits["fit"] == fit) & (tables.fits["group"] == group)]
    if rows.empty:
        return None
    found = law(rows["law"].iloc[0])
    values = dict(zip(rows["parameter"], rows["value"], strict=True))
    params = {name: float(values[name]) for name in found.names if name in values}
    verdict = str(rows["verdict"].iloc[0])
    if set(params) != set(found.names) or not np.isfinite(list(params.values())).all():
        verdict = verdict if verdict.lower().startswith("not ") else "not fitted"
    default = {v: x if x and len(found.variables) == 1 else v for v in found.variables}
    columns = dict(tables.variables.get(fit, default))
    return Fitted(found, params, verdict, columns, _draws(rows, found))


def _draws(rows: pd.DataFrame, found: Law) -> dict[str, np.ndarray]:
    if "diagnostics" not in rows.columns or not isinstance(rows["diagnostics"].iloc[0], str):
        return {}
    draws = json.loads(rows["diagnostics"].iloc[0] or "{}").get("draws", {})
    if not set(found.names) <= set(draws):
        return {}
    return {name: np.asarray(draws[name], float) for name in found.names}
