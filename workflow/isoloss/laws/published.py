"""Published constants with units and sources, and quantities derived from them.

Kaplan et al. (2020), arXiv:2001.08361, measure compute in PF-days and leave embeddings out of N.
Their losses are nats per token of a vocabulary of 50,257 on WebText2. Hoffmann et al. (2022),
arXiv:2203.15556, and Besiroglu et al. (2024), arXiv:2404.10102, measure compute in FLOP and count
all parameters. Their losses are nats per token of another vocabulary and corpus. So the losses of
Kaplan et al. cannot be compared with those of the other two.
"""

import math
from dataclasses import dataclass

from isoloss.constants import FLOPS_PER_PARAM_TOKEN, FLOPS_PER_PF_DAY

KAPLAN = "Kaplan et al. (2020)"
HOFFMANN = "Hoffmann et al. (2022)"
BESIROGLU = "Besiroglu et al. (2024)"


@dataclass(frozen=True)
class Constant:
    """One published number."""

    key: str
    symbol: str
    value: float
    unit: str
    meaning: str
    source: str

    @property
    def text(self) -> str:
        """The value as text, as papers print it: 0.076, 406.4, 8.8e13."""
        return f"{self.value:.6g}".replace("e+", "e")


CONSTANTS = (
    Constant("kaplan_alpha_n", "α_N", 0.076, "", "exponent of L(N)", f"{KAPLAN}, Eq. 1.1, Table 5"),
    Constant("kaplan_n_c", "N_c", 8.8e13, "non-embedding parameters", "scale of L(N)",
             f"{KAPLAN}, Eq. 1.1, Table 5"),
    Constant("kaplan_alpha_d", "α_D", 0.095, "", "exponent of L(D)", f"{KAPLAN}, Eq. 1.2, Table 5"),
    Constant("kaplan_d_c", "D_c", 5.4e13, "tokens", "scale of L(D)", f"{KAPLAN}, Eq. 1.2, Table 5"),
    Constant("kaplan_alpha_c_min", "α_C,min", 0.050, "", "exponent of L(C_min)",
             f"{KAPLAN}, Eq. 1.3, Table 5"),
    Constant("kaplan_c_c_min", "C_c,min", 3.1e8, "PF-days",
             "scale of L(C_min); the legends of Figs. 1 and 13 have 2.3e8",
             f"{KAPLAN}, Eq. 1.3, Table 5"),
    Constant("kaplan_alpha_c", "α_C", 0.057, "", "exponent of L(C) at a fixed batch size",
             f"{KAPLAN}, Table 5"),
    Constant("kaplan_c_c", "C_c", 1.6e7, "PF-days",
             "scale of L(C); the legend of Fig. 13 has 2.0e7", f"{KAPLAN}, Table 5"),
    Constant("kaplan_n_opt", "N_opt at 1 PF-day", 1.3e9, "non-embedding parameters",
             "coefficient of N_opt = N_1 C_min^0.73", f"{KAPLAN}, Table 6"),
    Constant("kaplan_n_opt_exponent", "exponent of N_opt", 0.73, "", "N_opt ~ C_min^0.73",
             f"{KAPLAN}, Table 6"),
    Constant("kaplan_d_opt", "D_opt at 1 PF-day", 2e10, "tokens",
             "coefficient of D_opt = D_1 C_min^0.27", f"{KAPLAN}, Table 6"),
    Constant("kaplan_d_opt_exponent", "exponent of D_opt", 0.27, "", "D_opt ~ C_min^0.27",
             f"{KAPLAN}, Table 6"),
    Constant("kaplan_n_opt_naive", "N_opt at 1 PF-day of C", 1.6e9, "non-embedding parameters",
             "coefficient of N_opt ~ C^0.88 at a fixed batch size", f"{KAPLAN}, Fig. 14"),
    Constant("kaplan_n_opt_naive_exponent", "exponent of N_opt in C", 0.88, "",
             "N_opt ~ C^0.88 at a fixed batch size", f"{KAPLAN}, Fig. 14"),
    Constant("kaplan_batch", "B at 1 PF-day", 2.0e6, "tokens",
             "coefficient of B = B_1 C_min^0.24", f"{KAPLAN}, Table 6"),
    Constant("kaplan_batch_exponent", "exponent of B", 0.24, "", "B ~ C_min^0.24",
             f"{KAPLAN}, Table 6"),
    Constant("kaplan_s_min", "S_min at 1 PF-day", 5.4e3, "steps",
             "coefficient of S_min = S_1 C_min^0.03", f"{KAPLAN}, Table 6"),
    Constant("kaplan_s_min_exponent", "exponent of S_min", 0.03, "", "S_min ~ C_min^0.03",
             f"{KAPLAN}, Table 6"),
    Constant("kaplan_alpha_n_joint", "α_N of L(N, D)", 0.076, "", "exponent of N in L(N, D)",
             f"{KAPLAN}, Eq. 1.5, Table 2"),
    Constant("kaplan_alpha_d_joint", "α_D of L(N, D)", 0.103, "", "exponent of D in L(N, D)",
             f"{KAPLAN}, Eq. 1.5, Table 2"),
    Constant("kaplan_n_c_joint", "N_c of L(N, D)", 6.4e13, "non-embedding parameters",
             "scale of N in L(N, D)", f"{KAPLAN}, Eq. 1.5, Table 2"),
    Constant("kaplan_d_c_joint", "D_c of L(N, D)", 1.8e13, "tokens", "scale of D in L(N, D)",
             f"{KAPLAN}, Eq. 1.5, Table 2"),
    Constant("kaplan_alpha_n_steps", "α_N of L(N, S)", 0.077, "", "exponent of N in L(N, S_min)",
             f"{KAPLAN}, Table 3"),
    Constant("kaplan_n_c_steps", "N_c of L(N, S)", 6.5e13, "non-embedding parameters",
             "scale of N in L(N, S_min)", f"{KAPLAN}, Table 3"),
    Constant("kaplan_alpha_s", "α_S", 0.76, "", "exponent of S_min in L(N, S_min)",
             f"{KAPLAN}, Table 3"),
    Constant("kaplan_s_c", "S_c", 2.1e3, "steps", "scale of S_min in L(N, S_min)",
             f"{KAPLAN}, Table 3"),
    Constant("kaplan_alpha_b", "α_B", 0.21, "", "exponent in B_crit = B_* / L^(1 / α_B)",
             f"{KAPLAN}, Eq. 1.4, Table 5"),
    Constant("kaplan_b_star", "B_*", 2.1e8, "tokens",
             "critical batch at a loss of 1; Eq. 1.4 has 2e8", f"{KAPLAN}, Table 5"),
    Constant("kaplan_c_c_min_legend", "C_c,min of the legends", 2.3e8, "PF-days",
             "scale of L(C_min) as it is drawn; Table 5 has 3.1e8", f"{KAPLAN}, Figs. 1, 13"),
    Constant("kaplan_c_c_legend", "C_c of the legend", 2.0e7, "PF-days",
             "scale of L(C) as it is drawn; Table 5 has 1.6e7", f"{KAPLAN}, Fig. 13"),
    Constant("kaplan_log_k", "k", 0.25, "nats per token",
             "slope of the logarithm that Fig. 23 sets beside L(N)", f"{KAPLAN}, Fig. 23"),
    Constant("kaplan_log_n", "N where it is zero", 7.1e12, "non-embedding parameters",
             "scale of that logarithm", f"{KAPLAN}, Fig. 23"),
    Constant("hoffmann_e", "E", 1.69, "nats per token", "irreducible loss",
             f"{HOFFMANN}, Sec. 3.3"),
    Constant("hoffmann_a", "A", 406.4, "nats per token", "size term at N = 1",
             f"{HOFFMANN}, Sec. 3.3"),
    Constant("hoffmann_b", "B", 410.7, "nats per token", "data term at D = 1",
             f"{HOFFMANN}, Sec. 3.3"),
    Constant("hoffmann_alpha", "α", 0.34, "", "exponent of N", f"{HOFFMANN}, Sec. 3.3"),
    Constant("hoffmann_beta", "β", 0.28, "", "exponent of D", f"{HOFFMANN}, Sec. 3.3"),
    Constant("hoffmann_tokens_per_param", "D/N", 20.0, "tokens per parameter",
             "a reading of Table 3 (20.0 to 21.6), not a sentence of the paper",
             f"{HOFFMANN}, Table 3"),
    Constant("besiroglu_e", "E", 1.8172, "nats per token", "irreducible loss", BESIROGLU),
    Constant("besiroglu_a", "A", 482.01, "nats per token", "size term at N = 1", BESIROGLU),
    Constant("besiroglu_b", "B", 2085.43, "nats per token", "data term at D = 1", BESIROGLU),
    Constant("besiroglu_alpha", "α", 0.3478, "", "exponent of N", BESIROGLU),
    Constant("besiroglu_beta", "β", 0.3658, "", "exponent of D", BESIROGLU),
)  # fmt: skip
VALUES = {constant.key: constant.value for constant in CONSTANTS}


