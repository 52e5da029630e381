"""The base of scaling laws: a formula with named, bounded parameters, and its derivatives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.laws import allocation

STEP = 1e-30  # complex step: the derivative is exact to rounding, whatever the step
DIFFERENCE = 1e-5  # step of the central difference that turns exact gradients into a Hessian


@dataclass(frozen=True)
class Parameter:
    """One parameter of a law.

    With `log`, the solver moves in ln(value), so that the value stays positive. `lower` and `upper`
    bound the value itself; the certificate of a fit names the bounds on which it ends.
    """

    name: str
    unit: str
    meaning: str
    log: bool = False
    lower: float = 0.0
    upper: float = np.inf


def coefficient(name: str, unit: str, meaning: str) -> Parameter:
    """A positive factor; the solver moves its logarithm."""
    return Parameter(name, unit, meaning, log=True)


def exponent(name: str, meaning: str, upper: float = 10.0) -> Parameter:
    """A dimensionless, non-negative exponent."""
    return Parameter(name, "", meaning, upper=upper)


def floor(name: str = "E", unit: str = "loss") -> Parameter:
    """The irreducible loss. It may be zero; zero is then a bound on which a fit can end."""
    return Parameter(name, unit, "irreducible loss")


class Law:
    """A law L = f(theta; x). Subclasses are frozen dataclasses that give the fields named here.

    Attributes
    ----------
    name, formula, source : str
        Its name, its formula as the paper prints it, and its paper, section and equation.
    variables : tuple of str
        Variables of the loss, e.g. ("n_params", "n_tokens").
    parameters : tuple of Parameter
        Parameters in the order of `theta`. `theta` is in the solver's coordinates: ln(value) where
        `log` is set, the value elsewhere. Batches of theta have the shape (batch, parameter).
        `log_x` maps each variable to ln(x), shape (row,), or (batch, row) where each theta has
        rows of its own.
    linear : tuple of str
        The parameters in which L is linear; `starts` solves for them.
    unlimited : tuple of str
        Variables that count some of the tokens, such as the unique ones. An optimum takes them as
        endless, where the caller gives no value: then each is as large as n_tokens.
    settings : tuple of str
        Variables, such as the learning rate, of which the loss is least at some value. An optimum
        takes each at its best (`best`), and a law takes an infinite one for its best.
    floor : str or None
        The parameter that is the irreducible loss.
    slopes : tuple of (str, str)
        Coefficient and exponent of each term A / x**alpha that trades off with the floor, where
        `centring` makes the coefficient's coordinate the logarithm of the term at the centre of
        the runs. The solver then moves the term's size and slope there (`fit.straight`).
    separated : Law
        The same law with one parameter in each place of theta, so that each can be fixed or tied.
        It is the law itself, unless the solver moves in combinations of parameters.
    joined : Law
        The law of which it is the separated one; it gives the starts. Else it is the law itself.
    trade_offs : tuple of (str, str)
        Pairs of parameters that many tables cannot tell apart; the verdict names them.
    coefficient_range : tuple of float
        Bounds of the ln of a parameter of `linear`, about ln L.
    """

    name: str
    formula: str
    source: str
    variables: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    linear: tuple[str, ...] = ()
    unlimited: ClassVar[tuple[str, ...]] = ()
    coefficient_range: ClassVar[tuple[float, float]] = (-40.0, 40.0)
    trade_offs: ClassVar[tuple[tuple[str, str], ...]] = ()
    settings: tuple[str, ...] = ()
    floor: str | None = None
    slopes: tuple[tuple[str, str], ...] = ()
    analytic = False  # whether `derivatives` is written out, and ignores `directions`

    @property
    def separated(self) -> "Law":
        """The same law with one parameter in each place of theta."""
        return self

    @property
    def joined(self) -> "Law":
        """The law whose starts are taken."""
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in the order of theta."""
        return tuple(parameter.name for parameter in self.parameters)

    def __call__(self, params: Mapping[str, float], **variables) -> np.ndarray:
        """The law's loss at the given values of its variables."""
        logs = {name: np.log(np.asarray(variables[name], float)) for name in self.variables}
        shape = np.broadcast_shapes(*(log.shape for log in logs.values()))
        flat = {name: np.broadcast_to(log, shape).ravel() for name, log in logs.items()}
        return np.exp(self.log_loss(self.internal(params)[None], flat)[0]).reshape(shape)

    def log_loss(self, theta: np.ndarray, log_x: Mapping[str, np.ndarray]) -> np.ndarray:
        """ln L, shape (batch, row). theta may be complex, for complex-step derivatives."""
        raise NotImplementedError

    def derivatives(self, theta: np.ndarray, log_x: Mapping[str, np.ndarray], directions=None):
        """ln L, its gradient, and a function that contracts its curvature.

        Parameters
        ----------
        directions : ndarray, optional, shape (parameter, direction)
            Directions to differentiate along, instead of every parameter (where not `analytic`).

        Returns
        -------
        log_loss : ndarray, shape (batch, row)
        gradient : ndarray, shape (batch, parameter, row)
            d ln L / d theta.
        curvature : callable
            Maps weights of shape (batch, row) to the sum over rows of
            weight * (d2 L / d theta2) / L, shape (batch, parameter, parameter).

        Notes
        -----
        The gradient is by complex step, and the curvature is a central difference of gradients. So
        any formula that numpy evaluates for complex numbers works. Laws that are often fitted
        override this method.
        """
        along = np.eye(theta.shape[1]) if directions is None else directions
        value, gradient = self._gradient(theta, log_x, along)

        def curvature(weights):
            total = np.empty((len(theta), along.shape[1], along.shape[1]))
            for j, direction in enumerate(along.T):
                ahead = self._gradient(theta + DIFFERENCE * direction, log_x, along)[1]
                behind = self._gradient(theta - DIFFERENCE * direction, log_x, along)[1]
                total[:, j] = np.einsum("spn,sn->sp", (ahead - behind) / (2 * DIFFERENCE), weights)
            outer = (gradient * weights[:, None]) @ gradient.transpose(0, 2, 1)
            return (total + total.transpose(0, 2, 1)) / 2 + outer

        return value, gradient, curvature

    def _gradient(self, theta, log_x, along):
        """ln L and its derivatives along some directions; laws with derivatives override it."""
        n_rows = len(next(iter(log_x.values())))
        gradient = np.empty((len(theta), along.shape[1], n_rows))
        for j, direction in enumerate(along.T):
            value = self.log_loss(theta + 1j * STEP * direction, log_x)
            gradient[:, j] = value.imag / STEP
        return value.real, gradient

    def natural(self, theta: np.ndarray) -> np.ndarray:
        """Values of the parameters from the solver's coordinates, shape (..., parameter)."""
        log = np.array([parameter.log for parameter in self.parameters])
        theta = np.asarray(theta, float)
        with np.errstate(over="ignore"):
            return np.where(log, np.exp(np.where(log, theta, 0.0)), theta)

    def internal(self, params: Mapping[str, float]) -> np.ndarray:
        """The inverse of `natural`, shape (parameter,)."""
        with np.errstate(divide="ignore"):
            return np.array(
                [np.log(params[p.name]) if p.log else params[p.name] for p in self.parameters],
                dtype=float,
            )

    def derived(self, params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Quantities derived from the parameters, e.g. the exponents of an optimum."""
        return {}

    def derived_unit(self, name: str) -> str:
        """The unit of a derived quantity; "" for pure numbers."""
        return ""

    @property
    def allocates(self) -> bool:
        """Whether `optimum` divides a budget: other variables than N and D are endless or best."""
        return set(allocation.BETWEEN) == set(self.variables) - {*self.unlimited, *self.settings}

    def best(self, params: Mapping[str, np.ndarray], n_params, n_tokens) -> dict[str, np.ndarray]:
        """The best value of each of `settings` at sizes and numbers of tokens."""
        return {}

    def frontier(self, params: Mapping[str, np.ndarray]):
        """ln G and a, where ln N* = ln G + a ln(C / K) for every budget; None where it bends."""
        return None  # noqa: RET501 (laws with such a line override it)

    def optimum(
        self,
        params: Mapping[str, np.ndarray],
        compute: np.ndarray,
        flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN,
        **given: float,
    ) -> dict[str, np.ndarray]:
        """N*, D*, their ratio and the loss at budgets in FLOP, where C = K N D.

        Parameters
        ----------
        params : mapping
            Parameter -> its value, or an array: of the shape (draw, 1), say, beside budgets of the
            shape (budget,).
        given : float
            Values of the law's variables beside N and D; those in `unlimited` are endless without.

        Returns
        -------
        dict
            n_params, n_tokens, tokens_per_param, loss and the best `settings`; each broadcast of
            `params` and `compute`.
            NaN where the loss has no lowest point between N = 1 and D = 1, or is as low over a
            range of sizes.
        """
        return allocation.optimum(self, params, compute, flops_per_param_token, given)

    def exponents(
        self,
        params: Mapping[str, np.ndarray],
        compute: np.ndarray,
        flops_per_param_token: float = FLOPS_PER_PARAM_TOKEN,
        **given: float,
    ) -> dict[str, np.ndarray]:
        """The local exponents a = d ln N* / d ln C and b = d ln D* / d ln C at budgets."""
        return allocation.exponents(self, params, compute, flops_per_param_token, given)

    def tie_for(self, derived: str, value: float):
        """The tie (first, follower, factor) that holds a derived quantity at a value, or None."""
        return None  # noqa: RET501 (laws with such quantities override it)

    def shapes(self, log_x: Mapping[str, np.ndarray], log_loss: np.ndarray) -> np.ndarray:
        """Starts of the solver: a grid over the parameters that are not in `linear`, as theta."""
        raise NotImplementedError

    def basis(self, theta: np.ndarray, log_x: Mapping[str, np.ndarray]) -> np.ndarray:
        """The factor of each parameter of `linear`, shape (batch, linear, row)."""
        raise NotImplementedError

    def centring(self, log_x: Mapping[str, np.ndarray]) -> np.ndarray:
        """A matrix T with theta = T z that makes the z as little correlated as possible."""
        return np.eye(len(self.parameters))


def grid(*axes) -> np.ndarray:
    """Every combination of the values on the axes, shape (combination, axis)."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def no_optimum(law: Law, compute: float | None = None) -> str:
    """The reason why a law gives no compute-optimal allocation, in general or at a budget in FLOP.

    Without a budget the law is one that does not allocate; with one, its `optimum` there is NaN.
    """
    if compute is not None:
        return (
            f"as fitted, {law.name} has no optimum at {compute:g} FLOP: its loss is least where "
            "all of the budget goes into size or into data, or it is the same over a range of sizes"
        )
    missing = set(allocation.BETWEEN) - set(law.variables)
    if not missing:
        more = set(law.variables) - {*allocation.BETWEEN, *law.unlimited, *law.settings}
        return f"{law.name} also depends on {', '.join(sorted(more))}: its optimum is not one of C"
    needed = f"{law.name} depends on {', '.join(law.variables)}"
    return f"an optimum needs a law of n_params and n_tokens, such as chinchilla; {needed}"
