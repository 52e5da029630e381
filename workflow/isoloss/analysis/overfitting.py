"""Repeated data: Kaplan et al. (2020, arXiv:2001.08361), Sec. 4, and Sec. 5.3 on early stopping."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.early_stopping import early_stopping
from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.rows import DRAWS, IDENTIFIED, LEVEL, exponent_verdict, row, scale_verdict
from isoloss.analysis.series import points
from isoloss.config.analyses.limits import Overfitting
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis
from isoloss.fit import fit_law
from isoloss.fit.result import FitResult
from isoloss.laws.published import KAPLAN
from isoloss.results.verdict import OFTEN
from isoloss.runs.select import finished_in
from isoloss.stats import student
from isoloss.stats.spread import root_mean_square

SIZE = "n_params_non_embedding"
N_LINE = 40
EXPONENTS = {"alpha_N": 0.076, "alpha_D": 0.103}  # Table 2
RULE = {"k": 5e3, "p": 0.74}  # Eq. 4.4


@dataclass(frozen=True)
class Collapse:
    """L(N, D) / L(N, infinity) - 1 = (1 + weight x)**alpha_D - 1, x = N**p / D (Eqs. 4.2, 4.3).

    p = alpha_N / alpha_D and weight = Dc / Nc**p. Numbers, or arrays of draws.
    """

    p: Any
    log_weight: Any
    alpha_d: Any

    @classmethod
    def of(cls, params) -> "Collapse":
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


def overfitting(
    spec: Overfitting, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """The lowest held-out losses, Kaplan et al.'s L(N, D) through them, and what follows.

    Runs that see every token once stand for endless data (L(N, infinity), measured); in the fit
    their D is what they saw. Runs whose epoch has few steps are not fitted, as in the paper.

    Raises
    ------
    UserError
        There are no limited runs, no unlimited ones, or the law cannot be fitted to them.
    """
    chosen = finished_in(runs, spec.sweeps, "best_loss")
    table = pd.DataFrame({
        "run_id": chosen["run_id"].astype(str),
        "n_params": chosen[SIZE].astype(float),
        "n_tokens": chosen["n_unique_tokens"].astype(float),
        "loss": chosen["best_loss"].astype(float),
        "limited": chosen["n_unique_tokens"].astype(float) < chosen["n_tokens"].astype(float),
        "epoch_steps": (chosen["n_unique_tokens"] / chosen["n_tokens"] * chosen["steps"]).astype(
            float
        ),
    }).sort_values(["n_params", "n_tokens", "run_id"])  # fmt: skip
    endless = table[~table["limited"]].groupby("n_params")["loss"].mean()
    table = table.assign(endless=table["n_params"].map(endless))
    if not table["limited"].any() or endless.empty:
        raise UserError(spec.name, ["runs with repeated data and runs without are both needed"])
    fitted = table[table["epoch_steps"] > spec.few_updates]
    result = fit_law(
        fitted[["n_params", "n_tokens", "loss"]], "kaplan_nd", draws=DRAWS, where=spec.name
    )
    left_out = len(table) - len(fitted)
    said = [f"{left_out} of {len(table)} runs are not fitted: an epoch has at most "
            f"{spec.few_updates} steps"] * bool(left_out)  # fmt: skip
    common = {"n_runs": len(fitted), "runs": " ".join(fitted["run_id"]), "method": result.method}
    return [
        *_law(spec, result, fitted, said, common),
        *_measured(table, result, _relative_sd(done)),
        *early_stopping(table, chosen, curves),
    ]


def _law(spec, result: FitResult, fitted, said, common) -> list[dict[str, Any]]:
    natural = dict(zip(result.law.names, result.law.natural(result.draws).T, strict=True))
    at, many = Collapse.of(result.values), Collapse.of(natural)
    residual = np.log(fitted["loss"] / result.predict(fitted, interval=False)["loss"].to_numpy())
    said = [*said, *result.warnings, *_short_of_endless(spec, at, fitted)]
    common = common | {"verdict": result.verdict, "warnings": "; ".join(said)}
    rows = [
        row(name, found.value, natural[name], unit=found.unit, **common)
        | ({"theory": EXPONENTS[name], "theory_source": f"{KAPLAN}, Table 2"}
           if name in EXPONENTS else {})
        for name, found in result.params.items()
    ]  # fmt: skip
    theory = {name: {"theory": value, "theory_source": f"{KAPLAN}, Eq. 4.4, at a threshold of 0.02"}
              for name, value in RULE.items()}  # fmt: skip
    middle = float(np.exp(np.log(fitted["n_params"]).mean()))
    # What follows may be known though single parameters are not; but not without a minimum.
    sound = result.certificate.converged and len(result.draws) >= (1 - OFTEN) * DRAWS

    def judged(verdict):
        return common | {"verdict": verdict if sound else result.verdict}

    k, suffice = (
        (at.enough(n, spec.threshold), many.enough(n, spec.threshold)) for n in (1.0, middle)
    )
    rows += [
        row("p", at.p, many.p, **judged(exponent_verdict(at.p, many.p)) | theory["p"]),
        row("k", *k, unit="tokens", **judged(scale_verdict(k[1])) | theory["k"]),
        row("tokens that suffice", *suffice, unit="tokens", x_quantity=SIZE, x=middle,
            **judged(scale_verdict(suffice[1]))),
        row("misfit of ln L", root_mean_square(residual), **common),
    ]  # fmt: skip
    size = fitted["n_params"].to_numpy()
    ratio = size**at.p / fitted["n_tokens"].to_numpy()
    x = np.geomspace(ratio.min(), ratio.max(), N_LINE)
    # Draws have another p each: the band is that of the middle size.
    tokens = np.exp(at.p * np.log(middle) - np.log(x))
    each = Collapse(many.p[:, None], many.log_weight[:, None], many.alpha_d[:, None])
    line, band = at.excess(middle, tokens), each.excess(middle, tokens)
    return rows + points("excess", "N^p / D", x, line, band, kind="line", group="law",
                         method=result.method, verdict=result.verdict, runs="")  # fmt: skip


def _short_of_endless(spec, at: Collapse, fitted):
    """The unlimited runs stand for endless data; the law says how far they are from it."""
    unlimited = fitted[~fitted["limited"]]
    if unlimited.empty:
        return
    most = float(at.excess(unlimited["n_params"], unlimited["n_tokens"]).max())
    if most > spec.threshold / 2:
        yield (f"by the law the unlimited runs are themselves up to {most:.1%} above endless data, "
               "so that the measured excess is too small by as much")  # fmt: skip


def _measured(table, result, relative_sd) -> list[dict[str, Any]]:
    """Each run's lowest loss, and its share above the same size's without repetition."""
    p, rows = Collapse.of(result.values).p, []
    for run in table.itertuples():
        common = {"kind": "point", "group": f"{SIZE}={run.n_params:.0f}", "n_runs": 1,
                  "runs": run.run_id}  # fmt: skip
        at = {"x_quantity": "n_unique_tokens", "x": run.n_tokens, "unit": "nats per token"}
        rows.append(row("best_loss" if run.limited else "unlimited_loss", run.loss, **common | at))
        if run.limited and np.isfinite(run.endless):
            excess = run.loss / run.endless - 1
            at = {"x_quantity": "N^p / D", "x": run.n_params**p / run.n_tokens}
            found = row("excess", excess, **common | at)
            if relative_sd is not None:
                half = student.quantile(LEVEL) * np.sqrt(2) * relative_sd * (1 + excess)
                ends = {"lo": excess - half, "hi": excess + half, "level": LEVEL}
                found |= ends | {"method": "scatter over seeds"}
            rows.append(found)
    return rows


def _relative_sd(done: pd.DataFrame) -> float | None:
    """The relative scatter of the loss over seeds, where it was measured before."""
    if not len(done):
        return None
    found = done[(done["do"] == "seed_noise") & (done["quantity"] == "relative sd of the loss")]
    found = found[found["verdict"] == IDENTIFIED]
    return float(found["value"].iloc[0]) if len(found) else None


ANALYSES = {"overfitting": Analysis(Overfitting, of_dicts(overfitting))}
