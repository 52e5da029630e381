"""Does the noise of single rows change with the variables, beyond what the noise model knows?

The noise model of `fit.noise` lets the noise change with the loss alone. Larger models may be
noisier though their losses are lower. The test regresses the squares of the model's standardised
residuals on ln of the variables (Breusch and Pagan 1979, in the form of Koenker 1981, J.
Econometrics 17, 107, which holds for any tails).
"""

import numpy as np

from isoloss.fit.noise import Noise
from isoloss.fit.problem import Problem

ENOUGH_ROWS = 3  # for each free parameter; fewer rows tell nothing of how their noise changes
EXACT = 1e-9  # standard deviation of ln L: what is left of exact losses is rounding


def changes_with(problem: Problem, noise: Noise) -> float:
    """Probability of squares that change so much with the variables, if the noise model held.

    It is 1 where too few rows could tell, or there is no noise.
    """
    from scipy.special import chdtrc

    square = noise.unit**2
    columns = [x - x.mean() for x in problem.log_x.values() if np.ptp(x) > 0]
    n, spread = len(square), float(np.sum((square - square.mean()) ** 2))
    if n < ENOUGH_ROWS * problem.n_free or noise.sd < EXACT or not spread or not columns:
        return 1.0
    basis, size, _ = np.linalg.svd(np.column_stack(columns), full_matrices=False)
    basis = basis[:, size > 1e-9 * size[0]]
    explained = float(np.sum((basis.T @ (square - square.mean())) ** 2)) / spread
    return float(chdtrc(basis.shape[1], n * explained))
