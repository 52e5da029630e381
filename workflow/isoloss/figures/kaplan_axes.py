"""What the figures after Kaplan et al. (2020) share: rows as lines, and the paper's own axis."""

from collections.abc import Iterable

import pandas as pd
from matplotlib.figure import Figure

from isoloss.charts.panel import Panel, finish
from isoloss.charts.style import COLORS, GREY
from isoloss.charts.text import short, with_interval
from isoloss.figures.analysed import part
from isoloss.figures.fitted import IDENTIFIED
from isoloss.stats.interpolation import log_log

NOTHING = "not shown by these runs: see below"
WIDE = 8.0  # ends of an interval farther apart than this factor are written each with its digits
PAPER = {"color": COLORS[1], "linestyle": (0, (4, 2)), "linewidth": 1.4}
OURS = {"color": COLORS[0], "linestyle": "-", "linewidth": 1.5}
PAPER_LOSS = "the paper's loss (nats per BPE token)"
SIZE_LABEL = "parameters N (without embeddings)"
COMPUTE = "compute C (PF-days, without embeddings)"
OWN_AXIS = (
    "Dashed, on the right-hand axis: the paper's line, in nats per BPE token of WebText2. Both "
    "axes span the same ratio, so that slopes can be compared; the right one is shifted until the "
    "lines meet in the middle, since losses of other tokens and texts cannot be compared."
)


def of_group(rows: pd.DataFrame, group: str) -> pd.DataFrame:
    """The rows of one group."""
    return rows[rows["group"] == group]


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


def draw_points(panel: Panel, rows: pd.DataFrame, label: str, what: str, **look) -> bool:
    """Points with their intervals where they have some; whether there was anything to draw."""
    if rows.empty:
        return False
    panel.intervals(rows["x"], rows["value"], rows["lo"], rows["hi"], label, what, **look)
    return True


def number(rows: pd.DataFrame, quantity: str, group: str | None = None) -> pd.Series | None:
    """The row of one parameter, or None where it has no value."""
    found = rows[(rows["kind"] == "parameter") & (rows["quantity"] == quantity)]
    found = found if group is None else of_group(found, group)
    found = found[found["value"].notna()]
    return None if found.empty else found.iloc[0]


def told(rows: pd.DataFrame, quantity: str, name: str, group: str | None = None) -> list[str]:
    """A parameter, its interval and, if it is not identified, why; nothing where it is missing."""
    row = number(rows, quantity, group)
    if row is None:
        return []
    value, interval = with_interval(row["value"], row["lo"], row["hi"])
    if row["lo"] > 0 and row["hi"] > WIDE * row["lo"]:  # a scale
        value = _two_digits(row["value"])
        interval = f"{_two_digits(row['lo'])} to {_two_digits(row['hi'])}"
    text = f"{name}: {value}" + (f", 90 % interval {interval}" if interval else "")
    return [text + ("." if row["verdict"] == IDENTIFIED else f" ({row['verdict']}).")]


def warned(rows: pd.DataFrame, quantity: str, name: str) -> list[str]:
    """What a reader must know of a parameter, as its analysis says it."""
    row = number(rows, quantity)
    known = row is not None and isinstance(row["warnings"], str) and row["warnings"]
    return [f"{name}: {row['warnings']}."] if known else []


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


def law_line(rows: pd.DataFrame, quantity: str = "loss", group: str | None = None) -> pd.DataFrame:
    """The points of a calculated line."""
    found = part(rows, quantity, "line")
    return found if group is None else of_group(found, group)
