"""Results as text for a terminal."""

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.fit.result import FitResult


def number(value: float | None) -> str:
    """Five significant digits, plain or in powers of ten; "-" for none."""
    if value is None or value != value:
        return "-"
    return f"{value:.5g}"


def columns(rows: list[list[str]]) -> str:
    """Rows as aligned columns, the first to the left and the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def ranges(log_x) -> str:
    """One line from which wrong units can be seen: how many runs, and from where to where.

    Parameters
    ----------
    log_x : mapping of str to array, shape (row,)
        ln of each variable, as `Problem.log_x`.
    """
    labels = {"n_params": "N", "n_tokens": "D"}
    values = {labels.get(name, name): np.exp(log) for name, log in log_x.items()}
    if {"N", "D"} <= set(values):
        n, d = values["N"], values["D"]
        values |= {"C = 6 N D": FLOPS_PER_PARAM_TOKEN * n * d, "D/N": d / n}
    n_rows = len(next(iter(values.values())))
    said = (f"{name} {x.min():.3g} to {x.max():.3g}" for name, x in values.items())
    return f"{n_rows} rows: {', '.join(said)}"


def fit(result: FitResult) -> str:
    """A fit: formula, parameters, certificate, verdict, and what was assumed."""
    percent = f"{100 * result.level:g} %"
    rows = [["", "value", f"{percent} from", "to", "std. error"]]
    for name, e in {**result.params, **result.derived}.items():
        rows.append([name, number(e.value), number(e.lo), number(e.hi), number(e.se)])
    c = result.certificate
    runs = f" of {result.n_clusters} runs" if result.n_clusters != result.n_rows else ""
    profile = "profile, calibrated by " if result.intervals == "profile" else ""
    lines = [
        f"{result.law.formula}   [{result.law.source}]",
        f"{result.n_rows} rows{runs}; objective {result.objective.name} = "
        f"{result.objective_value:.7g}; {c.n_agree} of {c.n_starts} starts agree; "
        f"condition number {c.condition_number:.3g}",
        ranges(result.problem.log_x),
        "",
        columns(rows),
        "",
        f"intervals: {profile}{result.method}, {len(result.draws)} draws",
        f"verdict: {result.verdict}",
    ]
    lines += [f"warning: {text}" for text in result.warnings]
    lines += [f"assumed: {text}" for text in result.notes]
    return "\n".join(lines)


def influence(sets) -> str:
    """Lines of `influential_sets`, or nothing."""
    lines = []
    for row in sets.to_dict("records"):
        where = ", ".join(map(str, row["left_out"]))
        lines.append(
            f"influence: without row{'s' if len(row['left_out']) > 1 else ''} {where} "
            f"{row['parameter']} is {number(row['value_without'])}, not {number(row['value'])} "
            f"({abs(row['shift']):.1f} standard errors)"
        )
    return "\n".join(lines)
