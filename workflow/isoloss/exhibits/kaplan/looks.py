"""What the figures after Kaplan et al. (2020) share: looks, labels, and the paper's own axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isoloss.charts import COLORS, Panel
from isoloss.stats.interpolation import log_log

if TYPE_CHECKING:
    import pandas as pd

DOTS = (0, (1, 1.5))
PAPER = {"color": COLORS[1], "linestyle": (0, (4, 2)), "linewidth": 1.4}
PAPER_DOTTED = PAPER | {"linestyle": DOTS}
OURS = {"color": COLORS[0], "linestyle": "-", "linewidth": 1.5}
ADJUSTED = {"color": COLORS[2], "linestyle": "-", "linewidth": 1.5}
PAPER_LOSS = "the paper's loss (nats per BPE token)"
SIZE_LABEL = "parameters N (without embeddings)"
COMPUTE = "compute C (PF-days, without embeddings)"
OWN_AXIS = (
    "Dashed, on the right-hand axis: the paper's line, in nats per BPE token of WebText2. Both "
    "axes span the same ratio, so that slopes can be compared; the right one is shifted until the "
    "lines meet in the middle, since losses of other tokens and texts cannot be compared."
)


def own_axis(panel: Panel, x, y, line: pd.DataFrame) -> Panel:
    """A second axis for the paper's line, which meets a line of ours in the middle of that."""
    middle = line.iloc[len(line) // 2]
    ratio = float(log_log(middle["x"], x, y)) / middle["value"]
    return panel.second_axis(PAPER_LOSS, ratio, PAPER["color"])


def paper_line(panel: Panel, x, y, label: str, *, dotted: bool = False) -> tuple[str, dict]:
    """Draw a line of the paper; its entry of a legend."""
    look = PAPER_DOTTED if dotted else PAPER
    panel.line(x, y, label, "the paper's law", **look)
    return label, look
