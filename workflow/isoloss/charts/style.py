"""Colours, markers, axes and ticks that all figures share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isoloss.charts.text import power_of_ten, short, superscripts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

STYLE = Path(__file__).with_name("isoloss.mplstyle")
# Okabe and Ito (2008), safe for common colour blindness; without yellow, which is too light.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#6f6f6f"


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
    """A figure with a canvas of its own, and its axes as an array of shape (rows, columns)."""
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


def key_of_values(
    figure: Figure,
    axes: Sequence[Axes],
    values: Sequence[float],
    colors: Sequence[str],
    label: str,
    write: Callable[[float], str] = short,
) -> None:
    """A colour bar with one block for each value."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    mappable = ScalarMappable(
        BoundaryNorm(np.arange(len(values) + 1), len(values)), ListedColormap(list(colors))
    )
    bar = figure.colorbar(mappable, ax=list(axes), label=label, pad=0.02, aspect=28)
    shown = range(0, len(values), max(1, -(-len(values) // 12)))
    bar.ax.yaxis.set_major_locator(FixedLocator([i + 0.5 for i in shown]))
    bar.ax.yaxis.set_major_formatter(FixedFormatter([write(values[i]) for i in shown]))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.tick_params(length=0)
    bar.outline.set_visible(False)


def log_ticks(low: float, high: float, most: int = 7) -> tuple[list[float], list[str]]:
    """Ticks of a log axis: few round numbers whose labels do not overlap."""
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    decades = range(first, last + 1)
    if len(decades) >= 3:
        step = -(-len(decades) // most)
        exponents = [e for e in decades if (e - first) % step == 0]
        wide = exponents[0] < -3 or exponents[-1] > 3
        labels = [power_of_ten(e) if wide else f"{10.0**e:g}" for e in exponents]
        return [10.0**e for e in exponents], labels
    values = [m * 10.0**e for e in range(first - 1, last + 1) for m in (1, 2, 5)]
    values = [value for value in values if low * 0.9999 <= value <= high * 1.0001]
    if len(values) < 3:
        from matplotlib.ticker import MaxNLocator

        ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        values = [value for value in ticks if low <= value <= high and value > 0]
    if len(values) > most:
        values = [v for v in values if f"{v:e}"[0] in "15"]
    return values, [short(value) for value in values]


def set_log_ticks(axis: Axis) -> None:
    """Replace the ticks of a log axis, whose limits are final, by `log_ticks`."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

    low, high = sorted(axis.get_view_interval())
    values, labels = log_ticks(low, high)
    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(FixedFormatter(labels))
    minor = [m * 10.0**e for e in range(int(np.floor(np.log10(low))), int(np.log10(high)) + 1)
             for m in range(1, 10)]  # fmt: skip
    inside = [v for v in minor if low <= v <= high and not np.isclose(v, values, rtol=1e-6).any()]
    if len(inside) <= 40:
        axis.set_minor_locator(FixedLocator(inside))
    else:
        axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def legend_below(figure: Figure, entries: Sequence[tuple[str, dict]], width: int = 84) -> None:
    """A legend under the axes, where it covers nothing; `entries` are labels and looks of lines.

    It has as many columns as fit into `width` characters.
    """
    from matplotlib.lines import Line2D

    looks = {superscripts(label): look for label, look in entries}
    if not looks:
        return
    longest = max(len(label) for label in looks) + 6
    columns = max(1, min(len(looks), width // longest))
    handles = [Line2D([], [], **({"linestyle": "none"} | look)) for look in looks.values()]
    figure.legend(handles, list(looks), loc="outside lower center", ncols=columns)
