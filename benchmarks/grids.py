"""Grids of sizes by data for the language study: what each tells for its core-seconds.

    python benchmarks/grids.py

The default study's laws are planted with its seeds' noise. Errors of least squares follow to first
order (the covariance of the estimate under noise that runs of a trunk share), so nothing is drawn.
Reported are half widths of 90 % intervals, and how far a law is off that is not the planted one.
Costs are those of the native kernel: FLOPs at 7e10 a second, and 0.5 us a token beside them.
"""

import itertools

import numpy as np
from scipy.optimize import least_squares

from isoloss.laws import LAWS

# Fitted to a finished default study: without embeddings, but for Hoffmann's law (all parameters).
PLANTED = {
    "kaplan_nd": {"Nc": 1.156e6, "Dc": 3.624e6, "alpha_N": 0.1312, "alpha_D": 0.2553},
    "skaling": {"A": 710.0, "B": 4.155e5, "E": 0.0, "alpha": 0.486, "beta": 0.853, "k": 0.286},
    "chinchilla": {"A": 29.54, "B": 34.49, "E": 0.757, "alpha": 0.4005, "beta": 0.2884},
}
NOISE, COMMON = 0.0078, 0.8  # sd of ln L, and the share of its variance that a trunk's runs share
Z = 1.645
TARGET = 1e14  # FLOP at which N* is asked for
SEVEN = (8, 12, 16, 24, 36, 56, 92)
EIGHT = (*SEVEN, 144)


def n_params(width, embeddings=False):
    return 24 * width**2 + embeddings * (320 * width + 5 * width)


def flops_per_token(width):
    """Forward and backward: blocks, logits and attention of two layers and 64 places."""
    return 6.0 * (n_params(width) + 256 * width) + 12 * 2 * 64 * width


def lengths(longest, n, shortest=256_000):
    return np.geomspace(shortest, longest, n)


def rectangle(widths, longest, n, seeds=1):
    """Rows (width, tokens, seed) of a grid."""
    return list(itertools.product(widths, lengths(longest, n), range(seeds)))


def band(widths, longest, n, factor=4.0):
    """The rows of a rectangle whose size is within a factor of the best for their compute."""
    law, kept = LAWS["skaling"], []
    for row in rectangle(widths, longest, n):
        size = n_params(row[0])
        best = law.optimum(PLANTED["skaling"], 6 * size * row[1])["n_params"]
        if 1 / factor <= size / best <= factor:
            kept.append(row)
    return kept


GRIDS = {
    "seven widths to 92, 5 lengths to 1.9e6": rectangle(SEVEN, 1_897_472, 5),
    "the same with three seeds": rectangle(SEVEN, 1_897_472, 5, seeds=3),
    "seven widths to 92, 6 lengths to 5e6": rectangle(SEVEN, 5_000_000, 6),
    "six widths to 144, 5 lengths to 2.8e6": rectangle((8, 14, 24, 44, 80, 144), 2_800_000, 5),
    "eight widths to 144, 5 lengths to 2.3e6": rectangle(EIGHT, 2_300_000, 5),
    "eight widths to 144, 6 lengths to 2.2e6": rectangle(EIGHT, 2_200_000, 6),
    "eight widths to 184, 5 lengths to 1.6e6": rectangle((*SEVEN[:5], 60, 104, 184), 1_600_000, 5),
    "band about the optimum, to 144 and 2.3e6": band(EIGHT, 2_300_000, 7),
    "eight widths to 144, 5 lengths to 2.05e6, three seeds to width 24": [
        *rectangle(EIGHT, 2_048_000, 5),
        *(row for row in rectangle(SEVEN[:4], 2_048_000, 5, seeds=3) if row[2]),
    ],
}


def core_s(rows):
    """Each size and seed trains its longest trunk once, and a fifth of every run."""
    total = flops = 0.0
    for width, seed in sorted({(row[0], row[2]) for row in rows}):
        tokens = [row[1] for row in rows if (row[0], row[2]) == (width, seed)]
        trained = 0.8 * max(tokens) + 0.2 * sum(tokens)
        total += trained * (flops_per_token(width) / 7e10 + 5e-7)
        flops += trained * flops_per_token(width)
    return total, flops


def covariance(rows):
    trunk = np.array([row[0] * 10 + row[2] for row in rows])
    shared = COMMON * (trunk[:, None] == trunk)
    return NOISE**2 * (shared + (1 - COMMON) * np.eye(len(rows)))


def columns(rows, law):
    every = law == "chinchilla"
    size = np.array([n_params(row[0], every) for row in rows], float)
    return {"n_params": size, "n_tokens": np.array([row[1] for row in rows], float)}


