"""Published models: how large they are, and where they lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from isoloss.charts import COLORS, GREY, MARKERS, Panel, Sheet, ordered_colors
from isoloss.config.runs import Transformer
from isoloss.config.section import Name, PositiveFloat, PositiveInt, Range, Section
from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.counting import transformer_params
from isoloss.exhibits.base import Drawing, Drawn, Figure, Tables
from isoloss.exhibits.published.laws import LOSS, rules
from isoloss.laws import CHINCHILLA
from isoloss.laws import published as P

AROUND = ((6, 0, "left"), (-6, 0, "right"), (0, 8, "center"), (0, -8, "center"), (6, 8, "left"),
          (6, -8, "left"), (-6, 8, "right"), (-6, -8, "right"), (10, 15, "left"),
          (10, -15, "left"), (-10, 15, "right"), (-10, -15, "right"))  # fmt: skip


OVER_CLAIMED = {"n_params": "off_claim_percent",
                "n_params_non_embedding": "off_claim_non_embedding_percent"}  # fmt: skip
MOST_OFF = 60.0  # per cent; what is farther off is written


class Configuration(Section):
    """The shape of a model, and the parameter count that was claimed for it."""

    name: str
    n_layer: PositiveInt  # blocks
    d_model: PositiveInt  # width
    n_head: PositiveInt
    claimed: PositiveFloat | None = None  # parameters; null: nothing was claimed
    vocabulary: PositiveInt = 50257  # tokens
    context: PositiveInt = 1024  # tokens


class Configurations(Drawn):
    """Exact parameter counts of models beside the counts that were claimed."""

    draw: Literal["configurations"]
    name: Name = "configurations"
    title: str = "Model shapes and their exact parameter counts"
    caption: str = (
        "Parameters that a shape has when they are counted exactly, all and without embeddings, "
        "beside the count that was claimed for it."
    )
    tabulate: bool = True
    models: Annotated[list[Configuration], Field(min_length=1)]  # from the top


class Model(Section):
    """A published model. Its tokens are null where they were not disclosed."""

    name: str
    family: str  # models of one family are drawn alike
    n_params: PositiveFloat  # with embeddings
    n_tokens: PositiveFloat | None = None  # of its training; null: not disclosed


class ModelPlanes(Drawn):
    """Published models by compute and size, and by size and data."""

    draw: Literal["model_planes"]
    name: Name = "models"
    title: str = "Published models by compute, size and data"
    caption: str = (
        "Left: parameters against training compute. Right: tokens against parameters. Lines are "
        "two published allocations. N and D are as published, with all parameters; C is 6 N D."
    )
    models: Annotated[list[Model], Field(min_length=1)]  # each a point


class IsoLoss(Drawn):
    """Lines of equal loss over model size and data, with the compute-optimal path."""

    draw: Literal["iso_loss"]
    name: Name = "iso_loss"
    title: str = "Sizes and data of equal loss, by a published law"
    caption: str = (
        "Sizes and data that reach the same loss by a published law, which the notes name. The "
        "dashed path reaches each loss with the least compute. Dots are published models, by N "
        "and D alone: the law does not know their data."
    )
    law: Literal["hoffmann", "besiroglu"] = "besiroglu"  # whose constants
    n_params: Range = [1e7, 1e12]  # from, to
    n_tokens: Range = [1e8, 1e14]  # from, to
    losses: list[PositiveFloat] = [2.0, 2.2, 2.5, 3.0, 3.5, 4.5]  # nats per token
    models: list[Model] = []  # published models, drawn where their N and D put them


def configurations(spec: Configurations, tables: Tables) -> Drawing:
    """Counts in GPT-2's form (biases, tied output), beside the counts that were claimed."""
    import pandas as pd

    rows = []
    for model in spec.models:
        shape = Transformer(n_layer=model.n_layer, d_model=model.d_model, n_head=model.n_head,
                            tie_embeddings=True)  # fmt: skip
        params = transformer_params(shape, model.vocabulary, model.context, biases=True)
        rows.append({
            "model": model.name, "n_layer": model.n_layer, "d_model": model.d_model,
            "n_params_non_embedding": params.non_embedding, "n_params": params.total,
            "claimed_n_params": model.claimed,
        })  # fmt: skip
    table = pd.DataFrame(rows)
    claimed = table["claimed_n_params"].astype(float)
    for column, ratio in OVER_CLAIMED.items():
        table[ratio] = 100 * (table[column] / claimed - 1)
    sheet = Sheet(height=0.8 + 0.42 * len(rows))
    panel = sheet.panel("exact count over the claimed one - 1 (%)", "", x_scale="linear",
                        y_scale="linear")  # fmt: skip
    looks = (("off_claim_percent", "all parameters", {"marker": "o", "color": COLORS[0]}),
             ("off_claim_non_embedding_percent", "without embeddings (Kaplan's N)",
              {"marker": "s", "color": COLORS[2]}))  # fmt: skip
    for column, label, look in looks:
        inside = table[column].abs() <= MOST_OFF
        panel.points(table.loc[inside, column], np.flatnonzero(inside), label, "count", **look)
        for place, off in zip(np.flatnonzero(~inside), table.loc[~inside, column], strict=True):
            if np.isfinite(off):
                panel.write(f"{off:+.0f} % →" if off > 0 else f"← {off:+.0f} %",
                            np.sign(off) * MOST_OFF, place, xytext=(0, 0),
                            ha="right" if off > 0 else "left", color=look["color"])  # fmt: skip
    panel.axes.vlines(0.0, -0.5, len(rows) - 0.5, color=COLORS[1], linewidth=1.2, zorder=1)
    panel.name_heights([f"{row['model']} ({row['n_layer']} × {row['d_model']})" for row in rows])
    panel.axes.set_xlim(-MOST_OFF, MOST_OFF)
    key = [(label, look) for _, label, look in looks]
    key.append(("as claimed", {"color": COLORS[1], "linestyle": "-"}))
    return replace(sheet.drawing(key, [
        "In brackets: layers × width. Exact: GPT-2's form, with biases, positions, and an output "
        "that is the token embedding. Non-embedding: 12 n_layer d_model^2.",
    ]), table=table)  # fmt: skip


