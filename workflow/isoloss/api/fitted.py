"""A fit of runs that answers questions, as the commands do: what `isoloss.fit` returns."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoloss.api import checks
from isoloss.api.runs import Runs, number, of_one_law, read_runs
from isoloss.errors import UserError
from isoloss.fit.api import fit_law
from isoloss.fit.result import FitResult
from isoloss.fit.settings import AVERAGE_OF_LAWS, FitSettings
from isoloss.results.verdict import Verdict
from isoloss.stats.intervals import Estimate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from isoloss.api import approaches, optimal
    from isoloss.api import compare as comparing
    from isoloss.api import next_runs as planning
    from isoloss.api import predict as predicting
    from isoloss.forecast.average import Averaged
    from isoloss.forecast.holdout import Ranking


def of_reading(settings: FitSettings) -> dict[str, Any]:
    """The settings that `read_runs` takes, by their names there."""
    return {name: getattr(settings, name) for name in FitSettings.names() if name != "where"}


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Fit:
    """A fit of runs: parameters, a verdict, a figure, and answers to questions.

    Where a law was named, everything is by that law. Where none was, the parameters are those of
    Hoffmann et al.'s sum ("chinchilla"), as of `isoloss fit`; the answers are by the average of all
    laws, as of the other commands. The laws are fitted when something asks for them.

    Attributes
    ----------
    table : pandas.DataFrame
        The rows that are fitted, as `Runs.table`.
    settings : FitSettings
        Its law is "best" where none was named.
    """

    table: pd.DataFrame
    settings: FitSettings

    @functools.cached_property
    def result(self) -> FitResult:
        """The fit of one law, with its draws and certificate (`isoloss.FitResult`)."""
        return fit_law(self.table, settings=of_one_law(self.settings))

    @functools.cached_property
    def averaged(self) -> Averaged:
        """The laws that answer: an average of all, or the law that was named alone."""
        from isoloss.forecast.average import alone, average

        if self.settings.law == AVERAGE_OF_LAWS:
            made = average(self.table, self.settings, fit=self._fitted)
        else:
            made = alone(self.result)
        return dataclasses.replace(
            made, notes=(*made.notes, *self._of_compute(made.members[0].result))
        )

    def _fitted(self, table, settings):
        """The fit of a law, which may have been made before."""
        done = vars(self).get("result")
        if done is not None and done.law.name == settings.law.name:
            return done
        return fit_law(table, settings=settings)

    def _of_compute(self, result) -> tuple[str, ...]:
        """What is to be said of the table's own column of compute."""
        from isoloss.api.compute import compute_notes

        k = self.settings.flops_per_param_token
        return tuple(compute_notes(self.table, self.settings, result, k))

    @property
    def params(self) -> dict[str, Estimate]:
        """Parameter -> its value, interval (`lo`, `hi`), standard error and unit."""
        return self.result.params

    @property
    def derived(self) -> dict[str, Estimate]:
        """What follows from the parameters, such as a and b of N* ~ C**a and D* ~ C**b."""
        return self.result.derived

    @property
    def verdict(self) -> Verdict:
        """Whether the runs determine the parameters, with the reason."""
        return self.result.verdict

    @property
    def warnings(self) -> tuple[str, ...]:
        """What limits the trust in the fit."""
        return self.result.warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed about the table."""
        return self.result.notes

    @functools.cached_property
    def influence(self) -> pd.DataFrame:
        """The few rows that decide a parameter: `left_out`, and the value without them."""
        from isoloss.fit.influence import influential_sets

        sets = influential_sets(self.result)
        sets["left_out"] = [[number(self.table, row) for row in rows] for rows in sets["left_out"]]
        return sets

    def summary(self) -> str:
        """The fit as `isoloss fit` prints it."""
        return "\n".join([self.result.summary(), *_influences(self.influence)])

    def to_dict(self) -> dict[str, Any]:
        """The fit as `isoloss fit --json` prints it."""
        return self.result.to_dict() | {"influence": self.influence.to_dict("records")}

    def to_frame(self) -> pd.DataFrame:
        """A row for each parameter and derived quantity."""
        return self.result.to_frame()

    def __repr__(self) -> str:
        return f"<Fit {repr(self.result).removeprefix('<FitResult ')}"

    def _repr_html_(self) -> str:
        return self.result._repr_html_()

    def plot(self, against: str | None = None, labels: Mapping[str, str] | None = None) -> Figure:
        """Losses with the fitted law and its interval, and the residuals under them.

        Parameters
        ----------
        against : str, optional
            The variable of the law on the horizontal axis; without it, each has a column.
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
        return self.result.plot(against, labels)

    def rank(self, holdout: float | str = 4) -> Ranking:
        """Which laws predict larger runs best: `isoloss fit --law all --holdout 4x`.

        Parameters
        ----------
        holdout : float or str
            How many times their compute the runs have that are predicted: 4 or "4x".

        Returns
        -------
        Ranking
            Its `laws` has a row for each law, best first: `error` of ln L, `bias`, `tied` and more.

        Raises
        ------
        UserError
            The factor is not above 1, or no law can be fitted to the smaller runs.
        """
        from isoloss.forecast.holdout import rank_laws

        return rank_laws(self.table, holdout, dataclasses.replace(self.settings, law="all"))

    def optimal(
        self,
        compute: float | Sequence[float],
        *,
        approach: int = 3,
        unique_tokens: float | None = None,
    ) -> optimal.Optimal | approaches.Approach:
        """N*, D* and the loss at budgets: `isoloss optimal`.

        Parameters
        ----------
        compute : float or sequence of float
            Budgets, in FLOP.
        approach : {1, 2, 3}
            Of Hoffmann et al. (2022): 1 envelope of learning curves (a row for each evaluation;
            the setting `cluster` names the run), 2 isoFLOP parabolas, 3 the law, or the average.
        unique_tokens : float, optional
            Tokens that can be had, for laws of repeated data; endless without it.

        Returns
        -------
        Optimal, or Approach for the approaches 1 and 2
            Its `table` has a row for each budget.

        Raises
        ------
        UserError
            A budget is not positive, or no law has an optimum there.
        """
        with checks.keywords("optimal"):
            budgets = checks.floats("compute", compute)
            numbers = [("--compute", one) for one in budgets]
            tokens = checks.number("unique_tokens", unique_tokens)
            numbers += [] if tokens is None else [("--unique-tokens", tokens)]
            problems = [] if budgets else ["--compute: no budget is given"]
            if approach not in (1, 2, 3):
                problems.append(f"--approach: {approach!r} is none of 1, 2, 3")
            problems += checks.missing_runs(approach, self.settings)
            self._check(numbers, problems, tokens)
        return self.optimum(budgets, approach, tokens)

    def optimum(
        self, budgets: Sequence[float], approach: int, unique_tokens: float | None
    ) -> optimal.Optimal | approaches.Approach:
        """`optimal` of arguments that are checked."""
        if approach != 3:
            from isoloss.api import approaches

            return approaches.by_approach(approach, self.table, self.settings, budgets)
        from isoloss.api import optimal

        k = self.settings.flops_per_param_token
        given = {} if unique_tokens is None else {"n_unique_tokens": unique_tokens}
        if self.settings.law == AVERAGE_OF_LAWS:
            return optimal.of_average(self.averaged, budgets, k, given)
        return optimal.of_law(self.result, budgets, k, given, self._of_compute(self.result))

    def predict(
        self,
        *,
        n_params: float | Sequence[float] | None = None,
        n_tokens: float | Sequence[float] | None = None,
        points: str | os.PathLike | pd.DataFrame | None = None,
        compute: float | Sequence[float] | None = None,
        budget_hours: float | Sequence[float] | None = None,
        budget_money: float | Sequence[float] | None = None,
        loss: float | Sequence[float] | None = None,
        ratio: float | None = None,
        unique_tokens: float | None = None,
        inference_tokens: float | None = None,
        device_flops: float | None = None,
        utilisation: float | None = None,
        price: float | None = None,
    ) -> predicting.Predictions:
        """The loss of runs, the best run of a budget, or the compute of a loss: `isoloss predict`.

        Parameters
        ----------
        n_params, n_tokens : float or sequence of float, optional
            Sizes and training tokens of runs. One size with a budget or a loss keeps it fixed.
        points : path or pandas.DataFrame, optional
            Runs by any two of N, D and C.
        compute, budget_hours, budget_money : float or sequence of float, optional
            Budgets: in FLOP, device-hours, and money.
        loss : float or sequence of float, optional
            Losses to reach for the least compute, in the loss of the table.
        ratio : float, optional
            D/N to keep in place of the optimum.
        unique_tokens : float, optional
            Tokens that can be had, for laws of repeated data; endless without it.
        inference_tokens : float, optional
            Tokens that the model will serve: compute is then 6 N D and 2 N for each of them.
        device_flops : float, optional
            Peak of one device, in FLOP/s.
        utilisation : float, optional
            Share of the peak that training uses.
        price : float, optional
            Money for one device-hour.

        Returns
        -------
        Predictions
            Its `table` has a row for each question.

        Raises
        ------
        UserError
            Nothing is asked, arguments contradict each other, a budget is below the cheapest run,
            or a loss is out of reach.
        """
        given = {name: value for name, value in locals().items() if name not in ("self", "points")}
        from isoloss.api import predict as predicting

        with checks.keywords("predict"):
            known = {name: checks.floats(name, given[name]) for name in predicting.MANY}
            known |= {name: checks.number(name, given[name]) for name in predicting.ONE}
            asked = predicting.Asked(points=points, **known)
            self._check(asked.numbers(), asked.problems(), asked.unique_tokens)
        k = self.settings.flops_per_param_token
        return predicting.predict(self.averaged, asked, k, self.settings.columns)

    def next(
        self,
        target: float | str | os.PathLike | pd.DataFrame,
        budget: float,
        *,
        decision: str = "n_params",
        cost: str | None = None,
        candidates: str | os.PathLike | pd.DataFrame | None = None,
    ) -> planning.NextRuns:
        """Which runs to do next: `isoloss next`.

        Parameters
        ----------
        target : float, path or pandas.DataFrame
            The budget of the decision, in FLOP; or runs whose losses are then to be known.
        budget : float
            What the next runs may cost in all: FLOP, or the unit of the column `cost`.
        decision : {"n_params", "loss", "a"}
            What is to be known.
        cost : str, optional
            The column of what the runs took, e.g. seconds.
        candidates : path or pandas.DataFrame, optional
            The runs to choose among; a grid about the optimum without them.

        Returns
        -------
        NextRuns
            Its `table` has a row for each run, in the order in which to do them.

        Raises
        ------
        UserError
            A number is not positive, a column is not there, or the question cannot be asked of the
            law.
        """
        from isoloss.api import next_runs as planning

        with checks.keywords("next"):
            spent = checks.number("budget", budget)
            if spent is None:
                raise UserError(checks.ARGUMENTS, ["--budget: must be a number, got None"])
            asked = planning.Asked(target=target, budget=spent, decision=decision, cost=cost,
                                   candidates=candidates)  # fmt: skip
            self._check(asked.numbers(), asked.problems(), optimum=asked.number is not None)
        return self.planned(asked)

    def planned(self, asked: planning.Asked) -> planning.NextRuns:
        """`next` of arguments that are checked."""
        from isoloss.api import next_runs as planning

        best = self.settings.law == AVERAGE_OF_LAWS
        fits = self.averaged if best else self.result
        return planning.next_runs(self.table, fits, self.settings, asked)

    def compare(
        self,
        other: Fit | Runs | str | os.PathLike | pd.DataFrame,
        *,
        compute: float | Sequence[float] | None = None,
        loss: float | Sequence[float] | None = None,
        n_params: float | None = None,
        ratio: float | None = None,
        unique_tokens: float | None = None,
        names: tuple[str, str] | None = None,
    ) -> comparing.Compared:
        """How much compute another recipe, B, needs for the loss of this one, A.

        As `isoloss compare` does: both tables are read and fitted with the settings of this fit.
        Where they have the same points (N, D), noise that both share cancels.

        Parameters
        ----------
        other : Fit, Runs, path or pandas.DataFrame
            The runs of B.
        compute : float or sequence of float, optional
            Budgets of A, in FLOP; ten times that of the largest run if neither this nor `loss` is
            given.
        loss : float or sequence of float, optional
            Losses to reach.
        n_params : float, optional
            Runs of one size, in place of the optimum.
        ratio : float, optional
            D/N to keep, in place of the optimum.
        unique_tokens : float, optional
            Tokens that can be had, for laws of repeated data.
        names : pair of str, optional
            What A and B are called; by default the names of their files, or A and B.

        Returns
        -------
        Compared
            Its `table` has a row for each budget and loss.

        Raises
        ------
        UserError
            A table cannot be fitted, the recipes have no loss in common, or a budget or a loss is
            out of reach.
        """
        from isoloss.api import compare as comparing

        if not isinstance(other, Fit | Runs):
            other = read_runs(other, **of_reading(self.settings))
        settings = [self.settings, dataclasses.replace(self.settings, where=other.settings.where)]
        with checks.keywords("compare"):
            budgets, losses = checks.floats("compute", compute), checks.floats("loss", loss)
            one = {"n_params": n_params, "ratio": ratio, "unique_tokens": unique_tokens}
            one = {name: checks.number(name, value) for name, value in one.items()}
            numbers = [("--compute", c) for c in budgets] + [("--loss", x) for x in losses]
            numbers += [(f"--{name.replace('_', '-')}", value)
                        for name, value in one.items() if value is not None]  # fmt: skip
            problems = comparing.problems_of(self.settings, one["ratio"], one["n_params"])
            self._check(numbers, problems, one["unique_tokens"])
        names = names or comparing.names_of(settings[0].where, settings[1].where)
        tables = [self.table, other.table]
        return comparing.compare(tables, settings, names, compute=budgets, loss=losses, **one)

    def _check(self, numbers, problems, unique_tokens=None, optimum=True):
        """Report all problems of a question at once."""
        problems = [*problems, *checks.of_laws(self.settings, unique_tokens)]
        checks.check(self.settings, numbers, problems, optimum=optimum)


def _influences(sets) -> Iterator[str]:
    """Lines of `Fit.influence`."""
    from isoloss.fit.text import number

    for row in sets.to_dict("records"):
        where = ", ".join(map(str, row["left_out"]))
        yield (
            f"influence: without row{'s' if len(row['left_out']) > 1 else ''} {where} "
            f"{row['parameter']} is {number(row['value_without'])}, not {number(row['value'])} "
            f"({abs(row['shift']):.1f} standard errors)"
        )
