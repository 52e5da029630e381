"""A fit as text: the summary of `isoloss fit`, the line of a repr, and a notebook's table.

`FitResult` is not imported here, because its module imports this one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN

SHORT = 4  # the most parameters in the line of a repr


def number(value: float | None) -> str:
    """Five significant digits, plain or in powers of ten; "-" for none."""
    if value is None or value != value:
        return "-"
    return f"{value:.5g}"


def columns(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """Rows as aligned columns; the columns in `left` are aligned left, the others right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def ranges(log_x: Mapping[str, np.ndarray]) -> str:
    """One line with the number of runs and the range of each variable, which shows wrong units.

    Parameters
    ----------
    log_x : mapping of str to ndarray, shape (row,)
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


def summary(result: Any) -> str:
    """The law, its rows, its parameters with intervals, and the verdict."""
    law, percent = result.law, f"{100 * result.level:g} %"
    head = ["", "value", f"{percent} from", "to", "std. error", "unit"]
    rows = [head, *_estimates(result.params)]
    if result.derived:
        rows += [[""] * 6, ["what follows", "", "", "", "", ""], *_estimates(result.derived)]
    lines = [
        f"{law.formula}   [{law.source}]",
        f"law {law.name}; {_rows(result)}; objective {_objective(result)}",
        ranges(result.problem.log_x),
        "",
        columns(rows, left=(0, 5)),
        "",
    ]
    return "\n".join([*lines, *(f"{key}: {text}" for key, text in _facts(result))])


def line(result: Any) -> str:
    """One line: the verdict first, then the law and its parameters."""
    shown = [_with_ends(name, e) for name, e in list(result.params.items())[:SHORT]]
    shown += ["..."] if len(result.params) > SHORT else []
    known = any(e.lo is not None for e in result.params.values())
    intervals = f"{100 * result.level:g} % intervals" if known else "no intervals"
    said = f"{result.verdict}; {result.law.name}: {', '.join(shown)}"
    return f"<FitResult {said}; {intervals}, {_rows(result)}>"


def html(result: Any) -> str:
    """The summary as a table for a notebook, without scripts or external files.

    Text and lines take the colours of the page, so that they are legible in light and dark themes.
    """
    from html import escape

    def row(cells, tag="td"):
        looks = ["text-align:left", *["text-align:right"] * (len(cells) - 2), "text-align:left"]
        inside = (
            f'<{tag} style="{look};padding:1px 10px">{escape(cell)}</{tag}>'
            for cell, look in zip(cells, looks, strict=True)
        )
        return f"<tr>{''.join(inside)}</tr>"

    law, percent = result.law, f"{100 * result.level:g} %"
    head = row(["", "value", f"{percent} from", "to", "std. error", "unit"], "th")
    body = [row(cells) for cells in _estimates(result.params)]
    rule = "border-top:1px solid rgba(128,128,128,.6)"
    derived = [row(cells) for cells in _estimates(result.derived)]
    tables = [f"<thead>{head}</thead>", f'<tbody style="{rule}">{"".join(body)}</tbody>']
    tables += [f'<tbody style="{rule}">{"".join(derived)}</tbody>'] if derived else []
    facts = [
        f"<li>{escape(key)}: {escape(text)}</li>"
        for key, text in _facts(result)
        if key not in ("verdict", "answer")
    ]
    said = [f"<li>{escape(answer.sentence)}</li>" for answer in result.answers()]
    color = "#2e8b57" if result.identified else "#c0562b"
    return (
        f'<div style="border-left:4px solid {color};padding-left:10px">'
        f"<div><b>{escape(result.verdict)}</b></div>"
        f"<div>{escape(law.name)}: <code>{escape(law.formula)}</code> [{escape(law.source)}]</div>"
        f"<div>{escape(_rows(result))}; objective {escape(_objective(result))}</div>"
        f'<table style="border-collapse:collapse;background:none">{"".join(tables)}</table>'
        f'<ul style="margin:0">{"".join(said)}</ul>'
        f"<details><summary>{escape(_certificate(result))}</summary>"
        f'<ul style="margin:0">{"".join(facts)}</ul></details></div>'
    )


def _estimates(estimates):
    return [
        [name, number(e.value), number(e.lo), number(e.hi), number(e.se), e.unit]
        for name, e in estimates.items()
    ]


def _rows(result):
    runs = f" of {result.n_clusters} runs" if result.n_clusters != result.n_rows else ""
    return f"{result.n_rows} rows{runs}"


def _objective(result):
    objective = result.objective
    delta = f" (delta {objective.delta:g})" if objective.name == "huber" else ""
    return f"{objective.name} = {result.objective_value:.7g}{delta}"


def _facts(result):
    """The lines under the numbers, as key and text."""
    if held := _held(result.problem):
        yield "held", held
    profile = "profile, calibrated by " if result.intervals == "profile" else ""
    yield "intervals", f"{profile}{result.method}, {len(result.draws)} draws"
    yield "certificate", _certificate(result)
    yield "lack of fit", _lack_of_fit(result)
    yield "verdict", result.verdict
    yield from (("answer", answer.sentence) for answer in result.answers())
    yield from (("warning", text) for text in result.warnings)
    yield from (("assumed", text) for text in result.notes)


def _held(problem):
    said = [f"{name} = {value:g}" for name, value in problem.fixed.items()]
    return ", ".join([*said, *(f"{pair[1]} = {pair[0]}" for pair in problem.tied)])


def _certificate(result):
    c = result.certificate
    found = "at a minimum" if c.converged else "NOT at a minimum"
    bounds = f"; at bounds: {', '.join(c.at_bounds)}" if c.at_bounds else ""
    return (
        f"{c.n_agree} of {c.n_starts} starts agree, {found} (gradient norm "
        f"{c.gradient_norm:.2g}); condition number {c.condition_number:.3g}{bounds}"
    )


def _lack_of_fit(result):
    bend, pattern = result.lack_of_fit, result.misfit
    if bend is not None:
        return (
            f"p = {bend.p_value:.2g} that the exponent is constant; over the runs it goes from "
            f"{bend.exponent_first:.3g} to {bend.exponent_last:.3g}"
        )
    if pattern is not None:
        against = {
            "bends": "that no bend of the variables is left in the residuals",
            "runs": "that no bend of the variables is left in the residuals of whole runs",
            "repeats": "that points differ no more than repeated runs do",
        }[pattern.against]
        return f"p = {pattern.p_value:.2g} {against}"
    return "not tested"


def _with_ends(name, e):
    ends = "" if e.lo is None else f" [{_short(e.lo)}, {_short(e.hi)}]"
    return f"{name} = {_short(e.value)}{ends}"


def _short(value):
    return "-" if value is None else f"{value:.4g}"
