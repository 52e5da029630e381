"""The average of laws: each weighted by how well it predicts larger runs of the same table.

Every law is tried on the smaller runs of the table (`forecast.trials`). The errors of its trials
have a density, if the law drifts (`forecast.drift`). A law's weight is that density, averaged over
the drifts that published tables allow. This is Bayesian model averaging by predictive densities of
held-out runs (Dawid 1984, J. R. Stat. Soc. A 147, 278; pseudo-BMA of Yao, Vehtari, Simpson and
Gelman 2018, arXiv:1704.02030). Densities are proper scores: a law that is sure and wrong loses.
Weights in proportion to 1 / rms error would leave half of the weight with a law of twice the error.
The trials of a table overlap, so each counts half (`forecast.trials.OVERLAP`).

The averaged loss is that of the middles of the laws' draws (`forecast.loss_at`). Its interval is
that of the mixture of these draws, which holds the laws' disagreement.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError
from isoloss.fit.api import fit_law
from isoloss.fit.result import FitResult
from isoloss.fit.settings import FitSettings
from isoloss.forecast.drift import Drift, Forecast, drift_of, prior
from isoloss.forecast.holdout import checked, laws_at_hand
from isoloss.forecast.loss_at import LossAt, loss_at, middle_at
from isoloss.forecast.mixture import optima, picked_of
from isoloss.forecast.new_run import bounded
from isoloss.forecast.trials import LATE, shape_of, weighed
from isoloss.laws.allocation import beside
from isoloss.laws.base import Law, no_optimum
from isoloss.results.verdict import IDENTIFIED, Verdict
from isoloss.stats.intervals import bounds
from isoloss.stats.spread import root_mean_square

TIED = 3.0  # ratio of weights that is no evidence (Kass and Raftery 1995, Sec. 3.2)
PER_PARAMETER = 2  # runs that a law must have for each free parameter
WORDS = ("n_params", "n_tokens", "tokens_per_param", "loss")


@dataclass(frozen=True)
class Member:
    """One law of an average: its fit, its trials, and their root mean square error of ln L."""

    result: FitResult
    drift: Drift | None
    error: float

    @property
    def name(self) -> str:
        """The law's name."""
        return self.result.law.name

    @property
    def rejected(self) -> bool:
        """Whether the runs reject the law (`fit.misfit.Misfit.rejects`)."""
        return self.result.misfit is not None and self.result.misfit.rejects


