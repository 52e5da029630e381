"""Whether learning curves of all sizes have one shape (Qiu et al. 2025, arXiv:2507.02119)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from isoloss.charts import GREY, Sheet, short, with_interval
from isoloss.config.section import Name
from isoloss.errors import UserError
from isoloss.exhibits.base import (
    Analysing,
    Analysis,
    Does,
    Drawing,
    Drawn,
    Figure,
    Inputs,
    Tables,
    need,
)
from isoloss.results import IDENTIFIED, Group, Kind, Q, Row, Verdict, X
from isoloss.results.verdict import not_identified
from isoloss.runs.curves import near_highest_rate
from isoloss.runs.select import finished_in
from isoloss.stats import student
from isoloss.stats.interpolation import log_log
from isoloss.stats.intervals import LEVEL

if TYPE_CHECKING:
    import pandas as pd

SHARES = (0.25, 0.5)  # of a run, at which curves are compared; at its end all are 1
FEWEST_SIZES = 3
SMOOTH, FEWEST_SMOOTH = 0.9, 5  # share of the departures that a parabola in ln N has; sizes for it
OTHER_FLOOR = 0.5  # share of the lowest loss: the floor with which the comparison is made again
SIZE = ("width", "n_layer")
COLUMNS = ("width", "n_layer", "n_params", "n_tokens", "seed")
NO_SEEDS = not_identified("no size has trunks of two seeds, so their noise is not known")


class Collapse(Analysing):
    """Normalised learning curves of all sizes at a constant rate, and how far each is apart.

    Each size's curve ends at t_end ~ N^exponent. Theory has one shape for all sizes if the loss
    that is left by size and the loss that is left by data then shrink alike.
    """

    do: Literal["collapse"]
    name: Name = "collapse"
    seeds: list[Name] = []  # sweeps whose trunks of several seeds say how much curves scatter
    exponent: Annotated[float, Field(gt=0, le=2)] = 0.74  # of t_end in N; Kaplan et al., Eq. 4.4
    floor: Annotated[float, Field(ge=0)] = 0.0  # L0: the loss that no size and no data lowers

    @property
    def sweeps_named(self) -> list[str]:
        return [*self.sweeps, *self.seeds]


class Collapsed(Drawn):
    """Normalised learning curves, and how far each size's is apart from the others."""

    draw: Literal["collapsed"]
    name: Name = "collapse"
    title: str = "Do learning curves of all sizes have one shape?"
    caption: str = (
        "Left: learning curves at a constant rate, rescaled to (L - L0) / (L_end - L0) against t "
        "/ t_end (Qiu et al. 2025, arXiv:2507.02119). Right: how far the curve of a size lies "
        "above the others, with 90 % intervals of the seed scatter. An interval off zero marks a "
        "size that trains differently."
    )
    check: Annotated[Name, Does("collapse")] = "collapse"  # a collapse


@dataclass(frozen=True)
class _Trunk:
    """A size's curve at a constant rate."""

    size: tuple[int, ...]
    n_params: float
    run_id: str
    tokens: np.ndarray
    loss: np.ndarray

    def normalised(self, end: float, shares, floor: float) -> np.ndarray:
        """(L - L0) / (L_end - L0) at shares of `end`."""
        at = log_log(np.asarray(shares) * end, self.tokens, self.loss)
        last = log_log(end, self.tokens, self.loss)
        return (at - floor) / (last - floor)


