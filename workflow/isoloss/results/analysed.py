"""Read rows of the table of analyses; no other module reads them.

A figure, or an analysis that uses another, asks for quantities by name. A missing quantity raises,
unless it is optional or the analysis has a row with the reason.
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
        The name of the analysis in messages.

    Attributes
    ----------
    rows : DataFrame
        The given rows, with a column `of`: the value of each group's first key (NaN where that is
        no number).

    Raises
    ------
    ValueError
        A quantity, an axis, a key of a group or a verdict is unknown.
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
        """The reasons why the analysis, or a part of it, could not be made, as notes."""
        rows = self._in(self.rows, group)
        verdicts = rows["verdict"][rows["value"].isna() & rows["verdict"].notna()]
        return [f"{text[0].upper()}{text[1:]}." for text in dict.fromkeys(verdicts.astype(str))]

    def groups(self, quantity: Quantity | None = None) -> list[Group]:
        """All groups, or the groups of a quantity, in the order of the rows."""
        rows = self.rows if quantity is None else self.rows[self.rows["quantity"] == quantity]
        return [self._groups[text] for text in dict.fromkeys(rows["group"].dropna())]

    def group_of(self, row: Any) -> Group | None:
        """The group of a row (a Series, or a tuple of `itertuples`)."""
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
        """The row of one parameter, also without a value; None if there is no such row."""
        found = self.all(quantity, kind=Kind.PARAMETER, group=group, optional=optional)
        return None if found.empty else found.iloc[0]

    def number(
        self, quantity: Quantity, *, group: Group | None = None, optional: bool = False
    ) -> pd.Series | None:
        """The row of one parameter; None where it has no value."""
        found = self.parameters(quantity, group=group, optional=optional)
        return None if found.empty else found.iloc[0]

    def values(self, quantities: Iterable[Quantity]) -> dict[Quantity, float] | None:
        """The values of parameters without a group; None if one of them has no value."""
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
            The analysis has no row of the quantity and no reason, and `optional` is False.
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
        """Whether the analysis has the reason why a part of it is missing."""
        said = self.rows["verdict"].dropna().unique()
        return any(Verdict.read(text).status in UNMADE for text in said)


def identified(row: Mapping[str, Any]) -> bool:
    """Whether the data determine the value of a row."""
    return Verdict.read(row["verdict"]).identified


def undetermined(rows: pd.DataFrame) -> np.ndarray:
    """Whether each row has a value that the data do not determine, shape (row,)."""
    return np.array([not Verdict.read(text).identified for text in rows["verdict"]], bool)
