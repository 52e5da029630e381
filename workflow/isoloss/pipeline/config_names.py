"""Checks of the names that a study's fits, analyses and figures use."""

import itertools
from collections.abc import Collection, Iterator

from isoloss.config.compared import Compared
from isoloss.config.study import Fit, Frontier, Study, Table
from isoloss.errors import nearest
from isoloss.exhibits.base import Analysing, Drawn
from isoloss.fit.settings import AVERAGE_OF_LAWS
from isoloss.laws import LAWS, Law
from isoloss.laws.chinchilla import CHINCHILLA
from isoloss.results.fits import FitGroup
from isoloss.tables.schema import CURVE_COLUMNS, NUMBERS, RUN_COLUMNS, SWEEP, TEXT

OF_A_TABLE = ("sweep", "run_id", "task", "status")  # of any table, beside its own columns


def unknown_names(study: Study) -> list[str]:
    """Every law, variable, column, sweep, fit and analysis that a study names but does not have."""
    sweeps, columns = _sweeps(study), _columns(study)
    problems = _table_columns(study) if isinstance(study, Table) else []
    for fit in study.fits:
        problems += [f"fits.{fit.name}.{problem}" for problem in _of_fit(fit, sweeps, columns)]
    for analysis in study.analyses:
        named = list(_unknown("sweeps", analysis.sweeps_named, sweeps))
        named += _of_analysis(analysis, columns)
        named += _too_late(analysis, study)
        problems += [f"analyses.{analysis.name}: {problem}" for problem in named]
    if prediction := getattr(study, "prediction", None):
        named = [prediction.sweep, *(prediction.sweeps or ())]
        problems += [f"prediction.{p}" for p in _unknown("sweeps", named, sweeps)]
        for fit in prediction.fits:
            one = fit
            if fit.law == AVERAGE_OF_LAWS:  # of the laws of N and D, as this one is
                one = fit.model_copy(update={"law": CHINCHILLA.name})
            problems += [f"prediction.fits.{fit.name}.{p}" for p in _of_fit(one, sweeps, columns)]
    for i, row in enumerate(study.comparison):
        problems += [f"comparison.{i}.{problem}" for problem in _of_compared(row, study)]
    for figure in study.figures:
        named = _of_figure(figure, study, sweeps, columns)
        problems += [f"figures.{figure.name}: {problem}" for problem in named]
    return list(dict.fromkeys(problems))


def _sweeps(study: Study) -> list[str]:
    if isinstance(study, Frontier):
        return study.of
    return ["table"] if isinstance(study, Table) else list(getattr(study, "sweeps", []))


def _columns(study: Study) -> list[str]:
    """The columns of the study's table of runs that can have values."""
    ours = [column.name for column in (SWEEP, *RUN_COLUMNS)]
    given = [*OF_A_TABLE, "loss", *study.columns] if isinstance(study, Table) else ours
    return list(dict.fromkeys(given))


def _table_columns(study: Table) -> list[str]:
    missing = [] if "loss" in study.columns else ["columns.loss: missing"]
    return missing + [
        f"columns.{name}: is not a column of runs with numbers{nearest(name, NUMBERS)}"
        for name in study.columns
        if name not in NUMBERS
    ]


def _of_fit(fit: Fit, sweeps: Collection[str], columns: Collection[str]) -> Iterator[str]:
    if fit.law not in LAWS:
        yield _no_law("law", fit.law)
    else:
        law = LAWS[fit.law]
        needed = (*law.variables, "loss")
        for name in needed:
            if name not in fit.variables:
                yield f"variables.{name}: missing; {fit.law} depends on {', '.join(law.variables)}"
        yield from _unknown("variables", fit.variables, needed)
        yield from _unknown("theory", fit.theory, _parameters(law))
    for name, column in fit.variables.items():
        yield from _no_numbers(f"variables.{name}", [column], columns)
    yield from _unknown("sweeps", fit.sweeps or (), sweeps)
    yield from _unknown("columns", [*fit.where, *([fit.by] if fit.by else [])], columns)


def _of_analysis(analysis: Analysing, columns: Collection[str]) -> Iterator[str]:
    yield from _no_numbers("x", analysis.numbers_named, columns)
    yield from _unknown("where", analysis.columns_named, columns)
    for name in analysis.laws_named:
        if name not in LAWS:
            yield _no_law("laws", name)
        elif len(LAWS[name].variables) != 1:
            variables = ", ".join(LAWS[name].variables)
            yield f"laws: must be laws of one variable, {name!r} is one of {variables}"


