"""Loss along the context, drawn: Kaplan et al. (2020, arXiv:2001.08361), Figs. 20 and 21."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import GREY, Sheet, ordered_colors, short
from isoloss.config.section import Name
from isoloss.exhibits.base import Does, Drawing, Figure, OfLosses, Tables
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.notes import in_words, told
from isoloss.exhibits.training.replicates import scatter_said
from isoloss.results import Analysed, Group, Q, X

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
POSITIONS = "cividis"  # colours of positions; those of sizes are viridis


class KaplanContext(OfLosses):
    """Kaplan et al., Fig. 20: loss along the context by size, and along training by position."""

    draw: Literal["kaplan_context"]
    name: Name = "kaplan_20"
    title: str = "Loss along the context (Kaplan et al. 2020, Figure 20)"
    caption: str = (
        "Left: final loss by the tokens that a prediction sees, for each size, with a power law "
        "and a floor. Right: the loss of the largest model while training, at several positions. "
        "A point is the mean over half an octave of positions."
    )
    sweep: Name  # whose sizes are drawn on the left
    by_position: Annotated[Name, Does("by_position")] = "by_position"  # the analysis on the left
    sizes: Annotated[Name, Does("size_by_position")] = "size_by_position"  # that on the right

    @property
    def sweeps_named(self) -> list[str]:
        return [self.sweep]


class KaplanContextSizes(OfLosses):
    """Kaplan et al., Fig. 21: loss against size at several positions, and a short context."""

    draw: Literal["kaplan_context_sizes"]
    name: Name = "kaplan_21"
    title: str = "Size and position (Kaplan et al. 2020, Figure 21)"
    caption: str = (
        "Final loss against size at several positions of the context, with a power law for each. "
        "Diamonds: models of the same sizes with a short context, at its last position."
    )
    sizes: Annotated[Name, Does("size_by_position")] = "size_by_position"  # the analysis drawn


def draw_context(spec: KaplanContext, tables: Tables) -> Drawing:
    """Left: curves of each size. Right: curves of each position while training."""
    found = tables.analysed(spec.by_position, spec.called)
    along = tables.analysed(spec.sizes, spec.called)
    sheet, notes = Sheet(2), found.why_not() if not found.made else []
    left = sheet.panel("tokens seen", spec.loss_label, "Along the context")
    groups = [one for one in found.groups(Q.LOSS) if one["sweep"] == spec.sweep]
    sizes = [int(one[SIZE]) for one in groups]
    colors = looks.size_colors(sizes, tables)
    for group, size in zip(groups, sizes, strict=True):
        name, color = f"N = {short(size)}", colors[size]
        here = found.points(Q.LOSS, group=group)
        left.points(here["x"], here["value"], name, "final loss", color=color, markersize=3.6)
        left.line_of(found.line(Q.LOSS, group=group, optional=True), name, "power law and floor",
                     band=False, color=color, linewidth=1.1)  # fmt: skip
    if groups:
        largest = max(groups, key=lambda one: one[SIZE])
        size = f"N = {short(largest[SIZE])}"
        notes += told(found, Q.ALPHA, f"{size}, exponent of the position", group=largest)
        notes += told(found, Q.E, f"{size}, loss after endless context", group=largest)
    if not along.made:
        notes += along.why_not()
    right = sheet.panel("training steps", spec.loss_label, "Largest model, while training")
    places = _positions(along)
    hues = ordered_colors(len(places), POSITIONS)
    for (position, group), color in zip(places.items(), hues, strict=True):
        here = _of_axis(along.points(Q.LOSS, group=group), X.STEPS)
        right.line(here["x"], here["value"], f"{position} tokens", "largest model", marker="o",
                   markersize=3.6, color=color, linewidth=1.1)  # fmt: skip
    sheet.key_of_values(sizes, list(colors.values()), looks.SIZE_LABEL, panels=[left])
    sheet.key_of_values(list(places), hues, "tokens seen", panels=[right])
    return sheet.drawing(notes=notes)


def _positions(found: Analysed) -> dict[int, Group]:
    """Position -> its group, in order; none where the analysis was not made."""
    groups = [one for one in found.groups(Q.LOSS) if "position" in one]
    return dict(sorted((int(one["position"]), one) for one in groups))


def _of_axis(rows: pd.DataFrame, axis: X) -> pd.DataFrame:
    return rows[rows["x_quantity"] == axis]


def draw_sizes(spec: KaplanContextSizes, tables: Tables) -> Drawing:
    """Loss against size at each position; the short context as diamonds."""
    found = tables.analysed(spec.sizes, spec.called)
    sheet = Sheet(1)
    panel = sheet.panel(looks.SIZE_LABEL, spec.loss_label)
    places = _positions(found)
    hues = ordered_colors(len(places), POSITIONS)
    notes = [] if found.made else found.why_not()
    for (position, group), color in zip(places.items(), hues, strict=True):
        name = f"{position} tokens"
        here = _of_axis(found.points(Q.LOSS, group=group), X.N_NON_EMBEDDING)
        panel.intervals_of(here, name, "final loss", color=color, markersize=4)
        panel.line_of(found.line(Q.LOSS, group=group, optional=True), name, "power law",
                      band=False, color=color, linewidth=1.1)  # fmt: skip
        notes += told(found, Q.ALPHA, f"After {position} token{'s' * (position > 1)}, exponent",
                      group=group, optional=True)  # fmt: skip
    key = []
    for group in (one for one in found.groups(Q.LOSS) if "context" in one):
        look = {"color": GREY, "marker": "D", "markerfacecolor": "white"}
        name = f"a context of {group['context']}"
        panel.intervals_of(found.points(Q.LOSS, group=group), name, "final loss", **look)
        key.append((name, look))
    sheet.key_of_values(list(places), hues, "tokens seen")
    return sheet.drawing(key, [*notes, *_steeper(found), *_short(found), *scatter_said(found)])


def _steeper(found: Analysed) -> list[str]:
    """Whether late positions gain more from size."""
    one = found.number(Q.ALPHA_DIFFERENCE, optional=True) if found.made else None
    if one is None:
        return []
    last, first = found.group_of(one)["position"]
    said = "whether late positions gain more from size cannot be told"
    if one["lo"] > 0:
        said = "late positions gain more from size"
    elif one["hi"] < 0:
        said = "early positions gain more from size"
    return [f"Exponent after {last} tokens less that after {first}: {in_words(one)}; {said}."]


def _short(found: Analysed) -> list[str]:
    """How models with the whole context compare at the end of the short one."""
    if not found.made:
        return []
    rows = found.points(Q.LOSS_INCREASE, optional=True)
    if rows.empty:
        return []
    higher, lower = int((rows["lo"] > 0).sum()), int((rows["hi"] < 0).sum())
    context = found.group_of(rows.iloc[0])["context"]
    middle = float(np.median(rows["value"]))
    unsure = len(rows) - higher - lower
    return [f"At position {context}, models with the whole context lie {abs(middle):.1f} % "
            f"{'above' if middle > 0 else 'below'} those with a context of {context} (median): "
            f"higher at {higher}, lower at {lower}, not to be told at {unsure} of {len(rows)} "
            "sizes."]  # fmt: skip


FIGURES = {
    "kaplan_context": Figure(KaplanContext, draw_context),
    "kaplan_context_sizes": Figure(KaplanContextSizes, draw_sizes),
}
