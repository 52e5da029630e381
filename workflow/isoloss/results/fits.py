"""Write and read rows of the table of fits; no other module does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from isoloss.files import canonical_json
from isoloss.laws import LAWS, Law, law
from isoloss.results.quantity import Explained
from isoloss.results.verdict import Status, Verdict, verdict_columns
from isoloss.stats.intervals import LEVEL
from isoloss.tables.schema import FIT_COLUMNS, typed

if TYPE_CHECKING:
    import pandas as pd


class FitKind(Explained):
    """The kinds of rows of the table of fits."""

    PARAMETER = "parameter", "Of the law."
    DERIVED = "derived", "From the law's parameters."


@dataclass(frozen=True)
class FitGroup:
    """The runs of a fit: those with one value of a column, as text; all where it is empty."""

    column: str = ""
    value: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """The group that a table, or a study's file, holds: "n_inputs=2", or ""."""
        column, _, value = text.partition("=")
        return cls(column, value)

    def __str__(self) -> str:
        return f"{self.column}={self.value}" if self.column else ""

    def has(self, value: Any) -> bool:
        """Whether the group's runs have this value: 2 is "2" and "2.0"."""
        try:
            return float(self.value) == float(value)
        except (TypeError, ValueError):
            return self.value == str(value)


@dataclass(frozen=True, kw_only=True)
class FitRow:
    """A row of the table of fits; None becomes null in the table.

    Attributes
    ----------
    study, fit, law, objective : str
        Names of the study and of its fit; the law and the objective.
    group : FitGroup
        The group of fitted runs.
    n_runs, runs : int, str
        Number of fitted runs, and their ids, separated by spaces.
    verdict, of_fit : Verdict
        On the number of the row, and on all parameters of the fit at once.
    warnings : str
        Warnings, separated by semicolons.
    kind, parameter : FitKind, str
        None where the data allow no fit.
    value, lo, hi, se, level : float
        The value, its interval and standard error, in `unit`.
    theory, theory_source : float, str
        The expected value, and its source.
    diagnostics : str
        As `diagnostics` writes them; in the first row of a fit.
    """

    study: str
    fit: str
    group: FitGroup
    law: str
    objective: str
    n_runs: int
    runs: str
    verdict: Verdict
    of_fit: Verdict
    warnings: str
    kind: FitKind | None = None
    parameter: str | None = None
    value: float | None = None
    lo: float | None = None
    hi: float | None = None
    se: float | None = None
    unit: str | None = None
    level: float | None = None
    method: str | None = None
    theory: float | None = None
    theory_source: str | None = None
    diagnostics: str | None = None

    def columns(self) -> dict[str, Any]:
        """The row as columns of the table."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        kind = None if self.kind is None else str(self.kind)
        texts = {"group": str(self.group), "kind": kind, "fit_verdict": str(found.pop("of_fit"))}
        return found | texts | verdict_columns(self.verdict)


def table_of_fits(rows: Iterable[FitRow]) -> pd.DataFrame:
    """The rows as a table, with columns as `isoloss.tables.schema.FIT_COLUMNS`."""
    return typed([row.columns() for row in rows], FIT_COLUMNS)


def diagnostics(
    said: Mapping[str, Any], draws: Mapping[str, list[float]], ranges: Mapping[str, list[float]]
) -> str:
    """The diagnostics of a fit as JSON, for the fit's first row.

    Parameters
    ----------
    said : mapping
        Certificate and other facts of the fit.
    draws : mapping
        Parameter -> its values in some resampled fits.
    ranges : mapping
        Variable of the law -> the smallest and the largest value that was fitted.
    """
    return canonical_json({**said, "draws": draws, "ranges": ranges})


@dataclass(frozen=True, kw_only=True)
class FittedNumber:
    """A parameter of a fitted law, or a quantity derived from them; NaN where it has no value."""

    name: str
    value: float
    lo: float
    hi: float
    unit: str
    theory: float
    theory_source: str
    verdict: Verdict | None = None  # on this number alone; None where the table has none

    @classmethod
    def read(cls, row: Mapping[str, Any], name: str) -> Self:
        """The number in a row of a table that has such columns, under a name."""
        real = {key: _real(row.get(key)) for key in ("value", "lo", "hi", "theory")}
        text = {key: _text(row.get(key)) for key in ("unit", "theory_source")}
        said = _text(row.get("verdict"))
        return cls(name=name, **real, **text, verdict=Verdict.read(said) if said else None)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """One law, fitted to one group of runs, as the table of fits has it.

    Attributes
    ----------
    fit, group, law_name : str, FitGroup, str
    verdict : Verdict
        On all parameters of the fit at once.
    numbers : tuple of FittedNumber
        The numbers of the table, in its order, each with a verdict of its own.
    level : float
        Level of the intervals; NaN without intervals.
    method, warnings, runs : str
    n_runs : int or None
    columns : mapping
        Variable of the law -> column of the runs.
    draws : mapping
        Parameter -> its values in resampled fits, all of one length; empty without draws.
    ranges : mapping
        Variable of the law -> the smallest and the largest value that was fitted.
    misfit : mapping or None
        The test of a law's form: `p_value`, `miss` and `noise` (standard deviations of ln L), and
        `rejects`. None where the test does not apply.
    bend : mapping or None
        The test of a power law of one variable: `bends`, `exponent_first`, `exponent_last` and the
        rest of `isoloss.fit.curvature.LackOfFit`.
    doubt : str
        Why all numbers hold only if the law does, whatever their intervals are, or "".
    wider : mapping or None
        The fits of a wider law that the runs allow, as `isoloss.fit.wider.Wider.to_dict` has them.
    """

    fit: str
    group: FitGroup
    law_name: str
    verdict: Verdict
    numbers: tuple[FittedNumber, ...]
    level: float
    method: str
    warnings: str
    n_runs: int | None
    runs: str
    columns: Mapping[str, str] = field(default_factory=dict)
    draws: Mapping[str, np.ndarray] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    misfit: Mapping[str, Any] | None = None
    bend: Mapping[str, Any] | None = None
    doubt: str = ""
    wider: Mapping[str, Any] | None = None

    @property
    def law(self) -> Law:
        """The law's formula.

        Raises
        ------
        UserError
            There is no law of that name.
        """
        return law(self.law_name)

    @property
    def formula(self) -> str:
        """The law as text; "" where there is no law of that name."""
        return LAWS[self.law_name].formula if self.law_name in LAWS else ""

    @property
    def params(self) -> dict[str, float]:
        """The parameters of the law that have a value."""
        names = self.law.names
        return {n.name: n.value for n in self.numbers if n.name in names and np.isfinite(n.value)}

    @property
    def describes(self) -> bool:
        """Whether the law describes the runs, even if its parameters are not identifiable."""
        return self.determined or self.verdict.status is Status.NOT_IDENTIFIED

    @property
    def identified(self) -> bool:
        """Whether the data determine the law, and do not reject it."""
        return self.verdict.identified

    @property
    def determined(self) -> bool:
        """Whether the data determine the law, even if they reject it; others are not drawn."""
        return self.verdict.determined

    def number(self, name: str) -> FittedNumber | None:
        """A parameter or a derived quantity; None where the table has none."""
        return next((number for number in self.numbers if number.name == name), None)

    def of_columns(self, columns: Mapping[str, str], x: str | None = None) -> Self:
        """The same law with columns of the runs as its variables, to draw it.

        Parameters
        ----------
        columns : mapping
            Variable -> column; any other variable has a column of its own name.
        x : str, optional
            The column of the only variable, if `columns` does not name it.
        """
        names = self.law.variables
        only = {names[0]: x} if x and len(names) == 1 else {}
        verdict = self.verdict
        if self.determined and set(self.params) != set(self.law.names):
            verdict = Verdict(Status.NOT_FITTED, "the table of fits lacks parameters")
        of = {name: name for name in names} | only | dict(columns)
        return replace(self, columns=of, verdict=verdict)

    def range(self, column: str) -> tuple[float, float] | None:
        """The smallest and the largest fitted value of a column, or None if it is unknown."""
        for variable in self.law.variables:
            if self.columns.get(variable) == column:
                return self.ranges.get(variable)
        return None

    def curve(self, **values: np.ndarray) -> np.ndarray:
        """The law at the given values of all the columns that it needs."""
        return self.law(self.params, **self._variables(values))

    def band(self, level: float = LEVEL, **values) -> tuple[np.ndarray, np.ndarray] | None:
        """Pointwise interval of the law over its draws, or None if there are none."""
        if not set(self.law.names) <= set(self.draws):
            return None
        variables = self._variables(values)
        count = len(next(iter(self.draws.values())))
        sampled = [
            self.law({name: self.draws[name][i] for name in self.law.names}, **variables)
            for i in range(count)
        ]
        tail = (1 - level) / 2
        return tuple(np.nanquantile(sampled, [tail, 1 - tail], axis=0))

    def _variables(self, values):
        return {variable: values[self.columns[variable]] for variable in self.law.variables}


def read_fits(table: pd.DataFrame | None) -> list[Fitted]:
    """Every fit of every group, in the order of the table.

    Raises
    ------
    ValueError
        A verdict is unknown.
    """
    if table is None or table.empty:
        return []
    named = table.assign(group=table["group"].fillna(""))
    return [
        _fitted(str(fit), str(group), rows.to_dict("records"))
        for (fit, group), rows in named.groupby(["fit", "group"], sort=False)
    ]


def _fitted(fit: str, group: str, rows: list[dict[str, Any]]) -> Fitted:
    first = rows[0]
    name, verdict = _text(first["law"]), Verdict.read(first["fit_verdict"])
    named = [(_text(row["parameter"]), row) for row in rows]
    numbers = tuple(FittedNumber.read(row, parameter) for parameter, row in named if parameter)
    kept = json.loads(_text(first.get("diagnostics")) or "{}")
    count = _real(first.get("n_runs"))
    return Fitted(
        fit=fit,
        group=FitGroup.read(group),
        law_name=name,
        verdict=verdict,
        numbers=numbers,
        level=_real(first.get("level")),
        method=_text(first.get("method")),
        warnings=_text(first.get("warnings")),
        n_runs=int(count) if np.isfinite(count) else None,
        runs=_text(first.get("runs")),
        draws={name: np.asarray(drawn, float) for name, drawn in kept.get("draws", {}).items()},
        ranges={name: tuple(ends) for name, ends in kept.get("ranges", {}).items()},
        misfit=kept.get("misfit"),
        bend=kept.get("lack_of_fit"),
        doubt=kept.get("doubt", ""),
        wider=kept.get("wider"),
    )


def _real(cell: Any) -> float:
    """A cell as a number; NaN where it is null."""
    return float("nan") if _null(cell) else float(cell)


def _text(cell: Any) -> str:
    """A cell as text; "" where it is null."""
    return "" if _null(cell) else str(cell)


def _null(cell: Any) -> bool:
    import pandas as pd

    return cell is None or bool(pd.isna(cell))
