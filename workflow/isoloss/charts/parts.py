"""Where the parts of a drawn figure are, so that a narrow screen can show them one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoloss.charts.style import PANEL_WIDTH, PIXELS, SINGLE_WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.transforms import Bbox

KEY = "<colorbar>"  # the label that matplotlib gives a key of colours
MARGIN = 4  # pixels of the report around a part


def parts(figure: Figure) -> list[list[float]]:
    """The panels of a figure from left to right, row by row, then its keys, then its legend.

    Returns
    -------
    list of [left, top, width, height]
        Each a part, as shares of the figure's width and height from its upper left corner. A
        legend that is wider than a panel has a part for each of its columns.
    """
    boxes: list[Bbox] = []
    keys: list[Bbox] = []
    for axes in figure.axes:
        box = axes.get_tightbbox() if axes.axison else None
        if box is not None:  # None: axes that hold nothing
            (keys if axes.get_label() == KEY else boxes).append(box)
    boxes.sort(key=lambda box: (-round(box.y1 / figure.bbox.height, 1), box.x0))
    inside = [axes.get_legend() for axes in figure.axes if not axes.axison]
    legends = [*figure.legends, *(legend for legend in inside if legend is not None)]
    columns = [box for legend in legends for box in _columns(legend, figure)]
    return [_shares(box, figure) for box in (*boxes, *keys, *columns)]


def _columns(legend: Legend, figure: Figure) -> list[Bbox]:
    """The columns of a legend; neighbours are one where both fit into the width of a panel."""
    boxes: list[Bbox] = []
    width = figure.get_figwidth()
    room = PANEL_WIDTH if width > SINGLE_WIDTH else width  # of one panel
    for column in legend.get_children()[0].get_children()[-1].get_children():
        box = column.get_window_extent()
        both = box.union([boxes[-1], box]) if boxes else box
        if boxes and both.width <= room * figure.dpi:
            boxes[-1] = both
        else:
            boxes.append(box)
    return boxes


def _shares(box: Bbox, figure: Figure) -> list[float]:
    whole, margin = figure.bbox, MARGIN * figure.dpi / PIXELS
    left, right = max(box.x0 - margin, 0), min(box.x1 + margin, whole.width)
    top, bottom = max(whole.height - box.y1 - margin, 0), whole.height - max(box.y0 - margin, 0)
    sizes = (left / whole.width, top / whole.height,
             (right - left) / whole.width, (bottom - top) / whole.height)  # fmt: skip
    return [round(size, 4) for size in sizes]
