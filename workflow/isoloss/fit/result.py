"""The result of a fit: values with intervals, the method, the certificate and the verdict."""

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError, nearest
from isoloss.fit.below import log_losses
from isoloss.fit.curvature import LackOfFit
from isoloss.fit.loose import known_at
from isoloss.fit.misfit import Misfit
from isoloss.fit.objective import Objective
from isoloss.fit.optimum import Certificate
from isoloss.fit.outliers import Outlier
from isoloss.fit.problem import Problem
from isoloss.laws.allocation import BETWEEN, others
from isoloss.laws.base import Law, no_optimum
from isoloss.results.verdict import OFTEN, Verdict
from isoloss.stats.intervals import Estimate, bounds


@dataclass(frozen=True, repr=False, eq=False)
class FitResult:
    """A law fitted to a table, with text, figures and a file of its own.

    Attributes
    ----------
    law : Law
    objective : Objective
    objective_value : float
        The summed objective at the optimum, in the objective's own units (as papers print it).
    params, derived : dict of str to Estimate
        The law's parameters, and quantities derived from them (for chinchilla: a, b, G).
    level, method, intervals : float, str, str
        Level of the intervals; bootstrap method of the draws; "draws" or "profile".
    certificate : Certificate
    verdict : Verdict
        Of all parameters at once: "identified", "identified only if the law holds: ...",
        "not identified: ..." or "not a power law: ...", with the reason. `answers` judges each
        question by itself.
    warnings, notes : tuple of str
        Warnings that limit how far to trust the fit; assumptions about the table.
    lack_of_fit : LackOfFit or None
        Test that the exponent is constant, for power laws of one variable.
    misfit : Misfit or None
        Test that residuals are noise and no pattern, for other laws where there are draws.
    outliers : tuple of Outlier
        Rows that are far off the law of the others, where there are draws.
    loose : tuple of str
        Parameters and derived quantities that are not identifiable: they can change while the fit
        does not. They have no interval.
    flat_directions : ndarray, shape (direction, free parameter)
        Sloppy directions, in which the fit does not change (`fit.loose`).
    draws : ndarray, shape (draw, parameter)
        theta of each resampled table, from which intervals of other quantities follow. Where the
        runs reject the law, they count its misfit too (`fit.counted`). Their floor may lie below
        zero (`fit.below`).
    problem, clusters
        The problem that was solved, and the run of each row.
    """

    law: Law
    objective: Objective
    objective_value: float
    n_rows: int
    n_clusters: int
    params: dict[str, Estimate]
    derived: dict[str, Estimate]
    level: float
    method: str
    intervals: str
    certificate: Certificate
    verdict: Verdict
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    lack_of_fit: LackOfFit | None
    misfit: Misfit | None
    outliers: tuple[Outlier, ...]
    loose: tuple[str, ...]
    theta: np.ndarray
    flat_directions: np.ndarray
    draws: np.ndarray
    problem: Problem
    clusters: np.ndarray

    def __repr__(self) -> str:
        from isoloss.fit import text

        return text.line(self)

    def _repr_html_(self) -> str:
        from isoloss.fit import text

        return text.html(self)

    def summary(self) -> str:
        """The fit as text: the law, its rows, its parameters with intervals, and the verdict."""
        from isoloss.fit import text

        return text.summary(self)

    def plot(self, against: str | None = None, labels: Mapping[str, str] | None = None):
        """Losses with the fitted law and its interval, and the residuals under them.

        Parameters
        ----------
        against : str, optional
            The variable of the law on the horizontal axis; without it, each variable has a column.
        labels : mapping, optional
            Variable of the law, or "loss" -> its axis label, with the unit.

        Returns
        -------
        matplotlib.figure.Figure
            It belongs to no window: a notebook shows it, and its `savefig` writes it.

        Raises
        ------
        UserError
            The law has no such variable.
        """
        # By its name, as what no number depends on: an edit of the drawing makes no fit stale.
        overview = importlib.import_module("isoloss.fit.plot").overview

        return overview(self, against, labels or {})

    def save(self, path: str | Path) -> None:
        """Write the fit, its draws and its rows as JSON, exact to the last bit.

        `load_fit` reads it.

        Raises
        ------
        UserError
            The file cannot be written.
        """
        from isoloss.fit.saved import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path, law: Law | None = None) -> Self:
        """Read a fit that `save` wrote.

        Parameters
        ----------
        law : Law, optional
            The law, where it is your own and no `isoloss.laws.Sum`: a file cannot hold such a law.

        Raises
        ------
        UserError
            The file is missing, cut off, no saved fit, or of a newer format; or its law is not
            the one of that name.
        """
        from isoloss.fit.saved import load

        return cls(**load(path, law))

    @property
    def identified(self) -> bool:
        """Whether the verdict is "identified"."""
        return self.verdict.identified

    @property
    def values(self) -> dict[str, float]:
        """The parameters' values alone, as the law's formula takes them."""
        return {name: estimate.value for name, estimate in self.params.items()}

    def known_at(self, log_x: Mapping[str, np.ndarray]) -> np.ndarray:
        """Whether the table determines the law's loss at each point (ln of its variables)."""
        z = self.problem.z(self.theta[None])[0]
        return known_at(self.problem, z, self.flat_directions, log_x)

    def predict(self, values, interval: bool = True):
        """The expected loss at new points, with its interval.

        Parameters
        ----------
        values : mapping or DataFrame
            Variable of the law -> numbers, all of one length.

        Returns
        -------
        pandas.DataFrame
            The variables and `loss`; with `interval` also `lo` and `hi`, the interval of the law's
            loss without the noise of a single run. The ends are NaN without draws, and where the
            table does not determine the loss.
        """
        import pandas as pd

        log_x = self._logs(values)
        frame = pd.DataFrame({name: np.exp(x) for name, x in log_x.items()})
        with np.errstate(all="ignore"):
            frame["loss"] = np.exp(self.law.log_loss(self.theta[None], log_x)[0])
            losses = np.exp(log_losses(self.law, self.draws, log_x)) if interval else None
        if interval:
            known = self.known_at(log_x)
            for name, end in zip(("lo", "hi"), bounds(losses, self.level), strict=True):
                frame[name] = np.where(known, end, np.nan)
        return frame

    def _logs(self, values):
        missing = [name for name in self.law.variables if name not in values]
        if missing:
            raise UserError(
                "values",
                [
                    f"{name}: missing; {self.law.name} depends on {', '.join(self.law.variables)}"
                    for name in missing
                ],
            )
        logs = {}
        for name in self.law.variables:
            numbers = np.atleast_1d(np.asarray(values[name], float))
            if not np.all(np.isfinite(numbers) & (numbers > 0)):
                raise UserError("values", [f"{name}: must be positive and finite"])
            logs[name] = np.log(numbers)
        return dict(zip(logs, np.broadcast_arrays(*logs.values()), strict=True))

    def optimum(
        self, compute, flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN, **given: float
    ):
        """N*, D*, tokens per parameter and loss at compute budgets (FLOP), each with an interval.

        Parameters
        ----------
        given : float
            Values of the law's variables beside N and D; unique tokens are endless without one.

        Returns
        -------
        pandas.DataFrame
            One row per budget: `compute`, the law's variables beside N and D (at most D*), then
            each quantity with `_lo` and `_hi`. The ends are NaN
            without draws, and where the table does not determine the allocation. All are NaN where
            the fitted law has no optimum; an interval is NaN where too many draws have none.

        Raises
        ------
        UserError
            The law has no optimum, or a budget is not positive.
        """
        import pandas as pd

        if not self.law.allocates:
            raise UserError("optimum", [no_optimum(self.law)])
        compute = np.atleast_1d(np.asarray(compute, float))
        may = set(self.law.variables) - set(BETWEEN)
        problems = [
            f"{name}: {self.law.name} has no such variable beside N and D{nearest(name, may)}"
            for name in given
            if name not in may
        ]
        problems += [
            f"{name}: must be positive{unit}"
            for name, values, unit in (("compute", compute, " and finite, in FLOP"),
                                       *((name, given[name], "") for name in given))
            if not np.all(np.asarray(values) > 0) or (unit and not np.all(np.isfinite(values)))
        ]  # fmt: skip
        if problems:
            raise UserError("optimum", problems)
        at = self.law.optimum(self.values, compute, flops_per_param_token, **given)
        columns = self.law.natural(self.draws).T[..., None]
        many = self.law.optimum(
            dict(zip(self.law.names, columns, strict=True)), compute, flops_per_param_token, **given
        )
        more = {name: np.minimum(x, at["n_tokens"]) for name, x in others(self.law, given).items()}
        at_optimum = {name: np.log((at | more)[name]) for name in self.law.variables}
        known = self.known_at(at_optimum) & (not set(self.derived) & set(self.loose))
        if len(self.draws):
            known &= np.isnan(many["n_params"]).mean(axis=0) <= OFTEN
        frame = pd.DataFrame({"compute": compute, **more})
        for name, value in at.items():
            frame[name] = value
            for end, values in zip(("lo", "hi"), bounds(many[name], self.level), strict=True):
                frame[f"{name}_{end}"] = np.where(known, values, np.nan)
        return frame

    def answers(self, computes=None, flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN):
        """Whether each exponent is known, and a; and N* and the loss at compute budgets.

        Parameters
        ----------
        computes : sequence of float, optional
            Budgets in FLOP; ten times the largest compute of the runs, if not given.
        flops_per_param_token : float
            K of C = K N D.

        Returns
        -------
        tuple of isoloss.fit.questions.Answer
            Each with a value, an interval, a verdict of its own and a sentence.
        """
        from isoloss.fit.questions import answers

        return answers(self, computes, flops_per_param_token)

    def to_dict(self) -> dict[str, Any]:
        """All results but the draws, for JSON: None in place of NaN and infinity."""
        derived = {name: asdict(e) for name, e in self.derived.items()}
        return plain(
            {
                "law": self.law.name,
                "formula": self.law.formula,
                "source": self.law.source,
                "objective": self.objective.name,
                "delta": self.objective.delta if self.objective.name == "huber" else None,
                "objective_value": self.objective_value,
                "n_rows": self.n_rows,
                "n_clusters": self.n_clusters,
                "params": {name: asdict(e) for name, e in self.params.items()},
                "optimum": derived if self.law.allocates else {},
                "derived": {} if self.law.allocates else derived,
                "level": self.level,
                "method": self.method,
                "intervals": self.intervals,
                "draws": len(self.draws),
                "certificate": asdict(self.certificate),
                "verdict": self.verdict,
                "answers": [asdict(answer) for answer in self.answers()],
                "lack_of_fit": None if self.lack_of_fit is None else asdict(self.lack_of_fit),
                "misfit": None if self.misfit is None else asdict(self.misfit),
                "outliers": [asdict(one) for one in self.outliers],
                "warnings": list(self.warnings),
                "notes": list(self.notes),
            }
        )

    def to_frame(self):
        """One row per parameter and derived quantity."""
        import pandas as pd

        rows = [
            {
                "law": self.law.name,
                "objective": self.objective.name,
                "kind": kind,
                "parameter": name,
                **asdict(estimate),
                "level": self.level,
                "method": self.method,
                "verdict": self.verdict,
            }
            for kind, group in (("parameter", self.params), ("derived", self.derived))
            for name, estimate in group.items()
        ]
        frame = pd.DataFrame(rows)
        return frame.astype({"value": float, "lo": float, "hi": float, "se": float})


def load_fit(path: str | Path, law: Law | None = None) -> FitResult:
    """Read a fit that `FitResult.save` wrote, as `FitResult.load` does."""
    return FitResult.load(path, law)


def plain(value):
    """The value as built-in types, with None for NaN and infinity."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return value
