"""A law of N, D and the settings that a user names: the loss is least at some value of each."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from isoloss.constants import FLOPS_PER_PARAM_TOKEN
from isoloss.errors import UserError
from isoloss.laws.base import Law, Parameter, coefficient, exponent, floor, grid
from isoloss.laws.chinchilla import CHINCHILLA
from isoloss.laws.columns import listed, shape

NAME = "tuned"
MOST = 3  # settings: one more brings an optimum, its exponents and its ties to the others
SHAPE = shape(NAME)
SIZES = ("n_params", "n_tokens")
PLACES = {name: i for i, name in enumerate(("A", "B", "E", "alpha", "beta"))}
SLOPES = np.array([0.15, 0.35, 0.7])  # of the starts
USUAL = 0.1  # K of the starts where the runs show no valley
LEAST_BEND = 0.02  # of the largest, of a valley that the runs show


@dataclass(frozen=True)
class Tuned(Law):
    """L = E + A / N**alpha + B / D**beta * exp(sum over settings x of K_x ln(x / x*)**2).

    x* = c_x N**a_x D**b_x, times y**g_x_y for each setting y that is named after x. So the best
    rate may depend on the batch, and the valley may lie aslant in both. The powers of N and D are
    those of Li et al. (2025, Step Law), where lr* = c N**a D**b and B* = c D**b.

    Settings away from their best make tokens worth less: D exp(-K_x ln(x / x*)**2 / beta) of them.
    With every setting at its best, the law is Hoffmann's sum.
    """

    name: str
    formula: str
    variables: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    settings: tuple[str, ...]
    source: str = "x* as Li et al. (2025), arXiv:2503.04715; how the loss rises about it, isoloss"
    linear: ClassVar[tuple[str, ...]] = ("A", "B", "E")
    floor: ClassVar[str] = "E"
    slopes: ClassVar[tuple[tuple[str, str], ...]] = (("A", "alpha"), ("B", "beta"))
    analytic = True

    def frontier(self, params):
        """ln G and a of N* with every setting at its best: those of Hoffmann's sum."""
        return CHINCHILLA.frontier(params)

    def tie_for(self, derived, value):
        return CHINCHILLA.tie_for(derived, value)

    def derived(self, params):
        """a, b and G of the optimum, and x* = c N**a D**b with the later settings at their best."""
        found = CHINCHILLA.derived(params)
        for x, powers in self._best(params).items():
            if x != self.settings[-1]:
                found |= {f"best_{letter}_{x}": p for letter, p in zip("cab", powers, strict=True)}
                found[f"best_c_{x}"] = np.exp(powers[0])
        return found

    def _best(self, params):
        """Setting -> ln c, a and b of its best value with the later settings at theirs."""
        found = {}
        with np.errstate(all="ignore"):
            for x in reversed(self.settings):
                own = [np.log(params[f"c_{x}"]), params[f"a_{x}"], params[f"b_{x}"]]
                for y, powers in found.items():
                    g = params[f"g_{x}_{y}"]
                    own = [mine + g * its for mine, its in zip(own, powers, strict=True)]
                found[x] = own
        return {x: found[x] for x in self.settings}

    def best(self, params, n_params, n_tokens):
        """The best value of each setting at sizes and numbers of tokens, all at their best."""
        with np.errstate(all="ignore"):
            n, d = np.log(n_params), np.log(n_tokens)
            return {x: np.exp(c + a * n + b * d) for x, (c, a, b) in self._best(params).items()}

    def optimum(self, params, compute, flops_per_param_token=FLOPS_PER_PARAM_TOKEN, **given):
        """N*, D*, their ratio and the loss, as Hoffmann's sum, and the best settings there."""
        found = CHINCHILLA.optimum(params, compute, flops_per_param_token)
        return found | self.best(params, found["n_params"], found["n_tokens"])

    def _places(self):
        """Of each setting: the place of ln K, those of ln x*, and the variables of ln x*."""
        at = len(PLACES)
        for i, x in enumerate(self.settings):
            by = (*SIZES, *self.settings[i + 1 :])
            yield x, at, np.arange(at + 1, at + 2 + len(by)), by
            at += 2 + len(by)

    def _valleys(self, log_x):
        """Of each setting: its places, the slopes of ln x* by these, and ln x."""
        ones = np.ones_like(log_x["n_params"])
        for x, at, places, by in self._places():
            slopes = np.broadcast_arrays(ones, *(log_x[name] for name in by))
            yield at, places, np.stack(slopes), log_x[x]

    def _open(self, log_x):
        """Whether a setting of some row is infinite, so that its best is taken."""
        return any(np.isposinf(log_x[x]).any() for x in self.settings)

    def _settled(self, theta, log_x):
        """`log_x` with infinite settings at their best, which has the shape (batch, row)."""
        settled = dict(log_x)
        for x, _, places, by in reversed(list(self._places())):
            best = theta[:, places[0], None]
            for place, name in zip(places[1:], by, strict=True):
                best = best + theta[:, place, None] * settled[name]
            settled[x] = np.where(np.isposinf(log_x[x]), best, log_x[x])
        return settled

    def _parts(self, theta, log_x):
        """The terms of size and of data; of each setting, K and ln(x / x*)."""
        a, b, _, alpha, beta = (theta[:, i, None] for i in PLACES.values())
        valleys = []
        wasted = 0.0
        for at, places, slopes, x in self._valleys(log_x):
            off = x - _times(theta[:, places], slopes)
            steep = np.exp(theta[:, at, None])
            wasted = wasted + steep * off**2
            valleys.append((steep, off))
        size = np.exp(a - alpha * log_x["n_params"])
        return size, np.exp(b - beta * log_x["n_tokens"] + wasted), valleys

    def log_loss(self, theta, log_x):
        if self._open(log_x):
            log_x = self._settled(theta, log_x)
        size, data, _ = self._parts(theta, log_x)
        return np.log(theta[:, PLACES["E"], None] + size + data)

    def derivatives(self, theta, log_x, directions=None):
        if self._open(log_x):  # no table has such a row, so it need not be fast
            return super().derivatives(theta, log_x)
        size, data, valleys = self._parts(theta, log_x)
        total = theta[:, PLACES["E"], None] + size + data
        by_size, by_data = size / total, data / total
        n, d = log_x["n_params"], log_x["n_tokens"]
        gradient = np.zeros((len(theta), len(self.parameters), total.shape[1]))
        gradient[:, 0], gradient[:, 3] = by_size, -n * by_size
        gradient[:, 1], gradient[:, 4] = by_data, -d * by_data
        gradient[:, 2] = 1 / total
        for (at, places, slopes, _), (steep, off) in zip(
            self._valleys(log_x), valleys, strict=True
        ):
            gradient[:, at] = by_data * steep * off**2
            gradient[:, places] = (-2 * by_data * steep * off)[:, None] * slopes
        of_data = [1, 4, *range(len(PLACES), len(self.parameters))]

        def curvature(weights):
            result = np.zeros((len(theta), len(self.parameters), len(self.parameters)))
            weighted = weights * by_size
            moments = weighted @ np.stack([np.ones_like(n), -n, n**2], axis=1)
            result[:, 0, 0], result[:, 3, 3] = moments[:, 0], moments[:, 2]
            result[:, 0, 3] = result[:, 3, 0] = moments[:, 1]
            slope = gradient[:, of_data]  # that of ln of the term, times its share of the loss
            both = (slope * (weights / by_data)[:, None]) @ slope.transpose(0, 2, 1)
            result[:, np.array(of_data)[:, None], of_data] = both
            for (at, places, slopes, _), (steep, off) in zip(
                self._valleys(log_x), valleys, strict=True
            ):
                bend = weights * by_data * steep
                result[:, at, at] += np.sum(bend * off**2, axis=1)
                mixed = (-2 * bend * off) @ slopes.T
                result[:, at, places] += mixed
                result[:, places, at] += mixed
                result[:, places[:, None], places] += (2 * bend[:, None] * slopes) @ slopes.T
            return result

        return np.log(total), gradient, curvature

    def shapes(self, log_x, log_loss):
        """Slopes of N and D on a grid, with the valleys that a quadratic of ln L shows."""
        found = grid(SLOPES, SLOPES)
        shown, share = self._shown(log_x, log_loss)
        starts = []
        for steep in (1.0, 3.0):
            theta = np.zeros((len(found), len(self.parameters)))
            theta[:, [3, 4]] = found
            theta[:, len(PLACES) :] = shown
            for at, *_ in self._valleys(log_x):
                theta[:, at] += np.log(steep / share)
            starts.append(theta)
        return np.concatenate(starts)

    def _shown(self, log_x, log_loss):
        """Parameters of the valleys of a quadratic in the settings, and the share of its term.

        In ln L the settings' second derivatives H and their slopes, linear in ln N and ln D, come
        from least squares. H = U' S U, with U upper triangular and ones on its diagonal. Row i of
        U (x - x*) is then setting i without what the later settings explain.
        """
        m = len(self.settings)
        x = np.stack([log_x[name] for name in self.settings], axis=1)
        z = np.stack([np.ones(len(x)), *(log_x[name] for name in SIZES)], axis=1)
        centre, middle = x.mean(axis=0), z.mean(axis=0) * [0, 1, 1]
        x, z = x - centre, z - middle
        pairs = [(i, j) for i in range(m) for j in range(i, m)]
        design = [z, *(x[:, [i]] * z for i in range(m))]
        design.append(np.stack([x[:, i] * x[:, j] for i, j in pairs], axis=1))
        solved = np.linalg.lstsq(np.concatenate(design, axis=1), log_loss, rcond=1e-6)[0]
        slopes = solved[3 : 3 + 3 * m].reshape(m, 3)
        bends = np.zeros((m, m))
        for (i, j), value in zip(pairs, solved[3 + 3 * m :], strict=True):
            bends[i, j] += value
            bends[j, i] += value
        values, turns = np.linalg.eigh(bends)
        if values.max() <= 0:
            best, share = np.zeros((m, 3)), 1.0
            best[:, 0] = x[np.argmin(log_loss)]
            bends = 2 * USUAL * np.eye(m)
        else:
            share = 0.2  # of the data's term in the loss, roughly
            bends = turns @ np.diag(np.maximum(values, LEAST_BEND * values.max())) @ turns.T
            best = -np.linalg.solve(bends, slopes)
            best = np.clip(best, [x.min(), -1, -1], [x.max(), 1, 1])
        best[:, 0] -= best[:, 1:] @ middle[1:] - centre
        lower = np.linalg.cholesky(bends)
        diagonal = np.diag(lower)
        upper = (lower / diagonal).T
        found = []
        for i in range(m):
            row = upper[i, i:] @ best[i:]  # of x_i with the later settings at 0
            found += [np.log(diagonal[i] ** 2 / 2), *row, *(-upper[i, i + 1 :])]
        return np.array(found), share

    def basis(self, theta, log_x):
        bare = theta.copy()
        bare[:, :2] = 0.0
        size, data, _ = self._parts(bare, log_x)
        return np.stack([size, data, np.ones_like(data)], axis=1)

    def centring(self, log_x):
        matrix = np.eye(len(self.parameters))
        matrix[PLACES["A"], PLACES["alpha"]] = np.mean(log_x["n_params"])
        matrix[PLACES["B"], PLACES["beta"]] = np.mean(log_x["n_tokens"])
        for _, places, slopes, _ in self._valleys(log_x):
            matrix[places[0], places[1:]] = -slopes[1:].mean(axis=1)
        return matrix


