"""The laws of Kaplan et al. (2020)."""

from dataclasses import dataclass

import numpy as np

from isoloss.laws.base import Law, Parameter, coefficient, exponent, grid
from isoloss.laws.one_variable import PowerLaw
from isoloss.laws.sums import Sum, Term


@dataclass(frozen=True)
class KaplanND(Law):
    """L(N, D) = [(Nc / N)**(alpha_N / alpha_D) + Dc / D]**alpha_D.

    The solver uses ln L = s LSE(c - r ln N, d - ln D) with s = alpha_D, r = alpha_N / alpha_D,
    c = r ln Nc and d = ln Dc. The argument of LSE is linear, so the derivatives are short.
    """

    name: str = "kaplan_nd"
    formula: str = "L(N, D) = [(Nc / N)**(alpha_N / alpha_D) + Dc / D]**alpha_D"
    source: str = "Kaplan et al. (2020), arXiv:2001.08361, Sec. 1.2, Eq. 1.5"
    variables: tuple[str, ...] = ("n_params", "n_tokens")
    parameters: tuple[Parameter, ...] = (
        coefficient("Nc", "parameters", "size scale, for non-embedding N"),
        coefficient("Dc", "tokens", "data scale"),
        exponent("alpha_N", "how fast loss falls with N when data do not limit"),
        exponent("alpha_D", "how fast loss falls with D when size does not limit"),
    )

    @property
    def separated(self):
        """The same law in ln Nc, ln Dc, alpha_N and alpha_D."""
        return KaplanNDSeparated()

    def natural(self, theta):
        c, d, r, s = np.moveaxis(np.asarray(theta, float), -1, 0)
        with np.errstate(all="ignore"):
            return np.stack([np.exp(c / r), np.exp(d), r * s, s], axis=-1)

    def internal(self, params):
        ratio = params["alpha_N"] / params["alpha_D"]
        return np.array(
            [ratio * np.log(params["Nc"]), np.log(params["Dc"]), ratio, params["alpha_D"]],
            dtype=float,
        )

    def frontier(self, params):
        """ln G and a of N* = G (C / K)**a.

        The loss falls with (Nc / N)**r + Dc N K / C, r = alpha_N / alpha_D. Its slope in N is zero
        where N**(r + 1) = r Nc**r / Dc * C / K.
        """
        with np.errstate(all="ignore"):
            ratio = np.asarray(params["alpha_N"]) / params["alpha_D"]
            a = 1 / (1 + ratio)
            log_g = np.log(ratio) + ratio * np.log(params["Nc"]) - np.log(params["Dc"])
            return a * log_g, a

    def derived(self, params):
        """a and b of N* ~ C**a and D* ~ C**b, for C = K N D, and G of N* = G (C / K)**a."""
        log_g, a = self.frontier(params)
        with np.errstate(all="ignore"):
            return {"a": a, "b": 1 - a, "G": np.exp(log_g)}

    def tie_for(self, derived, value):
        share = {"a": value, "b": 1 - value}.get(derived)  # of alpha_D in alpha_N + alpha_D
        return None if share is None else ("alpha_N", "alpha_D", share / (1 - share))

    def _inside(self, theta, log_x):
        size = theta[:, 0, None] - theta[:, 2, None] * log_x["n_params"]
        data = theta[:, 1, None] - log_x["n_tokens"]
        top = np.maximum(size.real, data.real)
        size, data = np.exp(size - top), np.exp(data - top)
        return size / (size + data), top + np.log(size + data)

    def log_loss(self, theta, log_x):
        return theta[:, 3, None] * self._inside(theta, log_x)[1]

    analytic = True

    def derivatives(self, theta, log_x, directions=None):
        share, inside = self._inside(theta, log_x)
        scale = theta[:, 3, None]
        features = np.stack(np.broadcast_arrays(share, 1 - share, -share * log_x["n_params"]), 1)
        gradient = np.concatenate([scale[:, None] * features, inside[:, None]], axis=1)

        def curvature(weights):
            # d2 ln L + (d ln L)(d ln L)^T, where LSE'' = sum of share * phi phi^T - mean mean^T
            weighted = gradient * weights[:, None]
            result = weighted @ gradient.transpose(0, 2, 1)
            spread = scale * share * (1 - share) * weights
            phi = np.stack(
                [
                    np.ones_like(share),
                    -np.ones_like(share),
                    np.broadcast_to(-log_x["n_params"], share.shape),
                ],
                axis=1,
            )
            result[:, :3, :3] += (phi * spread[:, None]) @ phi.transpose(0, 2, 1)
            cross = (features * weights[:, None]).sum(axis=2)
            result[:, :3, 3] += cross
            result[:, 3, :3] += cross
            return result

        return scale * inside, gradient, curvature

    def shapes(self, log_x, log_loss):
        found = grid(np.geomspace(0.02, 1.0, 7), np.geomspace(0.02, 1.0, 7), np.linspace(0, 1, 4))
        theta = np.empty((len(found), 4))
        theta[:, 3] = found[:, 1]
        theta[:, 2] = found[:, 0] / found[:, 1]
        # Nc and Dc such that the two terms are equal somewhere along the runs, and L is about 1.
        at_n = np.quantile(log_x["n_params"], found[:, 2])
        at_d = np.quantile(log_x["n_tokens"], 1 - found[:, 2])
        level = 1.2 / theta[:, 3]
        theta[:, 0] = level + theta[:, 2] * at_n
        theta[:, 1] = level + at_d
        return theta

    def centring(self, log_x):
        matrix = np.eye(4)
        matrix[0, 2] = np.mean(log_x["n_params"])
        return matrix


