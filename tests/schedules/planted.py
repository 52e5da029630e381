"""Learning curves of planted laws, summed step by step as Luo et al. (2025), Eq. 1 print it."""

import numpy as np

from isoloss.schedules.fit import LearningCurve
from isoloss.schedules.rates import Schedule

PEAK, WARMUP = 3e-3, 50
L0, A, ALPHA, B, C, BETA, GAMMA = 2.0, 0.9, 0.5, 45.0, 0.2, 0.5935, 0.6347
ROWS = 60  # of a curve


def rates(kind: str, steps: int) -> np.ndarray:
    """The rate of every step, from 1 on."""
    at = np.arange(1, steps + 1)
    over = np.clip((at - WARMUP) / (steps - WARMUP), 0, 1)
    after = {
        "constant": np.full(steps, PEAK),
        "cosine": PEAK * (0.1 + 0.45 * (1 + np.cos(np.pi * over))),
        "linear": PEAK * (1 - 0.9 * over),
        "wsd": PEAK * (1 - 0.9 * np.clip((over - 0.8) / 0.2, 0, 1)),
        "jump": np.where(at > steps // 2, 0.3 * PEAK, PEAK),
    }[kind]
    return np.where(at < WARMUP, PEAK * at / WARMUP, after)


def loss(eta: np.ndarray, step: np.ndarray, *, share: bool = True) -> np.ndarray:
    """The planted loss at each step, by a plain sum over all steps before it."""
    summed = np.cumsum(eta)
    before = np.insert(eta[:-1], 0, 0.0)
    found = []
    for t in step:
        s_k = summed[t - 1] - np.insert(summed[: t - 1], 0, 0.0)
        fall = before[:t] - eta[:t]
        drop = B * np.sum(fall * (1 - (1 + C * eta[:t] ** -GAMMA * s_k) ** -BETA))
        constant = L0 + A * summed[t - 1] ** -ALPHA
        found.append(constant * (1 - drop / 3) if share else constant - drop)
    return np.array(found)


def table(kind: str, steps: int, *, share: bool = True, noise: float = 0.0, seed: int = 0):
    """Columns step, lr and loss of one run."""
    eta = rates(kind, steps)
    step = np.unique(np.linspace(WARMUP, steps, ROWS).astype(int))
    rng = np.random.default_rng([seed, steps, len(kind), ord(kind[0])])
    shaken = np.exp(noise * rng.standard_normal(len(step)))
    return {"step": step, "lr": eta[step - 1], "loss": loss(eta, step, share=share) * shaken}


def curve(kind: str, steps: int, **how) -> LearningCurve:
    """One run as a fit takes it."""
    made = table(kind, steps, **how)
    schedule = Schedule.of_rows(made["step"], made["lr"])
    return LearningCurve(f"{kind}_{steps}", made["step"].astype(float), made["loss"], schedule)
