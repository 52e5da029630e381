"""The names that a study's fits and figures use, checked against what there is."""

from collections.abc import Collection, Iterator

from isoloss.columns import CURVES, RUNS, SWEEP
from isoloss.config.study import Fit, Frontier, Study, Table
from isoloss.errors import nearest
from isoloss.laws import LAWS

COLUMNS = [column.name for column in (SWEEP, *RUNS)]
CURVE_COLUMNS = [column.name for column in CURVES]


def unknown_names(study: Study) -> list[str]:
    """Every law, variable, column, sweep, fit and analysis that a study names and has not."""
    sweeps = _sweeps(study)
    problems = []
    for fit in study.fits:
        problems += [f"fits.{fit.name}.{problem}" for problem in _of_fit(fit, sweeps)]
    for analysis in study.analyses:
        problems += [
            f"analyses.{analysis.name}: {problem}"
            for problem in _unknown("sweeps", analysis.sweeps_named, sweeps)
        ]
    measured = {one.name for one in (*study.fits, *study.analyses)} | {"prediction"}
    problems += [
        f"comparison.{problem}"
        for problem in _unknown("of", [row.of for row in study.comparison], measured)
    ]
    if prediction := getattr(study, "prediction", None):
        problems += [
            f"prediction.{problem}"
            for problem in _unknown(
                "sweeps", [prediction.sweep, *(prediction.sweeps or ())], sweeps
            )
        ]
        for fit in prediction.fits:
            problems += [f"prediction.fits.{fit.name}.{p}" for p in _of_fit(fit, sweeps)]
    fits = [fit.name for fit in study.fits]
    analyses = [analysis.name for analysis in study.analyses]
    for figure in study.figures:
        named = [
            ("sweeps", figure.sweeps_named, sweeps),
            ("fits", figure.fits_named, fits),
            ("analyses", figure.analyses_named, analyses),
        ]
        problems += [
            f"figures.{figure.name}: {problem}"
            for what, names, known in named
            for problem in _unknown(what, names, known)
        ]
        known = {*COLUMNS, *CURVE_COLUMNS}
        problems += [
            f"figures.{figure.name}: {problem}"
            for problem in _unknown("columns", figure.columns_named, known)
        ]
    return problems


def _sweeps(study: Study) -> list[str]:
    if isinstance(study, Frontier):
        return study.of
    return ["table"] if isinstance(study, Table) else list(getattr(study, "sweeps", []))


def _of_fit(fit: Fit, sweeps: Collection[str]) -> Iterator[str]:
    if fit.law not in LAWS:
        hint = nearest(fit.law, LAWS) or f"; there are {', '.join(LAWS)}"
        yield f"law: got {fit.law!r}{hint}"
    else:
        law = LAWS[fit.law]
        needed = (*law.variables, "loss")
        for name in needed:
            if name not in fit.variables:
                yield f"variables.{name}: missing; {fit.law} depends on {', '.join(law.variables)}"
        yield from _unknown("variables", fit.variables, needed)
        derived = law.derived(dict.fromkeys(law.names, 0.5))
        yield from _unknown("theory", fit.theory, (*law.names, *derived))
    yield from _unknown("columns", fit.variables.values(), COLUMNS)
    yield from _unknown("sweeps", fit.sweeps or (), sweeps)
    columns = [*fit.where, *([fit.by] if fit.by else [])]
    yield from _unknown("columns", columns, COLUMNS)


def _unknown(what: str, names: Collection[str], known: Collection[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            hint = nearest(name, known) or f"; there are {', '.join(sorted(known)) or 'none'}"
            yield f"{what}: got {name!r}{hint}"
