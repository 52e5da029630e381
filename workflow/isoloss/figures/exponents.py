"""Exponents of compute-optimal allocation side by side: ours and published ones."""

import numpy as np

from isoloss.analysis.allocation_rows import NAMES
from isoloss.analysis.design import COUNTS
from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import COLORS, GREY, legend_below, new_figure
from isoloss.charts.text import with_interval
from isoloss.config.chinchilla_figures import ApproachesCompared, Recounted
from isoloss.exhibits.base import Drawing, Figure, Tables
from isoloss.figures.analysed import unmade
from isoloss.figures.chinchilla_rows import APPROACHES, rows_of
from isoloss.figures.fitted import IDENTIFIED
from isoloss.laws.published_allocation import (
    APPROACHES_A,
    APPROACHES_B,
    PEARCE_SONG,
    PORIAN_LADDER,
)

PREDICTED = {"color": "black", "marker": "X"}
PUBLISHED = {"color": GREY, "marker": "d"}


def approaches_compared(spec: ApproachesCompared, tables: Tables) -> Drawing:
    """a and b of each approach, above published ones."""
    rows = rows_of(spec, tables, spec.approaches)
    figure, axes = new_figure(2, 1, width=9.4, height=4.2)
    record, notes, panels = Record(), [], []
    for place, (quantity, name, known) in zip(
        axes.flat,
        (("a", "Size, N* ~ C^a", APPROACHES_A), ("b", "Data, D* ~ C^b", APPROACHES_B)),
        strict=True,
    ):
        panel = _panel(place, record, f"exponent {quantity}", name)
        labels = []
        for number, (label, look) in APPROACHES.items():
            one = _parameter(rows, f"approach={number}", quantity)
            _ours(panel, len(labels), one, label, look, notes, f"{quantity}, approach {number}")
            labels.append(f"ours {label}")
        for one in known:
            _across(panel, len(labels), one.value, one.lo, one.hi, one.label, "published",
                    **PUBLISHED)  # fmt: skip
            labels.append(one.label)
        _categories(panel, labels)
        panels.append(panel)
    finish(figure, panels)
    legend_below(figure, [("this study, 90 % interval", {"color": COLORS[0], "marker": "o"}),
                          ("published, with the interval given", PUBLISHED)])  # fmt: skip
    missing = unmade(rows[rows["kind"] == "parameter"])
    notes += _differences(rows)
    misfit = rows[(rows["group"] == "approach=3") & (rows["quantity"] == "a")]["warnings"]
    notes += [f"Approach 3: {text}." for text in misfit.dropna() if text]
    notes.append("Hollow: not determined by the runs. Hoffmann et al.'s intervals are 10th to 90th "
                 "percentiles; that of Besiroglu et al. is made of their standard error, .02, for "
                 "90 %.")  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes + missing)


def recounted(spec: Recounted, tables: Tables) -> Drawing:
    """a under each way of counting N and C, and what others found when they changed theirs."""
    rows = rows_of(spec, tables, spec.recount)
    figure, axes = new_figure(2, 1, width=10.2, height=4.6)
    record, notes = Record(), []
    ours = _panel(axes[0, 0], record, "exponent a of N* ~ C^a", "The same runs, counted four ways")
    counts = [count for count in COUNTS
              if rows["group"].fillna("").str.startswith(f"count={count},").any()]  # fmt: skip
    for place, count in enumerate(counts):
        for aside, number in zip((-0.24, -0.08, 0.08), NAMES, strict=True):
            label, look = APPROACHES[number]
            one = _parameter(rows, f"count={count}, approach={number}", "a")
            _ours(ours, place + aside, one, label, look, notes, f"{COUNTS[count].label}, {label}")
        one = _parameter(rows, f"count={count}, predicted", "a")
        _ours(ours, place + 0.24, one, "predicted", PREDICTED, notes, "predicted")
    _categories(ours, [COUNTS[count].label for count in counts])
    theirs = _panel(axes[0, 1], record, "exponent a of N* ~ C^a", "Published")
    labels = []
    for group, known in (
        ("Porian et al. 2024", PORIAN_LADDER),
        ("Pearce and Song 2024", PEARCE_SONG),
    ):
        for one in known:
            _across(theirs, len(labels), one.value, one.lo, one.hi, f"{group}: {one.label}",
                    "published", **PUBLISHED)  # fmt: skip
            short = group.split()[0]
            labels.append(f"{short}: {one.label}")
    _categories(theirs, labels)
    for panel in (ours, theirs):
        for value, name, color in ((0.73, "Kaplan et al. 2020", COLORS[1]),
                                   (0.5, "Hoffmann et al. 2022", COLORS[0])):  # fmt: skip
            record.add(panel=panel.name, series=[name], what="published", x_quantity=panel.x,
                       x=[value], y_quantity="", y=[np.nan])  # fmt: skip
            panel.axes.axvline(value, color=color, linewidth=1.0, linestyle=(0, (4, 2)), zorder=0)
    low, high = zip(*(panel.axes.get_xlim() for panel in (ours, theirs)), strict=True)
    for panel in (ours, theirs):
        panel.axes.set_xlim(min(low), max(high))
    finish(figure, [ours, theirs])
    legend_below(figure, [
        *((label, look) for label, look in APPROACHES.values()),
        ("predicted: the law of all parameters, recounted", PREDICTED),
        ("published", PUBLISHED),
        ("Kaplan et al., 0.73", {"color": COLORS[1], "linestyle": (0, (4, 2))}),
        ("Hoffmann et al., 0.5", {"color": COLORS[0], "linestyle": (0, (4, 2))}),
    ], 110)  # fmt: skip
    notes += _differences(rows)
    notes.append("Bars: 90 % here, 95 % in Porian et al. Hollow: not determined by the runs.")
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _differences(rows) -> list[str]:
    """A note for each difference of two exponents under the same noise."""
    different = rows[(rows["quantity"] == "a: difference") & rows["value"].notna()]
    notes = []
    for _, one in different.iterrows():
        group = one["group"].replace("count=", "").replace("=", " ")
        value, interval = with_interval(one["value"], one["lo"], one["hi"])
        text = f"{value}, 90 % interval {interval}" if interval else value
        notes.append(f"Difference of a, {group}: {text}; {one['warnings']}.")
    return notes


def _panel(axes, record, x, name):
    return Panel(axes, record, x, "", name, x_scale="linear", y_scale="linear")


def _parameter(rows, group, quantity):
    found = rows[(rows["group"] == group) & (rows["quantity"] == quantity)
                 & (rows["kind"] == "parameter")]  # fmt: skip
    return None if found.empty else found.iloc[0]


def _ours(panel, place, one, label, look, notes, name):
    """A marker with its interval, hollow where the runs do not determine it; or a note why not."""
    if one is None:
        return
    if not np.isfinite(float(one["value"])):
        notes.append(f"{name}: {one['verdict']}.")
        return
    sure = one["verdict"] == IDENTIFIED
    fill = {} if sure else {"markerfacecolor": "white"}
    _across(panel, place, one["value"], one["lo"], one["hi"], label, "this study", **look, **fill)


def _across(panel, place, value, lo, hi, series, what, **look):
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


def _categories(panel, labels):
    panel.axes.set_yticks(range(len(labels)), labels)
    panel.axes.set_ylim(len(labels) - 0.5, -0.5)
    panel.axes.grid(False, axis="y")
    panel.axes.margins(x=0.08)


FIGURES = {
    "approaches_compared": Figure(ApproachesCompared, approaches_compared),
    "recounted": Figure(Recounted, recounted),
}
