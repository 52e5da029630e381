"""Rows of the table of analyses: read here alone.

A figure, and an analysis that goes on from another, ask for quantities by name. A quantity that is
not there raises, unless it is asked for as optional, or the analysis says why it was not made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isoloss.errors import UserError, nearest
from isoloss.results.group import Group
from isoloss.results.quantity import Axis, Kind, Quantity
from isoloss.results.verdict import Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

UNMADE = (Status.NOT_MADE, Status.NOT_FITTED, Status.NOT_MEASURED)


class MissingQuantity(LookupError):
    """A quantity that an analysis should have is not in its rows."""


class Analysed:
    """The rows of one analysis.

    Parameters
    ----------
    rows : DataFrame
        Columns as `isoloss.tables.schema.ANALYSIS_COLUMNS`; all of one analysis.
    name : str
        What messages call the analysis.

    Attributes
    ----------
    rows : DataFrame
        The same, with the value of each group's first key as `of` (NaN where that is no number).

    Raises
    ------
    ValueError
        A quantity, an axis, a key of a group or a verdict is none that is known.
    """

    def __init__(self, rows: pd.DataFrame, name: str):
        self.name = name
        for column, kind in (("quantity", Quantity), ("x_quantity", Axis), ("verdict", Verdict)):
            for text in rows[column].dropna().unique():
                kind.read(text)
        self._groups = {text: Group.read(text) for text in rows["group"].dropna().unique()}
        first = [self._groups[text].first if isinstance(text, str) else np.nan
                 for text in rows["group"]]  # fmt: skip
        self.rows = rows.assign(of=np.array(first, float))

    @classmethod
    def of_table(cls, table: pd.DataFrame, name: str, where: str) -> Analysed:
        """One analysis of a study's table.

        Raises
        ------
        UserError
            The study has no analysis of that name.
        """
        names = list(dict.fromkeys(table["analysis"])) if len(table) else []
        if name not in names:
            hint = nearest(name, sorted(names))
            problem = f"there is no analysis {name!r} in the table of analyses{hint}"
            raise UserError(where, [problem])
        return cls(table[table["analysis"] == name], name)

    @property
    def made(self) -> bool:
        """Whether the runs allowed the analysis."""
        return bool(self.rows["quantity"].notna().any())

    def why_not(self, *, group: Group | None = None) -> list[str]:
        """Why the analysis, or a part of it, could not be made: notes for the reader."""
        rows = self._in(self.rows, group)
        verdicts = rows["verdict"][rows["value"].isna() & rows["verdict"].notna()]
        return [f"{text[0].upper()}{text[1:]}." for text in dict.fromkeys(verdicts.astype(str))]

    def groups(self, quantity: Quantity | None = None) -> list[Group]:
        """The groups that there are, or those of a quantity, in the order of the rows."""
        rows = self.rows if quantity is None else self.rows[self.rows["quantity"] == quantity]
        return [self._groups[text] for text in dict.fromkeys(rows["group"].dropna())]

    def group_of(self, row: Any) -> Group | None:
        """The group of a row (a Series, or what `itertuples` gives)."""
        text = row["group"] if hasattr(row, "keys") else row.group
        return self._groups.get(text) if isinstance(text, str) else None

    def points(
        self, quantity: Quantity, *, group: Group | None = None, optional: bool = False
    ) -> pd.DataFrame:
        """The measured points of a quantity that have a value, by `of` and `x`."""
        return self._with_value(quantity, Kind.POINT, group, optional)

    def line(
        self, quantity: Quantity, *, group: Group | None = None, optional: bool = False
    ) -> pd.DataFrame:
        """The points of a calculated line, by `of` and `x`."""
        return self._with_value(quantity, Kind.LINE, group, optional)

    def parameters(
        self, quantity: Quantity, *, group: Group | None = None, optional: bool = False
    ) -> pd.DataFrame:
        """The rows of a parameter that have a value, one for each group."""
        return self._with_value(quantity, Kind.PARAMETER, group, optional)

    def parameter(
        self, quantity: Quantity, *, group: Group | None = None, optional: bool = False
    ) -> pd.Series | None:
        """The row of one parameter, also where it has no value; None where it is not there."""
        found = self.all(quantity, kind=Kind.PARAMETER, group=group, optional=optional)
        return None if found.empty else found.iloc[0]

    def number(
        self, quantity: Quantity, *, group: Group | None = None, optional: bool = False
    ) -> pd.Series | None:
        """The row of one parameter; None where it has no value."""
        found = self.parameters(quantity, group=group, optional=optional)
        return None if found.empty else found.iloc[0]

    def values(self, quantities: Iterable[Quantity]) -> dict[Quantity, float] | None:
        """The values of parameters of no group; None where one of them has none."""
        found = {}
        for quantity in quantities:
            row = self.parameter(quantity)
            if row is None or not np.isfinite(row["value"]):
                return None
            found[quantity] = float(row["value"])
        return found

    def all(
        self, quantity: Quantity, *, kind: Kind | None = None, group: Group | None = None,
        optional: bool = False,
    ) -> pd.DataFrame:  # fmt: skip
        """The rows of a quantity, also those without a value, in the order of the table.

        Raises
        ------
        MissingQuantity
            The analysis has no row of it, and does not say why; unless it is `optional`.
        """
        if not isinstance(quantity, Quantity):
            raise TypeError(f"{quantity!r} is no Quantity")
        found = self.rows[self.rows["quantity"] == quantity]
        if kind is not None:
            found = found[found["kind"] == kind]
        if found.empty and not optional and self.made and not self._explained():
            there = ", ".join(dict.fromkeys(self.rows["quantity"].dropna()))
            what = f"{kind or 'row'} {str(quantity)!r}"
            raise MissingQuantity(f"analysis {self.name} has no {what}; there are {there}")
        return self._in(found, group)

    def _with_value(self, quantity, kind, group, optional):
        found = self.all(quantity, kind=kind, group=group, optional=optional)
        return found[found["value"].notna()].sort_values(["of", "x"], kind="stable")

    def _in(self, rows: pd.DataFrame, group: Group | None) -> pd.DataFrame:
        return rows if group is None else rows[rows["group"] == str(group)]

    def _explained(self) -> bool:
        """Whether the analysis says of a part of it why it is not there."""
        said = self.rows["verdict"].dropna().unique()
        return any(Verdict.read(text).status in UNMADE for text in said)


def identified(row: Mapping[str, Any]) -> bool:
    """Whether the data determine the value of a row."""
    return Verdict.read(row["verdict"]).identified


def undetermined(rows: pd.DataFrame) -> np.ndarray:
    """Which rows have a value that the data do not determine, shape (row,)."""
    return np.array([not Verdict.read(text).identified for text in rows["verdict"]], bool)
