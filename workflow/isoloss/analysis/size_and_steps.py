"""L(N, S) along learning curves: Kaplan et al. (2020, arXiv:2001.08361), Eq. 1.6, Sec. 5.2."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from isoloss.analysis.kaplan_curves import SizeCurve, adjusted, curves_of
from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.rows import IDENTIFIED, exponent_verdict, row
from isoloss.analysis.series import points
from isoloss.config.analyses.kaplan import SizeAndSteps
from isoloss.constants import FLOPS_PER_PARAM_TOKEN, FLOPS_PER_PF_DAY
from isoloss.errors import UserError
from isoloss.exhibits.base import Analysis, Inputs
from isoloss.exhibits.kaplan.batch_law import Law, critical_batch_of, law_of
from isoloss.fit import fit_law
from isoloss.fit.result import FitResult
from isoloss.laws.published import KAPLAN, VALUES
from isoloss.stats.spread import root_mean_square

POINTS = 12  # of each curve that are fitted: neighbours say little more
FEWEST_SIZES = 4
DRAWS = 300
N_LINE = 40
SIZE = "n_params_non_embedding"
THEORY = {"alpha_N": "alpha_n_steps", "alpha_S": "alpha_s", "Nc": "n_c_steps", "Sc": "s_c"}
UNITS = {"Nc": "non-embedding parameters", "Sc": "steps"}


def size_and_steps(
    spec: SizeAndSteps, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """The law's parameters, what they predict of the optimum, and loss against N in two cuts.

    The cuts are at fixed steps and at fixed compute, both at the runs' own batch: points are
    interpolated along the curves, lines are the law. With `adjusted` the law is one of S_min, and
    fitted only where B_crit(L) was measured.

    Raises
    ------
    UserError
        Fewer than four sizes have a curve, B_crit(L) is not known, or the law cannot be fitted.
    """
    found = curves_of(runs, curves, spec.sweeps, spec.name)
    batch = Inputs(runs=runs, curves=curves, done=done).first("critical_batch")
    critical = critical_batch_of(batch, spec.name)[0] if spec.adjusted else None
    used = [adjusted(curve, critical) if critical else curve for curve in found]
    known = law_of(batch) if critical else None
    result = _fit(spec, found, used, known)
    said = {
        "method": result.method,
        "n_runs": len(found),
        "verdict": result.verdict,
        "warnings": "; ".join([*_said(spec, result, known), *result.warnings]),
        "runs": " ".join(run_id for curve in found for run_id in curve.runs),
    }
    rows = _parameters(result, said) + _predicted(result, said, known)
    for what in ("compute", "steps"):
        rows += _cut(what, spec, found, result, critical, said)
    return rows


def _fit(spec, found: list[SizeCurve], used: list[SizeCurve], known: Law | None) -> FitResult:
    parts = []
    for raw, curve in zip(found, used, strict=True):
        late = raw.steps >= max(spec.first_step, 1)
        late = np.flatnonzero(late & known.knows(raw.loss) if known else late)
        if not len(late):
            continue
        even = np.geomspace(raw.steps[late[0]], raw.steps[-1], POINTS)
        kept = np.unique(late[np.abs(np.log(raw.steps[late][:, None] / even)).argmin(axis=0)])
        parts.append(pd.DataFrame({
            "n_params": curve.n_params, "n_steps": curve.steps[kept], "loss": curve.loss[kept],
            "run_id": curve.runs[0],
        }))  # fmt: skip
    if len(parts) < FEWEST_SIZES:
        problem = f"{len(parts)} sizes have a curve from step {spec.first_step} on"
        problem += f", where B_crit(L) was measured ({known.range})" if known else ""
        raise UserError(spec.name, [f"{problem}; {FEWEST_SIZES} are needed"])
    table = pd.concat(parts, ignore_index=True)
    columns = {name: name for name in ("n_params", "n_steps", "loss")}
    return fit_law(table, "kaplan_ns", columns=columns, cluster="run_id",
                   draws=DRAWS, where=spec.name)  # fmt: skip


def _said(spec, result, known):
    problem = result.problem
    fitted = problem.law.log_loss(result.theta[None], problem.log_x)[0]
    miss = root_mean_square(problem.log_loss - fitted)
    yield f"misses the curves by {miss:.1%} (root mean square)"
    if known:
        yield f"B_crit(L) is held at its estimate, and used where it was measured ({known.range})"
    else:
        yield "S at the runs' own batch, not S_min"


def _parameters(result, said):
    rows = []
    estimates = {**result.params, **result.derived}
    for name in ("alpha_N", "alpha_S", "Nc", "Sc"):
        e = estimates[name]
        numbers = {"value": e.value, "lo": e.lo, "hi": e.hi, "se": e.se, "level": result.level}
        theory = {"theory": VALUES[f"kaplan_{THEORY[name]}"], "theory_source": f"{KAPLAN}, Table 3"}
        rows.append({"kind": "parameter", "quantity": name, "unit": UNITS.get(name, "")}
                    | numbers | said | theory)  # fmt: skip
    return rows


def _predicted(result, said, critical):
    """Eqs. 1.7 and 1.8; at a fixed batch the term 1 / alpha_B drops out."""
    at = {name: np.concatenate([[e.value], draws]) for (name, e), draws in zip(
        result.params.items(), result.law.natural(result.draws).T, strict=True)}  # fmt: skip
    inverse_b = critical.inverse_alpha_b if critical else 0.0
    with np.errstate(all="ignore"):
        alpha_c = 1 / (1 / at["alpha_S"] + inverse_b + 1 / at["alpha_N"])
        exponent = alpha_c / at["alpha_N"]
    source = {"theory_source": f"{KAPLAN}, Eqs. 6.4 and 6.5"} if critical else {}
    rows = []
    for name, values, theory in (("alpha_C predicted", alpha_c, 0.054),
                                 ("a predicted", exponent, 0.71)):  # fmt: skip
        verdict = said["verdict"] if not critical or critical.identified else critical.verdict
        verdict = exponent_verdict(values[0], values[1:]) if verdict == IDENTIFIED else verdict
        made = row(name, values[0], values[1:], **said | {"verdict": verdict, "unit": ""})
        rows.append(made | ({"theory": theory} if critical else {}) | source)
    return rows


def _cut(what, spec, found, result, critical, said):
    low = np.sort([getattr(curve, what)[0] for curve in found])[-4]
    high = np.sort([getattr(curve, what)[-1] for curve in found])[-4]
    low = max(low, spec.first_step) if what == "steps" else low
    n_params = np.array([curve.n_params for curve in found])
    dense = np.geomspace(n_params[0], n_params[-1], N_LINE)
    rows = []
    unit = {"unit": "nats per token", "n_runs": len(found)}
    for level in np.geomspace(low, high, spec.levels + 2)[1:-1] if low < high else ():
        level = float(f"{level:.2g}")
        group = {"group": f"{what}={level:g}"}
        loss = np.array([float(curve.at(what, level)) for curve in found])
        rows += points("loss", SIZE, n_params, loss, **unit, **group, verdict=IDENTIFIED,
                       runs=said["runs"])  # fmt: skip
        seen = n_params[np.isfinite(loss)]
        inside = dense[(dense >= seen.min()) & (dense <= seen.max())]
        batch = found[0].batch_tokens
        steps = (level * FLOPS_PER_PF_DAY / (FLOPS_PER_PARAM_TOKEN * inside * batch)
                 if what == "compute" else np.full(len(inside), level))  # fmt: skip
        inside, steps = inside[steps >= spec.first_step], steps[steps >= spec.first_step]
        line = [_loss_after(result, n, s, batch, critical)
                for n, s in zip(inside, steps, strict=True)]  # fmt: skip
        rows += points("loss", SIZE, inside, line, **unit, **group, kind="line",
                       verdict=said["verdict"])  # fmt: skip
    return rows


def _loss_after(result: FitResult, n_params: float, steps: float, batch: float, critical) -> float:
    """The law's loss after S steps at a batch; with B_crit(L), L stands on both sides."""

    def law(s_min):
        return float(result.law(result.values, n_params=n_params, n_steps=s_min))

    if critical is None:
        return law(steps)
    return brentq(lambda loss: law(steps / (1 + float(critical(loss)) / batch)) - loss, 1e-3, 1e3)


ANALYSES = {"size_and_steps": Analysis(SizeAndSteps, of_dicts(size_and_steps))}
