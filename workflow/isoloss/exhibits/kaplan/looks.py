"""What the figures after Kaplan et al. (2020) share: colours, lines, and text beside lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from isoloss.charts import COLORS, Panel, ordered_colors
from isoloss.charts.panel import apart
from isoloss.exhibits.base import Tables
from isoloss.stats.interpolation import log_log

if TYPE_CHECKING:
    import pandas as pd

DOTS = (0, (1, 1.5))
DASH = (0, (3, 2))
PAPER = {"color": COLORS[1], "linestyle": (0, (4, 2)), "linewidth": 1.4}
PAPER_DOTTED = PAPER | {"linestyle": DOTS}
OURS = {"color": COLORS[0], "linestyle": "-", "linewidth": 1.5}
ADJUSTED = {"color": COLORS[2], "linestyle": "-", "linewidth": 1.5}
SIZE_LABEL = "parameters N (without embeddings)"
COMPUTE = "compute C (PF-days, without embeddings)"
SLOPES = (
    "A line of the paper is moved up or down until it meets ours in the middle. Losses of other "
    "tokens and texts cannot be compared, slopes can."
)
INK = "#333333"  # of text that belongs to no line
LINE_GAP = 12.0  # points between lines of text
CONTRAST = 4.0
LETTER = 4.9  # points; width of a letter, on average
ROW = 165.0  # points; about the height of the axes of a row of panels
MARGIN = 0.05  # share of an axis beyond the data
NAME_WIDTH = 30.0  # points; names whose lines end farther apart do not touch
DATA, LEVELS = "plasma", "cividis"  # colours of D, and of losses or budgets; those of N are viridis


def size_colors(sizes: Sequence[float], tables: Tables) -> dict[float, str]:
    """A colour for each size, the same in every figure of a study."""
    return dict(zip(sizes, tables.colors_of(sizes, "n_params_non_embedding"), strict=True))


def data_colors(data: Sequence[float]) -> dict[float, str]:
    """A colour for each number of unique tokens; runs without repetition are black."""
    return dict(zip(data, ordered_colors(len(data), DATA), strict=True))


def level_colors(levels: Sequence[float]) -> dict[float, str]:
    """A colour for each loss, or for each budget."""
    return dict(zip(levels, ordered_colors(len(levels), LEVELS), strict=True))


def slope(panel: Panel, x, y, line: pd.DataFrame, label: str, *, dotted: bool = False):
    """Draw a line of the paper, moved to meet a line of ours in the middle; its look."""
    middle = line.iloc[len(line) // 2]
    moved = np.asarray(y, float) * middle["value"] / float(log_log(middle["x"], x, y))
    look = PAPER_DOTTED if dotted else PAPER
    panel.line(x, moved, label, "the paper's slope, moved", **look)
    return look


def name_ends(
    panel: Panel,
    ends: Iterable[tuple[str, float, float, str]],
    *,
    left: bool = False,
    lower: float = 0.0,
) -> None:
    """Write names beside the ends of lines, apart from each other, after `Sheet.finish`.

    Parameters
    ----------
    ends : iterable of (name, x, y, colour)
    left : bool
        The names stand on the left of their points.
    lower : float
        How far the names stand below their points, in points of print.
    """
    ends = list(ends)
    if not ends:
        return
    places = panel.axes.transData.transform([end[1:3] for end in ends])
    places *= 72 / panel.axes.figure.dpi
    up = np.zeros(len(ends))
    order = np.argsort(places[:, 0], kind="stable")
    breaks = np.flatnonzero(np.diff(places[order, 0]) > NAME_WIDTH) + 1
    for beside in np.split(order, breaks):
        heights = places[beside, 1]
        up[beside] = np.array(apart(heights, LINE_GAP)) - heights
    look = {"ha": "right"} if left else {}
    for (name, x, y, color), shift in zip(ends, up, strict=True):
        panel.write(
            name, x, y, xytext=(-5 if left else 5, shift - lower), color=for_text(color), **look
        )


def for_text(color: str) -> str:
    """The colour, darkened until text in it has a contrast of 4 to white."""
    from matplotlib.colors import to_hex, to_rgb

    rgb = np.array(to_rgb(color))
    while (1.05 / (_luminance(rgb) + 0.05)) < CONTRAST:
        rgb = 0.95 * rgb
    return to_hex(rgb)


def _luminance(rgb: np.ndarray) -> float:
    """Relative luminance, as WCAG 2 has it."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def in_corner(panel: Panel, lines: Iterable[tuple[str, str]]) -> None:
    """Write lines of text, each with its colour, into the emptiest corner, after `Sheet.finish`."""
    lines = list(lines)
    if not lines:
        return
    size = (LETTER * max(len(text) for text, _ in lines) + 10, LINE_GAP * len(lines) + 6)
    right, top = _emptiest(panel, *size)
    look = {"xycoords": "axes fraction", "ha": "right" if right else "left"}
    for i, (text, color) in enumerate(lines):
        up = -LINE_GAP * (i + 0.8) if top else LINE_GAP * (len(lines) - i - 0.2)
        panel.write(text, float(right), float(top), color=for_text(color),
                    xytext=(-6 if right else 6, up), **look)  # fmt: skip


def _emptiest(panel: Panel, width: float, height: float) -> tuple[bool, bool]:
    """The corner, as (right, top), where a box of this size (points) covers the fewest points.

    Points are those of lines, markers, bars and texts; lines have some between their own.
    """
    axes = panel.axes
    box = axes.get_window_extent()
    drawn = []
    for line in axes.lines:
        at = line.get_transform().transform(line.get_xydata())
        if line.get_linestyle() not in ("None", "none", "") and len(at) > 1:
            between = np.linspace(0, len(at) - 1, max(8 * len(at), 60))
            at = np.stack([np.interp(between, range(len(at)), one) for one in at.T], axis=1)
        drawn.append(at)
    for area in axes.collections:
        drawn.extend(area.get_transform().transform(path.vertices) for path in area.get_paths())
    renderer = axes.figure.canvas.get_renderer()
    for text in axes.texts:
        written = text.get_window_extent(renderer)
        x = np.linspace(written.x0, written.x1, 20)
        drawn += [np.stack([x, np.full(20, y)], axis=1) for y in (written.y0, written.y1)]
    at = (np.concatenate(drawn or [np.empty((0, 2))]) - [box.x0, box.y0]) * 72 / axes.figure.dpi
    across, up = box.width * 72 / axes.figure.dpi, box.height * 72 / axes.figure.dpi

    def covered(right, top):
        x = at[:, 0] > across - width if right else at[:, 0] < width
        y = at[:, 1] > up - height if top else at[:, 1] < height
        return int(np.sum(x & y))

    corners = [(False, False), (True, True), (True, False), (False, True)]
    return min(corners, key=lambda corner: covered(*corner))


def room(panel: Panel, lines: int, *, above: bool = False) -> None:
    """Limits of a log axis with room for lines of text at the data, before `Sheet.finish`."""
    low, high = panel.axes.dataLim.intervaly
    if lines and 0 < low < high < np.inf:
        text = LINE_GAP * (lines + 0.5) / ROW
        below, over = (MARGIN, text) if above else (text, MARGIN)
        span = np.log(high / low) / (1 - below - over)
        panel.axes.set_ylim(low * np.exp(-below * span), high * np.exp(over * span))