def _times(theta, slopes):
    """theta times slopes of shape (parameter, row), or (parameter, batch, row)."""
    return theta @ slopes if slopes.ndim == 2 else np.einsum("sp,psn->sn", theta, slopes)


def tuned(name: str) -> Tuned:
    """The law of a name such as "tuned:learning_rate,batch".

    Raises
    ------
    UserError
        No setting is named, one is named twice or is no setting, or there are too many.
    """
    own = "is no setting; the law has n_params and n_tokens by itself"
    refused = {column: f"{column} {own}" for column in (*SIZES, "loss")}
    settings, problems = listed(name, NAME, MOST, refused)
    if problems:
        raise UserError("law", problems)
    parameters, bests = [], []
    for i, x in enumerate(settings):
        later = settings[i + 1 :]
        parameters += [
            Parameter(f"K_{x}", "", f"how steeply loss rises about the best {x}", log=True,
                      lower=1e-6, upper=1e3),
            Parameter(f"c_{x}", "", f"the best {x} at N = D = 1", log=True, lower=1e-100,
                      upper=1e100),
            *(Parameter(f"{letter}_{x}", "", f"how the best {x} changes with {size}", lower=-5.0,
                        upper=5.0) for letter, size in (("a", "N"), ("b", "D"))),
            *(Parameter(f"g_{x}_{y}", "", f"how the best {x} changes with {y}", lower=-5.0,
                        upper=5.0) for y in later),
        ]  # fmt: skip
        powers = "".join(f" {y}**g_{x}_{y}" for y in later)
        bests.append(f"{x}* = c_{x} N**a_{x} D**b_{x}{powers}")
    wasted = " + ".join(f"K_{x} ln({x} / {x}*)**2" for x in settings)
    formula = f"L = E + A / N**alpha + B / D**beta exp({wasted}), {', '.join(bests)}"
    sum_of_powers = (
        coefficient("A", "loss", "loss due to finite size, at N = 1"),
        coefficient("B", "loss", "loss due to finite data, at D = 1 and the best settings"),
        floor("E"),
        exponent("alpha", "how fast loss falls with N"),
        exponent("beta", "how fast loss falls with D"),
    )
    return Tuned(
        name=f"{NAME}:{','.join(settings)}",
        formula=formula,
        variables=(*SIZES, *settings),
        parameters=(*sum_of_powers, *parameters),
        settings=settings,
    )
