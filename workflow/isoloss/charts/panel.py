"""Axes that record the data drawn on them, so that a figure and its table cannot differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from isoloss.charts.style import GREY, readable
from isoloss.charts.text import superscripts
from isoloss.charts.ticks import set_log_ticks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLUMNS = ["panel", "series", "what", "x_quantity", "x", "y_quantity", "y", "lo", "hi"]
NOTHING = "not shown by these runs: see below"
NAME_LINE = 0.17  # inches between two names beside the axes
REFERENCE = {"color": GREY, "linewidth": 1.1, "linestyle": (0, (4, 2))}


class Record:
    """The rows of the drawn data, in the order of drawing."""

    def __init__(self):
        self._parts: list[pd.DataFrame] = []

    def add(self, **columns) -> None:
        """Add rows, by column."""
        import pandas as pd

        self._parts.append(pd.DataFrame(columns))

    def table(self) -> pd.DataFrame:
        """One row per point; `lo` and `hi` are columns only if some point has an interval."""
        import pandas as pd

        filled = [part for part in self._parts if len(part)]
        if not filled:
            return pd.DataFrame(columns=COLUMNS[:-2])
        table = pd.concat([part.dropna(axis=1, how="all") for part in filled], ignore_index=True)
        return table.reindex(columns=[c for c in COLUMNS if c in table.columns])


class Panel:
    """One pair of axes. Every method draws, and records what it draws.

    Parameters
    ----------
    axes : Axes
    record : Record
        Shared by the panels of a figure.
    x, y : str
        The labels of the axes, with units.
    name : str
        The panel's title; "" in a figure of one panel.
    """

    def __init__(self, axes: Axes, record: Record, x: str, y: str, name: str = "",
                 x_scale: str = "log", y_scale: str = "log"):  # fmt: skip
        self.axes, self.record, self.name, self.x, self.y = axes, record, name, x, y
        self._names: list[tuple[str, float, float, dict]] = []  # at the ends of lines
        axes.set(xlabel=superscripts(x), ylabel=superscripts(y), title=name,
                 xscale=x_scale, yscale=y_scale)  # fmt: skip

    def _record(self, series, what, x, y, lo=None, hi=None):
        self.record.add(
            panel=self.name, series=series, what=what, x_quantity=self.x,
            x=np.asarray(x, float), y_quantity=self.y, y=np.asarray(y, float),
            lo=np.nan if lo is None else np.asarray(lo, float),
            hi=np.nan if hi is None else np.asarray(hi, float),
        )  # fmt: skip

    def points(self, x, y, series: str, what: str, aside: float = 0.0, **look):
        """Markers; `aside` shifts them on the page, in points, beside others with the same x."""
        self._record(series, what, x, y)
        look = {"linestyle": "none", "marker": "o"} | self._moved(aside, x, y) | look
        return self.axes.plot(np.asarray(x, float), np.asarray(y, float), **look)[0]

    def line(self, x, y, series: str, what: str, **look):
        """A line through the points, in their order."""
        self._record(series, what, x, y)
        return self.axes.plot(np.asarray(x, float), np.asarray(y, float), **look)[0]

    def intervals(self, x, y, lo, hi, series: str, what: str, aside: float = 0.0, **look):
        """Markers with vertical bars from lo to hi; `aside` as for `points`."""
        x, y, lo, hi = (np.asarray(values, float) for values in (x, y, lo, hi))
        self._record(series, what, x, y, lo, hi)
        bars = np.stack([np.nan_to_num(y - lo), np.nan_to_num(hi - y)]).clip(0)
        look = {"linestyle": "none", "marker": "o", "elinewidth": 1.1, "capsize": 2.5} | look
        look |= self._moved(aside, x, y, lo, hi)
        return self.axes.errorbar(x, y, yerr=bars, **look)

    def _moved(self, aside: float, x, *heights) -> dict:
        """The transform that shifts points aside; the axes' limits still include their data."""
        if not aside:
            return {}
        from matplotlib.transforms import ScaledTranslation

        for y in heights:
            points = np.stack([np.asarray(x, float), np.asarray(y, float)], axis=1)
            self.axes.update_datalim(points[np.isfinite(points).all(axis=1)])
        step = ScaledTranslation(aside / 72, 0, self.axes.figure.dpi_scale_trans)
        return {"transform": self.axes.transData + step}

    def band(self, x, y, lo, hi, series: str, what: str, **look):
        """The area between lo and hi; y is their middle line, recorded but not drawn."""
        self._record(series, what, x, y, lo, hi)
        look = {"alpha": 0.16, "linewidth": 0} | look
        return self.axes.fill_between(np.asarray(x, float), np.asarray(lo, float),
                                      np.asarray(hi, float), **look)  # fmt: skip

    def intervals_of(self, rows: pd.DataFrame, series: str, what: str, **look) -> None:
        """The `intervals` of rows with columns x, value, lo and hi, if there are any."""
        if len(rows):
            self.intervals(rows["x"], rows["value"], rows["lo"], rows["hi"], series, what, **look)

    def line_of(
        self, rows: pd.DataFrame, series: str, what: str, *, band: bool = True, **look
    ) -> bool:
        """The `line` of such rows, on its band if it has one; whether there were any rows."""
        known = rows[rows["lo"].notna() & rows["hi"].notna()]
        if band and len(known) > 1:
            self.band(known["x"], known["value"], known["lo"], known["hi"], series,
                      f"{what}, 90 % band", color=look["color"])  # fmt: skip
        if len(rows):
            self.line(rows["x"], rows["value"], series, what, **look)
        return len(rows) > 0

    def bar(self, place: float, length: float, value: float, series: str, what: str, **look):
        """A horizontal bar; `value` is the number that its length represents."""
        self._record(series, what, [length], [value])
        return self.axes.barh(place, length, **({"height": 0.55} | look))

    def name_heights(self, names: Sequence[str]) -> None:
        """Names on the y axis at 0, 1, ..., from the top."""
        self.axes.set_yticks(range(len(names)), names)
        self.axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
        self.axes.set_xlabel(self.axes.get_xlabel(), loc="right")

    def level(self, value: float, label: str, **look):
        """A horizontal line over the whole width."""
        self._record(label, "level", [np.nan], [value])
        return self.axes.axhline(value, **(REFERENCE | look))

    def at_edge(self, axis: str, value: float, series: str, what: str, **look):
        """A marker at the axis "x" or "y", for a value without the other coordinate."""
        look = {"linestyle": "none", "clip_on": False} | look
        if axis == "x":
            self._record(series, what, [value], [np.nan])
            return self.axes.plot([value], [0], transform=self.axes.get_xaxis_transform(), **look)
        self._record(series, what, [np.nan], [value])
        return self.axes.plot([0], [value], transform=self.axes.get_yaxis_transform(), **look)

    def write(self, text: str, x: float, y: float, **look):
        """Text beside a point; the table has the point's numbers already."""
        look = {"xytext": (5, 0), "textcoords": "offset points", "va": "center",
                "fontsize": 9} | look  # fmt: skip
        return self.axes.annotate(text, (x, y), **look)

    def say(self, text: str, where: str, **look):
        """Text in a corner of the panel: "upper left", ..., or "key": above names beside it."""
        look = {"fontsize": 9, "color": "#333333", "linespacing": 1.4} | look
        if where == "key":
            return self.axes.set_title(superscripts(text), loc="right", pad=7, **look)
        across, up = ("left" in where), ("upper" in where)
        return self.axes.annotate(
            superscripts(text), (0.03 if across else 0.97, 0.97 if up else 0.04),
            xycoords="axes fraction", ha="left" if across else "right",
            va="top" if up else "bottom", **look,
        )  # fmt: skip

    def name_end(self, text: str, x: float, y: float, **look) -> None:
        """A name right of the axes, at the height of the end of its line at (x, y).

        Names that would overlap are moved apart; `finish` writes them.
        """
        look |= {"color": readable(look["color"])} if "color" in look else {}
        self._names.append((superscripts(text), float(x), float(y), look))

    def write_names(self) -> None:
        """Write the names of `name_end`, once the limits are final."""
        place = self.axes.transData + self.axes.transAxes.inverted()
        heights = [float(place.transform((x, y))[1]) for _, x, y, _ in self._names]
        room = self.axes.get_position().height * self.axes.figure.get_figheight()
        for (text, *_, look), height in zip(
            self._names, apart(heights, NAME_LINE / room), strict=True
        ):
            self.axes.annotate(text, (1.0, height), xycoords="axes fraction", xytext=(5, 0),
                               textcoords="offset points", va="center", fontsize=9,
                               annotation_clip=False, **look)  # fmt: skip
        self._names = []


