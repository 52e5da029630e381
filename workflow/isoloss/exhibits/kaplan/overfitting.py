"""Repeated data: Kaplan et al. (2020, arXiv:2001.08361), Sec. 4, and their Fig. 9."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from isoloss.charts import GREY, Panel, Sheet, short
from isoloss.config.section import Name, PositiveFloat, PositiveInt
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysing, Analysis, Does, Drawing, Drawn, Figure, Inputs, Tables
from isoloss.exhibits.kaplan import looks
from isoloss.exhibits.kaplan.batch_scan import SIZE
from isoloss.exhibits.kaplan.early_stopping import early_stopping
from isoloss.exhibits.kaplan.looks import DASH
from isoloss.exhibits.notes import in_words, warned
from isoloss.fit.api import fit_law
from isoloss.laws import law
from isoloss.laws.published import KAPLAN
from isoloss.results import Analysed, Group, Kind, Label, Q, Row, Status, Verdict, X, points, row
from isoloss.results.rows import DRAWS
from isoloss.results.verdict import OFTEN, exponent_verdict, scale_verdict
from isoloss.runs.lineage import lineage_of
from isoloss.runs.select import finished_in
from isoloss.stats import student
from isoloss.stats.intervals import LEVEL
from isoloss.stats.spread import root_mean_square

if TYPE_CHECKING:
    import pandas as pd

    from isoloss.fit.result import FitResult

SIZE_LABEL = "parameters N (no embeddings)"
ENDLESS = "black"
N_LINE, N_POINTS = 40, 60  # of Eq. 4.3 and of Eq. 1.5, drawn
EXPONENTS = {Q.ALPHA_N: 0.076, Q.ALPHA_D: 0.103}  # Table 2
RULE = {Q.K: 5e3, Q.P: 0.74}  # Eq. 4.4
OF_EQ_1_5 = (Q.N_C, Q.D_C, Q.ALPHA_N, Q.ALPHA_D)


class Overfitting(Analysing):
    """What few unique tokens cost, how many a size needs, and when to stop early."""

    do: Literal["overfitting"]
    name: Name = "overfitting"
    threshold: PositiveFloat = 0.02  # share of the loss that counts as overfitting
    few_updates: PositiveInt = 40  # runs whose epoch has so few steps or fewer are not fitted

    @property
    def reads(self) -> tuple[str, ...]:
        return ("seed_noise",)


class RepeatedData(Drawn):
    """Kaplan et al., Fig. 9: lowest loss by size and data, and its excess by one ratio."""

    draw: Literal["repeated_data"]
    name: Name = "kaplan_09"
    title: str = "Loss on repeated data (Kaplan et al. 2020, Figure 9)"
    caption: str = (
        "Lowest loss against size, by the number of different tokens. Right: its excess over the "
        "same size without repetition, against the ratio of Eq. 4.3. Bars are the scatter over "
        "seeds. Data without repetition are finite, so small excesses come out too small."
    )
    loss_label: str = "lowest held-out loss (nats per token)"
    overfitting: Annotated[Name, Does("overfitting")] = "overfitting"  # an overfitting


@dataclass(frozen=True)
class Collapse:
    """L(N, D) / L(N, infinity) - 1 = (1 + weight x)**alpha_D - 1, x = N**p / D (Eqs. 4.2, 4.3).

    p = alpha_N / alpha_D and weight = Dc / Nc**p. Numbers, or arrays of draws.
    """

    p: Any
    log_weight: Any
    alpha_d: Any

    @classmethod
    def of(cls, params) -> Collapse:
        """From the parameters of Eq. 1.5."""
        with np.errstate(all="ignore"):  # an exponent of zero has no scale
            p = params["alpha_N"] / params["alpha_D"]
            log_weight = np.log(params["Dc"]) - p * np.log(params["Nc"])
        return cls(p, log_weight, params["alpha_D"])

    def excess(self, n_params, n_tokens):
        """By what share the loss lies above that of endless data."""
        with np.errstate(all="ignore"):
            x = np.exp(self.log_weight + self.p * np.log(n_params) - np.log(n_tokens))
            return np.expm1(self.alpha_d * np.log1p(x))

    def enough(self, n_params, threshold: float):
        """Unique tokens from which on the excess is below `threshold`; k of D = k N**p at N = 1."""
        with np.errstate(all="ignore"):
            weight = np.exp(self.log_weight + self.p * np.log(n_params))
            return weight / np.expm1(np.log1p(threshold) / self.alpha_d)


def analyse(spec: Overfitting, inputs: Inputs) -> list[Row]:
    """The lowest held-out losses, Kaplan et al.'s L(N, D) through them, and what follows.

    Runs that see every token once stand for endless data (L(N, infinity), measured); in the fit
    their D is what they saw. Runs whose epoch has few steps are not fitted, as in the paper.

    Raises
    ------
    UserError
        There are no limited runs, no unlimited ones, or the law cannot be fitted to them.
    """
    chosen = finished_in(inputs.runs, spec.sweeps, "best_loss")
    table = _table(chosen)
    if not table["limited"].any() or table["limited"].all():
        raise UserError(spec.name, ["runs with repeated data and runs without are both needed"])
    fitted = table[table["epoch_steps"] > spec.few_updates]
    shared = lineage_of(chosen.set_index("run_id").loc[fitted["run_id"]].reset_index())
    result = fit_law(
        shared.beside(fitted[["n_params", "n_tokens", "loss"]]),
        "kaplan_nd",
        cluster=shared.cluster,
        draws=DRAWS,
        where=spec.name,
    )
    return [
        *_law(spec, result, table, fitted, shared.notes),
        *_measured(table, result, _relative_sd(inputs.first("seed_noise"))),
        *early_stopping(table, chosen, inputs.curves),
    ]


def _table(runs: pd.DataFrame) -> pd.DataFrame:
    """The lowest loss of each run, its size and its data, and the same size's without repetition.

    Columns run_id, n_params (without embeddings), n_tokens (unique), loss, limited, epoch_steps,
    endless.
    """
    import pandas as pd

    table = pd.DataFrame({
        "run_id": runs["run_id"].astype(str),
        "n_params": runs[SIZE].astype(float),
        "n_tokens": runs["n_unique_tokens"].astype(float),
        "loss": runs["best_loss"].astype(float),
        "limited": runs["n_unique_tokens"].astype(float) < runs["n_tokens"].astype(float),
        "epoch_steps": (runs["n_unique_tokens"] / runs["n_tokens"] * runs["steps"]).astype(float),
    }).sort_values(["n_params", "n_tokens", "run_id"])  # fmt: skip
    endless = table[~table["limited"]].groupby("n_params")["loss"].mean()
    return table.assign(endless=table["n_params"].map(endless))


def _law(spec: Overfitting, result: FitResult, table, fitted, notes) -> list[Row]:
    """Eq. 1.5, the exponent and the tokens that follow from it, and the excess as a line."""
    natural = dict(zip(result.law.names, result.law.natural(result.draws).T, strict=True))
    at, many = Collapse.of(result.values), Collapse.of(natural)
    residual = np.log(fitted["loss"] / result.predict(fitted, interval=False)["loss"].to_numpy())
    verdict = Verdict.read(result.verdict)
    said = [*_left_out(spec, table, fitted), *result.warnings, *notes,
            *_short_of_endless(spec, at, fitted)]  # fmt: skip
    common = {"n_runs": len(fitted), "runs": " ".join(fitted["run_id"]), "method": result.method,
              "warnings": "; ".join(said)}  # fmt: skip
    rows = [
        row(Q(name), found.value, natural[name], unit=found.unit, verdict=verdict,
            theory=EXPONENTS.get(Q(name)),
            theory_source=f"{KAPLAN}, Table 2" if Q(name) in EXPONENTS else None, **common)
        for name, found in result.params.items()
    ]  # fmt: skip
    middle = float(np.exp(np.log(fitted["n_params"]).mean()))
    # What follows may be known though single parameters are not; but not without a minimum.
    sound = result.certificate.converged and len(result.draws) >= (1 - OFTEN) * DRAWS

    def judged(own: Verdict) -> Verdict:
        return own if sound else verdict

    k, suffice = (
        (at.enough(n, spec.threshold), many.enough(n, spec.threshold)) for n in (1.0, middle)
    )
    source = f"{KAPLAN}, Eq. 4.4, at a threshold of 0.02"
    rows += [
        row(Q.P, at.p, many.p, verdict=judged(exponent_verdict(at.p, many.p)), theory=RULE[Q.P],
            theory_source=source, **common),
        row(Q.K, *k, unit="tokens", verdict=judged(scale_verdict(k[1])), theory=RULE[Q.K],
            theory_source=source, **common),
        row(Q.TOKENS_THAT_SUFFICE, *suffice, unit="tokens", x_quantity=X.N_NON_EMBEDDING, x=middle,
            verdict=judged(scale_verdict(suffice[1])), **common),
        row(Q.MISFIT_LN_L, root_mean_square(residual), verdict=verdict, **common),
    ]  # fmt: skip
    size = fitted["n_params"].to_numpy()
    ratio = size**at.p / fitted["n_tokens"].to_numpy()
    x = np.geomspace(ratio.min(), ratio.max(), N_LINE)
    # Draws have another p each: the band is that of the middle size.
    tokens = np.exp(at.p * np.log(middle) - np.log(x))
    each = Collapse(many.p[:, None], many.log_weight[:, None], many.alpha_d[:, None])
    line, band = at.excess(middle, tokens), each.excess(middle, tokens)
    return rows + points(Q.EXCESS, X.SIZE_RATIO, x, line, band, kind=Kind.LINE,
                         group=Group.of(Label.LAW), method=result.method,
                         verdict=verdict)  # fmt: skip


def _left_out(spec: Overfitting, table, fitted) -> Iterator[str]:
    if left_out := len(table) - len(fitted):
        yield (f"{left_out} of {len(table)} runs are not fitted: an epoch has at most "
               f"{spec.few_updates} steps")  # fmt: skip


def _short_of_endless(spec: Overfitting, at: Collapse, fitted) -> Iterator[str]:
    """The unlimited runs stand for endless data; the law says how far they are from it."""
    unlimited = fitted[~fitted["limited"]]
    if unlimited.empty:
        return
    most = float(at.excess(unlimited["n_params"], unlimited["n_tokens"]).max())
    if most > spec.threshold / 2:
        yield (f"by the law, runs without repetition lie up to {most:.1%} above endless data; "
               "the measured excess is too small by as much")  # fmt: skip


def _measured(table, result: FitResult, relative_sd: float | None) -> list[Row]:
    """Each run's lowest loss, and its share above the same size's without repetition."""
    p, rows = Collapse.of(result.values).p, []
    for run in table.itertuples():
        common = {"kind": Kind.POINT, "group": Group.of(n_params_non_embedding=round(run.n_params)),
                  "n_runs": 1, "runs": run.run_id}  # fmt: skip
        rows.append(row(Q.BEST_LOSS if run.limited else Q.UNLIMITED_LOSS, run.loss,
                        x_quantity=X.N_UNIQUE_TOKENS, x=run.n_tokens, unit="nats per token",
                        **common))  # fmt: skip
        if run.limited and np.isfinite(run.endless):
            excess = run.loss / run.endless - 1
            if relative_sd is not None:
                half = student.quantile(LEVEL) * np.sqrt(2) * relative_sd * (1 + excess)
                common |= {"lo": excess - half, "hi": excess + half, "level": LEVEL,
                           "method": "scatter over seeds"}  # fmt: skip
            rows.append(row(Q.EXCESS, excess, x_quantity=X.SIZE_RATIO,
                            x=run.n_params**p / run.n_tokens, **common))  # fmt: skip
    return rows


def _relative_sd(noise: Analysed | None) -> float | None:
    """The relative scatter of the loss over seeds, where it was measured before."""
    found = None if noise is None else noise.parameter(Q.RELATIVE_SD)
    known = found is not None and Verdict.read(found["verdict"]).identified
    return float(found["value"]) if known else None


def draw(spec: RepeatedData, tables: Tables) -> Drawing:
    """Left: lowest loss against size, by data. Right: its excess over endless data."""
    rows = tables.analysed(spec.overfitting, spec.called)
    notes = rows.why_not()
    limited, endless = rows.points(Q.BEST_LOSS), rows.points(Q.UNLIMITED_LOSS)
    # No excess where no size was trained both with repetition and without.
    excess, line = rows.points(Q.EXCESS, optional=True), rows.line(Q.EXCESS)
    colors = looks.data_colors(sorted(limited["x"].unique()))
    sheet = Sheet(1 + bool(len(excess)))
    left = sheet.panel(SIZE_LABEL, spec.loss_label, "Lowest loss")
    ends = _lowest_losses(left, rows, limited, endless, colors, notes)
    key = [
        ("lowest loss of a run, or its excess", {"color": GREY, "marker": "o"}),
        ("Eq. 1.5, fitted", {"color": GREY, "linestyle": DASH}),
    ]
    right, words = None, []
    if len(excess):
        power = rows.values([Q.P])
        ratio = "N^p / D" if power is None else f"N^p / D with p = {power[Q.P]:.2f}"
        right = sheet.panel(ratio, "L(N, D) / L(N, all) - 1", "Excess", y_scale="linear")
        right.band(line["x"], line["value"], line["lo"], line["hi"], "Eq. 4.3", "90 % band",
                   color=GREY)  # fmt: skip
        right.line(line["x"], line["value"], "Eq. 4.3", "fitted law", color=GREY)
        for tokens, color in colors.items():
            of_data = limited["runs"][limited["x"] == tokens]
            here = excess[excess["runs"].isin(of_data)]
            right.line(here["x"], here["value"], f"D {short(tokens)}", "of the same data",
                       color=color, linewidth=0.8, linestyle=looks.DOTS)  # fmt: skip
            right.intervals_of(here, f"D {short(tokens)}", "excess", color=color)
        inside, below = within(excess, line)
        words = [(f"{inside} of {len(excess)} in the band", GREY), (f"{below} below it", GREY)]
        notes.append(f"{inside} of {len(excess)} excesses lie in the 90 % band of Eq. 4.3, {below} "
                     f"below it and {len(excess) - inside - below} above it.")  # fmt: skip
        key.append(("Eq. 4.3 with its 90 % band", {"color": GREY, "linestyle": "-"}))
    notes += _rule(rows)
    sheet.finish()
    looks.name_ends(left, ends)
    if ends:
        looks.in_corner(left, [("at the right: unique tokens", GREY)])
    if right:
        looks.in_corner(right, words)
    return sheet.drawing(key, notes)


def _lowest_losses(panel: Panel, rows: Analysed, limited, endless, colors, notes) -> list:
    """Losses by size for each data set, and Eq. 1.5; the names of the data, at the line ends."""
    joint, ends = joint_law(rows, notes), []
    sizes = [*limited["of"], *endless["of"]]
    for tokens, color in colors.items():
        name = f"D {short(tokens)}"
        of_data, once = limited[limited["x"] == tokens], endless[endless["x"] == tokens]
        panel.points(of_data["of"], of_data["value"], name, "lowest loss", color=color)
        if len(once):
            draw_endless(panel, once["of"], once["value"], name, color)
        if joint:
            dense = np.geomspace(min(sizes), max(sizes), N_POINTS)
            panel.line(dense, joint(dense, tokens), name, "Eq. 1.5", color=color, linestyle=DASH)
        last = of_data.iloc[-1]
        ends.append((short(tokens), last["of"], last["value"], color))
    if len(endless):
        draw_endless(panel, endless["of"], endless["value"], "every token seen once", ENDLESS)
        last = endless.iloc[-1]
        ends.append(("no repetition", last["of"], last["value"], ENDLESS))
    return ends


def within(points: pd.DataFrame, line: pd.DataFrame) -> tuple[int, int]:
    """How many points lie inside the band of a line, and how many below it."""
    x, y = np.log(points["x"].to_numpy(float)), points["value"].to_numpy(float)
    lo, hi = (np.interp(x, np.log(line["x"]), line[end].to_numpy(float)) for end in ("lo", "hi"))
    return int(np.sum((lo <= y) & (y <= hi))), int(np.sum(y < lo))


def draw_endless(panel: Panel, x, loss, name: str, color: str) -> None:
    """Lowest losses of runs that see no token twice: hollow."""
    panel.points(x, loss, name, "lowest loss, every token seen once", color=color, fillstyle="none")


def joint_law(rows: Analysed, notes: list[str]) -> Callable | None:
    """Eq. 1.5 as a function of N and D, if it was fitted; what to say of it goes into notes."""
    params = rows.values(OF_EQ_1_5)
    fitted, misfit = rows.parameter(Q.ALPHA_D), rows.values([Q.MISFIT_LN_L])
    if params is None or misfit is None:
        return None
    verdict = Verdict.read(fitted["verdict"])
    if verdict.status is Status.NOT_FITTED:
        return None
    notes.append(f"Eq. 1.5 misses the runs by {misfit[Q.MISFIT_LN_L]:.1%} (root mean square)."
                 + ("" if verdict.identified else f" Eq. 1.5 is {verdict.status}."))  # fmt: skip
    notes += warned(rows, Q.ALPHA_D)
    named = {str(quantity): value for quantity, value in params.items()}
    return lambda n, d: law("kaplan_nd")(named, n_params=n, n_tokens=d)


def _rule(rows: Analysed) -> list[str]:
    """What the fit says of how many tokens suffice."""
    texts = {
        Q.P: "Data that grow as D ~ N^p keep the excess the same. p is {}; the paper has 0.74.",
        Q.K: "From D = k N^p tokens on, the excess is below the threshold. k is {}; the paper "
        "has 5000, in its tokens.",
    }
    said = []
    for quantity, text in texts.items():
        found = rows.parameter(quantity)
        if found is not None:
            said.append(text.format(in_words(found)))
    return said


ANALYSES = {"overfitting": Analysis(Overfitting, analyse)}
FIGURES = {"repeated_data": Figure(RepeatedData, draw)}
