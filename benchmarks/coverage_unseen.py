"""Designs on which nothing of the method was chosen: hard ones, and those that users bring.

Rows that share a trunk, told and not told; noise that grows with size, with heavy tails, or an
outlier; floors and exponents near zero; few sizes, few ratios, or few runs; rounded losses; and
tables of `skaling`, fitted with their own law and with `chinchilla`.
"""

import dataclasses

import numpy as np
from coverage_designs import BESIROGLU, LAPTOP, LAW, Design, crossed, curves

ROUND_JOINT = {"A": 15_800.0, "B": 95_000.0, "E": 1.7, "alpha": 0.6, "beta": 0.6, "k": 0.5}
SHARP_JOINT = {"A": 1.05e6, "B": 8.9e6, "E": 1.0, "alpha": 0.8, "beta": 0.75, "k": 0.3}


def isoflops(off):
    """Four budgets, with sizes at these multiples of the optimum."""
    compute, off = crossed(np.geomspace(1e19, 3e20, 4), off)
    n = LAW.optimum(BESIROGLU, compute)["n_params"] * off
    return n, compute / 6 / n


def staircase(n_budgets=16, n_sizes=6):
    """Growing budgets, each run at the next larger of a few sizes: D/N goes up and down."""
    compute = np.geomspace(1e18, 1e21, n_budgets)
    best = LAW.optimum(BESIROGLU, compute)["n_params"]
    sizes = np.geomspace(best[0], best[-1], n_sizes)
    n = sizes[np.minimum(np.searchsorted(sizes, best * (1 - 1e-9)), n_sizes - 1)]
    return n, compute / 6 / n


def ratios(sizes, *per_param):
    n, ratio = crossed(sizes, np.array(per_param, float))
    return n, ratio * n


GRID = crossed(np.geomspace(1e7, 2e9, 6), np.geomspace(2e8, 4e10, 5))
SMALL_GRID = crossed(np.geomspace(1e4, 3e6, 6), np.geomspace(1e6, 1e8, 5))
POINTS = ratios(np.geomspace(2e7, 1e9, 7), 20.0)[0], np.array([2, 40, 0.9, 60, 4, 12, 25]) * 1e9
TWELVE = crossed(np.geomspace(2e7, 1e9, 4), np.geomspace(1e9, 4e10, 3))
NARROW = crossed(np.geomspace(5e7, 4e8, 3), np.geomspace(1e9, 8e9, 3))
OVERTRAINED = ratios(np.geomspace(1e7, 5e8, 5), 20, 50, 140, 370, 1000)
OFF_CENTRE = isoflops(np.geomspace(1, 9, 5))
TRUNKS = {"even": 0.003, "runs": np.repeat(np.arange(6), 5)}
PLANTED = (
    Design("isoFLOP 4 x 5, off-centre", BESIROGLU, *OFF_CENTRE, even=0.002),
    Design("isoFLOP 4 x 5, centred", BESIROGLU, *isoflops(np.geomspace(1 / 3, 3, 5)), even=0.002),
    Design("noise grows with N", BESIROGLU, *GRID, even=0.001, by_size=0.45),
    Design("noise grows with N, Student t3", BESIROGLU, *GRID, even=0.001, by_size=0.45, tails=3),
    Design("shared trunk, not told", BESIROGLU, *curves(6), **TRUNKS, told=False),
    Design("shared trunk, told", BESIROGLU, *curves(6), **TRUNKS),
    Design("3 seeds x 7 points", BESIROGLU, *(np.repeat(x, 3) for x in POINTS), even=0.003),
    Design("E = 0", LAPTOP | {"E": 0.0}, *SMALL_GRID, even=0.005),
    Design("E near 0", LAPTOP | {"E": 0.05}, *SMALL_GRID, even=0.005),
    Design("alpha .05", LAPTOP | {"A": 4.0, "alpha": 0.05}, *SMALL_GRID, even=0.002),
    Design("D/N 14 to 28 only", BESIROGLU, *ratios(np.geomspace(1e7, 3e9, 8), 14, 20, 28),
           even=0.002),
    Design("over-trained, D/N 20 to 1000", BESIROGLU, *OVERTRAINED, even=0.003),
    Design("3 x 3, narrow", BESIROGLU, *NARROW, even=0.002),
    Design("12 runs, one outlier", BESIROGLU, *TWELVE, even=0.003, outlier=0.05),
    Design("compute staircase", BESIROGLU, *staircase(), even=0.002),
    Design("losses to two decimals", BESIROGLU, *GRID, even=0.002, decimals=2),
    Design("skaling, k .5", ROUND_JOINT, *GRID, even=0.003, law="skaling", fitted="skaling"),
    Design("skaling, k .3", SHARP_JOINT, *GRID, even=0.003, law="skaling", fitted="skaling"),
)  # fmt: skip

UNSEEN = {design.name: design for design in PLANTED}


def nearly_a_sum(p, q, k):
    """`skaling` whose terms alone are those of a sum, with exponents p and q, whatever k is."""
    a, b = 1.2 * 1e7**p, 1e9**q  # the terms at N = 1e7 and D = 1e9 are 1.2 and 1
    return {"A": a ** (1 / k), "B": b ** (1 / k), "E": 1.8, "alpha": p / k, "beta": q / k, "k": k}


def weak(k, noise, where, design, p, q):
    """A misfit of about a third to twice the noise, in designs that turn it into an error of N*."""
    return Design(f"skaling, k {k:g}, {where}", nearly_a_sum(p, q, k), *design, even=noise,
                  law="skaling", fitted="chinchilla")  # fmt: skip


WEAK = (
    weak(0.75, 0.006, "off-centre", OFF_CENTRE, 0.30, 0.45),
    weak(0.85, 0.003, "off-centre", OFF_CENTRE, 0.30, 0.45),
    weak(1.25, 0.005, "off-centre", OFF_CENTRE, 0.30, 0.45),
    weak(0.75, 0.006, "over-trained", OVERTRAINED, 0.30, 0.45),
    weak(0.85, 0.003, "over-trained", OVERTRAINED, 0.30, 0.45),
    weak(1.25, 0.005, "over-trained", OVERTRAINED, 0.30, 0.45),
    weak(0.75, 0.008, "grid", GRID, 0.45, 0.30),
    weak(0.85, 0.005, "grid", GRID, 0.45, 0.30),
    weak(1.25, 0.005, "grid", GRID, 0.45, 0.30),
)

# Tables of one law, fitted with another: what is called known must not be missed.
WRONG_LAW = {
    f"{one.name}, as chinchilla": dataclasses.replace(
        one, name=f"{one.name}, as chinchilla", fitted="chinchilla"
    )
    for one in (UNSEEN["skaling, k .5"], UNSEEN["skaling, k .3"], *WEAK)
}
