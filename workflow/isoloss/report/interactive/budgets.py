"""The chart of a compute budget: the best size and data by published laws, and by those fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoloss.charts.text import short
from isoloss.constants import FLOPS_PER_PARAM_TOKEN, FLOPS_PER_PF_DAY
from isoloss.fit.questions import FACTOR, OF_RANGE, Asked, answer, ends_of
from isoloss.fit.wider import Wider, moved
from isoloss.laws import LAWS
from isoloss.laws import published as P
from isoloss.report.interactive.formulas import EXACT, IN_SCRIPT, rounded
from isoloss.report.interactive.joint import JointFit
from isoloss.results.verdict import Verdict
from isoloss.stats.intervals import LEVEL, bounds

PER_DECADE = 8  # budgets of our own laws in a decade of compute
BEYOND = 2  # decades beyond the largest run, to which our own laws are drawn
QUANTITIES = ("n_params", "n_tokens", "tokens_per_param", "loss")
EQUALLY = "many values fit these runs equally well"


@dataclass(frozen=True)
class Published:
    """A published law, its compute optimum, and the sizes that it was fitted to.

    `law` and `params` give the loss of any size and data. `rule` replaces the law's own optimum
    where the paper states another.
    """

    name: str
    label: str
    law: str
    params: Mapping[str, float]
    fitted_to: tuple[float, float]  # N, from, to
    said: str  # what the paper fitted
    why_no_interval: str
    rule: Mapping[str, float] | None = None


PUBLISHED = (
    Published(
        "Besiroglu 2024", "Besiroglu 2024: Hoffmann's law, refitted", "chinchilla",
        P.surface("besiroglu"), (7e7, 1.6e10),
        "models of 70M to 16B parameters (Hoffmann et al.'s runs)",
        "The paper prints errors of single constants, and no interval of N*.",
    ),
    Published(
        "Hoffmann 2022", "Hoffmann 2022, approach 3, as printed", "chinchilla",
        P.surface("hoffmann"), (7e7, 1.6e10), "models of 70M to 16B parameters",
        "The paper prints no interval of N*.",
    ),
    Published(
        "Kaplan 2020", "Kaplan 2020, Table 6 and Eq. 1.3", "kaplan_nd", P.joint_kaplan(),
        (768.0, 1.5e9), "models of 768 to 1.5B parameters, without embeddings",
        "The paper prints no interval of N*.",
        rule={
            "n_opt": P.VALUES["kaplan_n_opt"], "n_opt_exponent": P.VALUES["kaplan_n_opt_exponent"],
            "c_c": P.VALUES["kaplan_c_c_min"], "alpha_c": P.VALUES["kaplan_alpha_c_min"],
            "c_over_c_min": 2.0, "pf_day": FLOPS_PER_PF_DAY,
        },
    ),
)  # fmt: skip


def published_data(one: Published) -> dict[str, Any]:
    """A published law as `budget.js` reads it."""
    return {
        "label": one.label, "law": one.law, "unit": "nats per token",
        "tokens": "tokens",
        "params": {name: rounded(value, EXACT) for name, value in one.params.items()},
        "rule": dict(one.rule) if one.rule else None,
        "fitted_to": list(one.fitted_to), "said": one.said, "why": one.why_no_interval,
    }  # fmt: skip


def model_table(
    models: Sequence[Mapping[str, Any]],
) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of published models with the loss that each law gives them.

    The loss of a model whose tokens were not disclosed is at least that of endless tokens.
    """
    header = ["model", "N", "D", *(f"loss by {one.name}" for one in PUBLISHED)]
    rows = []
    for model in models:
        n_params, n_tokens = model["n_params"], model["n_tokens"]
        losses = [
            float(LAWS[one.law](one.params, n_params=n_params, n_tokens=n_tokens or np.inf))
            for one in PUBLISHED
        ]
        least = "" if n_tokens else "at least "
        rows.append([model["name"], short(n_params),
                     short(n_tokens) if n_tokens else "not disclosed",
                     *(f"{least}{loss:.3f}" for loss in losses)])  # fmt: skip
    return header, rows


