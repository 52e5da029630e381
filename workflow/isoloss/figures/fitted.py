"""Fitted laws as curves: read from the table of fits, never fitted again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from isoloss.exhibits.base import Tables
from isoloss.laws import Law, law

BAND = 0.90
IDENTIFIED = "identified"  # the verdict of a fit that the data determine


@dataclass(frozen=True)
class Fitted:
    """One fitted law of one group of runs.

    `draws` holds the parameters of resampled fits, each an array of the same length; it is empty
    where the fit kept none. `ranges` has the smallest and the largest value that was fitted, by
    variable of the law. `columns` maps the law's variables to columns of the runs.
    """

    law: Law
    params: Mapping[str, float]
    verdict: str
    columns: Mapping[str, str]
    draws: Mapping[str, np.ndarray] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def describes(self) -> bool:
        """Whether the law goes through the runs, though many values of its parameters may do so."""
        return self.identified or self.verdict.startswith(f"not {IDENTIFIED}")

    @property
    def identified(self) -> bool:
        """Whether the data determine the law: else it is said, not drawn."""
        return self.verdict == IDENTIFIED

    def range(self, column: str) -> tuple[float, float] | None:
        """The smallest and the largest value of a column that was fitted, where it is known."""
        for variable, of in self.columns.items():
            if of == column:
                return self.ranges.get(variable)
        return None

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


def rows_of(tables: Tables, fit: str) -> pd.DataFrame:
    """The rows of a fit, for all of its groups; none where it was not made."""
    return (
        tables.fits[tables.fits["fit"] == fit] if "fit" in tables.fits.columns else pd.DataFrame()
    )


def group_value(group: str) -> str:
    """The value of a group: "2" of "n_inputs=2"."""
    return group.partition("=")[2]


def fitted(
    tables: Tables, fit: str, group: float | None = None, x: str | None = None
) -> Fitted | None:
    """The law of `fit` for one group, or None if the table of fits has none.

    `group` is the value that the group's runs share. `x` is the column that stands for the
    variable of a law of one variable, where the study does not say which.
    """
    rows = rows_of(tables, fit)
    if rows.empty:
        return None
    if group is not None:
        rows = rows[[_is(group_value(name), group) for name in rows["group"]]]
        if rows.empty:
            return None
    found = law(rows["law"].iloc[0])
    values = {row.parameter: row.value for row in rows.itertuples() if row.parameter in found.names}
    params = {name: float(value) for name, value in values.items() if np.isfinite(value)}
    verdict = str(rows["verdict"].iloc[0])
    if verdict == IDENTIFIED and set(params) != set(found.names):
        verdict = "not fitted: the table of fits lacks parameters"
    default = {v: x if x and len(found.variables) == 1 else v for v in found.variables}
    given = tables.variables.get(fit, {})
    columns = {variable: given.get(variable, default[variable]) for variable in found.variables}
    kept = _diagnostics(rows)
    ranges = {v: tuple(kept["ranges"][v]) for v in found.variables if v in kept.get("ranges", {})}
    return Fitted(found, params, verdict, columns, _draws(kept, found), ranges)


def _is(text: str, value: float) -> bool:
    try:
        return float(text) == float(value)
    except (TypeError, ValueError):
        return text == str(value)


def _diagnostics(rows: pd.DataFrame) -> dict:
    """What the first row of a fit keeps as JSON."""
    if "diagnostics" not in rows.columns or not isinstance(rows["diagnostics"].iloc[0], str):
        return {}
    return json.loads(rows["diagnostics"].iloc[0] or "{}")


def _draws(kept: dict, found: Law) -> dict[str, np.ndarray]:
    draws = kept.get("draws", {})
    if not set(found.names) <= set(draws):
        return {}
    return {name: np.asarray(draws[name], float) for name in found.names}
