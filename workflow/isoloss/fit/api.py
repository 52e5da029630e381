"""`fit_law`: from a table to a law with intervals and a verdict."""

import dataclasses
from typing import Any

import numpy as np

from isoloss.fit.apart import apart
from isoloss.fit.counted import NOTE, counted, seen_pattern
from isoloss.fit.curvature import lack_of_fit
from isoloss.fit.held import check_floor
from isoloss.fit.identify import FAILED, verdict
from isoloss.fit.loose import flat_directions, loose
from isoloss.fit.misfit import misfit
from isoloss.fit.objective import Objective
from isoloss.fit.optimum import find, near_bounds
from isoloss.fit.outliers import outliers
from isoloss.fit.problem import Problem, leaders_of
from isoloss.fit.profile import profiles
from isoloss.fit.resample import choose, draw
from isoloss.fit.result import FitResult
from isoloss.fit.rival import without_pattern
from isoloss.fit.settings import FitSettings, documented
from isoloss.fit.together import settle
from isoloss.laws import Law
from isoloss.laws.allocation import cut
from isoloss.results.verdict import Status, not_identified
from isoloss.stats.intervals import Estimate, estimate, fewest_draws
from isoloss.tables.data import Data, read

UNSAID: Any = object()  # the default of `law`; `settings` may name the law
FEW_RUNS = 5  # with several rows each; below, intervals are hardly tested


@documented
def fit_law(
    table: Any, law: str | Law = UNSAID, *, settings: FitSettings | None = None, **keywords: Any
) -> FitResult:
    """Fit a scaling law to a table of runs.

    Parameters
    ----------
    table : pandas.DataFrame or mapping of str to array
        One row per measurement; never modified.
    {settings}
    settings : FitSettings, optional
        All settings as one object. A keyword that is given too must agree with it.

    Raises
    ------
    UserError
        The error lists every problem of the arguments, or of the table, at once. A keyword is
        unknown or contradicts `settings`, a value is not allowed, or the table cannot be fitted.
    """
    given = keywords if law is UNSAID else {"law": law} | keywords
    asked = FitSettings.of(settings, given)
    law = asked.checked()
    fixed, tied = asked.fixed, asked.tied
    data = read(
        table,
        law,
        asked.columns_of(law),
        cluster=asked.cluster,
        weights=asked.weights,
        vocabulary=asked.vocabulary,
        n_free=len(law.parameters) - len(fixed) - len(tied),
        flops_per_param_token=asked.flops_per_param_token,
        metric=asked.metric,
        where=asked.where,
    )
    check_floor(law, fixed, data, asked.where)
    if fixed or tied:
        law = law.separated
    objective = Objective(asked.objective, float(asked.delta))
    problem = Problem(law, data.log_x, data.log_loss, objective, data.weights, fixed, tied)
    result = fit_problem(
        problem,
        data,
        level=asked.level,
        draws=asked.draws,
        method=asked.method,
        intervals=asked.intervals,
        seed=asked.seed,
    )
    if result.misfit is None or not result.misfit.significant:
        return result
    said = {result.misfit.text: without_pattern(problem, data, result.misfit)}
    return dataclasses.replace(result, warnings=tuple(said.get(w, w) for w in result.warnings))


