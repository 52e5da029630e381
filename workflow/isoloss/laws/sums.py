"""Laws that are a floor plus power laws: L = E + sum over k of A_k / (x_k ** alpha_k)."""

from dataclasses import dataclass

import numpy as np

from isoloss.laws.base import Law, Parameter, grid

SEARCHED = {  # exponents, by the number of exponents
    1: np.geomspace(0.02, 4.0, 24),
    2: np.geomspace(0.04, 1.6, 8),
    3: np.geomspace(0.06, 1.4, 5),
    4: np.geomspace(0.1, 1.0, 3),
}


@dataclass(frozen=True)
class Term:
    """A / x ** alpha: the names of A, x and alpha."""

    coefficient: str
    variable: str
    exponent: str


@dataclass(frozen=True)
class Sum(Law):
    """L = E + sum of terms; ln L = LSE(ln E, a_k - alpha_k ln x_k), with A_k = exp(a_k).

    Without a floor, `floor` is None. The solver moves E itself, not ln E, so that a fit whose floor
    is zero ends on a bound and does not diverge.
    """

    name: str
    formula: str
    source: str
    variables: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    terms: tuple[Term, ...]
    floor: str | None = None

    @property
    def linear(self):
        """Names of the coefficients, and of the floor if there is one."""
        names = tuple(term.coefficient for term in self.terms)
        return names if self.floor is None else (*names, self.floor)

    @property
    def slopes(self):
        """Coefficient and exponent of each term that trades off with the floor."""
        return tuple((t.coefficient, t.exponent) for t in self.terms if self.floor is not None)

    def _places(self):
        index = {name: i for i, name in enumerate(self.names)}
        places = [(index[t.coefficient], index[t.exponent], t.variable) for t in self.terms]
        return places, None if self.floor is None else index[self.floor]

    def log_loss(self, theta, log_x):
        places, at_floor = self._places()
        total = 0.0 if at_floor is None else theta[:, at_floor, None]
        for a, alpha, x in places:
            total = total + np.exp(theta[:, a, None] - theta[:, alpha, None] * log_x[x])
        return np.log(total)

    analytic = True

    def derivatives(self, theta, log_x, directions=None):
        places, at_floor = self._places()
        n_starts, n_params = theta.shape
        n_rows = len(log_x[places[0][2]])
        parts = []
        total = np.zeros((n_starts, n_rows))
        if at_floor is not None:
            total += theta[:, at_floor, None]
        for a, alpha, x in places:
            part = theta[:, alpha, None] * -log_x[x]
            part += theta[:, a, None]
            np.exp(part, out=part)
            total += part
            parts.append(part)
        inverse = 1.0 / total
        gradient = np.empty((n_starts, n_params, n_rows))
        if at_floor is not None:
            gradient[:, at_floor] = inverse
        for (a, alpha, x), part in zip(places, parts, strict=True):
            share = np.multiply(part, inverse, out=gradient[:, a])
            np.multiply(share, -log_x[x], out=gradient[:, alpha])

        def curvature(weights):
            result = np.zeros((n_starts, n_params, n_params))
            for a, alpha, x in places:
                weighted = weights * gradient[:, a]
                moments = weighted @ np.stack([np.ones(n_rows), -log_x[x], log_x[x] ** 2], axis=1)
                result[:, a, a] += moments[:, 0]
                result[:, a, alpha] += moments[:, 1]
                result[:, alpha, a] += moments[:, 1]
                result[:, alpha, alpha] += moments[:, 2]
            return result

        return np.log(total), gradient, curvature

    def shapes(self, log_x, log_loss):
        places, _ = self._places()
        exponents = sorted({alpha for _, alpha, _ in places})
        found = grid(*[SEARCHED[min(len(exponents), 4)]] * len(exponents))
        theta = np.zeros((len(found), len(self.parameters)))
        theta[:, exponents] = found
        return theta

    def basis(self, theta, log_x):
        places, at_floor = self._places()
        rows = [np.exp(-theta[:, alpha, None] * log_x[x]) for _, alpha, x in places]
        if at_floor is not None:
            rows.append(np.ones_like(rows[0]))
        return np.stack(rows, axis=1)

    def centring(self, log_x):
        matrix = np.eye(len(self.parameters))
        for a, alpha, x in self._places()[0]:
            matrix[a, alpha] = np.mean(log_x[x])
        return matrix
