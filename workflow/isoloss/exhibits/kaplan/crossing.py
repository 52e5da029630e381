"""Where two laws contradict each other: Kaplan et al. (2020, arXiv:2001.08361), Sec. 6.3, Fig. 15.

The loss of the best size at each budget falls with compute as L(C); but that size sees only D(C)
tokens, and no size gets below L(D). If L(C) falls faster, the two must meet, and one of them end.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from isoloss.charts import COLORS, Panel, Sheet, science
from isoloss.config.section import Name
from isoloss.constants import FLOPS_PER_PARAM_TOKEN, FLOPS_PER_PF_DAY
from isoloss.exhibits.base import Analysis, Does, Drawing, Figure, Inputs, OfLosses, Tables
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.frontier import SIZES, KaplanFrontier, axis_of, frontier_of
from isoloss.exhibits.kaplan.size_curves import finished_runs
from isoloss.exhibits.notes import told
from isoloss.fit import fit_law
from isoloss.laws.published import VALUES, kaplan_loss
from isoloss.results import IDENTIFIED, Analysed, Group, Kind, Label, Q, Row, points, row
from isoloss.results.verdict import not_identified, scale_verdict
from isoloss.runs.lineage import lineage_of

N_LINE = 60
N_POINTS = 120  # of the paper's lines
BEYOND = 1e4  # the lines are drawn so many times farther than the data, or ten times than they meet
SHARE = 0.05  # of the draws that may not meet
FURTHEST = 1e14
OF_C, OF_D = Group.of(Label.L_OF_C), Group.of(Label.L_OF_D_OF_C)
LOOKS = {OF_C: looks.OURS, OF_D: looks.ADJUSTED}
RING = {"color": "black", "marker": "o", "markersize": 10, "fillstyle": "none"}
COMPUTE = "compute C (PF-days)"


class Crossing(KaplanFrontier):
    """Where L(C) and L(D(C)), both extrapolated, would meet (Sec. 6.3)."""

    do: Literal["crossing"]
    name: Name = "crossing"
    along: Literal["curves", "runs"] = "runs"  # learning curves, or final losses


class KaplanCrossing(OfLosses):
    """Fig. 15: where L(C) and L(D(C)) would meet, by the paper's constants and by ours."""

    draw: Literal["kaplan_crossing"]
    name: Name = "kaplan_15"
    title: str = "Where L(C) and L(D(C)) would meet (Kaplan et al. 2020, Figure 15)"
    caption: str = (
        "L(C) is the loss of the best size at each budget, extrapolated. L(D(C)) is the loss that "
        "the tokens of this size allow. One of the two laws must end where they meet. A second "
        "panel has this study's lines, if known."
    )
    loss_label: str = "loss (nats per token)"  # of the panel of our lines
    crossing: Annotated[Name, Does("crossing")] = "crossing"  # a crossing


def analyse(spec: Crossing, inputs: Inputs) -> list[Row]:
    """Both laws as power laws, extrapolated, and C*, N*, D* and L* where they meet.

    L(D) is that of the largest size, D the tokens that the best size is trained on.

    Raises
    ------
    UserError
        There is no frontier, or L(D) cannot be fitted.
    """
    found, _ = frontier_of(spec, inputs)
    chosen = finished_runs(inputs.runs, spec.sweeps)
    largest = chosen[chosen["n_params_non_embedding"] == chosen["n_params_non_embedding"].max()]
    table = largest[["n_tokens", "loss"]].astype(float)
    shared = lineage_of(largest)
    law = fit_law(shared.beside(table), "kaplan_d", columns={"n_tokens": "n_tokens"},
                  cluster=shared.cluster, draws=len(found.loss) - 1, where=spec.name)  # fmt: skip
    data = np.concatenate([law.theta[None], law.draws])  # ln A, alpha
    data = data[np.arange(len(found.loss)) % len(data)]
    fall, log_l = found.power(found.loss)
    tokens = found.compute * FLOPS_PER_PF_DAY / (FLOPS_PER_PARAM_TOKEN * found.n_params)
    more, log_d = found.power(tokens)
    a, log_n = found.power(found.n_params)
    fall_d, log_l_d = -data[:, 1] * more, data[:, 0] - data[:, 1] * log_d
    with np.errstate(all="ignore"):
        at = (log_l_d - log_l) / (fall - fall_d)
    met = (fall < fall_d) & (at > np.log(found.compute[-1])) & np.isfinite(at)
    ids = dict.fromkeys([*found.runs, *largest["run_id"]])
    said = {"method": "whole curves moved; residual for L(D)", "n_runs": len(ids),
            "runs": " ".join(ids), "verdict": IDENTIFIED}  # fmt: skip
    rows = [
        row(Q.ALPHA_C, -fall[0], -fall[1:], **said, unit=""),
        row(Q.ALPHA_D_OF_C, -fall_d[0], -fall_d[1:], **said, unit=""),
    ]
    if met[0]:
        logs = {
            Q.C_STAR: (at, "PF-days"),
            Q.N_STAR: (log_n + a * at, SIZES),
            Q.D_STAR: (log_d + more * at, "tokens"),
            Q.L_STAR: (log_l + fall * at, "nats per token"),
        }
        rows += meeting(met, logs, said)
    else:
        verdict = not_identified("beyond the data the two lines do not meet")
        rows.append(Row(kind=Kind.PARAMETER, quantity=Q.C_STAR, unit="PF-days",
                        **said | {"verdict": verdict}))  # fmt: skip
    furthest = max(found.compute[-1] * BEYOND, 10 * np.exp(at[0]) if met[0] else 0.0)
    x = np.geomspace(found.compute[0], min(furthest, FURTHEST * found.compute[-1]), N_LINE)
    of_loss = said | {"unit": "nats per token"}
    for group, p, log_c in ((OF_C, fall, log_l), (OF_D, fall_d, log_l_d)):
        line = np.exp(log_c[:, None] + p[:, None] * np.log(x))
        rows += points(Q.LOSS, axis_of(spec), x, line[0], line[1:], kind=Kind.LINE, group=group,
                       **of_loss)  # fmt: skip
    return rows + points(Q.LOSS, axis_of(spec), found.compute, found.loss[0], found.loss[1:],
                         group=OF_C, **of_loss)  # fmt: skip


