"""How often the two lack-of-fit tests of rows that share trunks alarm, with a bend and without.

    python benchmarks/lack_of_fit.py --tables 1000

Trunks are of one size and one seed each, and have a row at every length. The law is linear in its
parameters. Rows of a trunk share a part of their variance, or follow one another as an AR(1)
process. The tests are those of `isoloss.fit.misfit`: against the repeats of other trunks
(`fit.repeats`), of bends (CR2), and both, where the smaller p-value counts twice.
"""

import argparse

import numpy as np

from isoloss.fit.misfit import probability
from isoloss.fit.repeats import against_repeats

LEVEL = 0.01
N_SIZES, N_LENGTHS, N_SEEDS = 6, 5, 3
CASES = (  # words, share of the variance (or correlation), AR(1), sizes with all seeds, bend
    ("independent rows", 0.0, False, 6, 0.0),
    ("share .7", 0.7, False, 6, 0.0),
    ("AR(1) .9", 0.9, True, 6, 0.0),
    ("share .7, repeats of three sizes", 0.7, False, 3, 0.0),
    ("AR(1) .9, repeats of three sizes", 0.9, True, 3, 0.0),
    ("share .7, a bend", 0.7, False, 6, 1.0),
    ("share .7, a bend, repeats of three sizes", 0.7, False, 3, 1.0),
)


def noise(rng, share, following, trunks, lengths):
    """Noise of variance 1, shape (row,); rows are in the order of their trunk and length."""
    own = rng.standard_normal(len(trunks))
    if not following:
        return np.sqrt(share) * rng.standard_normal(trunks.max() + 1)[trunks] + (
            np.sqrt(1 - share) * own
        )
    for i in np.flatnonzero(lengths):
        own[i] = share * own[i - 1] + np.sqrt(1 - share**2) * own[i]
    return own


def alarms(n_tables, share, following, repeated, bend):
    """Share of tables in which each test alarms: repeats, bends, both."""
    size, seed, length = (a.ravel() for a in np.mgrid[:N_SIZES, :N_SEEDS, :N_LENGTHS])
    kept = (size < repeated) | (seed == 0)
    size, seed, length = size[kept], seed[kept], length[kept]
    points = np.unique(size * N_LENGTHS + length, return_inverse=True)[1]
    trunks = np.unique(size * N_SEEDS + seed, return_inverse=True)[1]
    u, v = 2 * size / (N_SIZES - 1) - 1, 2 * length / (N_LENGTHS - 1) - 1
    one = np.ones(len(u))
    basis = np.linalg.qr(np.column_stack([one, u, v, np.exp(u), np.exp(-v)]))[0]
    powers = [(i, j) for i in range(4) for j in range(4 - i)]
    cubic = np.column_stack([u**i * v**j for i, j in powers])
    cubic = cubic / np.linalg.norm(cubic, axis=0)
    left, length_of, _ = np.linalg.svd(cubic - basis @ (basis.T @ cubic), full_matrices=False)
    bends = left[:, length_of > 0.05]
    rng, found = np.random.default_rng(0), []
    for _ in range(n_tables):
        rows = noise(rng, share, following, trunks, length) + bend * u * v
        rows = rows - basis @ (basis.T @ rows)
        by_repeats = against_repeats(points, rows, basis, trunks, one).p_value
        by_bends = probability(rows, bends, basis, trunks)
        found.append((by_repeats, by_bends, 2 * min(by_repeats, by_bends)))
    return np.mean(np.array(found) < LEVEL, axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=1000)
    n_tables = parser.parse_args().tables
    print(f"alarms at p < {LEVEL}, per cent of {n_tables} tables\n")
    print("| case | repeats | bends | both |\n| --- | --- | --- | --- |")
    for words, *case in CASES:
        shares = " | ".join(f"{100 * share:.1f}" for share in alarms(n_tables, *case))
        print(f"| {words} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
