"""What every analysis and every figure has, and what they are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from isoloss.charts import Drawing, placed_colors
from isoloss.config.section import Name, Section
from isoloss.errors import UserError, nearest
from isoloss.results import Analysed, Row
from isoloss.results.fits import Fitted, read_fits

if TYPE_CHECKING:
    import pandas as pd


class Analysing(Section):
    """An analysis: its name in the study, and the sweeps whose runs it reads."""

    name: Name  # of the analysis, in tables and figures
    sweeps: list[Name]  # whose runs it reads

    @property
    def reads(self) -> tuple[str, ...]:
        """Kinds of analyses (`do`) whose rows it reads, where the study makes them before it."""
        return ()

    @property
    def sweeps_named(self) -> list[str]:
        """The sweeps that it reads."""
        return self.sweeps

    @property
    def numbers_named(self) -> list[str]:
        """The columns of the table of runs that it reads, which must hold numbers."""
        return []

    @property
    def columns_named(self) -> list[str]:
        """The columns of the table of runs that choose or divide what it reads."""
        return list(getattr(self, "where", ()))

    @property
    def laws_named(self) -> list[str]:
        """The laws of one variable that it fits."""
        return []


@dataclass(frozen=True)
class Does:
    """Marks a key of a figure's settings that names an analysis, by what that must `do`."""

    kind: str


class Drawn(Section):
    """A figure: the name of its files, and what a reader is told."""

    name: Name  # of its files
    title: str  # above it, in the report
    caption: str  # what is drawn and how to read it, and what it cannot show
    part: str = ""  # of the study, where the report shows it; empty: as the kind of figure says
    tabulate: bool = False  # the report shows the numbers that are drawn, not only a link to them

    analyses_drawn: ClassVar[dict[str, str]] = {}  # key with `Does` -> what that analysis must do

    @classmethod
    def __pydantic_init_subclass__(cls, **_):
        marks = {key: field.metadata for key, field in cls.model_fields.items()}
        found = {key: one.kind for key, all_of in marks.items() for one in all_of
                 if isinstance(one, Does)}  # fmt: skip
        cls.analyses_drawn = found

    # What a figure names of its study, by the keys that are usual; one with other keys says so.

    @property
    def called(self) -> str:
        """How messages name the figure."""
        return f"figure {self.name}"

    @property
    def sweeps_named(self) -> list[str]:
        """The sweeps of the study that the figure draws."""
        return list(getattr(self, "sweeps", None) or [])

    @property
    def fits_named(self) -> list[str]:
        """The fits of the study that the figure draws."""
        return [fit] if (fit := getattr(self, "fit", None)) else []

    @property
    def analyses_named(self) -> list[str]:
        """The analyses of the study that the figure draws."""
        return [name for key in self.analyses_drawn if (name := getattr(self, key, None))]

    @property
    def numbers_named(self) -> list[str]:
        """The columns of the table of runs that the figure draws, which must hold numbers."""
        return []

    @property
    def curve_numbers_named(self) -> list[str]:
        """The same of the learning curves."""
        return []

    @property
    def columns_named(self) -> list[str]:
        """The columns of the table of runs that choose or divide what is drawn."""
        return list(getattr(self, "where", ()))