def pf_days(compute_flops):
    """FLOP in PF-days, the unit of every compute constant of Kaplan et al. (2020)."""
    return compute_flops / FLOPS_PER_PF_DAY


def kaplan_loss(n_params=None, n_tokens=None, compute_min_flops=None):
    """Loss in nats per token by one of the laws L(N), L(D), L(C_min): Eqs. 1.1 to 1.3.

    Raises
    ------
    ValueError
        Not exactly one of the three is given.
    """
    given = [x for x in (n_params, n_tokens, compute_min_flops) if x is not None]
    if len(given) != 1:
        raise ValueError(
            f"one of n_params, n_tokens, compute_min_flops is needed, got {len(given)}"
        )
    if n_params is not None:
        return (VALUES["kaplan_n_c"] / n_params) ** VALUES["kaplan_alpha_n"]
    if n_tokens is not None:
        return (VALUES["kaplan_d_c"] / n_tokens) ** VALUES["kaplan_alpha_d"]
    ratio = VALUES["kaplan_c_c_min"] / pf_days(compute_min_flops)
    return ratio ** VALUES["kaplan_alpha_c_min"]


def fall_when_doubled(exponent: float) -> float:
    """The share by which a loss ~ x**-exponent falls when x doubles."""
    return -math.expm1(-exponent * math.log(2.0))