def analyse(spec: Collapse, inputs: Inputs) -> list[Row]:
    """Each size's normalised curve, and by how much its mean ln lies above the other sizes'.

    The noise is that of the same mean ln over trunks of several seeds.

    Raises
    ------
    UserError
        Fewer than three sizes have trunks that are long enough, or the floor is above a loss.
    """
    need(inputs.runs, COLUMNS, spec.name, "runs")
    trunks = _longest(_trunks(inputs, spec.sweeps))
    if not trunks:
        raise UserError(spec.name, ["no run of these sweeps has a learning curve at its peak rate"])
    largest = trunks[-1]
    ends = [largest.tokens[-1] * (one.n_params / largest.n_params) ** spec.exponent
            for one in trunks]  # fmt: skip
    inside = [
        (one, end) for one, end in zip(trunks, ends, strict=True)
        if one.tokens[0] <= SHARES[0] * end * (1 + 1e-9) and end <= one.tokens[-1] * (1 + 1e-9)
    ]  # fmt: skip
    if len(inside) < FEWEST_SIZES:
        raise UserError(spec.name, [
            f"three sizes are needed whose trunks reach from {SHARES[0]:g} t_end to t_end, with "
            f"t_end ~ N^{spec.exponent:g}; found {len(inside)} of {len(trunks)}"
        ])  # fmt: skip
    lowest = min(float(one.loss.min()) for one in trunks)
    if spec.floor >= lowest:
        raise UserError(spec.name, [f"floor: must lie below every loss, the lowest is {lowest:g}"])
    sd, freedom = _noise(inputs, spec)
    apart = _apart(inside, spec.floor)
    again = _apart(inside, OTHER_FLOOR * lowest if spec.floor == 0 else 0.0)
    scale = np.sqrt(1 + 1 / (len(inside) - 1))
    half = student.quantile(LEVEL, freedom) * sd * scale if freedom else np.nan
    rows: list[Row] = []
    ids = " ".join(one.run_id for one, _ in inside)
    for (one, end), value, other in zip(inside, apart, again, strict=True):
        group = Group.of(**dict(zip(SIZE, one.size, strict=True)))
        shares = one.tokens[(one.tokens <= end) & (one.tokens >= 0.05 * end)] / end
        shares = np.unique([*shares, *SHARES, 1.0])
        rows += [
            Row(quantity=Q.NORMALISED_LOSS, kind=Kind.POINT, group=group, n_runs=1, x=float(share),
                x_quantity=X.SHARE_OF_RUN, value=float(y), verdict=IDENTIFIED, runs=one.run_id)
            for share, y in zip(shares, one.normalised(end, shares, spec.floor), strict=True)
        ]  # fmt: skip
        interval = {"lo": value - half, "hi": value + half, "level": LEVEL} if freedom else {}
        rows.append(Row(
            quantity=Q.CURVE_APART, kind=Kind.PARAMETER, group=group, value=float(value),
            theory=0.0, theory_source="Qiu et al. (2025), arXiv:2507.02119", x_quantity=X.N_PARAMS,
            x=one.n_params, method="Student's t, by trunks of several seeds", n_runs=len(inside),
            runs=ids, verdict=_verdict(freedom), warnings=_warning(value, other, half),
            **interval,
        ))  # fmt: skip
    noise = {"value": sd, "n_runs": freedom, "verdict": IDENTIFIED} if freedom else {
        "verdict": NO_SEEDS}  # fmt: skip
    return [*rows, Row(quantity=Q.CURVE_NOISE, kind=Kind.PARAMETER, **noise)]


def _verdict(freedom: int) -> Verdict:
    return IDENTIFIED if freedom else NO_SEEDS


def _warning(value: float, other: float, half: float) -> str:
    """What another floor does to whether a size departs."""
    if not np.isfinite(half) or (abs(value) > half) == (abs(other) > half):
        return ""
    return f"with another floor it departs by {other:+.2%}, so the verdict depends on L0"


def _apart(inside: list[tuple[_Trunk, float]], floor: float) -> np.ndarray:
    """Mean ln of each size's normalised curve, less that of the others."""
    means = np.array([np.log(one.normalised(end, SHARES, floor)).mean() for one, end in inside])
    return means - (means.sum() - means) / (len(means) - 1)


def _noise(inputs: Inputs, spec: Collapse) -> tuple[float, int]:
    """Standard deviation of the mean ln of a normalised curve over seeds, and its freedom."""
    by_size: dict[tuple, list[_Trunk]] = {}
    for one in _trunks(inputs, spec.seeds):
        by_size.setdefault(one.size, []).append(one)
    squares, freedom = 0.0, 0
    for trunks in by_size.values():
        end = min(one.tokens[-1] for one in trunks)
        good = [one for one in trunks if one.tokens[0] <= SHARES[0] * end * (1 + 1e-9)]
        if len(good) > 1:
            means = [np.log(one.normalised(end, SHARES, spec.floor)).mean() for one in good]
            squares += float(np.sum((np.array(means) - np.mean(means)) ** 2))
            freedom += len(good) - 1
    return (float(np.sqrt(squares / freedom)), freedom) if freedom else (np.nan, 0)


def _trunks(inputs: Inputs, sweeps) -> list[_Trunk]:
    """The part at the highest rate of each run's curve, by rising size and length."""
    runs = finished_in(inputs.runs, sweeps).dropna(subset=list(COLUMNS))
    runs = runs.sort_values(["n_params", *SIZE, "n_tokens", "run_id"], kind="stable")
    by_run = dict(tuple(inputs.curves.groupby("run_id"))) if len(inputs.curves) else {}
    found = []
    for run in runs.itertuples():
        curve = by_run.get(run.run_id)
        part = None if curve is None else near_highest_rate(curve)
        if part is None or len(part) < 3:
            continue
        size = (int(run.width), int(run.n_layer))
        found.append(_Trunk(size, float(run.n_params), run.run_id,
                            part["n_tokens"].to_numpy("float64"),
                            part["loss"].to_numpy("float64")))  # fmt: skip
    return found


