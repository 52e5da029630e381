"""One fit for each value of a column: side by side, and whether the groups share exponents."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from isoloss.api.fitted import Fit
from isoloss.errors import UserError, nearest
from isoloss.fit.settings import FitSettings

if TYPE_CHECKING:
    import pandas as pd

EXPONENTS = ("alpha", "beta", "a", "alpha_N", "alpha_D", "alpha_S")


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Fits(Mapping):
    """Fits of the groups of a table: a mapping of value of the column to `Fit`.

    Attributes
    ----------
    by : str
        The column.
    fits : dict of str to Fit
        In the order of the table; empty cells are the group "(empty)".
    not_fitted : dict of str to tuple of str
        Value -> why its rows cannot be fitted.
    """

    by: str
    fits: dict[str, Fit]
    not_fitted: dict[str, tuple[str, ...]]

    def __getitem__(self, value: str) -> Fit:
        return self.fits[value]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fits)

    def __len__(self) -> int:
        return len(self.fits)

    @property
    def shared(self) -> list[dict[str, Any]]:
        """Whether the groups share each exponent: a test of each, as of `shared`."""
        return shared({value: one.result for value, one in self.fits.items()})

    def summary(self) -> str:
        """The fits side by side, as `isoloss fit --by` prints them."""
        results = {value: one.result for value, one in self.fits.items()}
        return _text(self.by, results, self.not_fitted, self.shared)

    def to_dict(self) -> dict[str, Any]:
        """The fits as `isoloss fit --by COLUMN --json` prints them."""
        return {
            "by": self.by,
            "groups": {value: one.result.to_dict() for value, one in self.fits.items()},
            "not_fitted": {value: list(messages) for value, messages in self.not_fitted.items()},
            "shared": self.shared,
        }

    def __repr__(self) -> str:
        return f"<Fits by {self.by!r}: {', '.join(self.fits)}>"


def fit_by(table: pd.DataFrame, settings: FitSettings, column: str) -> Fits:
    """Fit the rows of each value of a column.

    Raises
    ------
    UserError
        There is no such column, or no group can be fitted.
    """
    if column not in table:
        near = nearest(column, table.columns)
        listed = ", ".join(map(str, table.columns[:12]))
        raise UserError("--by", [f"there is no column {column!r}{near} (columns: {listed})"])
    fits, refused = {}, {}
    for value, rows in _groups(table, column).items():
        part = table.iloc[rows].drop(columns=column)
        part.attrs = table.attrs
        asked = dataclasses.replace(settings, where=f"{settings.where}, {column} {value}")
        made = Fit(part, asked)
        try:
            _ = made.result
            fits[value] = made
        except UserError as error:
            refused[value] = error.problems
    if not fits:
        lines = [f"{value}: {text}" for value, messages in refused.items() for text in messages]
        raise UserError(settings.where, lines)
    return Fits(column, fits, refused)


def _groups(table, column) -> dict[str, list[int]]:
    """Value -> its rows, in the order of the table; empty cells are a group of their own."""
    from isoloss.tables.cells import is_empty

    groups: dict[str, list[int]] = {}
    for i, cell in enumerate(table[column].to_numpy()):
        groups.setdefault("(empty)" if is_empty(cell) else str(cell), []).append(i)
    return groups


def shared(results) -> list[dict]:
    """Whether groups share each exponent: Cochran's Q of the estimates, a chi-square test.

    Cochran (1954), The combination of estimates from different experiments, Biometrics 10.

    Parameters
    ----------
    results : mapping of str to FitResult

    Returns
    -------
    list of dict
        name, n_groups, value (the mean, weighted by inverse variance), se, q and p_value.
    """
    from scipy.special import chdtrc

    tests = []
    for name in EXPONENTS:
        found = [{**one.params, **one.derived}.get(name) for one in results.values()]
        found = [one for one in found if one is not None and one.se]
        if len(found) < 2:
            continue
        values, weights = (np.array(x) for x in zip(*((e.value, e.se**-2) for e in found),
                                                    strict=True))  # fmt: skip
        mean = float(np.sum(weights * values) / np.sum(weights))
        q = float(np.sum(weights * (values - mean) ** 2))
        tests.append(
            {
                "name": name,
                "n_groups": len(found),
                "value": mean,
                "se": float(np.sum(weights) ** -0.5),
                "q": q,
                "p_value": float(chdtrc(len(found) - 1, q)),
            }
        )
    return tests


def _text(column, results, refused, tests):
    from isoloss.fit import text as texts

    first = next(iter(results.values()))
    share = f"{100 * first.level:g} %"
    rows = [[column, "rows", "", "value", f"{share} from", "to", "std. error"]]
    for value, result in results.items():
        for i, (name, one) in enumerate({**result.params, **result.derived}.items()):
            head = [value, str(result.n_rows)] if i == 0 else ["", ""]
            ends = map(texts.number, (one.value, one.lo, one.hi, one.se))
            rows.append([*head, name, *ends])
    lines = [
        f"law {first.law.name}, fitted to the rows of each {column}",
        "",
        texts.columns(rows),
    ]
    lines.append("")
    for one in tests:
        differ = "differ" if one["p_value"] < 0.05 else "may be one"
        lines.append(
            f"{one['name']} of {one['n_groups']} groups {differ}: p = {one['p_value']:.2g}; their "
            f"mean is {texts.number(one['value'])}, standard error {texts.number(one['se'])}"
        )
    for value, result in results.items():
        lines.append(f"verdict: {value}: {result.verdict}")
    lines += [f"not fitted: {value}: {'; '.join(messages)}" for value, messages in refused.items()]
    lines += _each("warning", {value: result.warnings for value, result in results.items()})
    lines += _each("assumed", {value: result.notes for value, result in results.items()})
    return "\n".join(lines)


def _each(word, said):
    """Lines of all groups; a line that all have stands once, without the group's name."""
    everywhere = [
        text for text in next(iter(said.values())) if all(text in t for t in said.values())
    ]
    lines = [f"{word}: {text}" for text in everywhere]
    for value, messages in said.items():
        lines += [f"{word}: {value}: {text}" for text in messages if text not in everywhere]
    return lines
