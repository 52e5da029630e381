"""Rows of a table that a test means: there, or an error.

numpy compares an empty array with anything and finds no difference, and a loop over no rows asserts
nothing. So tests take the rows that they compare from here.
"""

from typing import Any

import pandas as pd


def some(rows: pd.DataFrame, quantity: str | None = None, **columns: Any) -> pd.DataFrame:
    """The rows of a quantity, with the given values in other columns: at least one.

    Raises
    ------
    LookupError
        No row is like that; the message has what there is instead.
    """
    wanted = ({} if quantity is None else {"quantity": quantity}) | columns
    found = rows
    for name, value in wanted.items():
        kept = found[found[name] == value]
        if kept.empty:
            there = sorted(map(str, found[name].dropna().unique()))
            raise LookupError(f"no row has {name} = {value!r} of {wanted}; there are {there}")
        found = kept
    if found.empty:
        raise LookupError("there are no rows")
    return found


def one(rows: pd.DataFrame, quantity: str | None = None, **columns: Any) -> pd.Series:
    """The only row of a quantity, with the given values in other columns.

    Raises
    ------
    LookupError
        No row is like that, or several are.
    """
    found = some(rows, quantity, **columns)
    if len(found) > 1:
        raise LookupError(f"{len(found)} rows have quantity = {quantity!r}, {columns}")
    return found.iloc[0]