def fitted(law, x, log_loss, start):
    """Parameters (internal, without a floor that is planted as zero) of least squares."""
    log_x = {name: np.log(value) for name, value in x.items()}
    free = _free(law)

    def misses(values):
        theta = start.copy()
        theta[free] = values
        return _log_loss(law, theta, log_x) - log_loss

    found = least_squares(misses, start[free], x_scale="jac", xtol=1e-12, ftol=1e-12)
    theta = start.copy()
    theta[free] = found.x
    return theta, misses(found.x)


def _log_loss(law, theta, log_x):
    return LAWS[law].log_loss(theta[None], log_x)[0]


def _free(law):
    floor = PLANTED[law].get("E") == 0
    return [i for i, name in enumerate(LAWS[law].names) if not (floor and name == "E")]


def gradient(of, theta, free):
    """Of numbers by the free parameters, by central differences."""
    slopes = []
    for i in free:
        step = 1e-5 * max(1.0, abs(theta[i]))
        up, down = theta.copy(), theta.copy()
        up[i] += step
        down[i] -= step
        slopes.append((np.asarray(of(up)) - np.asarray(of(down))) / (2 * step))
    return np.array(slopes).T


def half_widths(law, rows, at=None):
    """Half widths of 90 % intervals: a, ln N* at the target, each parameter, ln loss at a run."""
    theta, free = LAWS[law].internal(PLANTED[law]), _free(law)
    log_x = {name: np.log(value) for name, value in columns(rows, law).items()}
    jacobian = gradient(lambda t: _log_loss(law, t, log_x), theta, free)
    inverse = np.linalg.pinv(jacobian)
    spread = inverse @ covariance(rows) @ inverse.T

    def width(of):
        slopes = gradient(of, theta, free)
        return Z * np.sqrt(slopes @ spread @ slopes)

    names = list(LAWS[law].names)
    found = {
        name: width(lambda t, i=i: LAWS[law].natural(t[None])[0][i]) for i, name in enumerate(names)
    }
    found["a"] = width(lambda t: a_of(law, t))
    found["ln N*"] = width(lambda t: np.log(best_size(law, t, TARGET)))
    if at is not None:
        log_at = {name: np.log(value) for name, value in columns([at], law).items()}
        found["held out"] = width(lambda t: _log_loss(law, t, log_at)[0])
    return found


def best_size(law, theta, compute):
    natural = dict(zip(LAWS[law].names, LAWS[law].natural(theta[None])[0], strict=True))
    return LAWS[law].optimum(natural, compute)["n_params"]


def a_of(law, theta, compute=1e12):
    """The exponent by finite differences: the same for every law."""
    low, high = (best_size(law, theta, compute * factor) for factor in (0.5, 2.0))
    return np.log(high / low) / np.log(4.0)


def summary(rows):
    """What a grid tells, as the cells of the table."""
    cost, flops = core_s(rows)
    compute = [flops_per_token(row[0]) * row[1] for row in rows]
    held = rows[int(np.argmax(compute))]
    small = [row for row, c in zip(rows, compute, strict=True) if c <= max(compute) / 10]
    kaplan, skaling = (half_widths(law, rows) for law in ("kaplan_nd", "skaling"))
    hoffmann = half_widths("chinchilla", rows)
    told = [half_widths(law, small, held)["held out"] for law in ("kaplan_nd", "skaling")]
    # Hoffmann's law where the truth is skaling: what it misses shows that it does not hold.
    x = columns(rows, "skaling")
    truth = np.log(LAWS["skaling"](PLANTED["skaling"], **x))
    start = LAWS["chinchilla"].internal({**PLANTED["chinchilla"], "A": 8.0, "alpha": 0.26})
    _, misses = fitted("chinchilla", x, truth, start)
    rms = np.sqrt(np.mean(misses**2)) / NOISE / np.sqrt(1 - COMMON)
    return (
        f"{len(rows)}", f"{cost:.0f}", f"{flops:.2g}", f"{kaplan['a']:.3f}", f"{skaling['a']:.3f}",
        f"{hoffmann['alpha']:.3f}", f"{hoffmann['beta']:.3f}", f"{100 * skaling['ln N*']:.0f} %",
        f"{100 * told[0]:.1f} %", f"{100 * told[1]:.1f} %", f"{rms:.1f}",
    )  # fmt: skip


HEAD = (
    "grid", "runs", "core-s", "FLOP", "a, Kaplan", "a, skaling", "alpha", "beta", "N* at 1e14",
    "held out, Kaplan", "held out, skaling", "Hoffmann's misfit / noise",
)  # fmt: skip


def main() -> None:
    print("| " + " | ".join(HEAD) + " |\n|" + " --- |" * len(HEAD))
    for name, rows in GRIDS.items():
        print("| " + " | ".join((name, *summary(rows))) + " |", flush=True)


if __name__ == "__main__":
    main()