def iso_loss(spec: IsoLoss, tables: Tables) -> Drawing:
    """Lines of equal loss, and the sizes and data that reach each loss with least compute."""
    import pandas as pd

    params = P.surface(spec.law)
    sheet = Sheet(height=4.4)
    panel = sheet.panel("parameters N", "training tokens D")
    panel.axes.set(xlim=spec.n_params, ylim=spec.n_tokens)
    sizes = np.geomspace(*spec.n_params, 400)
    losses = sorted(spec.losses, reverse=True)
    for loss, color in zip(losses, ordered_colors(len(losses)), strict=True):
        tokens = CHINCHILLA.tokens_for(params, loss, sizes)
        seen = (tokens >= spec.n_tokens[0]) & (tokens <= spec.n_tokens[1])
        if not seen.any():
            continue
        panel.line(sizes[seen], tokens[seen], f"{loss:g} nats per token", "equal loss", color=color)
        panel.name_end(f"{loss:g}", sizes[seen][-1], tokens[seen][-1], color=color)
    panel.say(LOSS, "key")
    compute = np.geomspace(*(FLOPS_PER_PARAM_TOKEN * n * d
                             for n, d in zip(spec.n_params, spec.n_tokens, strict=True)),
                           200)  # fmt: skip
    best = pd.DataFrame(CHINCHILLA.optimum(params, compute))
    best = best[best["n_params"].between(*spec.n_params) & best["n_tokens"].between(*spec.n_tokens)]
    look = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 1.2}
    panel.line(best["n_params"], best["n_tokens"], "least compute", "optimum", **look)
    known = [model for model in spec.models if model.n_tokens is not None]
    dot = {"color": "#333333", "marker": "o", "markersize": 4}
    for model in known:
        panel.points([model.n_params], [model.n_tokens], model.name, "model", **dot)
    key = [("least compute for the loss, 6 N D", look)]
    key += [("published models", dot)] if known else []
    constants = ", ".join(f"{name} {value:g}" for name, value in params.items())
    drawing = sheet.drawing(key, [
        f"L = E + A / N^alpha + B / D^beta with {constants} ({spec.law.capitalize()} et al.).",
    ])  # fmt: skip
    sheet.figure.draw_without_rendering()
    label_points(panel, [(model.name, model.n_params, model.n_tokens) for model in known])
    return drawing


