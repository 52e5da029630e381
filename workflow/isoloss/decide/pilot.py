"""First runs, where there is no fit yet: far apart in every variable, within a budget."""

import numpy as np

from isoloss.decide.candidates import Candidates


def first_runs(among: Candidates, n_runs: int, budget: float, seed: int = 0) -> list[int]:
    """Candidates that fill the space of those that cost little enough, in order.

    Each is the one farthest from those before it (Kennard and Stone 1969), in ln of the variables
    scaled to the range of the affordable candidates. No run costs more than its share of what is
    left of the budget.

    Parameters
    ----------
    n_runs : int
        The runs wanted; fewer where the budget pays for no more.
    seed : int
        Of the first run, which is drawn among the affordable ones.
    """
    values = np.stack(list(among.log_x.values()), axis=1)
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    spent = 0.0
    left = np.ones(len(values), bool)
    while len(chosen) < n_runs:
        share = (budget - spent) / (n_runs - len(chosen))
        allowed = left & (among.cost <= share)
        if not allowed.any():
            allowed = left & (among.cost <= budget - spent)
        if not allowed.any():
            break
        rows = np.flatnonzero(allowed)
        if not chosen:
            best = int(rng.choice(rows))
        else:
            reach = values[rows].max(axis=0) - values[rows].min(axis=0)
            scale = np.where(reach > 0, reach, 1.0)
            apart = (values[rows, None] - values[None, chosen]) / scale
            best = int(rows[np.argmax(np.sum(apart**2, axis=2).min(axis=1))])
        chosen.append(best)
        spent += float(among.cost[best])
        left[best] = False
    return chosen
