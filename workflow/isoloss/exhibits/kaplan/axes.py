"""What the figures after Kaplan et al. (2020) share: rows as lines, and the paper's own axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from isoloss.charts.panel import Panel, finish
from isoloss.charts.style import COLORS, GREY
from isoloss.charts.text import short, with_interval
from isoloss.exhibits.base import Drawn
from isoloss.results.analysed import Analysed
from isoloss.results.group import Group
from isoloss.results.quantity import Quantity
from isoloss.results.verdict import Verdict
from isoloss.stats.interpolation import log_log

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NOTHING = "not shown by these runs: see below"
WIDE = 8.0  # ends of an interval farther apart than this factor are written each with its digits
DOTS = (0, (1, 1.5))
PAPER = {"color": COLORS[1], "linestyle": (0, (4, 2)), "linewidth": 1.4}
PAPER_DOTTED = PAPER | {"linestyle": DOTS}
OURS = {"color": COLORS[0], "linestyle": "-", "linewidth": 1.5}
ADJUSTED = {"color": COLORS[2], "linestyle": "-", "linewidth": 1.5}
PAPER_LOSS = "the paper's loss (nats per BPE token)"
SIZE_LABEL = "parameters N (without embeddings)"
COMPUTE = "compute C (PF-days, without embeddings)"
OWN_AXIS = (
    "Dashed, on the right-hand axis: the paper's line, in nats per BPE token of WebText2. Both "
    "axes span the same ratio, so that slopes can be compared; the right one is shifted until the "
    "lines meet in the middle, since losses of other tokens and texts cannot be compared."
)


class OfKaplan(Drawn):
    """What the figures of Kaplan et al. share."""

    loss_label: str = "held-out loss (nats per token)"  # where losses are drawn


def draw_line(
    panel: Panel, rows: pd.DataFrame, label: str, what: str, band: bool = True, **look
) -> bool:
    """A line, with its band where it has one; whether there was anything to draw."""
    if rows.empty:
        return False
    known = rows[rows["lo"].notna() & rows["hi"].notna()]
    if band and len(known) > 1:
        ends = known["lo"], known["hi"]
        panel.band(known["x"], known["value"], *ends, label, f"{what}, 90 % band",
                   color=look["color"])  # fmt: skip
    panel.line(rows["x"], rows["value"], label, what, **look)
    return True


def draw_points(panel: Panel, rows: pd.DataFrame, label: str, what: str, **look) -> None:
    """Points, with their intervals where they have some."""
    if len(rows):
        panel.intervals(rows["x"], rows["value"], rows["lo"], rows["hi"], label, what, **look)


def number(
    found: Analysed, quantity: Quantity, *, group: Group | None = None, optional: bool = False
) -> pd.Series | None:
    """The row of one parameter, or None where it has no value."""
    rows = found.parameters(quantity, group=group, optional=optional)
    return None if rows.empty else rows.iloc[0]


def identified(row: pd.Series) -> bool:
    """Whether the runs determine the value of a row."""
    return Verdict.read(row["verdict"]).identified


def told(
    found: Analysed, quantity: Quantity, name: str, *, group: Group | None = None,
    optional: bool = False,
) -> list[str]:  # fmt: skip
    """A parameter, its interval and, if it is not identified, why; nothing where it is missing."""
    row = number(found, quantity, group=group, optional=optional)
    if row is None:
        return []
    value, interval = with_interval(row["value"], row["lo"], row["hi"])
    if row["lo"] > 0 and row["hi"] > WIDE * row["lo"]:  # a scale
        value = _two_digits(row["value"])
        interval = f"{_two_digits(row['lo'])} to {_two_digits(row['hi'])}"
    text = f"{name}: {value}" + (f", 90 % interval {interval}" if interval else "")
    return [text + ("." if identified(row) else f" ({row['verdict']}).")]


def warned(found: Analysed, quantity: Quantity, name: str) -> list[str]:
    """What a reader must know of a parameter, as its analysis says it."""
    row = number(found, quantity)
    known = row is not None and isinstance(row["warnings"], str) and row["warnings"]
    return [f"{name}: {row['warnings']}."] if known else []


def middle_of(line: pd.DataFrame) -> tuple[float, float]:
    """The middle point of a line."""
    row = line.iloc[len(line) // 2]
    return row["x"], row["value"]


def _two_digits(number: float) -> str:
    return short(float(f"{number:.1e}"))


def own_axis(panel: Panel, x, y, meet: tuple[float, float], label: str, what: str, **look) -> Panel:
    """The paper's line on a second axis of the same ratio.

    `meet` is a point (x, y) of ours at whose x the two lines are to meet. Call `close` at the end.
    """
    axes = panel.axes.twinx()
    other = Panel(axes, panel.record, panel.x, PAPER_LOSS, panel.name)
    axes.set_title("")
    axes.grid(False)
    axes.spines["right"].set_visible(True)
    axes.spines["right"].set_color(PAPER["color"])
    axes.tick_params(axis="y", colors=PAPER["color"])
    axes.yaxis.label.set_color(PAPER["color"])
    other.line(x, y, label, what, **(PAPER | look))
    other.ratio = float(log_log(meet[0], x, y)) / meet[1]
    return other


def close(
    figure: Figure, panels: Iterable[Panel], others: dict[Panel, Panel] | None = None
) -> None:
    """Set limits and ticks; `others` has the second axis of a panel."""
    panels = list(panels)
    empty = [panel for panel in panels if not panel.axes.has_data()]
    for panel in empty:
        panel.axes.set(xlim=(1, 10), ylim=(1, 10))
        panel.axes.text(0.5, 0.5, NOTHING, ha="center", va="center", color=GREY,
                        transform=panel.axes.transAxes)  # fmt: skip
    for panel, other in (others or {}).items():
        panel.axes.autoscale_view()
        other.axes.autoscale_view()
        low = min(panel.axes.get_ylim()[0], other.axes.get_ylim()[0] / other.ratio)
        high = max(panel.axes.get_ylim()[1], other.axes.get_ylim()[1] / other.ratio)
        panel.axes.set_ylim(low, high)
        other.axes.set_ylim(low * other.ratio, high * other.ratio)
    finish(figure, [*panels, *(others or {}).values()])
    for panel in empty:
        panel.axes.set(xticks=[], yticks=[])
        panel.axes.minorticks_off()
