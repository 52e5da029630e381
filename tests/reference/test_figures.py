"""docs/figures.md names every figure of the two papers, and its verdicts are those of the rows."""

from pathlib import Path

import pandas as pd
import pytest

from isoloss.config import exhibits
from isoloss.reference import figures
from isoloss.reference.figures import AGREES, DIFFERS, OPEN
from isoloss.reference.paper_figures import HOFFMANN, KAPLAN, Claim, PaperFigure
from isoloss.results import Group, Kind, Q, row
from isoloss.results.rows import table_of
from isoloss.results.verdict import Status, Verdict, not_identified

ROOT = Path(__file__).parents[2]
SCALE = [-0.2, 0.0, 0.2]


def test_every_figure_of_both_papers_is_there_once():
    assert [figure.name for figure in KAPLAN] == [str(number) for number in range(1, 25)]
    appendix = [f"A{number}" for number in range(1, 8)]
    assert [figure.name for figure in HOFFMANN] == [*map(str, range(1, 8)), *appendix]


@pytest.mark.parametrize("figure", [*KAPLAN, *HOFFMANN], ids=lambda one: one.message)
def test_a_figure_has_an_exhibit_or_the_reason_why_not(figure):
    assert bool(figure.exhibit) != bool(figure.missing)
    if figure.exhibit:
        assert figure.exhibit in exhibits.FIGURES
    if figure.test:
        assert figure.test.do in exhibits.ANALYSES


def first_cells(page):
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [line.strip("| ").split(" | ")[:3] for line in lines]


def test_the_page_is_as_the_table_says_whatever_results_it_was_made_from():
    written = (ROOT / figures.PAGE).read_text(encoding="utf-8")
    command = "python -m isoloss.reference.figures RESULTS"
    assert first_cells(written) == first_cells(figures.page()), f"run `{command}`"


def table(*values, quantity=Q.A_OPT, **also):
    """An analysis with one row for each (value, lo, hi)."""
    rows = [row(quantity, value, **{"lo": lo, "hi": hi} | also) for value, lo, hi in values]
    return table_of(rows, study="s", analysis="approaches", do="approaches")


def judged(rule, analyses, value=None, **also):
    test = Claim("approaches", Q.A_OPT, rule, value, **also)
    return figures.judged(PaperFigure("1", "a message", "recounted", test=test), analyses)[0]


@pytest.mark.parametrize(("rule", "value", "numbers", "expected"), [
    ("interval", 0.5, (0.45, 0.4, 0.55), AGREES),
    ("interval", 0.5, (0.45, 0.4, 0.49), DIFFERS),
    ("at most", 3.0, (1.0, 0.5, 2.0), AGREES),
    ("at most", 3.0, (2.9, 2.0, 4.0), OPEN),
    ("at most", 3.0, (5.0, 4.0, 6.0), DIFFERS),
    ("at least", 0.5, (0.7, 0.6, 0.8), AGREES),
    ("above 0", None, (0.1, 0.01, 0.2), AGREES),
    ("above 0", None, (0.1, -0.1, 0.2), OPEN),
    ("below 0", None, (0.1, 0.01, 0.2), DIFFERS),
    ("is 0", 0.2, (0.05, -0.1, 0.15), AGREES),
    ("is 0", 0.2, (0.05, -0.4, 0.5), OPEN),
    ("is 0", 0.2, (0.15, 0.1, 0.2), DIFFERS),
])  # fmt: skip
def test_a_rule_is_judged_by_the_interval(rule, value, numbers, expected):
    assert judged(rule, table(numbers), value) == expected


def test_a_number_that_the_runs_do_not_determine_decides_nothing():
    unsure = table((0.45, 0.4, 0.55), verdict=not_identified("anything fits"))
    assert judged("interval", unsure, 0.9) == OPEN


def test_without_a_value_of_the_figure_the_theory_of_the_row_counts():
    assert judged("interval", table((0.45, 0.4, 0.55), theory=0.9)) == DIFFERS


def test_one_row_that_differs_decides():
    rows = table((0.45, 0.4, 0.55), (0.9, 0.8, 1.0))
    verdict, number = figures.judged(
        PaperFigure("1", "m", "recounted", test=Claim("approaches", Q.A_OPT, "interval", 0.5)), rows
    )
    assert verdict == DIFFERS
    assert number.startswith("a = 0.90 (0.80 to 1.00), paper 0.5; a = 0.450")


def test_only_the_groups_and_places_asked_for_count():
    rows = pd.concat([
        table((0.9, 0.8, 1.0), group=Group.of(approach=1)),
        table((0.45, 0.4, 0.55), group=Group.of(approach=2)),
    ])  # fmt: skip
    assert judged("interval", rows, 0.5, groups=("approach=2",)) == AGREES
    points = pd.concat([table((0.1, 0.05, 0.2), kind=Kind.POINT, x=x) for x in (1.1, 2.0)])
    points.loc[points["x"] < 1.5, ["lo", "hi"]] = SCALE[0], SCALE[2]
    assert judged("above 0", points, kind="point") == OPEN
    assert judged("above 0", points, kind="point", beyond=1.5) == AGREES


def test_a_law_is_judged_by_its_verdict():
    bent = Verdict(Status.NOT_A_POWER_LAW, "the local exponent changes")
    assert judged("a law", table((0.1, 0.05, 0.2))) == AGREES
    assert judged("a law", table((0.1, 0.05, 0.2), verdict=bent)) == DIFFERS


def test_of_two_numbers_without_intervals_the_lower_is_found():
    rows = pd.concat([
        table((0.02, None, None), group=Group.of(law="power_law")),
        table((0.03, None, None), group=Group.of(law="logarithmic")),
    ])  # fmt: skip
    order = ("law=power_law", "law=logarithmic")
    assert judged("lower", rows, groups=order) == AGREES
    assert judged("lower", rows, groups=order[::-1]) == DIFFERS


def test_what_was_not_run_is_said():
    empty = table()
    test = Claim("approaches", Q.A_OPT, "interval", 0.5)
    assert figures.judged(PaperFigure("1", "m", "recounted", test=test), empty)[1] == "not run"
