"""What a run would have cost at a batch far below, or far above, the critical one.

Kaplan et al. (2020, arXiv:2001.08361), Sec. 5. Batches are in tokens a step.
"""

import numpy as np


def min_steps(steps, batch_tokens, critical_tokens):
    """S_min = S / (1 + B_crit / B): steps at a batch far above the critical one (Eq. 5.4)."""
    return np.asarray(steps, float) / (1 + np.asarray(critical_tokens, float) / batch_tokens)


def min_tokens(tokens, batch_tokens, critical_tokens):
    """E_min = E / (1 + B / B_crit): tokens at a batch far below the critical one (Eq. 5.1)."""
    return np.asarray(tokens, float) / (1 + batch_tokens / np.asarray(critical_tokens, float))


def min_compute(compute, batch_tokens, critical_tokens):
    """C_min = C / (1 + B / B_crit), in the unit of `compute` (Eq. 5.5)."""
    return min_tokens(compute, batch_tokens, critical_tokens)
