"""What follows from exponents: Kaplan et al. (2020, arXiv:2001.08361), Figs. 3, 12 and 15."""

import numpy as np

from isoloss.charts.panel import Panel, Record
from isoloss.charts.style import COLORS, GREY, legend_below, new_figure
from isoloss.charts.text import science
from isoloss.config.kaplan_figures import KaplanCrossing, KaplanExcess, KaplanShares
from isoloss.constants import FLOPS_PER_PF_DAY
from isoloss.exhibits.base import Drawing, Figure, Tables, where_of
from isoloss.figures.analysed import analysed, part, unmade
from isoloss.figures.fitted import IDENTIFIED
from isoloss.figures.kaplan_axes import (
    COMPUTE,
    OURS,
    PAPER,
    close,
    draw_line,
    draw_points,
    law_line,
    number,
    of_group,
    told,
)
from isoloss.laws import published as P

N_POINTS = 120
AREAS = (COLORS[2], COLORS[4], COLORS[0])  # steps, batch, size: from the bottom
NAMES = ("serial steps S", "batch size B", "model size N")
V = P.VALUES


def kaplan_shares(spec: KaplanShares, tables: Tables) -> Drawing:
    """Fig. 3: by which factors steps, batch and size grow when compute does."""
    rows = {name: analysed(tables, getattr(spec, name), where_of(spec))
            for name in ("naive", "adjusted") if getattr(spec, name)}  # fmt: skip
    paper = (V["kaplan_s_min_exponent"], V["kaplan_batch_exponent"], V["kaplan_n_opt_exponent"])
    shown = [("Kaplan et al. 2020", paper, spec.relative_compute, NAMES)]
    notes = []
    for name, table in rows.items():
        a, steps = number(table, "a"), number(table, "exponent of steps")
        notes += [f"{'C_min' if name == 'adjusted' else 'C'}: {t}" for t in unmade(table)]
        symbol = "C_min" if name == "adjusted" else "C"
        if a is None or steps is None or {a["verdict"], steps["verdict"]} != {IDENTIFIED}:
            for quantity, said in (("a", "N"), ("exponent of steps", "steps")):
                notes += told(table, quantity, f"{symbol}, exponent of {said}, not drawn")
            continue
        line = law_line(table)
        reach = float(line["x"].max() / line["x"].min())
        batch = number(table, "exponent of the batch")
        grown = (steps["value"], 0.0 if batch is None else batch["value"], a["value"])
        title = "Ours, C_min" if name == "adjusted" else "Ours, C at a fixed batch"
        shown.append((title, grown, reach, NAMES))
        notes += told(table, "a", f"{title}, exponent of N")
        notes += told(table, "exponent of steps", f"{title}, exponent of S")
    figure, axes = new_figure(len(shown), 1, width=2.2 + 3.2 * len(shown), height=4.2)
    record, panels = Record(), []
    for place, (title, exponents, reach, names) in zip(axes[0], shown, strict=True):
        panel = Panel(place, record, "compute, relative", "growth by a factor of", title)
        panels.append(panel)
        _stack(panel, exponents, names, np.geomspace(1, reach, N_POINTS))
    close(figure, panels)
    for panel in panels[1:]:
        panel.axes.set_ylabel("")
    legend_below(figure, [(name, {"color": color, "linestyle": "-", "linewidth": 7, "alpha": 0.55})
                          for name, color in zip(NAMES, AREAS, strict=True)])  # fmt: skip
    notes.insert(0, "Areas are factors: on the log axis their heights add up. The paper's panel "
                 "starts anywhere; ours span the budgets between which the best size lies inside "
                 "the grid. Negative growth would be drawn below one.")  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def _stack(panel, exponents, names, x):
    below = np.ones_like(x)
    for exponent, name, color in zip(exponents, names, AREAS, strict=True):
        if exponent == 0.0:
            continue
        above = below * x**exponent
        ends = np.minimum(below, above), np.maximum(below, above)
        panel.band(x, above, *ends, name, f"a factor of C^{exponent:.3g}", color=color, alpha=0.55)
        below = above


