"""Losses that are not in nats: perplexity, bits, accuracy, and quantities that rise."""

import numpy as np

from isoloss.tables.names import metric_of

# How --metric turns a column into a loss that falls toward a floor, in words.
METRICS = {
    "nats": "as it is",
    "bits": "times ln 2",
    "perplexity": "its logarithm",
    "accuracy": "the odds of a mistake, (1 - a) / a, so that ln L is minus the logit",
    "error": "the odds of a mistake, e / (1 - e), so that ln L is the logit",
    "inverse": "one over it, for a quantity that grows as a power",
}


def as_loss(values: np.ndarray, column: str, metric: str | None):
    """A column as a loss.

    Parameters
    ----------
    values : ndarray, shape (row,)
        Positive, or NaN where a cell holds no number.
    metric : str, optional
        One of METRICS; None: the column's name says it.

    Returns
    -------
    loss : ndarray, shape (row,)
    note : str
        What was done, "" for nothing.
    bad : ndarray of int
        Rows whose value the metric cannot have.
    what : str
        Why they are bad; or, without rows, why the column is refused.
    """
    none = np.empty(0, dtype=int)
    said = metric_of(column)
    if metric is None and said == "accuracy":
        return values, "", none, (
            "is an accuracy by its name, which rises where a loss falls: add --metric accuracy "
            f"({METRICS['accuracy']}), or --metric nats to take it as it is"
        )  # fmt: skip
    if metric is None and said == "bits":
        note = "is in bits by its name, and so is every loss below (--metric bits gives nats)"
        return values, note, none, ""
    chosen = metric or said
    note = f"is {METRICS[chosen]}" if chosen != "nats" else ""
    if chosen == "nats":
        return values, "", none, ""
    if chosen == "bits":
        return values * np.log(2), "in bits, times ln 2: nats", none, ""
    if chosen == "inverse":
        return 1 / values, "taken as 1 / column", none, ""
    if chosen == "perplexity":
        by = "a perplexity" if metric else "a perplexity by its name (--metric nats: it is none)"
        bad = np.flatnonzero(values <= 1)
        with np.errstate(all="ignore"):
            return (
                np.log(values),
                f"{by}: the loss is its logarithm",
                bad,
                "is no perplexity above 1",
            )
    percent = bool(np.any(values > 1))
    share = values / 100 if percent else values
    note = ("in percent, " if percent else "") + f"as {METRICS[chosen]}"
    bad = np.flatnonzero((share <= 0) | (share >= 1))
    odds = (1 - share) / share if chosen == "accuracy" else share / (1 - share)
    return odds, note, bad, "has no logit: it must lie between 0 and 1, or 0 and 100 %"
