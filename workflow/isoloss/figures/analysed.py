"""Rows of the table of analyses, as figures take them."""

import numpy as np
import pandas as pd

from isoloss.errors import UserError, nearest
from isoloss.exhibits.base import Tables
from isoloss.results.verdict import IDENTIFIED


def analysed(tables: Tables, name: str, where: str) -> pd.DataFrame:
    """The rows of one analysis, with the value of each group's first part as `of`.

    "n_params_non_embedding=1536, loss=2.4" has `of` 1536. Where the analysis could not be made, its
    one row has no quantity.

    Raises
    ------
    UserError
        The study has no analysis of that name.
    """
    names = tables.analyses["analysis"] if len(tables.analyses) else pd.Series(dtype=str)
    if name not in set(names):
        hint = nearest(name, sorted(set(names)))
        raise UserError(where, [f"there is no analysis {name!r} in the table of analyses{hint}"])
    rows = tables.analyses[names == name]
    first = rows["group"].astype("string").str.extract(r"^[^=]+=([^,]+)")[0]
    return rows.assign(of=pd.to_numeric(first, errors="coerce"))


def part(rows: pd.DataFrame, quantity: str, kind: str = "point") -> pd.DataFrame:
    """The rows of one quantity that have a value, by x."""
    found = rows[(rows["quantity"] == quantity) & (rows["kind"] == kind) & rows["value"].notna()]
    return found.sort_values(["of", "x"], kind="stable")


def parameters(rows: pd.DataFrame) -> dict[str, float]:
    """The values of the parameters of no group."""
    found = rows[(rows["kind"] == "parameter") & rows["group"].isna() & rows["value"].notna()]
    return dict(zip(found["quantity"], found["value"].astype(float), strict=True))


def unmade(rows: pd.DataFrame) -> list[str]:
    """Why an analysis, or a part of it, could not be made: notes for the reader."""
    verdicts = rows["verdict"][rows["value"].isna() & rows["verdict"].notna()]
    return [f"{text[0].upper()}{text[1:]}." for text in dict.fromkeys(verdicts.astype(str))]


def undetermined(rows: pd.DataFrame) -> np.ndarray:
    """Which rows have a value that the data do not determine."""
    return (rows["verdict"] != IDENTIFIED).to_numpy()