def kaplan_allocation(compute_flops, c_over_c_min: float = 2.0):
    """Compute-optimal N (non-embedding) and D = C / 6N by Kaplan et al. (2020), Table 6.

    N_opt is a power of C_min, the compute at a batch far below the critical one. A run at the
    critical batch costs C = 2 C_min (Eq. 5.5). That is the default, and how Hoffmann et al. (2022,
    Figs. 1 and A4) draw it. With `c_over_c_min` = 1, C_min equals C.
    """
    budget = pf_days(compute_flops / c_over_c_min)
    n_params = VALUES["kaplan_n_opt"] * budget ** VALUES["kaplan_n_opt_exponent"]
    return n_params, compute_flops / (FLOPS_PER_PARAM_TOKEN * n_params)


def chinchilla_allocation(compute_flops):
    """N and D at 20 tokens per parameter: N = sqrt(C / 120), D = sqrt(20 C / 6)."""
    ratio = VALUES["hoffmann_tokens_per_param"]
    n_params = (compute_flops / (FLOPS_PER_PARAM_TOKEN * ratio)) ** 0.5
    return n_params, ratio * n_params


def surface(paper: str) -> dict[str, float]:
    """Parameters of L(N, D) = E + A / N**alpha + B / D**beta by "hoffmann" or "besiroglu"."""
    names = {"E": "e", "A": "a", "B": "b", "alpha": "alpha", "beta": "beta"}
    return {name: VALUES[f"{paper}_{key}"] for name, key in names.items()}


def joint_kaplan() -> dict[str, float]:
    """Parameters of L(N, D) = [(Nc / N)**(alpha_N / alpha_D) + Dc / D]**alpha_D (Eq. 1.5)."""
    names = {"Nc": "n_c", "Dc": "d_c", "alpha_N": "alpha_n", "alpha_D": "alpha_d"}
    return {name: VALUES[f"kaplan_{key}_joint"] for name, key in names.items()}
