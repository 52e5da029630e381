"""A figure during drawing (`Sheet`) and a finished figure (`Drawing`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isoloss.charts.panel import Panel, Record, finish
from isoloss.charts.style import key_of_values, legend_below, new_figure
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
    columns, rows : int
        Pairs of axes.
    width, height : float
        Inches.
    """

    def __init__(self, columns: int = 1, rows: int = 1, width: float = 6.4, height: float = 4.2):
        self.figure, self.axes = new_figure(columns, rows, width, height)
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
        """A colour bar of values, beside some panels or all."""
        if len(values):
            beside = [panel.axes for panel in panels or self.panels]
            key_of_values(self.figure, beside, values, list(colors), label, write)

    def one_y_label(self) -> None:
        """Keep the y label of the first panel of a row, and remove the others."""
        for panel in self.panels[1:]:
            panel.axes.set_ylabel("")

    def finish(self) -> None:
        """Set limits and ticks, once; anything drawn later must fit into the limits."""
        if not self._finished:
            finish(self.panels)
        self._finished = True

    def drawing(
        self, key: Iterable[Entry] = (), notes: Iterable[str] = (), width: int = 84
    ) -> Drawing:
        """The finished figure, with a legend below of at most `width` characters per line."""
        self.finish()
        for axes in self.axes.flat[len(self.panels) :]:
            axes.set_axis_off()
        legend_below(self.figure, list(key), width)
        return Drawing(figure=self.figure, table=self.record.table(), notes=list(notes))
