"""A figure notices when a quantity that it reads is renamed, missing or mistaken for another."""

from dataclasses import dataclass, replace

import pandas as pd
import pytest

from isoloss.exhibits.base import Tables
from isoloss.exhibits.make import drawing
from isoloss.results.analysed import Analysed
from isoloss.results.quantity import Quantity
from tests.exhibits.cases import CASES
from tests.exhibits.generic import cases as generic

UNKNOWN = "a quantity that no module declares"
# Analysis -> the quantities that no figure reads: the report's table of numbers alone has them.
OF_THE_REPORT_ALONE = {
    "approaches": ["sd of ln loss"],
    "by_position": ["A"],
    "cooldown_check": ["independent FLOPs", "trained FLOPs"],
    "critical_batch": ["alpha_B", "misfit of ln S"],
    "kaplan_frontier": ["C_c", "N_opt at 1 PF-day", "batch", "tokens"],
    "loss_reached": ["compute", "excess steps", "steps"],
    "overfitting": ["alpha_S", "tokens that suffice"],
    "recount": ["share outside the blocks"],
    "size_and_steps": ["alpha_C predicted"],
    "size_laws": ["A", "E", "Xc", "intercept", "k"],
    "transfer": ["alpha"],
}
# Figure -> a quantity of which it takes the budgets alone, which others have too.
BUDGETS = {"kaplan_shares": "loss"}
# Figure -> an analysis that it names, and reads only where another was not made.
IN_PLACE_OF_ANOTHER = {"kaplan_reached": "reached"}


@dataclass(frozen=True)
class Read:
    """That a figure asks for rows of an analysis, and draws without them if they are optional."""

    analysis: str
    quantity: str
    kind: str | None  # of the rows; None: of any kind
    optional: bool

    def of(self, rows: pd.DataFrame) -> pd.Series:
        """Which rows the figure asks for."""
        found = (rows["analysis"] == self.analysis) & (rows["quantity"] == self.quantity)
        return found if self.kind is None else found & (rows["kind"] == self.kind)


@dataclass(frozen=True)
class Watched:
    """A figure, what it is drawn from, what it says, and what it reads."""

    spec: object
    tables: Tables
    table: pd.DataFrame
    notes: list[str]
    reads: frozenset[Read]


RUNS_ALONE = ("kaplan_training",)
OF_ANALYSES = [name for name in CASES if name not in (*generic.CASES, *RUNS_ALONE)]
_WATCHED: dict[str, Watched] = {}


def watched(draw: str) -> Watched:
    """A figure, drawn once for all tests while its reads are written down."""
    if draw not in _WATCHED:
        spec, tables = CASES[draw]()
        reads = set()
        whole = Analysed.all

        def noted(self, quantity, *, kind=None, group=None, optional=False):
            reads.add(Read(self.name, str(quantity), kind, optional))
            return whole(self, quantity, kind=kind, group=group, optional=optional)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Analysed, "all", noted)
            made = drawing(spec, tables)
        _WATCHED[draw] = Watched(spec, tables, made.table, made.notes, frozenset(reads))
    return _WATCHED[draw]


def renamed(rows: pd.DataFrame, which: pd.Series, names: dict[str, str]) -> pd.DataFrame:
    """The rows of analyses, with other names for the quantities of some of them."""
    quantity = rows["quantity"].astype(object)
    return rows.assign(quantity=quantity.where(~which, quantity.map(names)).astype("string"))


def redrawn(figure: Watched, rows: pd.DataFrame):
    """The figure, of other rows of analyses."""
    return drawing(figure.spec, replace(figure.tables, analyses=rows))


def quantities(rows: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(rows["quantity"].dropna()))


@pytest.mark.parametrize("draw", OF_ANALYSES)
def test_a_figure_raises_when_any_quantity_of_its_analyses_has_an_unknown_name(draw):
    figure = watched(draw)
    rows = figure.tables.analyses
    read = {one.analysis for one in figure.reads}
    made = set(rows.dropna(subset="quantity")["analysis"])
    assert read >= made.intersection(figure.spec.analyses_named) - {IN_PLACE_OF_ANOTHER.get(draw)}
    drawn = rows[rows["analysis"].isin(read)].dropna(subset="quantity")
    pairs = drawn[["analysis", "quantity"]].drop_duplicates()
    assert len(pairs)
    for analysis, quantity in pairs.itertuples(index=False):
        of = (rows["analysis"] == analysis) & (rows["quantity"] == quantity)
        with pytest.raises(ValueError, match=UNKNOWN):
            redrawn(figure, renamed(rows, of, {quantity: UNKNOWN}))


@pytest.mark.parametrize("draw", OF_ANALYSES)
def test_a_figure_raises_or_says_so_when_a_quantity_that_it_reads_is_missing(draw):
    figure = watched(draw)
    rows = figure.tables.analyses
    unnoticed = [
        read
        for read in figure.reads
        if not read.optional and (of := read.of(rows)).any() and is_same(figure, rows[~of])
    ]
    assert unnoticed == []


@pytest.mark.parametrize("draw", OF_ANALYSES)
def test_a_figure_raises_or_changes_when_two_quantities_are_mistaken_for_each_other(draw):
    figure = watched(draw)
    rows = figure.tables.analyses
    unnoticed = []
    for read in figure.reads:
        if read.optional or read.quantity == BUDGETS.get(draw) or not read.of(rows).any():
            continue
        alike = rows["analysis"] == read.analysis
        other = partner(rows[alike], read)
        if read.kind is not None:
            alike &= rows["kind"] == read.kind
        names = {read.quantity: other, other: read.quantity}
        if is_same(figure, renamed(rows, alike & rows["quantity"].isin(names), names)):
            unnoticed.append((read, other))
    assert unnoticed == []


def partner(rows: pd.DataFrame, read: Read) -> str:
    """Another quantity of the same kind: the next of the analysis, or else one of no analysis."""
    alike = rows if read.kind is None else rows[rows["kind"] == read.kind]
    there = quantities(alike)
    if len(there) > 1:
        return there[(there.index(read.quantity) + 1) % len(there)]
    return next(str(known) for known in Quantity.known() if known not in quantities(rows))


def is_same(figure: Watched, rows: pd.DataFrame) -> bool:
    """Whether a figure of other rows is as before. One that cannot be drawn is not."""
    try:
        made = redrawn(figure, rows)
    except (LookupError, ValueError, TypeError, AttributeError, Warning):
        return False
    return made.notes == figure.notes and made.table.equals(figure.table)


def test_quantities_that_no_figure_reads_are_known():
    """The report's table of numbers has them; a reader of the Parquet file finds them there."""
    written, read = set(), set()
    for figure in map(watched, OF_ANALYSES):
        rows = figure.tables.analyses.dropna(subset="quantity")
        does = dict(zip(rows["analysis"], rows["do"], strict=True))
        written |= set(zip(rows["do"], rows["quantity"], strict=True))
        read |= {(does[one.analysis], one.quantity) for one in figure.reads}
    unread = {}
    for do, quantity in sorted(written - read):
        unread.setdefault(do, []).append(quantity)
    assert unread == OF_THE_REPORT_ALONE
