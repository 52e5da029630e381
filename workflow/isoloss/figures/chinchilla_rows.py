"""What the figures after Hoffmann et al. (2022) share: looks, labels, and lines of an approach."""

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedFormatter, FixedLocator

from isoloss.analysis.allocation_rows import NAMES
from isoloss.analysis.design import COUNTS
from isoloss.charts.panel import Panel
from isoloss.charts.style import COLORS, MARKERS
from isoloss.charts.text import science, with_interval
from isoloss.exhibits.base import Tables, where_of
from isoloss.figures.analysed import analysed
from isoloss.figures.fitted import IDENTIFIED
from isoloss.stats.interpolation import log_log

APPROACHES = {
    number: (f"{number}: {name}", {"color": COLORS[number - 1], "marker": MARKERS[number - 1]})
    for number, name in NAMES.items()
}
DASHED, DOTTED = (0, (4, 2)), (0, (1, 1.5))
LOSS = "held-out loss (nats per token)"


def rows_of(spec, tables: Tables, name: str) -> pd.DataFrame:
    """The rows of an analysis."""
    return analysed(tables, name, where_of(spec))


def of(rows: pd.DataFrame, group: str, quantity: str, kind: str = "point") -> pd.DataFrame:
    """The rows of one group and quantity that have a value, by x."""
    found = rows[(rows["group"] == group) & (rows["quantity"] == quantity) & (rows["kind"] == kind)]
    return found[found["value"].notna()].sort_values("x", kind="stable")


def count_of(rows: pd.DataFrame) -> str:
    """How the analysis counted N and C."""
    named = rows["x_quantity"].dropna().astype(str)
    found = named[named.str.startswith("compute, ")]
    return found.iloc[0].split(", ")[1].split(" (")[0] if len(found) else "embeddings"


def compute_label(count: str) -> str:
    """The label of an axis of compute."""
    how = {"kaplan": "6ND without embeddings", "logits": "6ND and output layer",
           "embeddings": "6ND", "exact": "exact count"}  # fmt: skip
    return f"compute C (FLOP, {how[count]})"


def size_label(count: str) -> str:
    """The label of an axis of sizes."""
    return "parameters N" if COUNTS[count].embeddings else "parameters N (without embeddings)"


def draw_frontier(
    panel: Panel, rows: pd.DataFrame, number: int, quantity: str, beyond: bool = True
) -> dict | None:
    """N* or D* of an approach: solid where it was measured, dashed beyond; its look, if drawn."""
    label, look = APPROACHES[number]
    group = f"approach={number}"
    line, at = of(rows, group, quantity, "line"), of(rows, group, quantity)
    if line.empty or at.empty:
        return None
    x, color = line["x"].to_numpy(float), look["color"]
    value, lo, hi = (line[name].to_numpy(float) for name in ("value", "lo", "hi"))
    inside = np.geomspace(float(at["x"].min()), float(at["x"].max()), 20)
    if not beyond:
        x, value, lo, hi = inside, *(log_log(inside, x, y) for y in (value, lo, hi))
    panel.band(x, value, lo, hi, label, "90 % band", color=color)
    if beyond:
        panel.line(x, value, label, "line beyond its places", color=color, linestyle=DASHED,
                   linewidth=1.1)  # fmt: skip
    inner = value if not beyond else log_log(inside, x, value)
    panel.line(inside, inner, label, "line", color=color, linewidth=1.8)
    return {"color": color, "linestyle": "-"}


def flop_ticks(panel: Panel) -> None:
    """Ticks of compute as powers of ten: sizes of FLOPs have no names."""
    axis = panel.axes.xaxis
    low, high = sorted(axis.get_view_interval())
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    if np.log10(high / low) >= 3:
        return  # labelled so already
    lead = (1, 3) if np.log10(high / low) > 1 else (1, 2, 5)
    values = [m * 10.0**e for e in decades for m in lead if low <= m * 10.0**e <= high]
    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(FixedFormatter([science(value) for value in values]))


def exponent_text(rows: pd.DataFrame, number: int, quantity: str) -> str | None:
    """ "a = 0.47, 90 % interval 0.42 to 0.53", or why not."""
    found = rows[
        (rows["group"] == f"approach={number}")
        & (rows["quantity"] == quantity)
        & (rows["kind"] == "parameter")
    ]
    if found.empty:
        return None
    one = found.iloc[0]
    if not np.isfinite(float(one["value"])):
        return f"{quantity}: {one['verdict']}"
    value, interval = with_interval(one["value"], one["lo"], one["hi"])
    sure = "" if one["verdict"] == IDENTIFIED else f" ({one['verdict']})"
    return f"{quantity} = {value}, 90 % interval {interval}{sure}"


def said(rows: pd.DataFrame, quantities=("a", "b")) -> list[str]:
    """A note for each approach: its exponents."""
    notes = []
    for number, (label, _) in APPROACHES.items():
        texts = [exponent_text(rows, number, quantity) for quantity in quantities]
        texts = [text for text in texts if text]
        if texts:
            notes.append(f"Approach {label}: {'; '.join(texts)}.")
    return notes
