"""`isoloss.fit`: runs, or what can be read as such, in, and their fit out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from isoloss.api.by import Fits, fit_by
from isoloss.api.fitted import Fit, of_reading
from isoloss.api.runs import Runs, of_one_law, read_runs
from isoloss.errors import UserError
from isoloss.fit.settings import AVERAGE_OF_LAWS, FitSettings, said
from isoloss.laws import Law

if TYPE_CHECKING:
    import pandas as pd


@overload
def fit(
    runs: Runs | pd.DataFrame | Mapping[str, Any] | str | Path,
    law: str | Law | None = None,
    *,
    by: None = None,
    **settings: Any,
) -> Fit: ...
@overload
def fit(
    runs: Runs | pd.DataFrame | Mapping[str, Any] | str | Path,
    law: str | Law | None = None,
    *,
    by: str,
    **settings: Any,
) -> Fits: ...
def fit(
    runs: Runs | pd.DataFrame | Mapping[str, Any] | str | Path,
    law: str | Law | None = None,
    *,
    by: str | None = None,
    **settings: Any,
) -> Fit | Fits:
    """Fit a scaling law to runs, as `isoloss fit` does.

    Parameters
    ----------
    runs : Runs, pandas.DataFrame, mapping of str to array, or path
        As `read_runs` returns them, or takes them. Nothing is modified.
    law : str or Law, optional
        One of `isoloss.laws.LAWS`, or a law of your own. Without one, the parameters are those of
        "chinchilla", and questions are answered by the average of all laws.
    by : str, optional
        A column: one fit for each of its values, as `isoloss fit --by`, with a test whether the
        groups share exponents.
    **settings
        The other settings of `isoloss.FitSettings`, such as `draws`, `level`, `seed`, `objective`
        and `fixed`. They replace those that `read_runs` was given.

    Returns
    -------
    Fit
        With `.params`, `.verdict`, `.summary()`, `.plot()`, `.optimal()`, `.predict()`, `.next()`
        and `.compare()`.
    Fits
        Where `by` is given: value of the column -> `Fit`, with `.shared` and `.summary()`.

    Raises
    ------
    UserError
        The error lists every problem of the settings, or of the table, at once.
    """
    given = settings if law is None else {"law": law} | settings
    if "where" in given:
        raise UserError("fit", ["where: chooses rows; give it to read_runs"])
    FitSettings.of(None, given)  # every name is a setting's
    old = runs.settings if isinstance(runs, Runs) else FitSettings(law=AVERAGE_OF_LAWS)
    asked = dataclasses.replace(old, **given)
    if problems := of_one_law(asked).problems():
        raise UserError("fit", [said(*problem) for problem in problems])
    if not isinstance(runs, Runs):
        runs = read_runs(runs, **of_reading(asked))
        asked = dataclasses.replace(asked, where=runs.settings.where)
    if by is not None:
        return fit_by(runs.table, asked, by)
    made = Fit(runs.table, asked)
    _ = made.result  # so that a table that cannot be fitted is said here
    return made
