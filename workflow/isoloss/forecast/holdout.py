"""Rank laws by how well they predict larger held-out runs."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.errors import UserError
from isoloss.fit.api import fit_law
from isoloss.fit.settings import FitSettings
from isoloss.forecast.drift import forecast
from isoloss.forecast.trials import extent
from isoloss.laws import LAWS, Law
from isoloss.laws import law as law_named
from isoloss.results.verdict import Status, Verdict
from isoloss.stats.spread import root_mean_square
from isoloss.tables.asking import INDEPENDENT
from isoloss.tables.data import read

SHARES = (0.2, 0.1, 0.05, 0.0)  # held-out shares of the rows; the first that leaves enough to fit
UNCERTAIN = "model"  # a column that may name runs: residuals decide (`tables.grouping`)
TIE = 2.0  # standard errors of a difference that is no evidence


@dataclass(frozen=True)
class Ranking:
    """Laws ranked by their predictions of the same held-out runs, from the same smaller runs.

    Attributes
    ----------
    laws : pandas.DataFrame
        Best first, with the columns `law`, `error`, `bias`, `inside`, `n_fitted`, `n_held_out`,
        `verdict`, `behind`, `behind_se` and `tied`. `error` is the root mean square of ln L
        predicted minus measured, and `bias` is its mean. `inside` is the share of held-out losses
        in the interval of a new run, which includes the law's drift. All laws have the same
        `n_fitted` and `n_held_out`. A law that cannot be fitted has an infinite error and its
        reason as the verdict. `behind` is the mean over the runs of the absolute error minus that
        of the best law, with its standard error. A law is `tied` with the best if it is behind by
        less than two of them.
    factor : float
        Ratio of compute between the smallest held-out and the largest fitted run.
    n_fitted, n_held_out : int
    warnings, notes : tuple of str
        Doubts about the table; assumptions about the table.
    """

    laws: Any
    factor: float
    n_fitted: int
    n_held_out: int
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def parse_factor(text: str | float) -> float:
    """Read a factor: 4 from "4x" or "4"."""
    try:
        factor = float(str(text).lower().removesuffix("x"))
    except ValueError:
        factor = np.nan
    if not 1 < factor < np.inf:
        raise UserError("factor", [f"must be a factor above 1 such as 4x, got {text!r}"])
    return factor


def checked(settings: FitSettings | None, given: Mapping[str, Any]) -> FitSettings:
    """Settings of fits of several laws; each law checks its own parameters when it is fitted.

    Raises
    ------
    UserError
        A setting is unknown or not allowed, whatever the law; the error lists every problem.
    """
    asked = FitSettings.of(settings, given)
    dataclasses.replace(asked, law="chinchilla", x=None, fixed={}, tied=()).checked()
    return asked


def rank_laws(
    table: Any, factor: float | str = 4, settings: FitSettings | None = None, **keywords: Any
) -> Ranking:
    """Fit each law to small runs, predict large runs, and rank the laws by their errors.

    The held-out runs are the fifth with the most compute, or fewer where too few would be left to
    fit. The fitted runs have at most 1/factor of the compute of the smallest held-out run. All laws
    have the same runs. The split leaves enough runs for the law with the most parameters, among
    those that can be fitted at all. Compute is 6 N D, or the variable of a law of one variable.

    Parameters
    ----------
    table : pandas.DataFrame or mapping of str to array
        One row per run; never modified.
    factor : float or str
        Of compute, above 1: 4 or "4x".
    settings : FitSettings, optional
        Its law is one law, or "all": every law of n_params and n_tokens (of one variable where `x`
        is given).
    keywords
        Settings one by one, as `fit_law` takes them; the law is "all" if none is named.

    Raises
    ------
    UserError
        An argument is not allowed, the table cannot be read, or no law can be fitted; the error
        lists every reason.
    """
    import pandas as pd

    factor = parse_factor(factor)
    settings = checked(settings, keywords if settings else {"law": "all"} | keywords)
    laws = laws_at_hand(settings) if settings.law == "all" else [law_named(settings.law)]
    where = settings.where
    data = _read(table, laws[0], settings)
    size = extent(data.log_x)
    needed = {one.name: 2 * len(one.parameters) + 1 for one in laws}
    small, large = _split(size, np.log(factor), needed.values(), where)
    rows, missed, reasons = [], {}, []
    for one in laws:
        row = {"law": one.name, "error": np.inf, "bias": np.nan, "inside": None,
               "n_fitted": int(small.sum()), "n_held_out": int(large.sum())}  # fmt: skip
        try:
            if small.sum() < needed[one.name]:
                raise UserError(where, [_too_few(small, factor, needed[one.name])])
            tried, missed[one.name] = _try(data, one, small, large, settings)
            row |= tried
        except UserError as error:
            if len(laws) == 1:
                raise
            reasons += error.problems
            row["verdict"] = str(Verdict(Status.NOT_FITTED, "; ".join(error.problems)))
        rows.append(row)
    frame = pd.DataFrame(rows).sort_values("error", kind="stable", ignore_index=True)
    if not np.isfinite(frame["error"]).any():
        raise UserError(where, dict.fromkeys(reasons))
    behind = [_behind(missed.get(name), missed[frame["law"].iloc[0]]) for name in frame["law"]]
    frame["behind"], frame["behind_se"], frame["tied"] = zip(*behind, strict=True)
    return Ranking(frame, factor, int(small.sum()), int(large.sum()), data.warnings, data.notes)


def laws_at_hand(settings: FitSettings) -> list[Law]:
    """All laws of the variables that a table has, by the settings of a fit.

    They are the laws of x where a column of x is given. They are those of N, D and unique tokens
    where a column of unique tokens is named. Else they are those of N and D.
    """
    if settings.x is not None or "x" in settings.columns:
        wanted = {"x"}
    else:
        named = {"n_unique_tokens"} & set(settings.columns)
        wanted = {"n_params", "n_tokens"} | named
    return [one for one in LAWS.values() if set(one.variables) == wanted]


def _read(table, law, settings):
    """The rows that all laws share: their variables are those of the first."""
    return read(
        table,
        law,
        settings.columns_of(law),
        cluster=settings.cluster,
        weights=settings.weights,
        vocabulary=settings.vocabulary,
        n_free=1,  # `_split` checks that there are enough rows
        flops_per_param_token=settings.flops_per_param_token,
        metric=settings.metric,
        where=settings.where,
    )


def _split(size, log_factor, needed, where):
    """Fitted and held-out rows, shape (row,) each, for the largest share that leaves enough to fit.

    With a larger held-out share, fewer runs are small enough to be fitted. So the smallest share
    decides which laws can be fitted at all.
    """
    splits = []
    for share in SHARES:
        first = np.quantile(size, 1 - share)
        splits.append((size <= first - log_factor + 1e-9, size >= first - 1e-9))
    most = max(small.sum() for small, _ in splits)
    possible = [number for number in needed if number <= most]
    if not possible:
        raise UserError(where, [_too_few(splits[-1][0], np.exp(log_factor), min(needed))])
    return next((small, large) for small, large in splits if small.sum() >= max(possible))


def _too_few(small, factor, needed):
    text = f"too few runs are {factor:g} times smaller than those held out: {small.sum()}"
    return f"{text}, and {needed} are needed"


def _try(data, law, small, large, settings):
    named = {name: np.exp(x) for name, x in data.log_x.items()} | {"loss": np.exp(data.log_loss)}
    cluster, codes = _runs_of(data)
    for name, values in ((cluster or UNCERTAIN, codes), ("_weight", data.weights)):
        if values is not None:
            named[name] = values
    part = {name: values[small] for name, values in named.items()}
    result = fit_law(
        part,
        settings=dataclasses.replace(
            settings,
            law=law,
            x=None,
            y=None,
            columns={},
            metric="nats",
            cluster=cluster,
            weights=None if data.weights is None else "_weight",
        ),
    )
    held = {name: named[name][large] for name in law.variables}
    predicted = result.predict(held, interval=False)["loss"].to_numpy()
    with np.errstate(all="ignore"):
        miss = np.log(predicted) - data.log_loss[large]
    if not np.isfinite(miss).all():  # the logarithmic law ends where its loss is zero
        raise UserError(settings.where, ["predicts no positive loss for some of the runs"])
    said = {
        "error": root_mean_square(miss),
        "bias": float(np.mean(miss)),
        "inside": _inside(result, held, data.log_loss[large]),
        "verdict": str(result.verdict),
    }
    return said, np.abs(miss)


def _runs_of(data):
    """The `cluster` of a fit to some of the rows, and the run of each row."""
    if data.clusters is not None:
        return "_cluster", data.clusters
    if data.grouping is None:
        return INDEPENDENT, None
    return "_cluster" if data.grouping.certain else None, data.grouping.codes


def _behind(miss, best):
    """How far a law is behind the best, the standard error of that, and whether it is a tie."""
    if miss is None:
        return np.nan, np.nan, False
    behind = miss - best
    mean, se = float(np.mean(behind)), float(np.std(behind) / np.sqrt(max(len(behind) - 1, 1)))
    return mean, se, bool(mean <= TIE * se)


def _inside(result, held, log_loss):
    """Share of the held-out losses within the interval of a new run."""
    if not len(result.draws):
        return None
    log_x = {name: np.log(values) for name, values in held.items()}
    said = forecast(result, log_x)
    return float(np.mean((np.log(said.lo) <= log_loss) & (log_loss <= np.log(said.hi))))
