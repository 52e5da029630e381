"""Which law predicts larger runs best? The only ranking that a forecast cares about."""

import numpy as np

from isoloss.errors import UserError
from isoloss.fit.api import fit_law
from isoloss.fit.drift import extent, forecast
from isoloss.fit.table import read
from isoloss.laws import LAWS, Law
from isoloss.laws import law as law_named

SHARES = (0.2, 0.1, 0.05, 0.0)  # of the rows, held out; the first that leaves enough to fit


def parse_factor(text: str) -> float:
    """4 from "4x" or "4"."""
    try:
        factor = float(str(text).lower().removesuffix("x"))
    except ValueError:
        factor = np.nan
    if not factor > 1:
        raise UserError("--holdout", [f"must be a factor above 1 such as 4x, got {text!r}"])
    return factor


def rank(table, law: str | Law, factor: float, **settings):
    """Fit the small runs, predict the large ones, and order the laws by how well they do.

    Held out is the fifth of the runs with the most compute (fewer where too little were left);
    fitted are those of at most 1/factor of the smallest of them. Compute is 6 N D, or the variable
    itself for a law of one.

    Parameters
    ----------
    law : str or Law
        One law, or "all": every law of n_params and n_tokens (of one variable where `x` is given).
    settings : as of `fit_law`

    Returns
    -------
    pandas.DataFrame
        Best first: `law`, `error` (root mean square of ln L predicted minus measured), `bias` (its
        mean), `inside` (share of held-out losses within the interval of a new run,
        which counts the law's drift), `n_fitted`,
        `n_held_out`, `verdict`. A law that cannot be fitted has its reason there.
    """
    import pandas as pd

    laws = _laws(law, settings)
    rows = []
    for one in laws:
        try:
            rows.append(_try(table, one, factor, settings))
        except UserError as error:
            if len(laws) == 1:
                raise
            rows.append(
                {
                    "law": one.name,
                    "error": np.inf,
                    "bias": np.nan,
                    "inside": None,
                    "n_fitted": 0,
                    "n_held_out": 0,
                    "verdict": f"not fitted: {'; '.join(error.problems)}",
                }
            )
    frame = pd.DataFrame(rows).sort_values("error", kind="stable", ignore_index=True)
    if not np.isfinite(frame["error"]).any():
        raise UserError(
            settings.get("where", "table"),
            dict.fromkeys(text.removeprefix("not fitted: ") for text in frame["verdict"]),
        )
    return frame


def _laws(law, settings):
    if law != "all":
        return [law_named(law)]
    one_variable = settings.get("x") is not None or "x" in (settings.get("columns") or {})
    return [
        one
        for one in LAWS.values()
        if (one.variables == ("x",)) == one_variable
        and (one_variable or set(one.variables) == {"n_params", "n_tokens"})
    ]


def _try(table, law, factor, settings):
    columns = dict(settings.get("columns") or {})
    if settings.get("x") is not None:
        columns[law.variables[0]] = settings["x"]
    where = settings.get("where", "table")
    data = read(
        table,
        law,
        columns,
        cluster=settings.get("cluster"),
        weights=settings.get("weights"),
        vocabulary=settings.get("vocabulary"),
        where=where,
    )
    small, large = _split(extent(data.log_x), np.log(factor), len(law.parameters), where)
    named = {name: np.exp(x) for name, x in data.log_x.items()} | {"loss": np.exp(data.log_loss)}
    for name, values in (("_cluster", data.clusters), ("_weight", data.weights)):
        if values is not None:
            named[name] = values
    part = {name: values[small] for name, values in named.items()}
    plain_settings = {k: v for k, v in settings.items() if k not in ("x", "columns", "y")}
    plain_settings["cluster"] = None if data.clusters is None else "_cluster"
    plain_settings["weights"] = None if data.weights is None else "_weight"
    result = fit_law(part, law, **plain_settings)
    held = {name: named[name][large] for name in law.variables}
    miss = np.log(result.predict(held, interval=False)["loss"].to_numpy()) - data.log_loss[large]
    return {
        "law": law.name,
        "error": float(np.sqrt(np.mean(miss**2))),
        "bias": float(np.mean(miss)),
        "inside": _inside(result, held, data.log_loss[large]),
        "n_fitted": int(small.sum()),
        "n_held_out": int(large.sum()),
        "verdict": result.verdict,
    }


def _split(size, log_factor, n_params, where):
    """Fitted and held-out rows: as many of the largest held out as leave enough to fit."""
    for share in SHARES:
        first = np.quantile(size, 1 - share)
        small = size <= first - log_factor + 1e-9
        if small.sum() > 2 * n_params:
            return small, size >= first - 1e-9
    text = f"too few runs are {np.exp(log_factor):g} times smaller than the largest: {small.sum()}"
    raise UserError(where, [f"{text}, and {2 * n_params + 1} are needed"])


def _inside(result, held, log_loss):
    """Share of the held-out losses within the interval of a new run."""
    if not len(result.draws):
        return None
    log_x = {name: np.log(values) for name, values in held.items()}
    said = forecast(result, log_x)
    return float(np.mean((np.log(said.lo) <= log_loss) & (log_loss <= np.log(said.hi))))
