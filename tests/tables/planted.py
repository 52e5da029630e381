"""Sizes, tokens and losses of a known law, and how a table of them is read, refused or warned."""

import numpy as np
import pandas as pd
import pytest

from isoloss.errors import UserError
from isoloss.laws import LAWS
from isoloss.tables.data import read

N, D = (
    a.ravel().round()
    for a in np.meshgrid(np.geomspace(2e7, 2e9, 4), np.geomspace(1e9, 1e11, 4), indexing="ij")
)
LOSS = 1.7 + 400 / N**0.34 + 400 / D**0.28


def data(columns, named=None, law="chinchilla", **settings):
    return read(pd.DataFrame(columns), LAWS[law], named or {}, **settings)


def found(columns, **settings):
    """N, D and the loss as they are read."""
    read_as = data(columns, **settings)
    x = read_as.log_x
    return np.exp(x["n_params"]), np.exp(x["n_tokens"]), np.exp(read_as.log_loss)


def warned(columns, **settings):
    return "\n".join(data(columns, **settings).warnings)


def refused(columns, named=None, **settings):
    with pytest.raises(UserError) as caught:
        data(columns, named, **settings)
    return caught.value


SIZE, TOKENS, NATS = {"n_params": N}, {"n_tokens": D}, {"loss": LOSS}