def _longest(trunks: list[_Trunk]) -> list[_Trunk]:
    """The longest trunk of each size, by rising size."""
    found = {}
    for one in trunks:
        if one.size not in found or one.tokens[-1] > found[one.size].tokens[-1]:
            found[one.size] = one
    return sorted(found.values(), key=lambda one: one.n_params)


def draw(spec: Collapsed, tables: Tables) -> Drawing:
    """Left: the normalised curves. Right: how far each size is apart."""
    rows = tables.analysed(spec.check, spec.called)
    notes = rows.why_not()
    sheet = Sheet(2)
    left = sheet.panel("t / t_end", "(L - L0) / (L_end - L0)", "Normalised curves")
    right = sheet.panel("parameters N", "above the other sizes (%)", "Apart", y_scale="linear")
    apart = rows.parameters(Q.CURVE_APART).sort_values("x", kind="stable")
    colors = tables.colors_of(list(apart["x"]), "n_params")
    for one, color in zip(apart.itertuples(), colors, strict=True):
        group = rows.group_of(one)
        points = rows.points(Q.NORMALISED_LOSS, group=group)
        name = f"N = {short(one.x)}"
        left.line(points["x"], points["value"], name, "normalised loss", color=color, marker="o",
                  markersize=3, linewidth=1.2)  # fmt: skip
        ends = [np.array([100 * end]) for end in (one.value, one.lo, one.hi)]
        right.intervals([one.x], *ends, name, "apart", color=color)
    right.level(0.0, "all sizes alike", linestyle="-", linewidth=0.8)
    if len(apart):
        sheet.key_of_values(list(apart["x"]), colors, "parameters N", panels=[left, right])
    key = [("a size; right: scatter over seeds, 90 %", {"color": GREY, "marker": "o"})]
    return sheet.drawing(key, notes + _said(rows, apart))


def _said(rows, apart: pd.DataFrame) -> list[str]:
    """What the figure says, what it does not, and what would."""
    if apart.empty:
        return []
    noise = rows.number(Q.CURVE_NOISE)
    if noise is None:
        return ["Whether a size departs cannot be told: no size has trunks of two seeds."]
    off = apart[(apart["lo"] > 0) | (apart["hi"] < 0)]
    sizes = f"{len(apart)} sizes, N = {short(apart['x'].min())} to {short(apart['x'].max())}"
    if off.empty:
        half = float((apart["hi"] - apart["lo"]).max() / 2)
        said = [
            f"The curves of {sizes}, have one shape within the scatter over seeds "
            f"({noise['value']:.2%} each). Less than {half:.1%} apart would not show."
        ]
    else:
        names = []
        for one in off.itertuples():
            value, interval = with_interval(*(100 * x for x in (one.value, one.lo, one.hi)))
            names.append(f"N = {short(one.x)} by {value} % ({interval} %)")
        said = [f"Of {sizes}, these depart from the others: {'; '.join(names)}. One size that "
                "departs moves all others a little the other way."]  # fmt: skip
        if _smooth(apart):
            said.append("The departures follow the size smoothly. A wrong exponent or floor "
                        "L0 makes that; a recipe that fails at one size does not.")  # fmt: skip
    warned = apart["warnings"].fillna("")
    said += [f"N = {short(x)}: {text}." for x, text in zip(apart["x"], warned, strict=True) if text]
    said.append(
        "A size departs too if size and data do not shrink the loss alike at this exponent. Rates "
        "that are wrong at every size alike leave no trace here."
    )
    return said


def _smooth(apart: pd.DataFrame) -> bool:
    """Whether a parabola in ln N has nearly all of the departures."""
    if len(apart) < FEWEST_SMOOTH:
        return False
    x, y = np.log(apart["x"].to_numpy()), apart["value"].to_numpy()
    x = (x - x.mean()) / x.std()
    left = y - np.polyval(np.polyfit(x, y, 2), x)
    return bool(np.var(left) < (1 - SMOOTH) * np.var(y))


ANALYSES = {"collapse": Analysis(Collapse, analyse)}
FIGURES = {"collapsed": Figure(Collapsed, draw)}
