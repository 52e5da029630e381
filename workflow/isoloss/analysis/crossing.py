"""Where two laws contradict each other: Kaplan et al. (2020, arXiv:2001.08361), Sec. 6.3, Fig. 15.

The loss of the best size at each budget falls with compute as L(C); but that size sees only D(C)
tokens, and no size gets below L(D). If L(C) falls faster, the two must meet, and one of them end.
"""

from typing import Any

import numpy as np
import pandas as pd

from isoloss.analysis.kaplan_curves import finished_runs
from isoloss.analysis.kaplan_frontier import frontier_of
from isoloss.analysis.of_dicts import of_dicts
from isoloss.analysis.rows import IDENTIFIED, row, scale_verdict
from isoloss.analysis.series import points
from isoloss.config.analyses.kaplan import Crossing
from isoloss.constants import FLOPS_PER_PARAM_TOKEN, FLOPS_PER_PF_DAY
from isoloss.exhibits.base import Analysis
from isoloss.fit import fit_law

N_LINE = 60
BEYOND = 1e4  # the lines are drawn so many times farther than the data, or ten times than they meet
SHARE = 0.05  # of the draws that may not meet
FURTHEST = 1e14


def crossing(
    spec: Crossing, runs: pd.DataFrame, curves: pd.DataFrame, done: pd.DataFrame
) -> list[dict[str, Any]]:
    """Both laws as power laws, extrapolated, and C*, N*, D* and L* where they meet.

    L(D) is that of the largest size, D the tokens that the best size is trained on.

    Raises
    ------
    UserError
        There is no frontier, or L(D) cannot be fitted.
    """
    found, _ = frontier_of(spec, runs, curves, done)
    chosen = finished_runs(runs, spec.sweeps)
    largest = chosen[chosen["n_params_non_embedding"] == chosen["n_params_non_embedding"].max()]
    table = largest[["n_tokens", "loss"]].astype(float)
    law = fit_law(table, "kaplan_d", columns={"n_tokens": "n_tokens"}, draws=len(found.loss) - 1,
                  where=spec.name)  # fmt: skip
    data = np.concatenate([law.theta[None], law.draws])  # ln A, alpha
    data = data[np.arange(len(found.loss)) % len(data)]
    fall, log_l = found.power(found.loss)
    tokens = found.compute * FLOPS_PER_PF_DAY / (FLOPS_PER_PARAM_TOKEN * found.n_params)
    more, log_d = found.power(tokens)
    a, log_n = found.power(found.n_params)
    fall_d, log_l_d = -data[:, 1] * more, data[:, 0] - data[:, 1] * log_d
    with np.errstate(all="ignore"):
        at = (log_l_d - log_l) / (fall - fall_d)
    met = (fall < fall_d) & (at > np.log(found.compute[-1])) & np.isfinite(at)
    ids = dict.fromkeys([*found.runs, *largest["run_id"]])
    said = {"method": "whole curves moved; residual for L(D)", "n_runs": len(ids),
            "runs": " ".join(ids), "verdict": IDENTIFIED}  # fmt: skip
    rows = [
        row("alpha_C", -fall[0], -fall[1:], **said, unit=""),
        row("alpha_D (1 - a)", -fall_d[0], -fall_d[1:], **said, unit=""),
    ]
    verdict = _verdict(met)
    if met[0]:
        unit = {"C*": "PF-days", "N*": "non-embedding parameters", "D*": "tokens",
                "L*": "nats per token"}  # fmt: skip
        log = {"C*": at, "N*": log_n + a * at, "D*": log_d + more * at, "L*": log_l + fall * at}
        for name, values in log.items():
            with np.errstate(over="ignore"):
                numbers = np.exp(np.where(met, values, np.nan))
            drawn = numbers[1:][np.isfinite(numbers[1:])]
            if verdict == IDENTIFIED:
                # Of C*, the first; the others follow from it.
                verdict = scale_verdict(drawn).replace("may be", "C* may be")
            also = said | {"unit": unit[name], "verdict": verdict}
            rows.append(row(name, numbers[0], drawn, **also))
    else:
        rows.append({"kind": "parameter", "quantity": "C*", "unit": "PF-days"}
                    | said | {"verdict": verdict})  # fmt: skip
    furthest = max(found.compute[-1] * BEYOND, 10 * np.exp(at[0]) if met[0] else 0.0)
    x = np.geomspace(found.compute[0], min(furthest, FURTHEST * found.compute[-1]), N_LINE)
    name = "compute_min_pf_days" if spec.adjusted else "compute_pf_days"
    for group, p, log_c in (("L(C)", fall, log_l), ("L(D(C))", fall_d, log_l_d)):
        line = np.exp(log_c[:, None] + p[:, None] * np.log(x))
        rows += points("loss", name, x, line[0], line[1:], kind="line", group=group,
                       unit="nats per token", **said)  # fmt: skip
    rows += points("loss", name, found.compute, found.loss[0], found.loss[1:], group="L(C)",
                   unit="nats per token", **said)  # fmt: skip
    return rows


def _verdict(met: np.ndarray) -> str:
    if not met[0]:
        return "not identified: beyond the data the two lines do not meet"
    if np.mean(~met[1:]) > SHARE:
        return f"not identified: in {np.mean(~met[1:]):.0%} of the draws the lines do not meet"
    return IDENTIFIED


ANALYSES = {"crossing": Analysis(Crossing, of_dicts(crossing))}
