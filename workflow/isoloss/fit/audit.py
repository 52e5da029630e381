"""Refit published tables, and compare our parameters with the published ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isoloss.corpus.download import download
from isoloss.errors import UserError
from isoloss.files import sha256
from isoloss.fit.api import fit_law
from isoloss.fit.objective import influence
from isoloss.fit.registry import PublishedFit, PublishedTable, Registry
from isoloss.fit.result import FitResult
from isoloss.stats.spread import standard_error
from isoloss.tables.asking import INDEPENDENT
from isoloss.tables.read import read_table

MIRROR = "ISOLOSS_MIRROR"  # environment variable: a folder with copies of the tables
SAME_OBJECTIVE = 1e-4  # relative excess over the optimum that rounding explains
SAME_VALUE = 0.1  # standard errors


@dataclass(frozen=True)
class Audited:
    """A published fit beside ours.

    Attributes
    ----------
    published : dict of str to float
        Value of each parameter; empty where nothing was published.
    difference : dict of str to float
        (published - found) / standard error for each parameter; for coefficients, of their ln.
    objective_published, objective_found : float
        Objective of the same rows at both points; the first is None if nothing was published.
    verdict : str
        "reproduced", "published is not the optimum", "nothing published", or, where the fit ended
        at no minimum, the fit's own. Whether the table determines the law is another question:
        the verdict of `result`.
    """

    fit: PublishedFit
    published: dict[str, float]
    result: FitResult
    difference: dict[str, float]
    objective_published: float | None
    objective_found: float
    verdict: str

    def to_dict(self) -> dict:
        """The comparison as built-in types, for JSON."""
        return {
            "name": self.fit.name,
            "source": self.fit.source,
            "table": self.fit.table,
            "published": self.published,
            "difference_in_standard_errors": self.difference,
            "objective_published": self.objective_published,
            "verdict": self.verdict,
            "found": self.result.to_dict(),
        }


def audit(
    registry: Registry,
    folder: Path,
    mirror: Path | None = None,
    only: Callable[[PublishedFit], bool] = lambda fit: True,
    **settings,
) -> list[Audited]:
    """Refit every published fit of the registry.

    Parameters
    ----------
    folder : path
        Folder of downloaded tables; a table with the right SHA-256 there is not fetched again.
    mirror : path, optional
        A folder with copies of the tables, at the paths that the registry gives.
    only : callable
        Whether to refit a given fit.
    settings
        Settings of the intervals, as `fit_law` takes them.

    Raises
    ------
    UserError
        A table is not available, has another SHA-256, or cannot be fitted.
    """
    fits = [fit for fit in registry.fits if only(fit)]
    paths = {
        fit.table: obtain(fit.table, registry.tables[fit.table], folder, mirror) for fit in fits
    }
    return [refit(fit, paths[fit.table], **settings) for fit in fits]


def obtain(name: str, table: PublishedTable, folder: Path, mirror: Path | None) -> Path:
    """A local path with the table's content, checked against its SHA-256.

    Raises
    ------
    UserError
        The table is not available, or has another SHA-256.
    """
    if mirror is not None:
        path = Path(mirror) / table.mirror
        if not path.is_file():
            raise UserError(str(mirror), [f"{name}: there is no file {table.mirror}"])
        found = sha256(path)
        if found != table.sha256:
            text = f"{name}: has SHA-256 {found}, but {table.sha256} was promised"
            raise UserError(str(path), [text])
        return path
    if table.address is None:
        raise UserError(name, [f"has no address: it is derived from {table.derived_from}"])
    target = Path(folder) / f"{name}{Path(table.mirror).suffix}"
    return download(
        table.address,
        sha256=table.sha256,
        max_bytes=table.max_bytes,
        target=target,
        https_only=True,
    )


def refit(fit: PublishedFit, path: Path, **settings) -> Audited:
    """Refit one published fit to the rows that it used."""
    table = read_table(path)
    loss = fit.columns["loss"]
    if fit.drop_highest:
        table = table.sort_values(loss, kind="stable").iloc[: -fit.drop_highest]
    result = fit_law(
        table,
        fit.law,
        columns=fit.columns,
        cluster=fit.cluster or INDEPENDENT,
        objective=fit.objective,
        delta=fit.delta,
        where=str(path),
        **settings,
    )
    if not fit.published:
        return Audited(fit, {}, result, {}, None, result.objective_value, "nothing published")
    values = _natural(fit, result)
    theta = result.law.internal(values)
    spread = standard_error(result.draws)
    difference = dict(
        zip(result.law.names, ((theta - result.theta) / spread).tolist(), strict=True)
    )
    residual = result.problem.residuals(theta)
    at_published = float(
        influence(residual, result.objective.solved_delta)[0].sum() * result.objective.unit
    )
    return Audited(
        fit,
        values,
        result,
        difference,
        at_published,
        result.objective_value,
        _verdict(result, difference, at_published),
    )


def _natural(fit, result):
    values, problems = {}, []
    for key, value in fit.published.items():
        name = key.removeprefix("ln_")
        values[name] = float(np.exp(value)) if key != name else value
    problems = [
        f"published: {name} is no parameter of {result.law.name}"
        for name in values
        if name not in result.law.names
    ]
    problems += [f"published: {name} is missing" for name in result.law.names if name not in values]
    if problems:
        raise UserError(fit.name, problems)
    return values


def _verdict(result, difference, at_published):
    if not result.certificate.converged:
        return result.verdict
    excess = at_published / result.objective_value - 1
    near = max(abs(value) for value in difference.values()) < SAME_VALUE
    if excess < SAME_OBJECTIVE or (near and excess < 100 * SAME_OBJECTIVE):
        return "reproduced"
    return "published is not the optimum"
