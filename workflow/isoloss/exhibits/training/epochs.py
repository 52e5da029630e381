"""What epochs are worth: Muennighoff et al. (2023, arXiv:2305.16264), Figs. 1 and 5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from isoloss.charts import GREY, MARKERS, Panel, Sheet, short
from isoloss.config.section import Draws, Name, PositiveFloat
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
)
from isoloss.exhibits.notes import told, warned
from isoloss.exhibits.training.replicates import (
    METHOD,
    UNKNOWN,
    Scatter,
    in_percent,
    percent,
    scatter_said,
)
from isoloss.fit.api import fit_law
from isoloss.fit.questions import of_numbers
from isoloss.results import (
    IDENTIFIED,
    Analysed,
    G,
    Group,
    Kind,
    Q,
    Row,
    Verdict,
    X,
    estimated,
    row,
)
from isoloss.results.verdict import not_identified
from isoloss.runs.lineage import lineage_of
from isoloss.runs.select import finished_in
from isoloss.stats.intervals import LEVEL

if TYPE_CHECKING:
    import pandas as pd

SIZE = "n_params_non_embedding"
PAPER = "Muennighoff et al. (2023), arXiv:2305.16264"
PAPER_R_D = 15.387756
FEW_EPOCHS = 4.0  # epochs that are nearly as good as fresh data in the paper
OFF = 1.02  # tokens that differ by less are equal: runs have whole batches
FRESH = {"color": GREY, "linestyle": (0, (4, 2)), "linewidth": 1.2}
PUBLISHED = {"color": "black", "linestyle": (0, (1, 1.5)), "linewidth": 1.4}
N_LINE = 40


class Epochs(Analysing):
    """Final losses on repeated data, beside those of as many fresh tokens."""

    do: Literal["epochs"]
    name: Name = "epochs"
    at: PositiveFloat = FEW_EPOCHS  # epochs whose price is given
    draws: Draws = 200  # of the fitted law's intervals


class EpochsWorth(OfLosses):
    """Loss against epochs, and how many epochs of fresh data would be as good."""

    draw: Literal["epochs_worth"]
    name: Name = "epochs"
    title: str = "What repeated data are worth (Muennighoff et al. 2023)"
    caption: str = (
        "Left: final loss against epochs of the same data; dashed: as many fresh tokens. Right: "
        "fresh data of the same loss, in epochs, with 90 % intervals by the scatter over seeds. "
        "Dotted: worth by the paper's law. It holds for one size at a time; the paper's also "
        "discounts parameters beyond the best size."
    )
    epochs: Annotated[Name, Does("epochs")] = "epochs"  # the analysis drawn


@dataclass(frozen=True)
class Fresh:
    """ln L of a size against ln D where every token is new: shape (length,), falling."""

    log_d: np.ndarray
    log_loss: np.ndarray
    n_runs: np.ndarray

    @classmethod
    def of(cls, runs: pd.DataFrame) -> Fresh:
        """The means of runs of each length; a longer run is never worse than a shorter one."""
        groups = [group for _, group in runs.groupby("n_tokens", sort=True)]
        loss = np.array([group["log_loss"].mean() for group in groups])
        return cls(
            np.log([float(group["n_tokens"].iloc[0]) for group in groups]),
            np.minimum.accumulate(loss),
            np.array([len(group) for group in groups]),
        )

    def loss_at(self, log_d: float) -> float:
        """ln L of so many fresh tokens; NaN beyond the runs."""
        return float(np.interp(log_d, self.log_d, self.log_loss, left=np.nan, right=np.nan))

    def tokens_at(self, log_loss: float) -> float:
        """ln D of fresh tokens with this ln L; NaN beyond the runs."""
        return float(np.interp(-log_loss, -self.log_loss, self.log_d, left=np.nan, right=np.nan))


def analyse(spec: Epochs, inputs: Inputs) -> list[Row]:
    """The loss at each number of epochs, its price over fresh data, its worth, and a law of all.

    Raises
    ------
    UserError
        No size has runs on repeated data and two lengths of runs without repetition.
    """
    runs = finished_in(inputs.runs, spec.sweeps, "loss").sort_values("run_id", kind="stable")
    runs = runs[runs["n_unique_tokens"].notna() & runs["n_tokens"].notna()]
    tokens, unique = (runs[name].astype(float) for name in ("n_tokens", "n_unique_tokens"))
    runs = runs.assign(
        log_loss=np.log(runs["loss"].astype(float)), epochs=tokens / unique,
        repeated=tokens > OFF * unique,
    )  # fmt: skip
    cells = runs.groupby([SIZE, "n_unique_tokens", "n_tokens"])["log_loss"]
    scatter = Scatter.of([group.to_numpy() for _, group in cells], inputs.first("seed_noise"))
    rows = [] if scatter is None else [scatter.row(runs["run_id"])]
    n_repeated = 0
    for size, group in runs.groupby(SIZE, sort=True):
        fresh = Fresh.of(group[~group["repeated"]])
        # One epoch is fresh data too: it is where the curve of repeated data begins.
        for unique, some in group.groupby("n_unique_tokens", sort=True):
            if not some["repeated"].any() or len(fresh.log_d) < 2:
                continue
            n_repeated += 1
            rows += _of_data(spec, round(size), int(unique), some, fresh, scatter)
        if n_repeated:
            rows += _fresh_line(round(size), fresh)
    if not n_repeated:
        what = "a size needs runs on repeated data, and two lengths without repetition"
        raise UserError(spec.name, [what])
    return rows + _law(spec, runs)


def _of_data(spec, size, unique, some, fresh: Fresh, scatter: Scatter | None) -> list[Row]:
    """The loss, price and worth of each number of epochs of one data set."""
    rows, group = [], Group.of(n_params_non_embedding=size, n_unique_tokens=unique)
    for tokens, seeds in some.groupby("n_tokens", sort=True):
        log_loss, epochs = float(seeds["log_loss"].mean()), float(seeds["epochs"].iloc[0])
        common = {"kind": Kind.POINT, "group": group, "x_quantity": X.EPOCHS, "x": epochs,
                  "n_runs": len(seeds), "runs": " ".join(seeds["run_id"])}  # fmt: skip
        rows.append(row(Q.LOSS, np.exp(log_loss), unit="nats per token", **common))
        if not seeds["repeated"].all():
            continue
        difference = log_loss - fresh.loss_at(np.log(float(tokens)))
        half = np.nan
        if scatter is not None:
            half = scatter.half_width(len(seeds), int(fresh.n_runs.min()))
        ends = [difference - half, difference + half]
        price = {"lo": percent(ends[0]), "hi": percent(ends[1]), "level": LEVEL, "method": METHOD}
        price = price if np.isfinite(half) else {"warnings": UNKNOWN}
        if np.isfinite(difference):
            at = abs(epochs / spec.at - 1) < OFF - 1
            rows += [
                Row(quantity=Q.LOSS_INCREASE, value=percent(difference), unit="%",
                    verdict=IDENTIFIED, **common | {"kind": kind} | price)
                for kind in (Kind.POINT, *([Kind.PARAMETER] if at else []))
            ]  # fmt: skip
        worth = [np.exp(fresh.tokens_at(value)) / unique
                 for value in (log_loss, log_loss + half, log_loss - half)]  # fmt: skip
        if np.isfinite(worth[0]):
            ends = {"lo": worth[1], "hi": worth[2], "level": LEVEL, "method": METHOD}
            known = {k: v for k, v in ends.items() if isinstance(v, str) or np.isfinite(v)}
            rows.append(row(Q.WORTH, worth[0], unit="epochs", **common | known))
    return rows


def _fresh_line(size: int, fresh: Fresh) -> list[Row]:
    return [
        row(Q.LOSS, float(np.exp(loss)), kind=Kind.LINE, unit="nats per token",
            group=Group.of(n_params_non_embedding=size), x_quantity=X.N_TOKENS,
            x=float(np.exp(at)), n_runs=int(number))
        for at, loss, number in zip(fresh.log_d, fresh.log_loss, fresh.n_runs, strict=True)
    ]  # fmt: skip


def _law(spec: Epochs, runs: pd.DataFrame) -> list[Row]:
    """R_D and R_N of the law of Muennighoff et al., fitted to all runs, or why there is none."""
    shared = lineage_of(runs)
    columns = runs[["n_params", "n_tokens", "n_unique_tokens", "loss"]].astype(float)
    common = {"kind": Kind.PARAMETER, "n_runs": len(runs), "runs": " ".join(runs["run_id"])}
    source = {"theory": PAPER_R_D, "theory_source": f"{PAPER}, Sec. 5"}
    try:
        found = fit_law(shared.beside(columns), "data_constrained", cluster=shared.cluster,
                        draws=spec.draws, where=spec.name)  # fmt: skip
    except UserError as error:
        reason = not_identified("; ".join(error.problems))
        return [Row(quantity=Q.R_D, verdict=reason, **common, **source)]
    verdicts, said = of_numbers(found), "; ".join([*found.warnings, *shared.notes])
    return [
        estimated(quantity, found.params[str(quantity)], LEVEL, method=found.method,
                  verdict=Verdict.read(verdicts[str(quantity)]), warnings=said, **common,
                  **(source if quantity is Q.R_D else {}))
        for quantity in (Q.R_D, Q.R_N)
    ]  # fmt: skip


def worth(epochs: np.ndarray, r_d: float) -> np.ndarray:
    """D' / U of the law: 1 + R_D (1 - exp(-(epochs - 1) / R_D))."""
    return 1 - r_d * np.expm1(-(epochs - 1) / r_d)


