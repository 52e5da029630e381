"""Write docs/data.md: the columns of every table, and the names that they hold.

python -m isoloss.reference.tables

The page is made from `tables.schema` and from the enumerations of `results`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from isoloss.files import write_text
from isoloss.results.fits import FitKind
from isoloss.results.group import G, Label
from isoloss.results.quantity import Documented, Explained, Kind, Q, X
from isoloss.results.verdict import Status
from isoloss.tables.schema import (
    ANALYSIS_COLUMNS,
    CURVE_COLUMNS,
    EVALUATION_COLUMNS,
    FIT_COLUMNS,
    PREDICTION_COLUMNS,
    RUN_COLUMNS,
    STUDIES,
    SWEEP,
)

PAGE = Path("docs") / "data.md"
HEAD = """\
# The tables

All are Parquet. A value that was not measured is null, never zero. Losses are in nats, never in
bits. Columns that differ between repetitions say so. Everything else has the same bytes whenever it
is computed again on the same machine.

Written by `python -m isoloss.reference.tables` from `workflow/isoloss/tables/schema.py` and
`workflow/isoloss/results/`.
"""
TABLES = {
    "results/losses.parquet": ("One row a run, over all studies.", (*RUN_COLUMNS, STUDIES)),
    "results/studies/STUDY/runs.parquet": (
        "One row for each sweep of the study and each run that it wants: a run that two sweeps "
        "want has two rows.",
        (SWEEP, *RUN_COLUMNS),
    ),
    "results/studies/STUDY/curves.parquet": (
        "The learning curves of the study's runs: one row an evaluation.",
        CURVE_COLUMNS,
    ),
    "results/studies/STUDY/evaluations.parquet": (
        "Held-out losses on parts of the text, for runs whose settings ask for them.",
        EVALUATION_COLUMNS,
    ),
    "results/fits.parquet": (
        "One row for each parameter of each fit, and for each quantity derived from them; also "
        "for each study alone, in results/studies/STUDY/fits.parquet.",
        FIT_COLUMNS,
    ),
    "results/studies/STUDY/prediction.parquet": (
        "For studies that predict their largest run: written before that run may start, and "
        "never changed by its outcome. Each prediction has a record in `results/predictions/`, a "
        "JSON file that is written once. It holds the runs that are predicted, their settings, the "
        "laws, a hash of each fitted run's row, the fingerprint of the code, the date (`said_utc`) "
        "and what each law said (`said`). Where runs, laws and numbers equal those of a record up "
        "to rounding, a millionth, `made_before` is that of the record. Where later code would say "
        "otherwise from the same runs and laws, the table keeps what was said. Other laws or "
        "fitted runs make another prediction, with a record of its own. Its `made_before` is false "
        "if a predicted run had a result by then.",
        PREDICTION_COLUMNS,
    ),
    "results/studies/STUDY/analyses.parquet": (
        "For studies with analyses: one row a parameter, a measured point or a point of a "
        "calculated line.",
        ANALYSIS_COLUMNS,
    ),
}
# Title, introduction and names: first those of analyses, then those that fits have too.
NAMES: tuple[tuple[str, str, type[Documented] | type[Explained]], ...] = (
    (
        "Quantities of analyses",
        "What `quantity` names. Where a loss is in the unit, it is that of the study: nats per "
        "token, nats per byte or a squared error. The row's `unit` decides where it has one.",
        Q,
    ),
    ("Axes of analyses", "What `x_quantity` names: where the value holds.", X),
    ("Kinds of rows of analyses", "What `kind` says in `analyses.parquet`.", Kind),
    ("Kinds of rows of fits", "What `kind` says in `fits.parquet`.", FitKind),
    (
        "Keys of groups",
        "`group` says which part of an analysis a row belongs to: `key=value` parts, separated by "
        "a comma and a space. A difference is `key=one - key=other`. The `group` of a fit is one "
        "column of the runs and its value, such as `n_inputs=2`.",
        G,
    ),
    (
        "Labels of groups",
        "Parts of a group without a value. Those of predictions name a fit.",
        Label,
    ),
    (
        "Statuses",
        "What a `verdict` says first, and `status` alone. In a verdict a colon and the reason "
        "follow.",
        Status,
    ),
)


def page() -> str:
    """The page."""
    parts = [HEAD]
    for path, (text, columns) in TABLES.items():
        rows = [(f"`{c.name}`", c.dtype, c.unit, c.meaning) for c in columns]
        parts.append(_section(path, text, ("column", "type", "unit", "meaning"), rows))
    for title, text, names in NAMES:
        if issubclass(names, Documented):
            rows = [(f"`{one}`", one.unit, one.meaning) for one in names]
            parts.append(_section(title, text, ("name", "unit", "meaning"), rows))
        else:
            rows = [(f"`{one}`", one.meaning) for one in names]
            parts.append(_section(title, text, ("name", "meaning"), rows))
    return "".join(parts)


def _section(title: str, text: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    table = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
                      for line in lines)  # fmt: skip
    return f"\n## {title}\n\n{text}\n\n{table}\n"


def main() -> None:
    """Write the page into the project in whose folder the command is run."""
    write_text(PAGE, page())


if __name__ == "__main__":
    main()
