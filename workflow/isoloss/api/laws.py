"""What an average of laws rests on, as a table and lines."""

from collections.abc import Iterator

from isoloss.api.shown import Rows
from isoloss.forecast.average import Averaged


def laws(averaged: Averaged) -> Iterator[str | Rows]:
    """The laws: weights, errors of trials and verdicts."""
    rows = [["law", "weight", "error of trials", "drift", "lack of fit", "verdict"]]
    for one in averaged.to_dict()["laws"]:
        error, drift = (_percent(one[name]) for name in ("error", "drift"))
        verdict = str(one["verdict"]).partition(":")[0].partition(";")[0]
        rejected = "rejected" if one["rejected"] else "-"
        rows.append([one["law"], f"{one['weight']:.2f}", error, drift, rejected, verdict])
    yield averaged.evidence
    yield rows
    yield from (f"not averaged: {law}: {text}" for law, text in averaged.left_out.items())


def _percent(share):
    return "-" if share is None else f"{100 * share:.2g} %"
