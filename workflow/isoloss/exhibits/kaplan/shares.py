"""What more compute is spent on: Kaplan et al. (2020, arXiv:2001.08361), Fig. 3."""

from __future__ import annotations

from typing import Literal

import numpy as np

from isoloss.charts.panel import Panel, Record
from isoloss.charts.style import COLORS, legend_below, new_figure
from isoloss.config.section import Name, PositiveFloat
from isoloss.exhibits.base import Drawing, Figure, Tables, where_of
from isoloss.exhibits.kaplan.axes import OfKaplan, close, identified, number, told
from isoloss.laws.published import VALUES
from isoloss.results.quantity import Q

N_POINTS = 120
AREAS = (COLORS[2], COLORS[4], COLORS[0])  # steps, batch, size: from the bottom
NAMES = ("serial steps S", "batch size B", "model size N")
PAPER_EXPONENTS = tuple(
    VALUES[name]
    for name in ("kaplan_s_min_exponent", "kaplan_batch_exponent", "kaplan_n_opt_exponent")
)


class KaplanShares(OfKaplan):
    """Fig. 3: what more compute is spent on, by the paper's exponents and by ours."""

    draw: Literal["kaplan_shares"]
    name: Name = "kaplan_03"
    title: str = "What more compute is spent on (Kaplan et al. 2020, Figure 3)"
    caption: str = (
        "By which factors steps, batch and model size grow with compute, if each budget goes to "
        "its best size. First panel: the paper's exponents. Beside it: ours, where the runs "
        "determine them, over the budgets whose best size lies inside the grid."
    )
    naive: Name = "frontier"  # a kaplan_frontier
    adjusted: Name | None = None  # a kaplan_frontier with `adjusted`
    relative_compute: PositiveFloat = 1e9  # how far the paper's panel goes

    analyses_drawn = {"naive": "kaplan_frontier", "adjusted": "kaplan_frontier"}


def draw(spec: KaplanShares, tables: Tables) -> Drawing:
    """By which factors steps, batch and size grow when compute does."""
    shown, notes = [("Kaplan et al. 2020", PAPER_EXPONENTS, spec.relative_compute)], []
    frontiers = ((spec.naive, "C", "Ours, C at a fixed batch"),
                 (spec.adjusted, "C_min", "Ours, C_min"))  # fmt: skip
    for name, symbol, title in frontiers:
        if not name:
            continue
        found = tables.analysed(name, where_of(spec))
        a, steps = number(found, Q.A_OPT), number(found, Q.EXPONENT_OF_STEPS)
        notes += [f"{symbol}: {text}" for text in found.why_not()]
        if a is None or steps is None or not (identified(a) and identified(steps)):
            for quantity, said in ((Q.A_OPT, "N"), (Q.EXPONENT_OF_STEPS, "steps")):
                notes += told(found, quantity, f"{symbol}, exponent of {said}, not drawn")
            continue
        line = found.line(Q.LOSS)
        # Optional: at a fixed batch, none of the growth is the batch's.
        batch = number(found, Q.EXPONENT_OF_BATCH, optional=True)
        grown = (steps["value"], 0.0 if batch is None else batch["value"], a["value"])
        shown.append((title, grown, float(line["x"].max() / line["x"].min())))
        notes += told(found, Q.A_OPT, f"{title}, exponent of N")
        notes += told(found, Q.EXPONENT_OF_STEPS, f"{title}, exponent of S")
    figure, axes = new_figure(len(shown), 1, width=2.2 + 3.2 * len(shown), height=4.2)
    record, panels = Record(), []
    for place, (title, exponents, reach) in zip(axes[0], shown, strict=True):
        panel = Panel(place, record, "compute, relative", "growth by a factor of", title)
        panels.append(panel)
        _stack(panel, exponents, np.geomspace(1, reach, N_POINTS))
    close(figure, panels)
    for panel in panels[1:]:
        panel.axes.set_ylabel("")
    legend_below(figure, [(name, {"color": color, "linestyle": "-", "linewidth": 7, "alpha": 0.55})
                          for name, color in zip(NAMES, AREAS, strict=True)])  # fmt: skip
    notes.insert(0, "Areas are factors: on the log axis their heights add up. The paper's panel "
                 "has no budget of its own; ours span the budgets between which the best size lies "
                 "inside the grid. A factor that falls would be drawn below one.")  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _stack(panel: Panel, exponents: tuple[float, ...], x: np.ndarray) -> None:
    below = np.ones_like(x)
    for exponent, name, color in zip(exponents, NAMES, AREAS, strict=True):
        if exponent == 0.0:
            continue
        above = below * x**exponent
        ends = np.minimum(below, above), np.maximum(below, above)
        panel.band(x, above, *ends, name, f"a factor of C^{exponent:.3g}", color=color, alpha=0.55)
        below = above


FIGURES = {"kaplan_shares": Figure(KaplanShares, draw)}