@dataclass(frozen=True)
class Averaged:
    """Laws fitted to one table, and their weighted average.

    Attributes
    ----------
    members : tuple of Member
        By falling weight at the typical D/N of the runs.
    left_out : dict of str to str
        Law -> the reason why it is not averaged.
    level : float
    warnings, notes : tuple of str
        Those of the laws that predict best.
    """

    members: tuple[Member, ...]
    left_out: Mapping[str, str]
    level: float
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def laws(self) -> tuple[str, ...]:
        """Names of the averaged laws."""
        return tuple(member.name for member in self.members)

    @property
    def n_trials(self) -> int:
        """Trials that all laws share."""
        return len(_common([member.drift for member in self.members]))

    @property
    def weights(self) -> dict[str, float]:
        """Law -> its weight, for runs of the table's typical D/N."""
        shapes = shape_of(self.members[0].result.problem.log_x)
        at = None if shapes is None else float(np.median(shapes))
        return dict(zip(self.laws, self.weights_at(at).tolist(), strict=True))

    def weights_at(self, at_shape: float | None) -> np.ndarray:
        """The weights for runs of a shape ln(D/N), shape (law,): trials on like runs count more."""
        common = _common([member.drift for member in self.members])
        if not common:
            allowed = np.array([not member.rejected for member in self.members], float)
            allowed = allowed if allowed.any() else np.ones_like(allowed)
            return allowed / allowed.sum()
        logs = []
        for member in self.members:
            trials = [trial for trial in member.drift.trials if trial.share in common]
            log = weighed(trials, prior(member.name), True, at_shape)
            logs.append(log.max() + np.log(np.exp(log - log.max()).sum()))
        weights = np.exp(np.array(logs) - max(logs))
        return weights / weights.sum()

    def weights_of_sizes(
        self, places: Sequence[int], log_n: np.ndarray, shape_at: Callable[[float], float]
    ) -> np.ndarray:
        """Weights of some laws for the size that each chose, at the shape of the averaged size.

        The weights depend on D/N, and that on the weights; two rounds settle both.

        Parameters
        ----------
        places : sequence of int
            Places of the laws in `members`.
        log_n : ndarray, shape (law,)
            ln N of each of these laws; a law whose size is NaN has no weight.
        shape_at : callable
            ln(D/N) at an averaged ln N.
        """
        known = np.isfinite(log_n)
        of_law = self.weights
        weights = np.array([of_law[self.laws[place]] for place in places])
        for _ in range(2):
            weights = np.where(known, weights, 0.0)
            if not weights.sum():
                return weights
            weights = weights / weights.sum()
            middle = float(np.sum(weights * np.where(known, log_n, 0.0)))
            weights = self.weights_at(shape_at(middle))[list(places)]
        weights = np.where(known, weights, 0.0)
        return weights / max(weights.sum(), 1e-300)

    @property
    def evidence(self) -> str:
        """What the weights rest on, as a sentence."""
        if len(self.members) == 1:
            return f"{self.laws[0]} is the only law that these runs can fit"
        if not self.n_trials:
            return "too few runs to try laws on: those that fit have equal weights"
        said = (
            f"weights from {self.n_trials} trials, each on the smaller runs, predicting the larger"
        )
        best = self.tied
        if len(best) == 1:
            return f"{said}: {best[0]} predicts best"
        return f"{said}: a tie of {' and '.join(best)}"

    @property
    def tied(self) -> tuple[str, ...]:
        """The laws whose weight is at least a third of the largest."""
        weights = self.weights
        most = max(weights.values())
        return tuple(name for name, weight in weights.items() if weight * TIED >= most)

    @property
    def verdict(self) -> Verdict:
        """Whether the laws that predict best are all identified; else the first that is not."""
        for member in self.members:
            if member.name in self.tied and not member.result.identified:
                return Verdict(member.result.verdict.status, f"{member.name}: "
                               f"{member.result.verdict.reason}")  # fmt: skip
        return IDENTIFIED

    def to_dict(self) -> dict[str, Any]:
        """The laws with their weights, for JSON."""
        weights = self.weights
        return {
            "evidence": self.evidence,
            "tied": list(self.tied),
            "n_trials": self.n_trials,
            "laws": [
                {
                    "law": member.name,
                    "weight": weights[member.name],
                    "error": None if np.isnan(member.error) else member.error,
                    "drift": member.drift.per_log_compute if member.drift else None,
                    "rejected": member.rejected,
                    "verdict": str(member.result.verdict),
                }
                for member in self.members
            ],
            "left_out": dict(self.left_out),
        }

    def forecast(self, log_x: Mapping[str, np.ndarray], at_optimum: bool = False) -> Forecast:
        """The averaged loss of one new run at points, as `forecast.drift.forecast` of one law.

        `law_lo` and `law_hi` hold the noise of a run and the disagreement of the laws, and no
        drift.
        """
        return self.said(log_x, at_optimum)[0]

    def said(
        self, log_x: Mapping[str, np.ndarray], at_optimum: bool = False
    ) -> tuple[Forecast, np.ndarray]:
        """The forecast, and the interval of the expected loss without noise and drift.

        Returns
        -------
        Forecast
        expected : ndarray, shape (2, point)
        """
        shapes = shape_of(log_x)
        n_points = len(next(iter(log_x.values())))
        alone = len(self.members) == 1
        curves = [loss_at(member, log_x, alone) for member in self.members]
        loss, ends = np.empty(n_points), np.empty((3, 2, n_points))
        for i in range(n_points):
            weights = self.weights_at(None if shapes is None else shapes[i])
            loss[i] = np.exp(weights @ np.array([said.middle[i] for said in curves]))
            for j, parts in enumerate((("draws",), ("draws", "noise"), LossAt.RANDOM)):
                draws = (sum(getattr(said, part)[:, i] for part in parts) for said in curves)
                picked = [picked_of(of_law, w) for of_law, w in zip(draws, weights, strict=True)]
                ends[j, :, i] = bounds(np.concatenate(picked), self.level)
        expected, (law_lo, law_hi), (lo, hi) = np.exp(ends)
        most = bounded(self.members[0].result.problem, log_x, at_optimum)
        loss, hi = np.minimum(loss, most), np.minimum(hi, most)
        made = Forecast(loss, np.minimum(lo, hi), hi, law_lo, law_hi, self.members[0].drift)
        return made, expected

    def predict(self, values, at_optimum: bool = False):
        """The loss of a run at new points, by the average and by each law.

        Parameters
        ----------
        values : mapping or DataFrame
            Variable of the laws -> numbers, all of one length.
        at_optimum : bool
            As `forecast.drift.forecast` takes it.

        Returns
        -------
        pandas.DataFrame
            The variables; `loss` and the interval of one new run, `lo` and `hi`, with its noise,
            the drift of the laws and their disagreement; `law_lo` and `law_hi`, without drift; and
            `loss_NAME` and `weight_NAME` of each law, the middle of its draws.
        """
        import pandas as pd

        found = self.members[0].result.predict(values, interval=False).drop(columns="loss")
        log_x = {name: np.log(found[name].to_numpy()) for name in found}
        said = self.forecast(log_x, at_optimum)
        for name in ("loss", "lo", "hi", "law_lo", "law_hi"):
            found[name] = getattr(said, name)
        shapes = shape_of(log_x)
        weights = np.array([self.weights_at(None if shapes is None else shapes[i])
                            for i in range(len(found))])  # fmt: skip
        for j, member in enumerate(self.members):
            middle = middle_at(member, log_x, len(self.members) == 1)
            found[f"loss_{member.name}"] = np.exp(middle)
            found[f"weight_{member.name}"] = weights[:, j]
        return pd.DataFrame(found)

    def optimum(self, compute, flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN, **given):
        """N*, D*, tokens per parameter and loss at budgets in FLOP, averaged over the laws.

        N* is the weighted geometric mean of the laws' N*. The loss is that at the averaged N* and
        D*. Laws without an optimum at a budget are left out of it.

        Returns
        -------
        optimum : pandas.DataFrame
            One row per budget, as `FitResult.optimum` has them, and `loss_of_run_lo` and
            `loss_of_run_hi`: the interval of one new run, with drift.
        by_law : pandas.DataFrame
            One row per budget and law: `compute`, `law`, `weight` and what the law says.

        Raises
        ------
        UserError
            No law has an optimum at any of the budgets.
        """
        import pandas as pd

        compute = np.atleast_1d(np.asarray(compute, float))
        divide = [member for member in self.members if member.result.law.allocates]
        if not divide:
            raise UserError("optimum", [no_optimum(self.members[0].result.law)])
        said = [member.result.optimum(compute, flops_per_param_token, **given) for member in divide]
        draws = [optima(member.result, compute, flops_per_param_token, given) for member in divide]
        places = [self.members.index(member) for member in divide]
        rows, every = [], []
        for i, budget in enumerate(compute):
            log_n = np.log([float(one["n_params"].iloc[i]) for one in said])
            log_product = np.log(budget / flops_per_param_token)
            weights = self.weights_of_sizes(places, log_n, lambda n, p=log_product: p - 2 * n)
            row = {"compute": budget}
            n_mean = np.exp(np.nansum(weights * np.nan_to_num(log_n))) if weights.any() else np.nan
            product = budget / flops_per_param_token
            middle = {"n_params": n_mean, "n_tokens": product / n_mean,
                      "tokens_per_param": product / n_mean**2}  # fmt: skip
            picked = [picked_of(one[:, i], w) for one, w in zip(draws, weights, strict=True)]
            lo, hi = bounds(np.concatenate(picked), self.level)
            all_of_it = np.log(product)
            ends = {"n_params": (lo, hi), "n_tokens": (all_of_it - hi, all_of_it - lo),
                    "tokens_per_param": (all_of_it - 2 * hi, all_of_it - 2 * lo)}  # fmt: skip
            for name, value in middle.items():
                low, high = np.exp(ends[name])
                row |= {name: value, f"{name}_lo": low, f"{name}_hi": high}
            rows.append(row)
            every += [{"compute": budget, "law": member.name, "weight": float(w)}
                      | {name: float(one[name].iloc[i]) for name in WORDS}
                      for member, w, one in zip(divide, weights, said, strict=True)]  # fmt: skip
        found = pd.DataFrame(rows)
        at = {name: np.log(found[name].to_numpy()) for name in ("n_params", "n_tokens")}
        at |= beside(self.members[0].result.law, given, at["n_tokens"])
        known = np.isfinite(at["n_params"])
        if not known.any():
            raise UserError("optimum", [no_optimum(m.result.law, compute[0]) for m in divide])
        names = ["loss", "loss_lo", "loss_hi", "loss_of_run_lo", "loss_of_run_hi"]
        found[names] = np.nan
        there, expected = self.said({name: x[known] for name, x in at.items()}, True)
        found.loc[known, names] = np.column_stack([there.loss, *expected, there.lo, there.hi])
        return found, pd.DataFrame(every)

    def answers(self, computes, flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN, **given):
        """Whether a is known, and N* and the loss at budgets in FLOP, whichever of the laws holds.

        Returns
        -------
        tuple of isoloss.fit.questions.Answer
            Each with the interval of the average, a verdict and a sentence.
        """
        from isoloss.forecast.answered import answers

        return answers(self, computes, flops_per_param_token, given)


