"""A study: a question, the runs or the table that answer it, its fits, analyses and figures."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from isoloss.config import exhibits
from isoloss.config.compared import Row
from isoloss.config.exhibits import analysis_settings, figure_settings
from isoloss.config.reading import number_of
from isoloss.config.section import (
    MOST,
    Name,
    NonNegativeInt,
    PositiveInt,
    Section,
    Values,
    shown,
)
from isoloss.config.table_figures import default_figures

Analysis, Figure = analysis_settings(), figure_settings()
Stacked = Literal["auto"] | Annotated[int, Field(ge=1, le=1024)]
MOST_VALUES = 10_000  # values of a key; the check for repeats compares each with all others
Settings = dict[str, Any]  # keys with dots, or sections; checked when the runs are made


def _seeds(given: Any) -> int | list[int]:
    """A count or a list of seeds, with one message for both (a union would give two)."""
    listed = given if isinstance(given, list) else [given]
    least = 0 if isinstance(given, list) else 1
    if not all(type(seed) is int and least <= seed < MOST for seed in listed):
        raise ValueError(
            "must be how many (a whole number from 1 on) or a list of whole numbers from 0 to "
            f"2^63 - 1, got {shown(given)}"
        )
    return given


Seeds = Annotated[
    int | list[int],
    PlainValidator(_seeds, json_schema_input_type=PositiveInt | list[NonNegativeInt]),
]


def _repeated(values: list[Any]) -> list[Any]:
    """The values that equal an earlier one."""
    seen, sections, repeated = set(), [], []
    for value in values:
        known = sections if isinstance(value, dict | list) else seen
        if value in known:
            repeated.append(value)
        elif known is seen:
            seen.add(value)
        else:
            sections.append(value)
    return repeated


def _share(given: float) -> float:
    if not 0 < given < 1:
        raise ValueError(
            "must lie between 0 and 1, so that the run that is held out has more compute than any "
            f"that is fitted; got {given:g}"
        )
    return given


Share = Annotated[float, AfterValidator(_share)]


OneGrid = Annotated[dict[str, list[Any]], Field(min_length=1)]  # key -> the values it takes


def _check_values(key: str, values: list[Any]) -> None:
    if len(values) > MOST_VALUES:
        raise ValueError(f"{key} has {len(values):,} values, at most {MOST_VALUES:,}")
    if not values:
        raise ValueError(f"{key} has no values, so there would be no runs")
    if repeated := _repeated([number_of(value) for value in values]):
        raise ValueError(f"{key} has {shown(repeated[0])} twice")


class Sweep(Section):
    """Runs on one or more grids: every combination of a grid's values, with every seed."""

    set: Settings = {}  # changes to the study's settings, for all runs of the sweep
    # Key -> the values it takes; or a list of such grids, where not every size has every length.
    grid: OneGrid | Annotated[list[OneGrid], Field(min_length=1)]
    seeds: Seeds = 1  # the number of seeds (0, 1, ...), or a list of seeds
    may_diverge: bool = False  # whether runs may diverge without an exit code of failure

    @property
    def seed_values(self) -> Sequence[int]:
        """The seeds of every combination."""
        return range(self.seeds) if isinstance(self.seeds, int) else self.seeds

    @property
    def grids(self) -> dict[str, dict[str, list[Any]]]:
        """Where a grid stands in the sweep, such as `grid` or `grid.1` -> the grid."""
        if isinstance(self.grid, dict):
            return {"grid": self.grid}
        return {f"grid.{i}": grid for i, grid in enumerate(self.grid)}

    @property
    def n_runs(self) -> int:
        """Number of runs, counted without making them, because there may be too many."""
        combinations = sum(math.prod(map(len, grid.values())) for grid in self.grids.values())
        return combinations * len(self.seed_values)

    @model_validator(mode="after")
    def _values_are_given_once(self) -> Self:
        for where, grid in self.grids.items():
            for key, values in grid.items():
                _check_values(f"{where}.{key}", values)
        if self.seeds == []:
            raise ValueError("seeds is empty, so there would be no runs")
        if isinstance(self.seeds, list) and len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds has a seed twice: {shown(self.seeds)}")
        return self


