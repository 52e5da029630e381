"""The compute of a table beside K N D: which column it is, and how far the two are apart."""

APART = 0.05  # a median difference from K N D that is worth a note


def column_of(table, settings) -> str | None:
    """The column of compute that was named with --column, else the one that is recognised."""
    from isoloss.fit.table import recognise

    columns = settings["columns"]
    if columns.get("compute") in table:
        return columns["compute"]
    return recognise("compute", table, taken=columns.values())


def difference(table, column, data, flops_per_param_token: float) -> str | None:
    """ "1.3 times 6 N D", or how far it goes, or None where the two are one.

    Parameters
    ----------
    data : isoloss.fit.table.Data
        N and D of the table's rows.
    """
    import numpy as np
    import pandas as pd

    compute = pd.to_numeric(pd.Series(list(table[column])), errors="coerce").to_numpy(float)
    product = flops_per_param_token * np.exp(data.log_x["n_params"] + data.log_x["n_tokens"])
    ratio = compute / product
    ratio = ratio[np.isfinite(ratio) & (ratio > 0)]
    if not len(ratio) or np.median(np.abs(np.log(ratio))) <= np.log1p(APART):
        return None
    low, high = np.quantile(ratio, [0.05, 0.95])
    k = f"{flops_per_param_token:g} N D"
    if high < low * (1 + APART):
        return f"{np.median(ratio):.3g} times {k}"
    return f"{low:.3g} to {high:.3g} times {k} ({np.median(ratio):.3g} in the median)"