def draw(spec: EpochsWorth, tables: Tables) -> Drawing:
    """Left: loss against epochs. Right: worth against epochs."""
    found = tables.analysed(spec.epochs, spec.called)
    notes = found.why_not()
    sheet = Sheet(2)
    left = sheet.panel("epochs", spec.loss_label, "Final loss")
    right = sheet.panel("epochs of the same data", "epochs of fresh data", "Worth")
    losses, line = found.points(Q.LOSS), found.line(Q.LOSS)
    worths = found.points(Q.WORTH, optional=True)
    groups = [group for group in found.groups(Q.LOSS) if G.N_UNIQUE_TOKENS in group]
    sizes = sorted({float(group[SIZE]) for group in groups})
    colors = dict(zip(sizes, tables.colors_of(sizes, SIZE), strict=True))
    data = sorted({float(group[G.N_UNIQUE_TOKENS]) for group in groups})
    markers = dict(zip(data, MARKERS * len(data), strict=False))
    most = 1.0
    for i, group in enumerate(groups):
        unique, size = float(group[G.N_UNIQUE_TOKENS]), float(group[SIZE])
        name, look = _name(group), {"color": colors[size], "marker": markers[unique]}
        here, gained = (rows[rows["group"] == str(group)] for rows in (losses, worths))
        left.line(here["x"], here["value"], name, "mean loss", **look)
        fresh = line[(line["of"] == size) & (line["x"] >= 0.98 * unique)]
        fresh = fresh[fresh["x"] <= 1.02 * unique * here["x"].max()]
        left.line(fresh["x"] / unique, fresh["value"], name, "fresh data",
                  **FRESH | {"color": look["color"]})  # fmt: skip
        right.intervals_of(gained, name, "worth", aside=2.5 * i, **look)
        most = max(most, float(here["x"].max()))
    sheet.key_of_values(sizes, list(colors.values()), "parameters N (no embeddings)")
    key = [(f"U = {short(unique)} unique tokens", {"color": GREY, "marker": marker})
           for unique, marker in markers.items()]  # fmt: skip
    if len(worths):
        key += _laws(right, found, np.geomspace(1, most, N_LINE))
        notes += _said(found)
    key.append(("as many fresh tokens", FRESH))
    return sheet.drawing(key, notes)


