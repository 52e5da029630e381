"""A figure during drawing (`Sheet`) and a finished figure (`Drawing`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import (
    PAGE_WIDTH,
    SINGLE_WIDTH,
    key_of_values,
    legend_below,
    legend_in,
    new_figure,
)
from isoloss.charts.text import short

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Entry = tuple[str, dict]  # of a legend: the label, and the look of a line


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A finished figure, the table of every number on it, and notes beside the caption.

    `table` has the columns panel, series, what, x_quantity, x, y_quantity, y, lo and hi. Figures
    that are tables themselves add their own columns.
    """

    figure: Figure
    table: pd.DataFrame
    notes: list[str] = field(default_factory=list)


class Sheet:
    """A figure during drawing: its panels, and the record that they share.

    Parameters
    ----------
    panels : int
        Pairs of axes: two side by side, and more in further rows.
    height : float, optional
        Inches of one row of panels. Legends and keys add theirs.
    across : int
        Panels side by side: 1 or 2.
    """

    def __init__(self, panels: int = 1, height: float | None = None, across: int = 2):
        columns = min(panels, across)
        rows = -(-panels // columns)
        width = SINGLE_WIDTH if columns == 1 else PAGE_WIDTH
        height = height or (3.6 if columns == 1 else 3.3)
        self.figure, self.axes = new_figure(columns, rows, width, height * rows)
        self.record = Record()
        self.panels: list[Panel] = []
        self._finished = False

    def panel(self, x: str, y: str, name: str = "", *, x_scale: str = "log",
              y_scale: str = "log") -> Panel:  # fmt: skip
        """The next panel, row by row: its labels with their units, and its title."""
        axes = self.axes.flat[len(self.panels)]
        self.panels.append(Panel(axes, self.record, x, y, name, x_scale, y_scale))
        return self.panels[-1]

    def key_of_values(
        self, values: Sequence[float], colors: Iterable[str], label: str,
        write: Callable[[float], str] = short, panels: Sequence[Panel] | None = None,
    ) -> None:  # fmt: skip
        """A strip of colours and their values, below some panels or all."""
        if len(values):
            beside = [panel.axes for panel in panels or self.panels]
            key_of_values(self.figure, beside, values, list(colors), label, write)

    def finish(self) -> None:
        """Set limits and ticks, once; anything drawn later must fit into the limits."""
        if not self._finished:
            finish(self.panels)
        self._finished = True

    def drawing(self, key: Iterable[Entry] = (), notes: Iterable[str] = ()) -> Drawing:
        """The finished figure, with a legend in a place without a panel, or below."""
        self.finish()
        empty = list(self.axes.flat[len(self.panels) :])
        for axes in empty:
            axes.set_axis_off()
        if not (self.panels and len(empty) == 1 and legend_in(empty[0], list(key))):
            legend_below(self.figure, list(key))
        return Drawing(figure=self.figure, table=self.record.table(), notes=list(notes))
