"""A study of language models whose losses follow Kaplan et al. (2020), Eqs. 1.4 and 1.6, exactly.

L = (Nc / N)^alpha_N + (Sc / S_min)^alpha_S with S_min = S / (1 + B_crit(L) / B) and
B_crit = B* / L^(1 / alpha_B). Every exponent of the compute optimum follows in closed form.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from isoloss.tables.schema import ANALYSIS_COLUMNS, typed

PF_DAY = 8.64e19
WIDTHS = (8, 12, 16, 24, 40, 56, 88)
TOKENS = (256_000, 460_800, 829_440, 1_492_992, 2_687_488)


@dataclass(frozen=True)
class Planted:
    alpha_n: float = 0.11
    n_c: float = 8.4e5
    alpha_s: float = 0.5
    s_c: float = 54.0
    alpha_b: float = 0.21
    b_star: float = 1.1e5

    def critical(self, loss):
        return self.b_star / loss ** (1 / self.alpha_b)

    def loss(self, n, steps, batch):
        """By bisection: the right side falls as L grows, since B_crit does."""
        n, steps = np.broadcast_arrays(np.asarray(n, float), np.asarray(steps, float))
        low, high = np.full(n.shape, 1e-3), np.full(n.shape, 1e3)
        for _ in range(100):
            middle = np.sqrt(low * high)
            s_min = steps / (1 + self.critical(middle) / batch)
            above = (self.n_c / n) ** self.alpha_n + (self.s_c / s_min) ** self.alpha_s > middle
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        return np.sqrt(low * high)

    @property
    def alpha_c_min(self):
        """Eq. 1.8."""
        return 1 / (1 / self.alpha_s + 1 / self.alpha_b + 1 / self.alpha_n)

    def optimum(self, compute_min_pf_days):
        """N, L and S_min of least loss at C_min = 6 N B_crit(L) S_min (App. B.1), by bisection."""
        goal = np.log(np.asarray(compute_min_pf_days, float) * PF_DAY)
        low, high = np.full(goal.shape, 1.0), np.full(goal.shape, 1e15)
        for _ in range(200):
            n = np.sqrt(low * high)
            of_size = (self.n_c / n) ** self.alpha_n
            loss = (1 + self.alpha_n / self.alpha_s) * of_size
            s_min = self.s_c * (self.alpha_n / self.alpha_s * of_size) ** (-1 / self.alpha_s)
            above = np.log(6 * n * self.critical(loss) * s_min) > goal
            low, high = np.where(above, low, n), np.where(above, n, high)
        return n, loss, s_min


def study(law=Planted(), noise=0.0, seed=0, batch_size=4, context=64, widths=WIDTHS,
          tokens=TOKENS, n_layer=2, cooled=0.97):  # fmt: skip
    """Runs by trunk and cooldown, and their curves; `noise` moves a size's ln L as a whole.

    A cooldown lowers the loss by 3 %, so that final losses follow the same law but for a factor.
    """
    rng = np.random.default_rng(seed)
    batch = batch_size * context
    rows, parts = [], []
    for width in widths:
        n = 12 * n_layer * width**2
        offset = np.exp(noise * rng.standard_normal())
        for d in tokens:
            steps = d // batch
            run_id = f"w{width}-l{n_layer}-d{d}"
            last = int(0.8 * steps)
            at = np.unique(np.geomspace(60, last, 24).round().astype(int))
            loss = law.loss(n, at, batch) * offset
            final = float(law.loss(n, steps, batch)) * offset * cooled
            common = {"run_id": run_id, "grad_sq": np.nan, "grad_noise": np.nan}
            parts.append(pd.DataFrame(common | {
                "step": [*at, steps], "n_tokens": [*at * batch, steps * batch],
                "lr": [0.01] * len(at) + [0.0005], "loss": [*loss, final],
                "compute_flops": 6.6 * n * np.array([*at, steps]) * batch,
            }))  # fmt: skip
            rows.append({
                "sweep": "grid", "run_id": run_id, "seed": seed, "status": "done", "width": width,
                "n_layer": n_layer, "n_params": n + 320 * width, "n_params_non_embedding": n,
                "n_tokens": steps * batch, "n_unique_tokens": steps * batch, "steps": steps,
                "batch_size": batch_size, "context": context, "vocab_size": 256,
                "schedule": "wsd", "dropout": 0.0, "peak_lr": 0.01, "loss": final,
                "best_loss": final, "compute_flops": 6.6 * n * d,
            })  # fmt: skip
    return pd.DataFrame(rows), pd.concat(parts, ignore_index=True)


def critical_batch_rows(law=Planted(), spread=0.03, verdict="identified", losses=(1.5, 3.0)):
    """The rows of a `critical_batch` analysis that has found the planted law."""
    named = {"study": "s", "analysis": "critical", "do": "critical_batch", "level": 0.9,
             "verdict": verdict}  # fmt: skip
    found = {"B_star": law.b_star, "inverse_alpha_B": 1 / law.alpha_b, "alpha_B": law.alpha_b}
    rows = [named | {"kind": "parameter", "quantity": name, "value": value, "lo": 0.9 * value,
                     "hi": 1.1 * value} for name, value in found.items()]  # fmt: skip
    for x in np.geomspace(*losses, 30):
        value = float(law.critical(x))
        wide = np.exp(1.645 * np.hypot(spread, 2 * spread * np.log(x / 2)))
        rows.append(named | {"kind": "line", "quantity": "B_crit", "group": "law", "x": float(x),
                             "x_quantity": "loss", "value": value, "lo": value / wide,
                             "hi": value * wide})  # fmt: skip
    return typed(rows, ANALYSIS_COLUMNS)


NOTHING_DONE = typed([], ANALYSIS_COLUMNS)