def meeting(met: np.ndarray, logs: dict[Q, tuple[np.ndarray, str]], said: dict) -> list[Row]:
    """The numbers of the point where the lines meet; draws whose lines do not meet have none."""
    verdict = IDENTIFIED
    if np.mean(~met[1:]) > SHARE:
        verdict = not_identified(f"in {np.mean(~met[1:]):.0%} of the draws the lines do not meet")
    rows = []
    for quantity, (log, unit) in logs.items():
        with np.errstate(over="ignore"):
            numbers = np.exp(np.where(met, log, np.nan))
        drawn = numbers[1:][np.isfinite(numbers[1:])]
        if verdict.identified:
            verdict = scale_verdict(drawn, name=str(Q.C_STAR))  # the others follow from it
        rows.append(row(quantity, numbers[0], drawn, **said | {"unit": unit, "verdict": verdict}))
    return rows


def draw(spec: KaplanCrossing, tables: Tables) -> Drawing:
    """Both lines extrapolated until they meet, the paper's, and ours where they are known."""
    found = tables.analysed(spec.crossing, spec.called)
    sheet = Sheet(1 + found.made)
    theirs = sheet.panel(
        "compute C_min (PF-days)", "loss (nats per BPE token)", "Kaplan et al. 2020"
    )
    compute = np.geomspace(1e-8, 1e7, N_POINTS)
    least = kaplan_loss(compute_min_flops=compute * FLOPS_PER_PF_DAY)
    tokens = VALUES["kaplan_d_opt"] * compute ** VALUES["kaplan_d_opt_exponent"]
    named: list[tuple[Panel, list]] = [(theirs, [])]
    for group, y in ((OF_C, least), (OF_D, kaplan_loss(n_tokens=tokens))):
        theirs.line(compute, y, str(group), "the paper's law", **LOOKS[group])
        named[0][1].append((str(group), compute[-1], y[-1], LOOKS[group]["color"]))
    at, loss = published_crossing()
    theirs.points([at], [loss], "where they meet", "calculated", **RING)
    notes = [f"By the constants of Tables 5 and 6 the paper's lines meet at {science(at)} PF-days "
             f"and {loss:.2f} nats per token; the paper says about 10^4 and 1.7.",
             *found.why_not()]  # fmt: skip
    if found.made:
        named.append(_ours(sheet.panel(COMPUTE, spec.loss_label, "Ours"), found))
    notes += told(found, Q.ALPHA_C, "Exponent of L(C)")
    notes += told(found, Q.ALPHA_D_OF_C, "Exponent of L(D(C))")
    notes += told(found, Q.C_STAR, "They meet at C* in PF-days")
    for quantity, name in ((Q.N_STAR, "N*"), (Q.D_STAR, "D* in tokens"), (Q.L_STAR, "L*")):
        # Optional: lines that do not meet have only a C*, which says so.
        notes += told(found, quantity, name, optional=True)
    sheet.finish()
    for panel, ends in named:
        looks.name_ends(panel, ends)
    theirs.write(f"{science(at)} PF-days", at, loss, xytext=(6, 10))
    key = [
        ("L(C), the best size at each budget", looks.OURS),
        ("L(D(C)), the limit of that size's data", looks.ADJUSTED),
        ("where they would meet", RING),
    ]
    return sheet.drawing(key, notes)


def _ours(panel: Panel, found: Analysed) -> tuple[Panel, list]:
    """Our lines, extrapolated; the panel, and where the lines end."""
    ends = []
    for group, look in LOOKS.items():
        line = found.line(Q.LOSS, group=group)
        if panel.line_of(line, str(group), "extrapolated law", **look):
            ends.append((str(group), line["x"].iloc[-1], line["value"].iloc[-1], look["color"]))
    panel.intervals_of(found.points(Q.LOSS), str(OF_C), "lowest loss", color=COLORS[0],
                       marker="o", markersize=3.5)  # fmt: skip
    meeting = found.number(Q.C_STAR)
    if meeting is not None:
        height = found.number(Q.L_STAR)
        panel.points([meeting["value"]], [height["value"]], "where they meet", "extrapolated",
                     **RING)  # fmt: skip
    return panel, ends


def published_crossing() -> tuple[float, float]:
    """PF-days and loss at which (C_c / C)^alpha_C meets (D_c / D_opt(C))^alpha_D."""
    fall = VALUES["kaplan_alpha_c_min"], VALUES["kaplan_alpha_d"] * VALUES["kaplan_d_opt_exponent"]
    height = (
        VALUES["kaplan_alpha_c_min"] * np.log(VALUES["kaplan_c_c_min"]),
        VALUES["kaplan_alpha_d"] * np.log(VALUES["kaplan_d_c"] / VALUES["kaplan_d_opt"]),
    )
    at = float(np.exp((height[0] - height[1]) / (fall[0] - fall[1])))
    return at, float((VALUES["kaplan_c_c_min"] / at) ** VALUES["kaplan_alpha_c_min"])


ANALYSES = {"crossing": Analysis(Crossing, analyse)}
FIGURES = {"kaplan_crossing": Figure(KaplanCrossing, draw)}