class OfLosses(Drawn):
    """A figure that draws losses."""

    loss_label: str = "held-out loss (nats per token)"  # where losses are drawn


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What an analysis is made from.

    Attributes
    ----------
    runs, curves : DataFrame
        The study's, columns as docs/data.md lists them.
    done : DataFrame
        The rows of the analyses that the settings' `reads` names, in the study's order.
    prediction : DataFrame or None
        The study's prediction, if it makes one.
    evaluations : DataFrame or None
        Held-out losses on parts of the text, columns as docs/data.md lists them.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    done: pd.DataFrame
    prediction: pd.DataFrame | None = None
    evaluations: pd.DataFrame | None = None

    def first(self, do: str) -> Analysed | None:
        """The first analysis of a kind that was made before, or None."""
        rows = self.done[self.done["do"] == do] if len(self.done) else self.done
        if rows.empty:
            return None
        name = rows["analysis"].iloc[0]
        return Analysed(rows[rows["analysis"] == name], name)


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What a figure is made from: the tables of one study.

    Attributes
    ----------
    runs, curves, fits, analyses : DataFrame
        Columns as docs/data.md lists them; an empty frame where a study has none.
    variables : mapping
        Fit -> the law's variable -> the column of `runs` (as the study's fits say).
    truth : tuple of (law, parameters) or None
        The law that losses were drawn from, where it is known.
    """

    runs: pd.DataFrame = None
    curves: pd.DataFrame = None
    fits: pd.DataFrame = None
    analyses: pd.DataFrame = None
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    truth: tuple[str, Mapping[str, float]] | None = None

    def __post_init__(self):
        import pandas as pd

        for name in ("runs", "curves", "fits", "analyses"):
            table = getattr(self, name)
            table = pd.DataFrame() if table is None else plain(table)
            object.__setattr__(self, name, table)

    def analysed(self, name: str, where: str) -> Analysed:
        """The rows of one analysis.

        Raises
        ------
        UserError
            The study has no analysis of that name.
        """
        return Analysed.of_table(self.analyses, name, where)

    def colors_of(self, values: Sequence[float], column: str) -> list[str]:
        """Colours of values of a column of the runs: the same value in the same colour everywhere.

        Parameters
        ----------
        values : sequence of float
            Greater than 0.
        column : str
            E.g. n_params_non_embedding; the study's runs give the range of the colours.
        """
        known = self.runs[column] if column in self.runs.columns else values
        known = [float(value) for value in known if value > 0]
        return placed_colors(values, min(known, default=1.0), max(known, default=1.0))

    def fits_of(self, name: str) -> list[Fitted]:
        """The laws of one fit, one for each group; none where it was not made."""
        if "fit" not in self.fits.columns:
            return []
        return read_fits(self.fits[self.fits["fit"] == name])

    def fitted(
        self, name: str, group: float | str | None = None, x: str | None = None
    ) -> Fitted | None:
        """The law of one fit for the runs of one group, or None if the table of fits has none.

        Parameters
        ----------
        name : str
        group : float or str, optional
            The value that the group's runs share, of a fit with a law for each value of a column.
        x : str, optional
            The column of the only variable of a law, where the study does not say which.

        Raises
        ------
        UserError
            The fit has a law for each of several groups, and none is asked for.
        """
        found = self.fits_of(name)
        if group is not None:
            found = [law for law in found if law.group.has(group)]
        elif len(found) > 1:
            groups = ", ".join(str(law.group) for law in found)
            raise UserError(
                f"fit {name}", [f"there is a law for each of {groups}: which is drawn?"]
            )
        return found[0].of_columns(self.variables.get(name, {}), x) if found else None


@dataclass(frozen=True)
class Analysis:
    """An analysis as the dictionary of a module has it.

    `analyse(spec, inputs)` gives rows. It raises UserError where the runs do not allow it.
    """

    settings: type[Analysing]
    analyse: Callable[[Analysing, Inputs], list[Row]]


@dataclass(frozen=True)
class Figure:
    """A figure as the dictionary of a module has it: `draw(spec, tables)` gives a drawing.

    It raises UserError where a column, a law or a group that the settings name is not there.
    """

    settings: type[Drawn]
    draw: Callable[[Drawn, Tables], Drawing]


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The table with NumPy's numbers in place of nullable ones: NaN where nothing is known."""
    import pandas as pd

    numbers = {
        name: column.to_numpy("int64" if column.dtype.kind in "iu" and column.notna().all()
                              else "float64", na_value=float("nan"))
        for name, column in table.items()
        if isinstance(column.dtype, pd.api.extensions.ExtensionDtype) and column.dtype.kind in "iuf"
    }  # fmt: skip
    return table.assign(**numbers) if numbers else table


def need(table: pd.DataFrame, columns: Iterable[str], where: str, what: str) -> None:
    """Raise a UserError that names every column that `table` lacks."""
    problems = [
        f"there is no column {column!r} in the table of {what}{nearest(column, table.columns)}"
        for column in dict.fromkeys(columns)
        if column not in table.columns
    ]
    if problems:
        raise UserError(where, problems)