def average(
    table: Any,
    settings: FitSettings | None = None,
    laws: Sequence[Law] | None = None,
    fit: Callable[..., FitResult] = fit_law,
    **keywords: Any,
) -> Averaged:
    """Fit all laws of the variables at hand, and weight them by their trials on the table.

    Parameters
    ----------
    table : pandas.DataFrame or mapping of str to array
        One row per run; never modified.
    settings : FitSettings, optional
        Its law is ignored. The laws are those of one variable where `x` is given, else those of N
        and D (and of unique tokens, where a column of them is named).
    laws : sequence of Law, optional
        Other laws than those, all of the same variables.
    fit : callable
        Fits a law to the table, as `fit_law` does: for a caller that has fitted some before.
    keywords
        Settings one by one, as `fit_law` takes them.

    Raises
    ------
    UserError
        A setting is not allowed, or no law can be fitted; the error lists every reason.
    """
    settings = checked(settings, keywords)
    results, left_out, problems = [], {}, []
    for one in laws_at_hand(settings) if laws is None else laws:
        try:
            result = fit(table, settings=dataclasses.replace(settings, law=one))
        except UserError as error:
            left_out[one.name] = "; ".join(error.problems)
            problems += [text for text in error.problems if text not in problems]
            continue
        needed = PER_PARAMETER * result.problem.n_free
        if result.n_rows < needed:
            left_out[one.name] = f"{result.n_rows} runs, and {needed} are needed"
        elif not result.certificate.converged:
            left_out[one.name] = "no start ended at a minimum"
        else:
            results.append(result)
    if not results:
        texts = problems or [f"{name}: {text}" for name, text in left_out.items()]
        raise UserError(settings.where, texts)
    first = PER_PARAMETER * max(result.problem.n_free for result in results)
    members = []
    for result in results:
        drift = drift_of(result, first)
        members.append(Member(result, drift, _error(drift)))
    made = Averaged(tuple(members), left_out, settings.level, (), ())
    order = np.argsort([-weight for weight in made.weights.values()], kind="stable")
    made = dataclasses.replace(made, members=tuple(members[i] for i in order))
    best = [member.result for member in made.members if member.name in made.tied]
    notes = tuple(dict.fromkeys(note for result in best for note in result.notes))
    return dataclasses.replace(made, warnings=warnings_of(best), notes=notes)


def alone(result: FitResult) -> Averaged:
    """One fitted law as an average of itself, so that it answers what an average does."""
    drift = drift_of(result)
    member = Member(result, drift, _error(drift))
    return Averaged((member,), {}, result.level, result.warnings, result.notes)


def _error(drift):
    """Root mean square error of ln L in the trials, each with its weight; NaN without trials."""
    if drift is None or not drift.trials:
        return np.nan
    squares = [root_mean_square(trial.error) ** 2 for trial in drift.trials]
    return float(np.sqrt(np.average(squares, weights=[t.share**LATE for t in drift.trials])))


def warnings_of(results) -> tuple[str, ...]:
    """Warnings of fits, each with the laws that it is about, where it is not about all."""
    found = {}
    for result in results:
        for text in result.warnings:
            found.setdefault(text, []).append(result.law.name)
    every = len(results)
    return tuple(
        text if len(names) == every else f"{', '.join(names)}: {text}"
        for text, names in found.items()
    )


def _common(drifts):
    """Shares of the runs to which every law was fitted in a trial."""
    if any(drift is None for drift in drifts):
        return set()
    shares = ({trial.share for trial in drift.trials} for drift in drifts)
    return set.intersection(*shares)