@dataclass(frozen=True)
class KaplanNDSeparated(KaplanND):
    """`KaplanND` in ln Nc, ln Dc, alpha_N and alpha_D, for fits that fix or tie some of them."""

    analytic = False

    @property
    def separated(self):
        """The law itself."""
        return self

    @property
    def joined(self):
        """The law in the coordinates of `KaplanND`."""
        return KAPLAN_ND

    def natural(self, theta):
        return Law.natural(self, theta)

    def internal(self, params):
        return Law.internal(self, params)

    def log_loss(self, theta, log_x):
        size, data, alpha_n, alpha_d = np.moveaxis(theta, -1, 0)
        ratio = alpha_n / alpha_d
        return super().log_loss(np.stack([ratio * size, data, ratio, alpha_d], axis=-1), log_x)

    def derivatives(self, theta, log_x, directions=None):
        return Law.derivatives(self, theta, log_x, directions)

    def centring(self, log_x):
        return np.eye(4)


KAPLAN_ND = KaplanND()


PAPER = "Kaplan et al. (2020), arXiv:2001.08361"


@dataclass(frozen=True)
class SizeAndSteps(Sum):
    """(Nc / N)**alpha_N + (Sc / S)**alpha_S, solved with A = Nc**alpha_N and B = Sc**alpha_S."""

    def derived(self, params):
        with np.errstate(all="ignore"):
            return {
                "Nc": np.exp(np.log(params["A"]) / params["alpha_N"]),
                "Sc": np.exp(np.log(params["B"]) / params["alpha_S"]),
            }

    def derived_unit(self, name):
        return {"Nc": "parameters", "Sc": "steps"}.get(name, "")


KAPLAN_NS = SizeAndSteps(
    name="kaplan_ns",
    formula="L(N, S) = (Nc / N)**alpha_N + (Sc / S_min)**alpha_S",
    source=f"{PAPER}, Sec. 1.2, Eq. 1.6",
    variables=("n_params", "n_steps"),
    parameters=(
        coefficient("A", "loss", "Nc**alpha_N"),
        coefficient("B", "loss", "Sc**alpha_S"),
        exponent("alpha_N", "how fast loss falls with non-embedding N"),
        exponent("alpha_S", "how fast loss falls with S_min, steps far above critical batch"),
    ),
    terms=(Term("A", "n_params", "alpha_N"), Term("B", "n_steps", "alpha_S")),
)


def single(name: str, variable: str, formula: str, equation: str) -> PowerLaw:
    """One of the three laws of a single variable, (Xc / x)**alpha."""
    return PowerLaw(
        name=name,
        formula=formula,
        source=f"{PAPER}, {equation}",
        variables=(variable,),
        parameters=(
            coefficient("A", "loss", "loss at x = 1"),
            exponent("alpha", "how fast loss falls"),
        ),
        terms=(Term("A", variable, "alpha"),),
    )


KAPLAN_N = single("kaplan_n", "n_params", "L(N) = (Nc / N)**alpha, non-embedding N", "Eq. 1.1")
KAPLAN_D = single("kaplan_d", "n_tokens", "L(D) = (Dc / D)**alpha", "Eq. 1.2")
KAPLAN_C_MIN = single(
    "kaplan_c_min", "compute_min_pf_days", "L(C_min) = (Cc / C_min)**alpha, PF-days", "Eq. 1.3"
)
KAPLAN_C = single("kaplan_c", "compute_pf_days", "L(C) = (Cc / C)**alpha, PF-days", "Table 5")


@dataclass(frozen=True)
class CriticalBatch(Sum):
    """B_crit = B* / L**(1 / alpha_B). The measured quantity is the batch, and its variable is L."""

    def derived(self, params):
        with np.errstate(all="ignore"):
            return {"alpha_B": 1 / np.asarray(params["inverse_alpha_B"])}


KAPLAN_B_CRIT = CriticalBatch(
    name="kaplan_b_crit",
    formula="B_crit(L) = B_star / L**(1 / alpha_B)",
    source=f"{PAPER}, Sec. 1.2, Eq. 1.4",
    variables=("loss_reached",),
    parameters=(
        coefficient("B_star", "tokens", "critical batch at a loss of one"),
        exponent("inverse_alpha_B", "1 / alpha_B", upper=50.0),
    ),
    terms=(Term("B_star", "loss_reached", "inverse_alpha_B"),),
)
