"""IsoFLOP valleys: a parabola at each budget (Hoffmann et al. 2022, Fig. 3)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from isoloss.charts.panel import finish
from isoloss.charts.style import key_of_values, new_figure, ordered_colors
from isoloss.charts.text import science
from isoloss.config.section import Name
from isoloss.exhibits.base import Drawing, Figure, Tables, where_of
from isoloss.exhibits.chinchilla.looks import (
    LOSS_LABEL,
    OfApproaches,
    compute_label,
    count_of,
    draw_frontier,
    exponent_said,
    flop_ticks,
    size_label,
    three_panels,
    valleys_of,
)
from isoloss.results.group import Group
from isoloss.results.quantity import Q

SECOND = Group.of(approach=2)


class ChinchillaIsoFlop(OfApproaches):
    """Fig. 3: parabolas at equal compute, and N* and D* at their minima."""

    draw: Literal["chinchilla_isoflop"]
    name: Name = "chinchilla_03"
    title: str = "IsoFLOP valleys (Hoffmann et al. 2022, Fig. 3)"
    caption: str = (
        "Left: loss against size at equal compute, interpolated between runs of one size, and a "
        "parabola through the sizes near the lowest. Middle and right: sizes and tokens of the "
        "minima. A few sizes do not show how steep a valley is."
    )
    loss_label: str = LOSS_LABEL


def draw(spec: ChinchillaIsoFlop, tables: Tables) -> Drawing:
    """A parabola for each budget, and N* and D* at their minima."""
    found = tables.analysed(spec.approaches, where_of(spec))
    count = count_of(found)
    figure, axes = new_figure(3, 1, width=10.4, height=3.9)
    panels = three_panels(axes, count, (size_label(count), spec.loss_label,
                                                "Loss at equal compute"))  # fmt: skip
    valleys = valleys_of(found)
    levels = list(valleys.values())
    colors = ordered_colors(len(levels))
    none = []
    for (group, level), color in zip(valleys.items(), colors, strict=True):
        at, label = found.points(Q.LOSS_AT_N, group=group), f"{science(level)} FLOP"
        panels[0].points(at["x"], at["value"], label, "loss between runs", color=color)
        best, least = found.points(Q.N_OPT, group=group), found.points(Q.LOSS, group=group)
        if best.empty:
            none.append(f"{label} ({found.all(Q.N_OPT, group=group)['verdict'].iloc[0]})")
            continue
        x = np.log(at["x"].to_numpy(float))
        fine = np.linspace(x.min(), x.max(), 40)
        parabola = np.polynomial.Polynomial.fit(x, at["value"].to_numpy(float), 2)
        panels[0].line(np.exp(fine), parabola(fine), label, "parabola", color=color, linewidth=1.2)
        panels[0].points(best["value"], least["value"], label, "minimum", color=color, marker="*",
                         markersize=11, markeredgecolor="white", zorder=4)  # fmt: skip
        panels[1].intervals(best["x"], best["value"], best["lo"], best["hi"], label, "minimum",
                            color=color)  # fmt: skip
    data = found.points(Q.D_OPT, group=SECOND)
    for x, y in zip(data["x"], data["value"], strict=True):
        color = colors[int(np.argmin(np.abs(np.log(np.array(levels) / x))))]
        panels[2].points([x], [y], f"{science(x)} FLOP", "minimum", color=color)
    for panel, quantity in zip(panels[1:], (Q.N_OPT, Q.D_OPT), strict=True):
        draw_frontier(panel, found, 2, quantity, beyond=False)
    finish(figure, panels)
    for panel in panels[1:]:
        flop_ticks(panel)
    if levels:
        key_of_values(figure, [panel.axes for panel in panels], levels, colors,
                      compute_label(count), science)  # fmt: skip
    notes = [f"{text}." for q in (Q.A_OPT, Q.B_OPT) if (text := exponent_said(found, 2, q))]
    if none:
        notes.append(f"No minimum between sizes, none is drawn: {', '.join(none)}.")
    notes.append("Stars: minima of the parabolas; bars: 90 %.")
    notes += found.why_not(group=SECOND if found.made else None)
    return Drawing(figure=figure, table=panels[0].record.table(), notes=notes)


FIGURES = {"chinchilla_isoflop": Figure(ChinchillaIsoFlop, draw)}
