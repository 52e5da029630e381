"""Runs of a law that is known."""

import numpy as np

from isoloss.laws import LAWS

TRUE = {"A": 400.0, "B": 400.0, "E": 1.7, "alpha": 0.34, "beta": 0.28}


def runs(noise=0.0):
    """N, D and loss of 6 sizes x 6 amounts of data, with this noise of ln L."""
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e5, 1e8, 6), np.geomspace(1e7, 1e10, 6)))
    shaken = np.exp(noise * np.random.default_rng(0).standard_normal(len(n)))
    return n, d, LAWS["chinchilla"](TRUE, n_params=n, n_tokens=d) * shaken
