"""Write docs/figures.md: the figures of two papers, our exhibits of them, and whether they agree.

python -m isoloss.reference.figures [RESULTS]

RESULTS is a folder of results, such as results/full. Verdicts and numbers are made from its tables
of analyses. Without it, the page has no verdicts.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isoloss.charts.text import with_interval
from isoloss.files import read_parquet, write_text
from isoloss.reference.paper_figures import LOOK, PAPERS, Claim, PaperFigure
from isoloss.results.verdict import Status, Verdict

if TYPE_CHECKING:
    import pandas as pd

PAGE = Path("docs") / "figures.md"
AGREES, DIFFERS, OPEN = "agrees", "differs", "cannot tell"
SHOWN = 2  # numbers of a figure
HEAD = """\
# The papers' figures, and ours

Every figure of Kaplan et al. and of Hoffmann et al., with the exhibit of it here. [Figures and
analyses](exhibits.md) has the keys of each exhibit. A verdict compares one number of these runs
with the paper's message. These runs are many orders of magnitude smaller, and have other texts and
tokens. So a number that differs is no fault of either.

Written by `python -m isoloss.reference.figures RESULTS`, RESULTS being a folder of results.
"""
COLUMNS = ("figure", "its message", "our exhibit")
JUDGED = ("here", "number")


def page(analyses: "pd.DataFrame | None" = None, made_from: str = "") -> str:
    """The page; with verdicts, if there are analyses.

    Parameters
    ----------
    analyses : DataFrame, optional
        Columns as `isoloss.tables.schema.ANALYSIS_COLUMNS`, of any studies.
    made_from : str
        What the page calls their source.
    """
    parts = [HEAD]
    if analyses is not None:
        parts.append(f"\nVerdicts and numbers: from `{made_from}`. Intervals are 90 %.\n")
    columns = (*COLUMNS, *(JUDGED if analyses is not None else ()))
    for paper, figures in PAPERS.items():
        parts.append(f"\n## {paper}\n\n| {' | '.join(columns)} |\n")
        parts.append(f"|{' --- |' * len(columns)}\n")
        for figure in figures:
            cells = [figure.name, figure.message, _exhibit(figure)]
            if analyses is not None:
                cells += ["–", ""] if figure.missing else judged(figure, analyses)
            parts.append(f"| {' | '.join(cells)} |\n")
    return "".join(parts)


def _exhibit(figure: PaperFigure) -> str:
    if figure.missing:
        return f"none: {figure.missing}"
    return f"[`{figure.exhibit}`](exhibits.md#{figure.exhibit})"


def judged(figure: PaperFigure, analyses: "pd.DataFrame") -> list[str]:
    """The verdict on a figure, and the numbers behind it."""
    if figure.test is None:
        return [OPEN, LOOK]
    rows = rows_of(figure.test, analyses)
    if rows.empty:
        asked = (analyses["do"] == figure.test.do).any()
        return [OPEN, "these runs do not allow it" if asked else "not run"]
    if figure.test.rule == "lower":
        return _lower(figure.test, rows)
    found = [verdict(figure.test, row) for _, row in rows.iterrows()]
    whole = DIFFERS if DIFFERS in found else AGREES if set(found) == {AGREES} else OPEN
    # Those that decide come first.
    order = sorted(range(len(found)), key=lambda i: found[i] != whole)
    said = [_number(figure.test, rows.iloc[i]) for i in order[:SHOWN]]
    more = len(found) - len(said)
    return [whole, "; ".join(said) + f"; and {more} more" * bool(more)]


def rows_of(test: Claim, analyses: "pd.DataFrame") -> "pd.DataFrame":
    """The rows that a test is about, in the order of its analyses and groups."""
    rows = analyses[(analyses["do"] == test.do) & (analyses["quantity"] == str(test.quantity))]
    rows = rows[rows["kind"] == test.kind]
    for column, wanted in (("analysis", test.analyses), ("group", test.groups)):
        if wanted:
            order = {name: place for place, name in enumerate(wanted)}
            rows = rows[rows[column].isin(wanted)]
            rows = rows.sort_values(column, key=lambda names: names.map(order), kind="stable")
    return rows if test.beyond is None else rows[rows["x"] > test.beyond]


def verdict(test: Claim, row: "pd.Series") -> str:
    """Whether one row is as the paper has it."""
    status = Verdict.read(row["verdict"]).status
    if test.rule == "a law":
        known = {Status.IDENTIFIED: AGREES, Status.NOT_A_POWER_LAW: DIFFERS}
        return known.get(status, OPEN)
    value, lo, hi = (_real(row[name]) for name in ("value", "lo", "hi"))
    if not np.isfinite(lo):  # a number without an interval is exact, such as a share
        lo = hi = value if test.rule in ("at least", "at most") and test.value else np.nan
    if not np.isfinite(lo) or status not in (Status.IDENTIFIED, Status.IF_THE_LAW_HOLDS):
        return OPEN
    paper = _real(row["theory"]) if test.value is None else test.value
    sides = {  # rule -> what agrees, and what differs
        "interval": (lo <= paper <= hi, not lo <= paper <= hi),
        "at most": (hi <= paper, lo > paper),
        "at least": (lo >= paper, hi < paper),
        "above 0": (lo > 0, hi < 0),
        "below 0": (hi < 0, lo > 0),
        "is 0": (-paper <= lo <= 0 <= hi <= paper, not lo <= 0 <= hi),
    }
    agrees, differs = sides[test.rule]
    return AGREES if agrees else DIFFERS if differs else OPEN


def _real(value) -> float:
    import pandas as pd

    return np.nan if pd.isna(value) else float(value)


def _lower(test: Claim, rows: "pd.DataFrame") -> list[str]:
    """Whether the first of two numbers without intervals is the lower one."""
    if len(rows) < 2:
        return [OPEN, "not run"]
    values = [_real(value) for value in rows["value"].iloc[:2]]
    if not np.isfinite(values).all():
        return [OPEN, "no number"]
    said = " beside ".join(f"{value:.2g}" for value in values)
    return [AGREES if values[0] < values[1] else DIFFERS, f"{test.quantity}: {said}"]


def _number(test: Claim, row: "pd.Series") -> str:
    """The number of a row, with its interval and the paper's."""
    numbers = [_real(row[name]) for name in ("value", "lo", "hi")]
    value, ends = with_interval(*numbers)
    unit = row["unit"] if isinstance(row["unit"], str) and row["unit"] == "%" else ""
    said = f"{test.quantity} = {value}{' %' * bool(unit)}" + (f" ({ends})" if ends else "")
    paper = _real(row["theory"]) if test.value is None else test.value
    if np.isfinite(paper) and test.rule in ("interval", "at most"):
        said += f", paper {paper:.3g}"
    return said


def analyses_of(results: Path) -> "pd.DataFrame":
    """The analyses of all studies of a folder of results."""
    import pandas as pd

    found = sorted((results / "studies").glob("*/analyses.parquet"))
    if not found:
        raise SystemExit(f"{results}: there is no studies/*/analyses.parquet")
    return pd.concat([read_parquet(path) for path in found], ignore_index=True)


def main(argv: Sequence[str]) -> None:
    """Write the page."""
    results = Path(argv[0]) if argv else None
    made = page() if results is None else page(analyses_of(results), results.as_posix())
    write_text(PAGE, made)
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main(sys.argv[1:])