@np.errstate(all="ignore")  # a bad start or an unbounded draw may overflow
def fit_problem(
    problem: Problem,
    data: Data,
    *,
    level: float,
    draws: int,
    method: str,
    seed: int,
    intervals: str = "draws",
) -> FitResult:
    """Fit a problem that `fit_law` has checked; arguments as the fields of `FitSettings`."""
    law = problem.law
    z, value, certificate = find(problem)
    theta = problem.theta(z)
    if draws and method != "none" and certificate.converged:
        data = settle(problem, z, data)
    warnings, notes = list(data.warnings), list(data.notes)
    if certificate.converged and (text := apart(problem, z, data)):
        warnings.append(text)
    rng = np.random.default_rng(seed)
    if method == "auto":
        method, note = choose(problem, z, data, rng) if draws else ("none", None)
        notes += [note] if note else []
    if method == "wild" and data.n_clusters < min(FEW_RUNS, data.n_rows):
        warnings.append(
            f"intervals rest on {data.n_clusters} runs: so few hardly show how far rows of a run "
            "go together"
        )
    sampled, lost, pattern, off = np.empty((0, len(law.parameters))), 0.0, None, ()
    if method != "none" and draws:
        ends = draw(problem, z, data, method, draws, rng)
        good = ends.converged
        if draws < fewest_draws(level):
            warnings.append(
                f"{draws} draws give no interval of {level:.3g}: {fewest_draws(level)} are needed"
            )
        sampled = problem.theta(ends.z[good])
        lost = float(np.mean(~good))
        if lost:
            warnings.append(f"{lost:.1%} of the resampled tables have no minimum and are left out")
        if good.any():
            warnings += near_bounds(problem, z, ends.z[good])
        if certificate.converged:
            pattern, off = misfit(problem, z, data), outliers(problem, z, data)
    bend = lack_of_fit(problem, level)
    flat_ways = flat_directions(problem, z)
    unknown = loose(problem, z, flat_ways)
    found = {}
    if intervals == "profile":
        settings = {"level": level, "draws": draws if method != "none" else 0}
        found = profiles(problem, z, data, method=method, seed=seed, **settings)
    flat = {name: profile.flat for name, profile in found.items() if profile.flat}
    says = verdict(problem, certificate, theta, sampled, lost, level, bend, pattern, flat, unknown)
    if pattern is not None and pattern.significant:
        warnings.append(pattern.text)
    warnings += [one.text for one in off]
    seen = seen_pattern(pattern, bend)
    if seen is not None and len(sampled):
        moved = counted(problem, z, problem.z(sampled), *seen, rng)
        sampled = problem.theta(moved.z[moved.converged])
        notes.append(NOTE)
        without = float(np.mean(~moved.converged))
        if without > FAILED:
            text = f"{without:.0%} of the draws that count the law's misfit have no minimum"
            warnings.append(f"{text}; left out")
            if says.determined:
                says = not_identified(text)
        if says.status is Status.NOT_IDENTIFIED:
            # The reasons state ranges, which must be those of the intervals.
            again = verdict(problem, certificate, theta, sampled, lost, level, bend, pattern, flat,
                            unknown)  # fmt: skip
            says = again if again.status is Status.NOT_IDENTIFIED else says
    names, values = law.names, law.natural(theta)
    natural = law.natural(sampled)
    shown = cut(law, natural)
    params = {
        p.name: estimate(values[i], shown[:, i], level, p.unit)
        for i, p in enumerate(law.parameters)
    }
    at = law.derived(dict(zip(names, values, strict=True)))
    many = law.derived(dict(zip(names, natural.T, strict=True)))
    derived = {name: estimate(at[name], many[name], level, law.derived_unit(name)) for name in at}
    if found:
        params, derived = (
            _profiled(group, found, problem, widest=seen is not None) for group in (params, derived)
        )
    params, derived = (_without_intervals(group, unknown) for group in (params, derived))
    if certificate.n_agree < max(2, certificate.n_starts // 20) and certificate.n_starts > 1:
        warnings.append(
            f"only {certificate.n_agree} of {certificate.n_starts} starts ended at "
            "the best objective"
        )
    return FitResult(
        law=law,
        objective=problem.objective,
        objective_value=value * problem.objective.unit,
        n_rows=data.n_rows,
        n_clusters=data.n_clusters,
        params=params,
        derived=derived,
        level=level,
        method=method,
        intervals=intervals,
        certificate=certificate,
        verdict=says,
        warnings=tuple(warnings),
        notes=tuple(notes),
        lack_of_fit=bend,
        misfit=pattern,
        outliers=off,
        loose=unknown,
        flat_directions=flat_ways,
        theta=theta,
        draws=sampled,
        problem=problem,
        clusters=np.arange(data.n_rows) if data.clusters is None else data.clusters,
    )


def _without_intervals(estimates, names):
    """Estimates; those named are not identifiable, so they keep the solver's value alone."""
    return {
        name: Estimate(e.value, None, None, None, e.unit) if name in names else e
        for name, e in estimates.items()
    }


def _profiled(estimates, found, problem, widest):
    """Estimates with the ends of their profiles; a tied parameter has its leader's profile.

    `widest` keeps an end of the draws that lies farther out: profiles count no misfit.
    """
    leaders = leaders_of(problem.law.names, problem.tied)
    ends = {name: found.get(leaders.get(name, (name,))[0]) for name in estimates}

    def with_ends(e, profile):
        if profile is None:
            return e
        lo, hi = profile.lo, profile.hi
        if widest and e.lo is not None:
            lo, hi = (
                (None if lo is None else min(lo, e.lo)),
                (None if hi is None else max(hi, e.hi)),
            )
        return dataclasses.replace(e, lo=lo, hi=hi)

    return {name: with_ends(e, ends[name]) for name, e in estimates.items()}
