"""A table's own column of compute, compared with K N D."""

from collections.abc import Iterator

from isoloss.errors import UserError

APART = 0.05  # a median difference from K N D that is worth a note


def column_of(table, settings) -> str | None:
    """The column of compute that --column names, or else the recognised one."""
    from isoloss.tables.recognised import options_of, times

    columns = settings.columns
    if "compute" in columns:
        return columns["compute"]
    options = options_of("compute", table, taken=columns.values())
    if not options:
        return None
    one = options[0]
    return one.column if one.factor == 1 else times(one.column, one.factor)


def flop_of(table, column, settings):
    """Compute of each row in FLOP, shape (row,).

    Raises
    ------
    UserError
        A cell of the column is no positive number.
    """
    import numpy as np

    from isoloss.laws import law
    from isoloss.tables.data import read

    columns = {"x": column} | {k: v for k, v in settings.columns.items() if k == "loss"}
    data = read(table, law("power_law"), columns, n_free=1, where=settings.where)
    return np.exp(data.log_x["x"])


def difference(flop, log_x, flops_per_param_token: float) -> str | None:
    """The ratio of compute to K N D as text, such as "1.3 times 6 N D" or a range; None if it is 1.

    Parameters
    ----------
    flop : ndarray, shape (row,)
    log_x : dict of str to ndarray, shape (row,)
        ln of n_params and n_tokens.
    """
    import numpy as np

    log_ratio = np.log(flop / flops_per_param_token) - log_x["n_params"] - log_x["n_tokens"]
    if np.median(np.abs(log_ratio)) <= np.log1p(APART):
        return None
    low, middle, high = np.exp(np.quantile(log_ratio, [0.05, 0.5, 0.95]))
    k = f"{flops_per_param_token:g} N D"
    if high < low * (1 + APART):
        return f"{middle:.3g} times {k}"
    return f"{low:.3g} to {high:.3g} times {k} ({middle:.3g} in the median)"


def compute_notes(table, settings, result, flops_per_param_token: float) -> Iterator[str]:
    """Notes where a table's own compute differs from K N D of the law's optimum."""
    column = column_of(table, settings)
    if column is None:
        return
    try:
        flop = flop_of(table, column, settings)
    except UserError:  # an unused column may be invalid
        return
    off = difference(flop, result.problem.log_x, flops_per_param_token)
    if off is not None:
        yield (
            f"column {column!r} is {off}; the optimum is for C = {flops_per_param_token:g} N D "
            "(--flops-per-param-token; --approach 2 takes the column)"
        )