@dataclass(frozen=True)
class OwnBudgets:
    """The compute optimum of a law fitted here, at budgets, with intervals and verdicts.

    Attributes
    ----------
    one : JointFit
    compute : ndarray, shape (budget,)
        FLOP, as C = 6 N D with the law's own count of N.
    largest : float
        Compute of the largest fitted run, counted alike.
    at, lo, hi : dict of str to ndarray, shape (budget,)
        `QUANTITIES` by the fitted law, and the interval of its draws.
    verdicts : dict of str to list of Verdict
        On n_params and on loss, at each budget. D* and tokens per parameter follow from N*.
    """

    one: JointFit
    compute: np.ndarray
    largest: float
    at: dict[str, np.ndarray]
    lo: dict[str, np.ndarray]
    hi: dict[str, np.ndarray]
    verdicts: dict[str, list[Verdict]]

    def data(self) -> dict[str, Any]:
        """The law as `budget.js` reads it."""
        fitted, one = self.one.fitted, self.one
        why: list[str] = []
        status = {name: [_place(why, said) for said in self.verdicts[name]]
                  for name in ("n_params", "loss")}  # fmt: skip
        columns = {"n": self.at["n_params"], "n_lo": self.lo["n_params"],
                   "n_hi": self.hi["n_params"], "loss": self.at["loss"],
                   "loss_lo": self.lo["loss"], "loss_hi": self.hi["loss"]}  # fmt: skip
        return {
            "study": one.study, "label": one.label,
            "law": fitted.law_name, "unit": one.unit, "tokens": one.tokens,
            "synthetic": one.synthetic,
            "params": {name: rounded(fitted.params[name], EXACT) for name in fitted.law.names}
            if fitted.law_name in IN_SCRIPT else None,
            "level": rounded(100 * LEVEL), "largest": rounded(self.largest),
            "compute": [rounded(value, EXACT) for value in self.compute],
            "at": {name: [rounded(value) for value in values]
                   for name, values in columns.items()},
            "why": why, "status": status,
            "runs": [[rounded(n), rounded(loss)]
                     for n, loss in zip(one.n_params, one.loss, strict=True)],
        }  # fmt: skip


def own_budgets(one: JointFit, factors: Sequence[float] | None = None) -> OwnBudgets | None:
    """The optimum of a fitted law from its smallest run's compute to 100 times its largest run's.

    Parameters
    ----------
    factors : sequence of float, optional
        Other budgets, over the compute of the largest run.

    Returns
    -------
    OwnBudgets or None
        None where the fitted law has no optimum at any of the budgets.
    """
    fitted, law = one.fitted, one.fitted.law
    compute_of_runs = FLOPS_PER_PARAM_TOKEN * one.n_params * one.n_tokens
    largest = float(compute_of_runs.max())
    if factors is None:
        first = -int(np.ceil(PER_DECADE * np.log10(largest / compute_of_runs.min())))
        factors = 10.0 ** (np.arange(first, PER_DECADE * BEYOND + 1) / PER_DECADE)
    compute = largest * np.asarray(factors, float)
    at = law.optimum(fitted.params, compute)
    if not np.isfinite(at["n_params"]).any():
        return None
    whole = set(law.names) <= set(fitted.draws)
    drawn = {name: np.asarray(fitted.draws[name])[:, None] for name in law.names if whole}
    many = law.optimum(drawn, compute) if drawn else {
        name: np.empty((0, len(compute))) for name in QUANTITIES
    }  # fmt: skip
    product = compute / FLOPS_PER_PARAM_TOKEN
    # A draw may have its optimum at less than one parameter, or than one token.
    many["n_params"] = np.clip(many["n_params"], 1.0, product)
    lo, hi = {}, {}
    for name in ("n_params", "loss"):
        lo[name], hi[name] = bounds(many[name], LEVEL)
    for name, power in (("n_tokens", 1), ("tokens_per_param", 2)):
        lo[name], hi[name] = (product / ends["n_params"] ** power for ends in (hi, lo))
    widest = OF_RANGE * float(np.ptp(one.loss))
    verdicts = {
        "n_params": _verdicts(fitted, compute, at, many, "n_params", FACTOR),
        "loss": _verdicts(fitted, compute, at, many, "loss", widest),
    }
    return OwnBudgets(one, compute, largest, at, lo, hi, verdicts)


def _verdicts(fitted, compute, at, many, name: str, widest: float) -> list[Verdict]:
    """The verdict on a number at each budget, from the draws of the interval beside it."""
    wide, ratio = Wider.read(fitted.wider), name == "n_params"
    found = []
    for place, value in enumerate(at[name]):
        ends = ends_of(many[name][:, place], LEVEL)
        along = wide and wide.optimum(compute[place], FLOPS_PER_PARAM_TOKEN)[name]
        asked = Asked("", float(value), ends, ends, widest, ratio=ratio,
                      moved=moved(float(value), along, ratio, wide))  # fmt: skip
        found.append(answer(asked, fitted.doubt).verdict)
    return found


def _place(why: list[str], verdict: Verdict) -> int:
    """The place of a verdict's words in a list, from 1; 0 for an identified number."""
    if verdict.identified:
        return 0
    text = said(verdict)
    if text not in why:
        why.append(text)
    return why.index(text) + 1


def said(verdict: Verdict) -> str:
    """A verdict in words, without the interval that stands beside it; "" where identified."""
    if verdict.identified:
        return ""
    reason = EQUALLY if verdict.reason.startswith("anything from") else verdict.reason
    return f"{verdict.status}: {reason}"