def kaplan_excess(spec: KaplanExcess, tables: Tables) -> Drawing:
    """Fig. 12: Eqs. B.16 and B.17 with the paper's exponents and ours, and what sizes did cost."""
    law = analysed(tables, spec.law, where_of(spec))
    reached = analysed(tables, spec.reached, where_of(spec))
    figure, axes = new_figure(2, 1, width=8.8, height=4.3)
    record = Record()
    size = "size over the best, N / N_eff"
    panels = [Panel(axes[0, 0], record, size, "compute over the least", "Compute"),
              Panel(axes[0, 1], record, size, "steps over those of the best", "Steps")]  # fmt: skip
    ratio = np.geomspace(0.25, 16, N_POINTS)
    curves = [("Kaplan et al. 2020", V["kaplan_alpha_n_steps"], V["kaplan_alpha_s"], PAPER)]
    notes = unmade(law) + unmade(reached)
    ours = [number(law, name) for name in ("alpha_N", "alpha_S")]
    if all(row is not None and row["verdict"] == IDENTIFIED for row in ours):
        curves.append(("ours, Eq. 1.6", *(float(row["value"]) for row in ours), OURS))
    elif all(row is not None for row in ours):
        notes.append("The equations are not drawn with our exponents: the runs do not determine "
                     "those of L(N, S).")  # fmt: skip
    notes += told(law, "alpha_N", "alpha_N of L(N, S)") + told(law, "alpha_S", "alpha_S of L(N, S)")
    panels[0].band([0.6, 2.2], [1.2, 1.2], [1.0, 1.0], [1.2, 1.2], "the paper's 0.6 to 2.2",
                   "at most 20 % more", color=GREY, alpha=0.25)  # fmt: skip
    for label, alpha_n, alpha_s, look in curves:
        steps = excess_steps(ratio, alpha_n, alpha_s)
        seen = np.isfinite(steps)
        compute = ratio * steps
        for panel, y, what in zip(panels, (compute, steps), ("B.16", "B.17"), strict=True):
            low = seen & (y < 6)
            panel.line(ratio[low], y[low], label, f"Eq. {what}", **look)
        within = ratio[seen & (compute <= 1.2)]
        notes.append(f"{label}: sizes from {within.min():.2g} to {within.max():.2g} times the best "
                     "cost at most 20 % more compute.")  # fmt: skip
    measured = {"color": "black", "marker": "o", "markersize": 3.5, "alpha": 0.7}
    for panel, quantity in zip(panels, ("excess compute", "excess steps"), strict=True):
        for group, rows in part(reached, quantity).groupby("group", sort=True):
            rows = rows[(rows["x"] > 0.2) & (rows["x"] < 20) & (rows["value"] < 6)]
            panel.points(rows["x"], rows["value"], str(group), "measured", **measured)
    close(figure, panels)
    legend_below(figure, [*((label, look) for label, *_, look in curves),
                          ("measured, one size at one loss", measured),
                          ("the paper: 0.6 to 2.2 times the best cost 20 %",
                           {"color": GREY, "alpha": 0.3, "linewidth": 7, "linestyle": "-"})],
                 110)  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def excess_steps(ratio, alpha_n: float, alpha_s: float) -> np.ndarray:
    """S(N) / S(N_eff) at equal loss, for N / N_eff (Eq. B.17); times N / N_eff, Eq. B.16.

    NaN for sizes too small to reach the loss at all.
    """
    bracket = 1 + alpha_s / alpha_n * (1 - np.asarray(ratio, float) ** -alpha_n)
    with np.errstate(all="ignore"):
        return np.where(bracket > 0, bracket ** (-1 / alpha_s), np.nan)


def kaplan_crossing(spec: KaplanCrossing, tables: Tables) -> Drawing:
    """Fig. 15: both lines extrapolated until they meet, the paper's and ours."""
    rows = analysed(tables, spec.crossing, where_of(spec))
    figure, axes = new_figure(2, 1, width=9.4, height=4.3)
    record = Record()
    x = "compute C_min (PF-days)"
    panels = [Panel(axes[0, 0], record, x, "loss (nats per BPE token)", "Kaplan et al. 2020"),
              Panel(axes[0, 1], record, COMPUTE, spec.loss_label, "Ours")]  # fmt: skip
    looks = {"L(C)": OURS, "L(D(C))": {"color": COLORS[2], "linestyle": "-", "linewidth": 1.5}}
    compute = np.geomspace(1e-8, 1e7, N_POINTS)
    least = P.kaplan_loss(compute_min_flops=compute * FLOPS_PER_PF_DAY)
    tokens = V["kaplan_d_opt"] * compute ** V["kaplan_d_opt_exponent"]
    for group, y in (("L(C)", least), ("L(D(C))", P.kaplan_loss(n_tokens=tokens))):
        panels[0].line(compute, y, group, "the paper's law", **looks[group])
    at, loss = published_crossing()
    ring = {"color": "black", "marker": "o", "markersize": 10, "fillstyle": "none"}
    panels[0].points([at], [loss], "where they meet", "calculated", **ring)
    notes = [f"By the constants of Tables 5 and 6 the paper's lines meet at {science(at)} PF-days "
             f"and {loss:.2f} nats per token; the paper says about 10^4 and 1.7."]  # fmt: skip
    for group, look in looks.items():
        draw_line(panels[1], of_group(law_line(rows), group), group, "extrapolated law", **look)
    draw_points(panels[1], part(rows, "loss"), "L(C)", "lowest loss", color=COLORS[0],
                marker="o", markersize=3.5)  # fmt: skip
    meeting, height = number(rows, "C*"), number(rows, "L*")
    if meeting is not None and height is not None:
        panels[1].points([meeting["value"]], [height["value"]], "where they meet", "extrapolated",
                         **ring)  # fmt: skip
    notes += unmade(rows)
    for name, said in (("alpha_C", "Exponent of L(C)"), ("alpha_D (1 - a)", "Exponent of L(D(C))"),
                       ("C*", "They meet at C* in PF-days"), ("N*", "N*"), ("D*", "D* in tokens"),
                       ("L*", "L*")):  # fmt: skip
        notes += told(rows, name, said)
    close(figure, panels)
    legend_below(figure, [("L(C), the best size at each budget", OURS),
                          ("L(D(C)), the limit of that size's data", looks["L(D(C))"]),
                          ("where they would meet", ring)])  # fmt: skip
    return Drawing(figure=figure, table=record.table(), notes=notes)


def published_crossing() -> tuple[float, float]:
    """PF-days and loss at which (C_c / C)^alpha_C meets (D_c / D_opt(C))^alpha_D."""
    fall = V["kaplan_alpha_c_min"], V["kaplan_alpha_d"] * V["kaplan_d_opt_exponent"]
    height = (
        V["kaplan_alpha_c_min"] * np.log(V["kaplan_c_c_min"]),
        V["kaplan_alpha_d"] * np.log(V["kaplan_d_c"] / V["kaplan_d_opt"]),
    )
    at = float(np.exp((height[0] - height[1]) / (fall[0] - fall[1])))
    return at, float((V["kaplan_c_c_min"] / at) ** V["kaplan_alpha_c_min"])


FIGURES = {
    "kaplan_shares": Figure(KaplanShares, kaplan_shares),
    "kaplan_excess": Figure(KaplanExcess, kaplan_excess),
    "kaplan_crossing": Figure(KaplanCrossing, kaplan_crossing),
}