def apart(places: Sequence[float], gap: float) -> list[float]:
    """Places moved by as little as keeps their order and at least `gap` between neighbours.

    Crowded neighbours share one middle: that of where they would be.
    """
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    groups: list[list[float]] = []  # how many, and the middle of where they would be
    for i in order:
        groups.append([1, places[i]])
        while len(groups) > 1:
            (below, low), (above, high) = groups[-2:]
            if high - low >= gap * (below + above) / 2:
                break
            groups[-2:] = [[below + above, (below * low + above * high) / (below + above)]]
    moved = [middle + gap * (k - (count - 1) / 2) for count, middle in groups
             for k in range(int(count))]  # fmt: skip
    placed = [0.0] * len(places)
    for i, place in zip(order, moved, strict=True):
        placed[i] = place
    return placed


def finish(panels: Sequence[Panel]) -> None:
    """Set limits and ticks after all is drawn; an empty panel gets a text that says so."""
    empty = [panel for panel in panels if not np.isfinite(panel.axes.dataLim.get_points()).any()]
    for panel in empty:
        panel.axes.set(xlim=(1, 10), ylim=(1, 10))
        panel.axes.text(0.5, 0.5, NOTHING, ha="center", va="center", color=GREY,
                        transform=panel.axes.transAxes)  # fmt: skip
    for panel in panels:
        axes = panel.axes
        axes.autoscale_view()
        for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
            if scale == "log":
                set_log_ticks(axis)
        panel.write_names()
    for panel in empty:
        panel.axes.set(xticks=[], yticks=[])
        panel.axes.minorticks_off()
