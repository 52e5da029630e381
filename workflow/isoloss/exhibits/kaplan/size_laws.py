"""Laws of one variable side by side: Kaplan et al. (2020, arXiv:2001.08361), Figs. 6 and 23."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from isoloss.charts import COLORS, GREY, Sheet, look_of, short
from isoloss.config.section import Draws, Name, Values
from isoloss.errors import UserError
from isoloss.exhibits.base import (
    Analysing,
    Analysis,
    Does,
    Drawing,
    Figure,
    Inputs,
    OfLosses,
    Tables,
    need,
)
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.size_curves import finished_runs
from isoloss.exhibits.notes import told
from isoloss.fit import FitResult, fit_law
from isoloss.results import Axis, G, Group, Kind, Q, Quantity, Row, estimated, points, row
from isoloss.results.verdict import IDENTIFIED, Verdict
from isoloss.stats.interpolation import log_log
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    import pandas as pd

N_LINE = 60
MOST_SIZES = 0.75  # share of the sizes that has to have a length
WORDS = {
    "power_law": "power law",
    "logarithmic": "logarithm",
    "power_law_floor": "power law and a floor",
}
LOOKS = (
    looks.OURS,
    looks.ADJUSTED,
    *({"color": color, "linestyle": "-", "linewidth": 1.5} for color in (*COLORS[3:], GREY)),
)


class SizeLaws(Analysing):
    """Laws of one variable side by side: how well each fits, and predicts what it has not seen."""

    do: Literal["size_laws"]
    name: Name = "size"
    x: str = "n_params_non_embedding"  # column of the runs
    laws: Annotated[list[str], Field(min_length=1)] = [
        "power_law",
        "logarithmic",
    ]  # of one variable
    # The runs with the most tokens that three quarters of the sizes have; those of the largest
    # size; those of as many tokens as the models of different depth have in common.
    keep: Literal["all", "longest", "largest", "depths"] = "all"
    where: dict[str, Values] = {}  # column -> the values that are kept
    draws: Draws = 400  # of the intervals

    @property
    def numbers_named(self) -> list[str]:
        return [self.x]

    @property
    def laws_named(self) -> list[str]:
        return self.laws


class KaplanDepth(OfLosses):
    """Fig. 6: loss against size for several depths, with embeddings counted and without."""

    draw: Literal["kaplan_depth"]
    name: Name = "kaplan_06"
    title: str = "Size with and without embeddings, by depth (Kaplan et al. 2020, Figure 6)"
    caption: str = (
        "Final losses of models of several depths and widths on the same tokens, against all "
        "parameters and against those outside the embeddings. Dashed: one power law of all "
        "points. The two counts differ less for a smaller vocabulary."
    )
    naive: Annotated[Name, Does("size_laws")] = "depths_total"  # size_laws over n_params
    size: Annotated[Name, Does("size_laws")] = (
        "depths"  # size_laws of the same runs over n_params_non_embedding
    )


class KaplanSizeLaws(OfLosses):
    """Fig. 23: a power law of size beside a logarithm."""

    draw: Literal["kaplan_size_laws"]
    name: Name = "kaplan_23"
    title: str = "A power law of size and a logarithm (Kaplan et al. 2020, Figure 23)"
    caption: str = (
        "Final losses of the longest runs against size, with laws of one variable fitted to all "
        "of them, and what each law misses of each run. The percentages are of runs left out of "
        "the fit (root mean square)."
    )
    size: Annotated[Name, Does("size_laws")] = "size"  # size_laws with power_law and logarithmic


def analyse(spec: SizeLaws, inputs: Inputs) -> list[Row]:
    """Every law fitted to the same runs, and its relative misses of them.

    "miss" is the root mean square of ln L minus the law; "miss of a run left out" is that of each
    run by the law fitted to the others, of which a law with more parameters has no advantage.

    Raises
    ------
    UserError
        There are too few runs, a column is not there, or a law is not one of a single variable or
        derives a number that no `Quantity` names.
    """
    import pandas as pd

    chosen = _chosen(spec, inputs.runs)
    axis = Axis.read(spec.x)
    table = pd.DataFrame({"x": chosen[spec.x].astype(float), "loss": chosen["loss"].astype(float)})
    rows = []
    for n_layer, group in chosen.groupby("n_layer", sort=True, dropna=False):
        depth = None if pd.isna(n_layer) else Group.of(n_layer=int(n_layer))
        for run in group.itertuples():
            rows += points(Q.LOSS, axis, [getattr(run, spec.x)], [run.loss], n_runs=1,
                           group=depth, unit="nats per token",
                           runs=run.run_id, verdict=IDENTIFIED)  # fmt: skip
    for name in spec.laws:
        result = fit_law(table, name, x="x", y="loss", draws=spec.draws, where=spec.name)
        said = {"group": Group.of(law=name), "n_runs": len(table), "method": result.method,
                "verdict": Verdict.read(result.verdict), "warnings": "; ".join(result.warnings),
                "runs": " ".join(chosen["run_id"])}  # fmt: skip
        rows += _numbers(spec, result, said)
        dense = np.geomspace(table["x"].min(), table["x"].max(), N_LINE)
        line = result.predict({result.law.variables[0]: dense})
        many = np.exp(result.law.log_loss(result.draws, {result.law.variables[0]: np.log(dense)}))
        rows += points(Q.LOSS, axis, dense, line["loss"], many, kind=Kind.LINE,
                       unit="nats per token", **said)  # fmt: skip
    return rows


def _chosen(spec: SizeLaws, runs: pd.DataFrame) -> pd.DataFrame:
    chosen = finished_runs(runs, spec.sweeps)
    need(chosen, (spec.x, *spec.where), spec.name, "runs")
    for name, values in spec.where.items():
        chosen = chosen[chosen[name].isin(values)]
    if chosen.empty:
        raise UserError(spec.name, ["none of its runs has a loss"])
    if spec.keep == "depths":
        depths = chosen.groupby("n_tokens")["n_layer"].nunique()
        return chosen[chosen["n_tokens"] == depths.idxmax()]
    if spec.keep == "longest":
        sizes = chosen.groupby("n_tokens")["n_params_non_embedding"].nunique()
        enough = MOST_SIZES * chosen["n_params_non_embedding"].nunique()
        shared = sizes.index[sizes >= min(enough, sizes.max())]
        return chosen[chosen["n_tokens"] == shared.max()]
    if spec.keep == "largest":
        largest = chosen["n_params_non_embedding"].max()
        return chosen[chosen["n_params_non_embedding"] == largest]
    return chosen


def _numbers(spec: SizeLaws, result: FitResult, said: dict[str, Any]) -> list[Row]:
    try:
        rows = [
            estimated(Quantity.read(name), found, result.level, **said)
            for name, found in {**result.params, **result.derived}.items()
        ]
    except ValueError as error:  # a law of the user's own
        needed = "a subclass of isoloss.results.quantity.Quantity must name what the law derives"
        raise UserError(spec.name, [f"{result.law.name}: {error}; {needed}"]) from error
    misses = {Q.MISS: _miss(result)}
    if len(result.problem.log_loss) > len(result.law.parameters) + 1:
        misses[Q.MISS_LEFT_OUT] = _miss_left_out(result)
    for quantity, value in misses.items():
        rows.append(row(quantity, value, unit="relative", **said | {"method": ""}))
    return rows


def _miss(result: FitResult) -> float:
    problem = result.problem
    fitted = problem.law.log_loss(result.theta[None], problem.log_x)[0]
    return root_mean_square(problem.log_loss - fitted)


def _miss_left_out(result: FitResult) -> float:
    """All fits that leave out one run at once, each started from the fit of all."""
    problem, n = result.problem, len(result.problem.log_loss)
    starts = np.repeat(problem.z(result.theta[None]), n, axis=0)
    ends = problem.solve(starts, damping=0.1, weights=1.0 - np.eye(n))
    fitted = problem.law.log_loss(problem.theta(ends.z), problem.log_x)
    return root_mean_square(problem.log_loss - np.diagonal(fitted))


def draw_depth(spec: KaplanDepth, tables: Tables) -> Drawing:
    """The same runs by all parameters and by those outside the embeddings, by depth."""
    sheet = Sheet(2)
    notes, said, depths = [], [], {}
    shown = ((spec.naive, "parameters (all)", "With embeddings"),
             (spec.size, looks.SIZE_LABEL, "Without embeddings"))  # fmt: skip
    dashed = {"color": GREY, "linestyle": looks.DASH}
    for name, label, title in shown:
        found = tables.analysed(name, spec.called)
        panel = sheet.panel(label, spec.loss_label, title)
        losses = found.points(Q.LOSS)
        for i, depth in enumerate(sorted(losses["of"].unique())):
            of_depth = losses[losses["of"] == depth]
            layers = f"{depth:.0f} layer" + ("s" if depth != 1 else "")
            depths[layers] = look_of(i)
            panel.line(of_depth["x"], of_depth["value"], layers, "run", linewidth=1.0, **look_of(i))
        panel.line_of(found.line(Q.LOSS), "one power law", "fitted law", linewidth=1.2, **dashed)
        notes += [f"{title}: {text}" for text in found.why_not()]
        missed, words = found.number(Q.MISS), []
        if missed is not None:
            words = [("one power law", GREY), (f"misses by {100 * missed['value']:.1f} %", GREY)]
            notes.append(f"{title}: one power law misses the runs of all depths by "
                         f"{missed['value']:.1%} (root mean square).")  # fmt: skip
        notes += [f"{title}: {text}" for text in _loss_by_depth(losses)]
        said.append((panel, words))
    sheet.finish()
    for panel, words in said:
        looks.in_corner(panel, words)
    key = [*depths.items(), ("one power law of all depths", dashed)]
    return sheet.drawing(key if any(words for _, words in said) else key[:-1], notes)


def _loss_by_depth(losses: pd.DataFrame) -> list[str]:
    """The loss of each depth in the middle of the sizes that two depths or more span."""
    depths = {depth: rows for depth, rows in losses.groupby("of") if len(rows) > 1}
    ends = [(rows["x"].min(), rows["x"].max()) for rows in depths.values()]
    low, high = max((e[0] for e in ends), default=1.0), min((e[1] for e in ends), default=0.0)
    if len(depths) < 2 or low > high:
        return []
    at = float(np.sqrt(low * high))
    loss = {depth: float(log_log(at, rows["x"], rows["value"])) for depth, rows in depths.items()}
    told = ", ".join(f"{loss[depth]:.3f} with {depth:.0f}" for depth in sorted(loss))
    return [f"at N = {short(at)} the loss is {told} layers (interpolated)."]


def draw_size_laws(spec: KaplanSizeLaws, tables: Tables) -> Drawing:
    """Laws of one variable through the same runs, and by how much each misses every run."""
    found = tables.analysed(spec.size, spec.called)
    notes, runs = found.why_not(), found.points(Q.LOSS)
    groups = [group for group in found.groups(Q.LOSS) if G.LAW in group]
    sheet = Sheet(2 if groups else 1)
    panel = sheet.panel(looks.SIZE_LABEL, spec.loss_label, "Loss")
    panel.intervals_of(runs, "runs", "final loss", color="black", marker="o")
    key = [("a run", {"color": "black", "marker": "o"})]
    missed_by = sheet.panel(looks.SIZE_LABEL, "loss over the law's - 1 (%)", "What each law misses",
                            y_scale="linear") if groups else None  # fmt: skip
    if missed_by:
        missed_by.level(0, "as the law says")
    words = []
    for i, group in enumerate(groups):
        look, name = LOOKS[i % len(LOOKS)], WORDS.get(group[G.LAW], group[G.LAW])
        line = found.line(Q.LOSS, group=group)
        panel.line_of(line, name, "fitted law", band=False, **look)
        key.append((name, look))
        rest = 100 * (runs["value"] / log_log(runs["x"], line["x"], line["value"]) - 1)
        missed_by.line(runs["x"], rest, name, "residual", marker="o", markersize=4, **look)
        missed = found.number(Q.MISS, group=group)
        # Optional: as few runs as a law has parameters leave none out.
        out = found.number(Q.MISS_LEFT_OUT, group=group, optional=True)
        if missed is not None and out is not None:
            words.append((out["value"], f"{name}: {100 * out['value']:.1f} %", look["color"]))
            notes.append(f"{name.capitalize()}: misses the runs by {missed['value']:.2%}, and one "
                         f"that was left out by {out['value']:.2%} (root mean square)."
                         )  # fmt: skip
        # Optional: a logarithm has no exponent.
        notes += told(found, Q.ALPHA, f"{name.capitalize()}, exponent", group=group, optional=True)
    if words:
        least = min(words)[1].partition(":")[0]
        notes.insert(0, f"Of these laws, {least} misses a run that was left out least.")
    sheet.finish()
    if words:
        title = [("misses a run left out by", GREY)]
        looks.in_corner(panel, title + [(text, color) for _, text, color in sorted(words)])
    return sheet.drawing(key, notes)


ANALYSES = {"size_laws": Analysis(SizeLaws, analyse)}
FIGURES = {
    "kaplan_depth": Figure(KaplanDepth, draw_depth),
    "kaplan_size_laws": Figure(KaplanSizeLaws, draw_size_laws),
}
