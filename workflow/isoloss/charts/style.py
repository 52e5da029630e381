"""Sizes, colours, markers and keys that all figures share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isoloss.charts.text import short, superscripts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("isoloss.mplstyle")
# Okabe and Ito (2008), safe for common colour blindness; without yellow, which is too light.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#6f6f6f"
WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}  # behind a text on a line

# The report shows 100 pixels an inch in a column of 736 pixels; files have twice as many.
PIXELS = 100  # an inch
PAGE_WIDTH = 7.36  # inches; of a figure with two panels side by side
SINGLE_WIDTH = 5.2  # of a figure with one
PANEL_WIDTH = PAGE_WIDTH / 2
DIGIT = 0.08  # width of a figure of a tick's label
LETTER = 0.067  # width of a letter of a text, on average
STRIP = 0.13  # thickness of a key of colours
KEY_HEIGHT = 0.42  # of a key of colours with its labels
LEGEND_LINE = 0.2  # height of a line of a legend
LEGEND_SIGN = 0.55  # width of the sign before its text


@contextmanager
def styled():
    """A context with the project's style, without the user's own matplotlib settings."""
    import matplotlib
    from matplotlib import style

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        style.use(STYLE)
        yield


def new_figure(columns: int = 1, rows: int = 1, width: float = 6.4, height: float = 4.2):
    """A figure with a canvas of its own, and its axes as an array of shape (rows, columns).

    `width` and `height` are inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def look_of(place: int) -> dict[str, str]:
    """A colour and a marker for each of several series, by their place."""
    return {"color": COLORS[place % len(COLORS)], "marker": MARKERS[place % len(MARKERS)]}


def ordered_colors(count: int, colormap: str = "viridis") -> list[str]:
    """Colours for ordered values, from dark to light, stopping before they are too light."""
    import matplotlib
    from matplotlib.colors import to_hex

    positions = np.linspace(0.0, 0.88, count) if count != 1 else [0.3]
    return [to_hex(color) for color in matplotlib.colormaps[colormap](positions)]


def readable(color: str) -> str:
    """A colour for text: as it is, or darker where it is too light to be read on white."""
    from matplotlib.colors import to_hex, to_rgb

    rgb = np.array(to_rgb(color))
    light = float(rgb @ [0.299, 0.587, 0.114])
    return to_hex(rgb * min(1.0, 0.5 / light)) if light > 0 else color


def placed_colors(
    values: Sequence[float], low: float, high: float, colormap: str = "viridis"
) -> list[str]:
    """The colours of values by their place between `low` and `high` on a log scale.

    A value has the same colour in every figure with the same `low` and `high`.
    """
    import matplotlib
    from matplotlib.colors import to_hex

    if not high > low:
        return ordered_colors(len(values), colormap)
    places = 0.88 * np.log(np.asarray(values, float) / low) / np.log(high / low)
    return [to_hex(matplotlib.colormaps[colormap](place)) for place in places.clip(0.0, 0.88)]


def key_of_values(
    figure: Figure,
    axes: Sequence[Axes],
    values: Sequence[float],
    colors: Sequence[str],
    label: str,
    write: Callable[[float], str] = short,
) -> None:
    """A strip under some axes, with one block of colour for each value; the label is on its left,
    or above where there is no room.

    The figure grows by its height. The strip is no wider than a panel, so that a narrow screen
    shows it whole.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    mappable = ScalarMappable(
        BoundaryNorm(np.arange(len(values) + 1), len(values)), ListedColormap(list(colors))
    )
    texts = [write(value) for value in values]
    block = DIGIT * (max(map(len, texts)) + 1.5)
    columns = {one.get_subplotspec().colspan.start for one in axes}
    room = figure.get_figwidth() * len(columns) / axes[0].get_subplotspec().get_gridspec().ncols
    beside = LETTER * len(label) + 0.3
    above = room < SINGLE_WIDTH or beside > PANEL_WIDTH / 2
    longest = min(PANEL_WIDTH, room) - (0.9 if above else beside)
    most = max(2, int(longest / block))
    shown = range(0, len(values), max(1, -(-len(values) // most)))
    length = min(longest, max(block * len(shown), STRIP * len(values)))
    bar = figure.colorbar(mappable, ax=list(axes), location="bottom", shrink=length / (room - 0.7),
                          aspect=length / STRIP, pad=0.04)  # fmt: skip
    if above:
        bar.ax.set_title(superscripts(label), loc="center", fontsize=9.5, pad=4)
    else:
        bar.ax.set_ylabel(superscripts(label), rotation=0, ha="right", va="center", labelpad=6)
    bar.ax.xaxis.set_major_locator(FixedLocator([i + 0.5 for i in shown]))
    bar.ax.xaxis.set_major_formatter(FixedFormatter([texts[i] for i in shown]))
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.ax.tick_params(length=0)
    bar.outline.set_visible(False)
    grow(figure, KEY_HEIGHT + 0.2 * above)


def mark_synthetic(figure: Figure) -> None:
    """Say above every panel that its data were not measured, wherever the picture goes alone."""
    for axes in figure.axes:
        if axes.get_xlabel():  # no key of colours
            place = "center" if axes.get_title(loc="right") else "right"
            axes.set_title("SYNTHETIC DATA", loc=place, fontsize=9, color=COLORS[1],
                           fontweight="bold")  # fmt: skip


def grow(figure: Figure, height: float) -> None:
    """Make a figure higher, by inches, so that what is put below leaves the axes their size."""
    figure.set_figheight(figure.get_figheight() + height)


def legend_below(figure: Figure, entries: Sequence[tuple[str, dict]]) -> None:
    """A legend under the axes, where it covers nothing; `entries` are labels and looks of lines.

    The figure grows by its height. It has as many columns as fit, and no more than two, each no
    wider than a panel: a narrow screen shows one under the other.
    """
    looks = {superscripts(label): look for label, look in entries}
    if not looks:
        return
    longest = LETTER * max(map(len, looks)) + LEGEND_SIGN
    fitting = max(1, int(figure.get_figwidth() / longest))
    columns = min(fitting, 2 if longest > PANEL_WIDTH / 2 else 4, len(looks))
    figure.legend(_signs(looks), list(looks), loc="outside lower center", ncols=columns)
    grow(figure, 0.1 + LEGEND_LINE * -(-len(looks) // columns))


def legend_in(axes: Axes, entries: Sequence[tuple[str, dict]]) -> bool:
    """A legend in place of a panel, which is empty; whether it fits there, if not none is made."""
    looks = {superscripts(label): look for label, look in entries}
    if looks and LETTER * max(map(len, looks)) + LEGEND_SIGN < PANEL_WIDTH - 0.3:
        legend = axes.legend(_signs(looks), list(looks), loc="center left", borderaxespad=0)
        legend.set_in_layout(False)
        return True
    return False


def _signs(looks: dict[str, dict]) -> list:
    from matplotlib.lines import Line2D

    return [Line2D([], [], **({"linestyle": "none"} | look)) for look in looks.values()]