class Theory(Section):
    """The value of a fitted parameter by theory, or by a paper."""

    value: float | None = None  # the expected value
    by_group: dict[str, float] = {}  # group of a fit with `by`, e.g. "n_inputs=2" -> expected value
    source: str  # who expects it, with the source

    def of(self, group: str) -> float | None:
        """The expected value of a group, or None."""
        return self.by_group.get(group, self.value)


class Fit(Section):
    """One law, fitted to some of the study's runs."""

    name: Name  # name of the fit in tables and figures
    law: str  # as `isoloss fit --law` names it; of a prediction also best, the average of laws
    variables: dict[str, str]  # the law's variable -> the column of the losses table
    sweeps: list[Name] | None = None  # the sweeps whose runs are fitted; null: all
    where: dict[str, Values] = {}  # column -> values of the runs to fit
    by: Name | None = None  # a column; each of its values has a fit
    # Residuals are of the log of the loss (huber, lad, lsq) or of the loss itself (lsq_raw).
    objective: Literal["huber", "lad", "lsq", "lsq_raw"] = "huber"
    theory: dict[str, Theory] = {}  # the law's parameter -> expected value


class Prediction(Section):
    """The largest run of a sweep, held out: the study predicts its loss before it may start."""

    sweep: Name  # sweep whose run with the most compute is held out
    at_most: Share = 0.1  # largest compute of a fitted run, as a share of the held-out run's
    sweeps: list[Name] | None = None  # the sweeps whose runs are fitted; null: the same sweep
    fits: Annotated[list[Fit], Field(min_length=1)]  # the laws that predict

    @property
    def fitted_sweeps(self) -> list[str]:
        """The sweeps whose runs are fitted."""
        return [self.sweep] if self.sweeps is None else self.sweeps

    @model_validator(mode="after")
    def _only_the_compute_chooses(self) -> Self:
        for fit in self.fits:
            for key in ("sweeps", "by", "theory"):
                if getattr(fit, key):
                    raise ValueError(f"fits.{fit.name}.{key}: the prediction chooses the runs")
        return self


class Texts(Section):
    """The keys of every study, whatever its source."""

    title: str  # title of the study in the report
    question: str  # the question that the study answers
    theory: str  # the expected result, with the reason
    notes: list[str] = []  # limits of the result that a reader must know
    errata: list[str] = []  # published errors about the same experiment, corrected
    comparison: list[Row] = []  # published numbers beside the study's own
    loss_unit: str = exhibits.UNIT  # unit of the loss in labels of figures
    fits: list[Fit] = []  # laws that are fitted to the runs
    analyses: list[Analysis] = []  # further analyses of the runs: see docs/exhibits.md
    figures: list[Figure] = []  # figures: see docs/exhibits.md

    @model_validator(mode="before")
    @classmethod
    def _labels_have_the_unit(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("loss_unit"), str):
            return given
        figures = given.get("figures")
        if not isinstance(figures, list):
            return given
        unit = given["loss_unit"]
        return given | {"figures": [exhibits.in_unit(figure, unit) for figure in figures]}

    @model_validator(mode="after")
    def _names_are_given_once(self) -> Self:
        for what in ("fits", "analyses", "figures"):
            names = [item.name for item in getattr(self, what)]
            repeated = [name for i, name in enumerate(names) if name in names[:i]]
            if repeated:
                raise ValueError(f"{what} has the name {repeated[0]!r} twice")
        return self


class Grid(Section):
    """The runs that a study trains."""

    settings: Settings  # the settings that all runs share
    sweeps: Annotated[dict[Name, Sweep], Field(min_length=1)]  # name -> a grid of runs


