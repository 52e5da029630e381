"""A truth for every law, near to what papers print, and points that determine it."""

import numpy as np

from isoloss.laws import LAWS

X = np.geomspace(1e2, 1e8, 40)
N, D = (a.ravel() for a in np.meshgrid(np.geomspace(1e6, 1e9, 6), np.geomspace(1e7, 1e11, 6)))
U = np.tile(np.array([3e7, 1e9, 1e11]), 12)
PLANTED = {
    "power_law": {"A": 9.0, "alpha": 0.08},
    "power_law_floor": {"A": 30.0, "E": 1.7, "alpha": 0.4},
    "shifted_power": {"A": 30.0, "E": 1.7, "alpha": 0.4, "x0": 3e3},
    "logarithmic": {"intercept": 11.0, "k": 0.3},
    "m3": {"beta": 20.0, "gamma": 1e-5, "c": 0.2},
    "m4": {"E": 1.5, "L0": 8.0, "alpha": 0.7, "beta": 40.0, "c": 0.4},
    "bnsl_1": {"b": 8.0, "a": 1.0, "c0": 0.05, "c1": 0.3, "d1": 3e4, "f1": 0.5},
    "bnsl_2": {
        "b": 8.0,
        "a": 1.0,
        "c0": 0.05,
        "c1": 0.3,
        "d1": 5e3,
        "f1": 0.3,
        "c2": -0.2,
        "d2": 2e6,
        "f2": 0.4,
    },
    "chinchilla": {"A": 482.01, "B": 2085.43, "E": 1.8172, "alpha": 0.3478, "beta": 0.3658},
    "skaling": {"A": 5.0e4, "B": 4.0e5, "E": 0.4, "alpha": 0.62, "beta": 0.68, "k": 0.4},
    "kaplan_nd": {"Nc": 6.4e13, "Dc": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103},
    "kaplan_ns": {"A": 6.5e13**0.077, "B": 2.1e3**0.76, "alpha_N": 0.077, "alpha_S": 0.76},
    "kaplan_n": {"A": 8.8e13**0.076, "alpha": 0.076},
    "kaplan_d": {"A": 5.4e13**0.095, "alpha": 0.095},
    "kaplan_c": {"A": 1.6e7**0.057, "alpha": 0.057},
    "kaplan_c_min": {"A": 3.1e8**0.050, "alpha": 0.050},
    "kaplan_b_crit": {"B_star": 2.1e8, "inverse_alpha_B": 1 / 0.21},
    "repetition_penalty": {
        "A": 521.0,
        "B": 1488.0,
        "P": 0.02,
        "E": 1.87,
        "alpha": 0.35,
        "beta": 0.36,
        "delta": 0.7,
        "kappa": 0.4,
    },
    "data_constrained": {
        "A": 521.0,
        "B": 1488.0,
        "E": 1.87,
        "alpha": 0.35,
        "beta": 0.36,
        "R_D": 15.4,
        "R_N": 5.3,
    },
}


def points(name):
    """Values of a law's variables, each of shape (row,)."""
    values = {
        "n_params": N,
        "n_tokens": D,
        "n_unique_tokens": U,
        "n_steps": D / 1e6,
        "x": X,
        "compute_pf_days": X * 1e-8,
        "compute_min_pf_days": X * 1e-8,
        "loss_reached": np.linspace(2.5, 8, 30),
    }
    wanted = LAWS[name].variables
    return {v: np.unique(values[v]) if len(wanted) == 1 else values[v] for v in wanted}
