"""Laws of ScaleBench's tasks, for `scalebench.py`."""

from dataclasses import dataclass

import numpy as np

from isoloss.laws import LAWS, coefficient, exponent, floor, law
from isoloss.laws.base import Law, Parameter, grid


def either(name: str, meaning: str) -> Parameter:
    """An exponent of either sign."""
    return Parameter(name, "", meaning, lower=-3.0, upper=3.0)


@dataclass(frozen=True)
class Products(Law):
    """L = E + sum over k of A_k * product over the term's variables x of x**-exponent."""

    name: str
    formula: str
    source: str
    variables: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    terms: tuple[tuple[str, dict[str, str]], ...]  # a coefficient, and variable -> its exponent
    grids: tuple[tuple[float, ...], ...]  # starts of each exponent, in the order of the parameters

    @property
    def linear(self):
        return (*(coefficient for coefficient, _ in self.terms), "E")

    @property
    def _exponents(self):
        return [i for i, name in enumerate(self.names) if name not in self.linear]

    analytic = True

    def _terms(self, log_x):
        """Of each term: the places of its parameters, and d ln(term) by each (parameter, row)."""
        index = {name: i for i, name in enumerate(self.names)}
        for name, exponents in self.terms:
            slopes = [-log_x[x] for x in exponents]
            places = [index[name], *(index[e] for e in exponents.values())]
            yield places, np.stack([np.ones_like(slopes[0]), *slopes])

    def log_loss(self, theta, log_x):
        total = theta[:, self.names.index("E"), None]
        for places, slopes in self._terms(log_x):
            total = total + np.exp(theta[:, places] @ slopes)
        return np.log(total)

    def derivatives(self, theta, log_x, directions=None):
        terms = list(self._terms(log_x))
        parts = [np.exp(theta[:, places] @ slopes) for places, slopes in terms]
        total = theta[:, self.names.index("E"), None] + sum(parts)
        gradient = np.zeros((len(theta), len(self.parameters), total.shape[1]))
        gradient[:, self.names.index("E")] = 1 / total
        shares = [part / total for part in parts]
        for (places, slopes), share in zip(terms, shares, strict=True):
            gradient[:, places] += share[:, None] * slopes

        def curvature(weights):
            result = np.zeros((len(theta), len(self.parameters), len(self.parameters)))
            for (places, slopes), share in zip(terms, shares, strict=True):
                weighted = (share * weights)[:, None] * slopes
                result[:, np.array(places)[:, None], places] += weighted @ slopes.T
            return result

        return np.log(total), gradient, curvature

    def shapes(self, log_x, log_loss):
        found = grid(*(np.array(axis) for axis in self.grids))
        theta = np.zeros((len(found), len(self.parameters)))
        theta[:, self._exponents] = found
        return theta

    def basis(self, theta, log_x):
        rows = [np.exp(theta[:, at[1:]] @ slopes[1:]) for at, slopes in self._terms(log_x)]
        return np.stack([*rows, np.ones_like(rows[0])], axis=1)

    def centring(self, log_x):
        matrix = np.eye(len(self.parameters))
        index = {name: i for i, name in enumerate(self.names)}
        for name, exponents in self.terms:
            for x, e in exponents.items():
                matrix[index[name], index[e]] += np.mean(log_x[x])
        return matrix


def products(name, terms, grids, source="") -> Products:
    """A law of products from its terms; all names of exponents differ."""
    exponents = list(dict.fromkeys(e for _, by in terms for e in by.values()))
    variables = tuple(dict.fromkeys(x for _, by in terms for x in by))
    formula = " + ".join(
        ["E", *(" ".join([a, *(f"{x}^-{e}" for x, e in by.items())]) for a, by in terms)]
    )
    parameters = (
        *(coefficient(a, "loss", "of a term") for a, _ in terms),
        floor("E"),
        *(either(e, "of a term") if e.startswith("g") else exponent(e, "of a term")
          for e in exponents),
    )  # fmt: skip
    return Products(name, formula, source, variables, parameters, terms, grids)


@dataclass(frozen=True)
class Task:
    """A task of ScaleBench: the laws that are averaged, its columns, and the cost of a run.

    The laws are those of isoloss for the columns, and a product where the paper's laws have one.
    """

    name: str
    laws: tuple[Law, ...]
    names: dict[str, str]
    sized_by: tuple[str, ...]
    raised_by: float = 0.0  # added to losses below zero, of which isoloss fits the logarithm

    @property
    def variables(self):
        return self.laws[0].variables

    def columns(self, table):
        named = table.rename(columns=self.names)
        return named.assign(loss=named["loss"] + self.raised_by)

    def cost(self, runs):
        """The benchmark's cost of each run, up to a constant."""
        return runs[list(self.sized_by)].prod(axis=1)


BROAD, SMALL = (0.1, 0.3, 0.6), (0.02, 0.1, 0.3)
N_D = ("n_params", "n_tokens")

TASKS = (
    Task(
        "data_constrained",
        (
            law("powers:n_params,n_tokens,n_unique_tokens"),
            LAWS["data_constrained"],
            LAWS["repetition_penalty"],
        ),
        {"params": "n_params", "tokens": "n_tokens", "unique_tokens": "n_unique_tokens"},
        N_D,
    ),
    Task(
        "moe",
        (
            law("powers:n_params,n_experts"),
            products("size_experts", (("A", {"n_params": "a", "n_experts": "b"}),), (BROAD, SMALL)),
        ),
        {
            "dense_parameter_count": "n_params",
            "num_experts": "n_experts",
            "loss_validation": "loss",
        },
        ("n_params", "n_experts"),
    ),
    Task(
        "vocab",
        (law("powers:non_vocab_parameters,vocab_size,num_characters"),),
        {"unigram_normalized_loss": "loss"},
        ("non_vocab_parameters", "num_characters"),
        raised_by=6.0,
    ),
    Task(
        "lr_bsz",
        (law("tuned:learning_rate,batch"),),
        {
            "non_embedding_param_size": "n_params",
            "data_size": "n_tokens",
            "lr": "learning_rate",
            "bsz": "batch",
            "lm_loss": "loss",
        },
        N_D,
    ),
)