class Trained(Texts, Grid):
    """A study of runs that it trains."""

    source: Literal["training"] = "training"
    corpora: dict[Name, dict[str, Any]] = {}  # the study's own corpora, by name
    prediction: Prediction | None = None  # made before the held-out run is trained

    @model_validator(mode="after")
    def _the_name_of_the_prediction_is_free(self) -> Self:
        if self.prediction and any(analysis.name == "prediction" for analysis in self.analyses):
            raise ValueError("analyses has the name 'prediction', which the prediction has already")
        return self


class Planted(Texts):
    """A study of losses drawn from a known law."""

    source: Literal["planted"]
    law: str  # as `isoloss fit --law` names it; of a prediction also best, the average of laws
    parameters: dict[str, float]  # all parameters of the law
    noise_sd: Annotated[float, Field(ge=0, le=10)]  # standard deviation of the log of the loss
    seed: NonNegativeInt = 0  # seed of the noise
    # Name -> columns -> values; every combination is a row.
    sweeps: Annotated[dict[Name, dict[str, list[float]]], Field(min_length=1)]


class Published(Texts):
    """A study of published laws; it trains nothing."""

    source: Literal["published"]


class Frontier(Texts):
    """A study of other studies' runs."""

    source: Literal["studies"]
    of: Annotated[list[Name], Field(min_length=1)]  # the studies


class Table(Texts):
    """A study of a user's own table of losses."""

    source: Literal["table"]
    path: str  # path of a .csv, .tsv, .txt, .jsonl, .ndjson or .parquet file
    columns: dict[str, str] = {}  # our column -> the table's, or COLUMN*FACTOR

    @model_validator(mode="before")
    @classmethod
    def _drawn_without_being_asked(cls, given: Any) -> Any:
        """Default figures, one of each column, where the study names none."""
        if not isinstance(given, dict) or "figures" in given:
            return given
        columns, fits = given.get("columns"), given.get("fits") or []
        if not isinstance(columns, dict) or not all(isinstance(fit, dict) for fit in fits):
            return given  # the fields' own checks report the problem
        unit = given.get("loss_unit", exhibits.UNIT)
        return given | {"figures": default_figures(columns, fits, unit)}


Study = Trained | Planted | Published | Frontier | Table
SOURCES: dict[str, type[Study]] = {
    "training": Trained,
    "planted": Planted,
    "published": Published,
    "studies": Frontier,
    "table": Table,
}


_taken: list[type] = []  # settings of the user's own exhibits that studies can name


def take_registered() -> None:
    """Let studies name the analyses and figures that were registered since the last call."""
    own = (*exhibits.REGISTERED_ANALYSES.values(), *exhibits.REGISTERED_FIGURES.values())
    registered = [one.settings for one in own]
    if registered == _taken:
        return
    kinds = {"analyses": list[analysis_settings()], "figures": list[figure_settings()]}
    for study in SOURCES.values():
        for key, kind in kinds.items():
            study.model_fields[key].annotation = kind
        study.model_rebuild(force=True)
    _taken[:] = registered


class Budget(Section):
    """The largest cost of the studies, whatever the machine."""

    flops: Annotated[float, Field(gt=0)]  # training compute of all runs together, as planned
    runs: PositiveInt  # number of training runs


class Config(Section):
    """config/config.yaml."""

    # Names of files in config/studies/, in the order of the report.
    studies: Annotated[list[Name], Field(min_length=1)]
    overrides: dict[Name, dict[str, Any]] = {}  # study -> changes to its file
    budget: Budget  # largest cost of all runs together
    results: str = "results"  # folder of the results, inside the project
    figures: str = "figures"  # folder of the figures, inside the project
    # The device that trains; auto: the first of cuda, mps and cpu that there is.
    device: Literal["cpu", "cuda", "mps", "auto"] = "cpu"
    # What computes on a CPU; auto: the native kernel for the models that it has, else PyTorch.
    kernel: Literal["auto", "native", "torch"] = "auto"
    # The most runs of one shape that a GPU trains side by side; 1: each is trained alone.
    stack: Stacked = "auto"
    extensions: list[str] = []  # the project's own Python files: see docs/extending.md
    # Folders of published studies, inside the project: their runs are not trained again.
    published: list[str] = []
