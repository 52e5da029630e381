"""What the figures of compute-optimal allocation share: looks, labels, and lines of an approach."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated

import numpy as np

from isoloss.charts import COLORS, GREY, MARKERS, Panel, Sheet, science
from isoloss.config.section import Name
from isoloss.exhibits.base import Does, Drawn
from isoloss.exhibits.chinchilla.allocation import NAMES
from isoloss.exhibits.chinchilla.design import COUNTS
from isoloss.exhibits.notes import in_words
from isoloss.results import Analysed, G, Group, Q, identified
from isoloss.stats.interpolation import log_log

if TYPE_CHECKING:
    import pandas as pd

APPROACHES = {
    number: (f"{number}: {name}", {"color": COLORS[number - 1], "marker": MARKERS[number - 1]})
    for number, name in NAMES.items()
}
SHORT = {1: "ours 1: envelope", 2: "ours 2: isoFLOP", 3: "ours 3: parametric"}
PUBLISHED = {"color": GREY, "marker": "d"}
ENDS = ("value", "lo", "hi")
BEYOND = 3.0  # times the compute of the last place
LONGEST_NAME = 22  # characters of a line beside a panel
DASHED, DOTTED = (0, (4, 2)), (0, (1, 1.5))
COUNT_OF = {count.axis: name for name, count in COUNTS.items()}  # axis of compute -> its count


class OfApproaches(Drawn):
    """What the figures of the three approaches share."""

    approaches: Annotated[Name, Does("approaches")] = "approaches"  # the analysis drawn


def count_of(found: Analysed) -> str | None:
    """How an analysis counted N and C: a key of `COUNTS`; None where no compute was reached.

    Raises
    ------
    ValueError
        The best sizes have no axis, several, or one that is no way of counting.
    """
    rows = found.all(Q.N_OPT)
    if rows.empty:  # the analysis says why
        return None
    axes = list(dict.fromkeys(rows["x_quantity"]))
    count = COUNT_OF.get(axes[0]) if len(axes) == 1 else None
    if count is None:
        raise ValueError(f"analysis {found.name}: N and C are counted by none of {list(COUNTS)}, "
                         f"for n_opt lies at {axes}")  # fmt: skip
    return count


def compute_label(count: str | None) -> str:
    """The label of an axis of compute."""
    return "compute C (FLOP)" if count is None else f"compute C (FLOP, {COUNTS[count].how})"


def budget(flops: float) -> str:
    """A budget in few characters, for keys of colours."""
    return science(float(f"{flops:.1e}"))


def size_label(count: str | None) -> str:
    """The label of an axis of sizes."""
    whole = count is None or COUNTS[count].embeddings
    return "parameters N" if whole else "parameters N (without embeddings)"


def three_panels(sheet: Sheet, count: str | None, x: str, y: str, name: str) -> list[Panel]:
    """A panel of losses with its labels and title, one of sizes, one of tokens."""
    label = compute_label(count)
    sheet.panel(x, y, name)
    sheet.panel(label, size_label(count), "Best size")
    sheet.panel(label, "tokens D", "Its tokens")
    return sheet.panels


def valleys_of(found: Analysed) -> dict[Group, float]:
    """The isoFLOP valleys of an analysis, by their number, and the compute of each (FLOP)."""
    groups = [group for group in found.groups(Q.N_OPT) if G.VALLEY in group]
    groups.sort(key=lambda group: group[G.VALLEY])
    return {group: float(found.all(Q.N_OPT, group=group)["x"].iloc[0]) for group in groups}


def shown_until(found: Analysed) -> float:
    """The compute (FLOP) up to which lines are drawn: a little beyond the last place of any."""
    places = [found.points(Q.N_OPT, group=Group.of(approach=number))["x"] for number in NAMES]
    return BEYOND * max((float(x.max()) for x in places if len(x)), default=np.inf)


def draw_frontier(
    panel: Panel, found: Analysed, number: int, quantity: Q, until: float | None = None
) -> pd.DataFrame | None:
    """N* or D* of an approach: solid where it was measured, dashed beyond; the line, if drawn.

    Parameters
    ----------
    until : float, optional
        The compute (FLOP) up to which the line goes on beyond its places.
    """
    label, look = APPROACHES[number]
    group = Group.of(approach=number)
    line, at = found.line(quantity, group=group), found.points(quantity, group=group)
    if line.empty or at.empty:
        return None
    if until is not None:
        line = line[line["x"] <= max(until, float(at["x"].max()) * 1.01)]
    x, color = line["x"].to_numpy(float), look["color"]
    value, lo, hi = (line[name].to_numpy(float) for name in ("value", "lo", "hi"))
    inside = np.geomspace(float(at["x"].min()), float(at["x"].max()), 20)
    if until is None:
        whole = found.line(quantity, group=group)
        x, value, lo, hi = inside, *(log_log(inside, whole["x"], whole[y]) for y in ENDS)
    panel.band(x, value, lo, hi, label, "90 % band", color=color)
    if until is not None:
        panel.line(x, value, label, "line beyond its places", color=color, linestyle=DASHED,
                   linewidth=1.1)  # fmt: skip
    inner = value if until is None else log_log(inside, x, value)
    panel.line(inside, inner, label, "line", color=color, linewidth=1.8)
    return line


def exponents_of(found: Analysed, number: int, quantities=(Q.A_OPT, Q.B_OPT)) -> list[str]:
    """For each exponent of an approach "a = 0.47, 90 % interval 0.42 to 0.53.", or why not."""
    texts = []
    for quantity in quantities:
        one = found.parameter(quantity, group=Group.of(approach=number))
        if one is not None and np.isfinite(float(one["value"])):
            texts.append(f"{quantity} = {in_words(one)}.")
        elif one is not None:
            texts.append(f"{quantity}: {one['verdict']}.")
    return texts


def why_not(found: Analysed) -> list[str]:
    """Why the approaches, or some of them, were not made: notes for the reader."""
    if not found.made:
        return found.why_not()
    notes = [note for number in NAMES for note in found.why_not(group=Group.of(approach=number))]
    return list(dict.fromkeys(notes))


def differences_said(found: Analysed) -> list[str]:
    """A note for each difference of two exponents under the same noise."""
    # A study may have fewer than two exponents to compare.
    return [
        f"Difference of a, {_group_said(found.group_of(one))}: {in_words(one)}; {one['warnings']}."
        for _, one in found.parameters(Q.A_DIFFERENCE, optional=True).iterrows()
    ]


def _group_said(group: Group) -> str:
    """A group in words: "approach 2 - approach 1", "kaplan - embeddings, predicted"."""
    parts = []
    for key, value in group.items():
        values = value if isinstance(value, tuple) else (value,)
        words = [str(one) if key == G.COUNT else f"{key} {one}" for one in values]
        parts.append(" - ".join(words))
    return ", ".join([*parts, *group.labels])


def exponent_panel(sheet: Sheet, x: str, name: str) -> Panel:
    """A panel of exponents, each at a height of its own."""
    return sheet.panel(x, "", name, x_scale="linear", y_scale="linear")


def ours(
    panel: Panel, place: float, one: pd.Series | None, label: str, look: dict, notes: list[str],
    name: str,
) -> None:  # fmt: skip
    """A marker with its interval, hollow where the runs do not determine it.

    Where there is no value, the place says so, and a note says why.
    """
    if one is None or not np.isfinite(float(one["value"])):
        panel.axes.annotate(f"{label.split(':')[0]}: none", (0.02, place), va="center", fontsize=9,
                            xycoords=("axes fraction", "data"), color=look["color"])  # fmt: skip
        if one is not None:
            notes.append(f"{name}: {one['verdict']}.")
        return
    fill = {} if identified(one) else {"markerfacecolor": "white"}
    across(panel, place, one["value"], one["lo"], one["hi"], label, "this study", **look, **fill)


def across(panel: Panel, place: float, value, lo, hi, series: str, what: str, **look) -> None:
    """A marker at a height with a horizontal bar from lo to hi."""
    known = all(end is not None and np.isfinite(end) for end in (lo, hi))
    ends = (lo, hi) if known else (np.nan, np.nan)
    panel.record.add(panel=panel.name, series=[series], what=what, x_quantity=panel.x, x=[value],
                     y_quantity="place", y=[place], lo=[ends[0]], hi=[ends[1]])  # fmt: skip
    # An interval need not hold its value: Hoffmann et al. print one that does not.
    if known:
        panel.axes.plot(ends, [place, place], color=look["color"], linewidth=1.2, marker="|",
                        markersize=5)  # fmt: skip
    panel.axes.plot([value], [place], **({"linestyle": "none"} | look))


def categories(panel: Panel, labels: list[str]) -> None:
    """Name the heights of a panel, from the top; long names have several lines."""
    panel.name_heights(
        [textwrap.fill(label, LONGEST_NAME, break_on_hyphens=False) for label in labels]
    )
    panel.axes.grid(False, axis="y")
    panel.axes.margins(x=0.1)