def model_planes(spec: ModelPlanes, tables: Tables) -> Drawing:
    """Models by compute and size, and by size and data, with the published allocations."""
    sheet = Sheet(2, height=4.0, across=1)
    by_compute = sheet.panel(
        "training compute C = 6 N D (FLOP)", "parameters N", "Compute and size"
    )
    by_size = sheet.panel("parameters N", "training tokens D", "Size and data")
    looks = _looks([model.family for model in spec.models if model.n_tokens is not None])
    placed: dict[Panel, list] = {by_compute: [], by_size: []}
    hidden = [model for model in spec.models if model.n_tokens is None]
    for model in spec.models:
        if model.n_tokens is None:
            continue
        compute = FLOPS_PER_PARAM_TOKEN * model.n_params * model.n_tokens
        for panel, x, y in ((by_compute, compute, model.n_params),
                            (by_size, model.n_params, model.n_tokens)):  # fmt: skip
            panel.points([x], [y], model.name, "model", **looks[model.family])
            placed[panel].append((model.name, x, y))
    for model in hidden:
        by_compute.at_edge("y", model.n_params, model.name, "size only", marker=">", color=GREY)
        by_size.at_edge("x", model.n_params, model.name, "size only", marker="^", color=GREY)
    key = _rules(by_compute, by_size, placed)
    if hidden:
        key.append(("by size only: tokens not disclosed", {"color": GREY, "marker": ">"}))
        for model in hidden:
            place = (0, model.n_params)
            by_compute.write(model.name, *place, xycoords=("axes fraction", "data"), xytext=(7, 0),
                             fontsize=9, color=GREY)  # fmt: skip
            by_size.write(model.name, model.n_params, 0, xycoords=("data", "axes fraction"),
                          xytext=(0, 7), fontsize=9, color=GREY, rotation=90, ha="center",
                          va="bottom")  # fmt: skip
    notes = ["N counts all parameters; C = 6 N D, which differs from some papers' own counts."]
    if hidden:
        names = ", ".join(model.name for model in hidden)
        notes.append(f"At the axis: models whose tokens were not disclosed ({names}).")
    drawing = sheet.drawing(key, notes)
    sheet.figure.draw_without_rendering()
    for panel, names in placed.items():
        label_points(panel, names)
    return drawing


def _looks(families: list[str]) -> dict[str, dict]:
    """A colour and a marker for each family of several models; dark grey for single ones."""
    several = [family for family in dict.fromkeys(families) if families.count(family) > 1]
    looks = {family: {"color": "#333333", "marker": "o"} for family in families}
    return looks | {
        family: {"color": COLORS[2 + i % 4], "marker": MARKERS[1 + i % 5]}
        for i, family in enumerate(several)
    }


def _rules(by_compute, by_size, placed):
    """Kaplan's and Hoffmann's allocation over the range of the models."""
    span = [x for _, x, _ in placed[by_compute]] or [1e20, 1e24]
    compute = np.geomspace(min(span), max(span), 60)
    key = []
    for label, n_params, n_tokens, look in (rules(compute)[0], rules(compute)[2]):
        look = {"linestyle": "-"} | look | {"linewidth": 1.1, "alpha": 0.7}
        by_compute.line(compute, n_params, label, "rule", **look)
        by_size.line(n_params, n_tokens, label, "rule", **look)
        key.append((label, look))
    return key


def label_points(panel: Panel, names: list[tuple[str, float, float]], size: float = 9.0) -> None:
    """Write each name beside its point, where it covers least of other names and points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.patheffects import withStroke

    axes, figure = panel.axes, panel.axes.figure
    scale, font = figure.dpi / 72, FontProperties(size=size)
    measure = figure.canvas.get_renderer().get_text_width_height_descent
    frame = axes.get_window_extent()
    places = [(name, x, y, *axes.transData.transform((x, y))) for name, x, y in names]
    taken = [(px - 6, py - 6, px + 6, py + 6) for *_, px, py in places]
    for name, x, y, px, py in sorted(places, key=lambda place: place[3:]):
        width, height, _ = measure(name, font, False)
        options = []
        for order, (dx, dy, side) in enumerate(AROUND):
            left = px + dx * scale - {"left": 0, "center": width / 2, "right": width}[side]
            low = py + dy * scale - height / 2
            box = (left - 1, low - 1, left + width + 1, low + height + 1)
            cost = sum(_overlap(box, other) for other in taken) + 100 * _outside(box, frame)
            options.append((round(cost, 3), order, box))
        _, order, box = min(options)
        taken.append(box)
        dx, dy, side = AROUND[order]
        panel.write(name, x, y, xytext=(dx, dy), ha=side, fontsize=size,
                    path_effects=[withStroke(linewidth=2, foreground="white")])  # fmt: skip


def _overlap(a, b) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def _outside(box, frame) -> float:
    return max(0.0, box[2] - frame.x1) + max(0.0, frame.x0 - box[0])


FIGURES = {
    "iso_loss": Figure(IsoLoss, iso_loss),
    "configurations": Figure(Configurations, configurations),
    "model_planes": Figure(ModelPlanes, model_planes),
}