def _too_late(analysis: Analysing, study: Study) -> Iterator[str]:
    """The analyses that one would read, and that the study makes only after it."""
    before = itertools.takewhile(lambda one: one.name != analysis.name, study.analyses)
    made = {one.do for one in before}
    for kind in analysis.reads:
        later = [one.name for one in study.analyses if one.do == kind]
        if later and kind not in made:
            yield f"reads {later[0]!r} ({kind}), which is listed after it; list it before"


def _of_compared(row: Compared, study: Study) -> Iterator[str]:
    """Check a row of the comparison; parameters of analyses are unknown before the runs."""
    fits = {fit.name: fit for fit in study.fits}
    prediction = getattr(study, "prediction", None)
    measured = {*fits, *(analysis.name for analysis in study.analyses)}
    yield from _unknown("of", [row.of], measured | ({"prediction"} if prediction else set()))
    if row.of == "prediction" and prediction and row.group:
        yield from _unknown("group", [row.group], [fit.name for fit in prediction.fits])
    if (fit := fits.get(row.of)) and fit.law in LAWS:
        yield from _unknown("parameter", [row.parameter], _parameters(LAWS[fit.law]))
        group = FitGroup.read(row.group)
        if row.group and (group.column != fit.by or not group.value):
            known = f"its groups are {fit.by}=VALUE" if fit.by else "it has no groups"
            yield f"group: got {row.group!r}, of the fit {fit.name!r}; {known}"


def _of_figure(
    figure: Drawn, study: Study, sweeps: Collection[str], columns: Collection[str]
) -> Iterator[str]:
    fits = {fit.name: fit for fit in study.fits}
    kinds = {analysis.name: analysis.do for analysis in study.analyses}
    kinds |= {"prediction": "prediction"} if getattr(study, "prediction", None) else {}
    yield from _unknown("sweeps", figure.sweeps_named, sweeps)
    yield from _unknown("fits", figure.fits_named, fits)
    by_key = {name for key in figure.analyses_drawn if (name := getattr(figure, key, None))}
    yield from _unknown("analyses", [n for n in figure.analyses_named if n not in by_key], kinds)
    for key, kind in figure.analyses_drawn.items():
        name = getattr(figure, key, None)
        if not name or kinds.get(name) == kind:
            continue
        there = [other for other, do in kinds.items() if do == kind]
        hint = nearest(name, there) or f"; there are {', '.join(there) or 'none'}"
        found = f"{name!r} is of kind {kinds[name]}" if name in kinds else f"there is no {name!r}"
        yield f"{key}: {found}, needed is an analysis that does {kind}{hint}"
    yield from _no_numbers("columns", figure.numbers_named, columns)
    yield from _unknown("columns", figure.columns_named, columns)
    of_curves = {column.name: column.dtype for column in CURVE_COLUMNS}
    numbers = [name for name, dtype in of_curves.items() if dtype != TEXT]
    for name in figure.curve_numbers_named:
        if name not in numbers:
            found = "holds text, not numbers" if name in of_curves else "is none of the curves'"
            yield f"columns: {name!r} {found}{nearest(name, numbers)}"
    fit = fits.get(getattr(figure, "fit", None) or "")
    if (parameter := getattr(figure, "parameter", None)) and fit and fit.law in LAWS:
        yield from _unknown("parameter", [parameter], _parameters(LAWS[fit.law]))


def _parameters(law: Law) -> list[str]:
    return [*law.names, *law.derived(dict.fromkeys(law.names, 0.5))]


def _no_law(key: str, name: str) -> str:
    hint = nearest(name, LAWS) or f"; there are {', '.join(LAWS)}"
    return f"{key}: got {name!r}{hint}"


def _no_numbers(what: str, names: Collection[str], columns: Collection[str]) -> Iterator[str]:
    """Problems of names that are no columns, or columns of text."""
    numbers = [name for name in columns if name in NUMBERS]
    for name in names:
        if name in columns and name not in NUMBERS:
            yield f"{what}: got {name!r}, a column of text; there are {', '.join(sorted(numbers))}"
        else:
            yield from _unknown(what, [name], numbers)


def _unknown(what: str, names: Collection[str], known: Collection[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            hint = nearest(name, known) or f"; there are {', '.join(sorted(known)) or 'none'}"
            yield f"{what}: got {name!r}{hint}"