def _name(group: Group) -> str:
    return f"N = {short(group[SIZE])}, U = {short(group[G.N_UNIQUE_TOKENS])}"


def _laws(panel: Panel, found: Analysed, epochs: np.ndarray) -> list[tuple[str, dict]]:
    """Fresh data, the paper's law and, where the runs determine it, that of these runs."""
    panel.line(epochs, epochs, "fresh data", "guide", **FRESH)
    panel.line(epochs, worth(epochs, PAPER_R_D), "the paper's law", "guide", **PUBLISHED)
    key = [(f"law with the paper's R_D, {PAPER_R_D:.1f}", PUBLISHED)]
    own = found.number(Q.R_D)
    if own is not None and Verdict.read(own["verdict"]).determined:
        look = {"color": "black", "linestyle": "-", "linewidth": 1.2}
        panel.line(epochs, worth(epochs, float(own["value"])), "fitted law", "law", **look)
        key.append((f"law fitted here, R_D = {own['value']:.3g}", look))
    return key


def _said(found: Analysed) -> list[str]:
    """The price of a few epochs, the most that data were worth, and R_D beside the paper's."""
    notes = []
    for _, one in found.parameters(Q.LOSS_INCREASE, optional=True).iterrows():
        notes.append(f"{_name(found.group_of(one))}: {one['x']:.3g} epochs cost {in_percent(one)} "
                     f"over fresh data. {_beside_paper(one)}")  # fmt: skip
    worths = found.points(Q.WORTH)
    if len(worths):
        top = worths.loc[worths["value"].idxmax()]
        notes.append(f"The most that repeated data are worth: {top['value']:.3g} epochs of fresh "
                     f"data, after {top['x']:.3g} ({_name(found.group_of(top))}).")  # fmt: skip
    notes += told(found, Q.R_D, "R_D of all runs")
    notes += [f"The paper's R_D: {PAPER_R_D:.1f}.", *told(found, Q.R_N, "R_N of all runs")]
    return [*notes, *warned(found, Q.R_D, "The fitted law"), *scatter_said(found)]


def _beside_paper(one: pd.Series) -> str:
    if not np.isfinite(one["lo"]):
        return "Without seeds this cannot be compared with the paper, which sees nearly none."
    if one["lo"] > 0:
        return "The paper sees nearly none."
    if one["hi"] < 0:
        return "Repeated data are better here."
    return "No price is seen, as in the paper."


ANALYSES = {"epochs": Analysis(Epochs, analyse)}
FIGURES = {"epochs_worth": Figure(EpochsWorth, draw)}
