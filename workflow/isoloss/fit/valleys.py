"""IsoFLOP valleys of one shape, fitted together.

At fixed compute the law of Hoffmann et al. (2022) is L = E + A N**-alpha + B' N**beta. About its
minimum that is l + b g(u), with u = ln(N / N*), where g depends on alpha and beta alone. Its slope
h = g' solves h'' = skew h' + stiff h, with skew = beta - alpha and stiff = alpha beta. So all
valleys of a table share one shape, and each has a height and a curvature of its own. A parabola is
skew = stiff = 0: it takes valleys for symmetric, which biases its minima where the runs lie
off-centre. A negative `stiff` is a valley that flattens outwards, as those of Kaplan's joint law.

Fits are maxima a posteriori, by Levenberg and Marquardt's method, of many sets of losses at once.
Each draw has new noise in its losses and in the centres of its priors. So where the runs say little
of the shape, the intervals hold what the priors allow (Bardsley et al. 2014, "Randomize-then-
optimize"). The priors were chosen on designs that `benchmarks/isoflop.py` calls tuning ones.
"""

from dataclasses import dataclass

import numpy as np

SHAPE, SHAPE_SD = (0.0, 0.1), (0.4, 0.4)  # skew and stiff, before runs are seen
SLOPE, SLOPE_SD = 0.5, 0.5  # a, where N and D both grow with C
TREND, TREND_SD = -0.1, 0.15  # d ln b / d ln C
UNEVEN = 0.15  # sd of ln b about its trend
OWN = 0.5  # sd of ln N* about the line, where each budget has a minimum of its own
ONE_LINE = 1e-3  # that sd, where the minima are on the line
CURVATURES = (0.03, 0.003)  # b at which searches start, in units of the loss
COMMON = 6  # parameters: skew, stiff, a, ln N*, ln b and its trend, at the mean ln C
N_TERMS = 28  # of the power series of g
GROWTH, GROWTH_SD = 1.5, 2.5  # d ln sd / d ln L between budgets, before runs are seen
GROWTHS = np.linspace(-6.0, 12.0, 73)
LEAST_NOISE = 1e-7  # relative: losses are seldom printed with more digits
MOST_STEPS, MOST_ROUNDS = 40, 12
AT_ONCE = 2_000_000  # derivatives in memory: fits x runs x parameters
LONGEST_STEP = 1.0  # of any parameter but a height


@dataclass(frozen=True)
class Runs:
    """Runs of several budgets.

    Attributes
    ----------
    budget : ndarray of int, shape (run,)
    log_c : ndarray, shape (budget,)
    x : ndarray, shape (run,)
        ln N.
    y : ndarray, shape (run,)
        Loss, in units of the least of its budget.
    log_least : ndarray, shape (budget,)
        ln of that least loss.
    """

    budget: np.ndarray
    log_c: np.ndarray
    x: np.ndarray
    y: np.ndarray
    log_least: np.ndarray

    @classmethod
    def of(cls, budgets: list[tuple[float, np.ndarray, np.ndarray]]) -> "Runs":
        """Of (ln C, ln N, loss) of each budget."""
        log_c, x, loss = zip(*budgets, strict=True)
        return cls(
            np.repeat(np.arange(len(x)), [len(one) for one in x]),
            np.array(log_c, float),
            np.concatenate(x),
            np.concatenate([one / one.min() for one in loss]),
            np.log([one.min() for one in loss]),
        )

    @property
    def away(self) -> np.ndarray:
        """ln C from its mean, shape (budget,)."""
        return self.log_c - self.log_c.mean()

    @property
    def level(self) -> np.ndarray:
        """ln of the least loss of each run's budget, from its mean over runs."""
        level = self.log_least[self.budget]
        return level - level.mean()


@dataclass(frozen=True)
class Together:
    """Fits of all valleys, one a row.

    Attributes
    ----------
    shape : ndarray, shape (fit, 2)
        skew = beta - alpha, and stiff = alpha beta.
    a, log_n : ndarray, shape (fit,)
        The line: ln N* = log_n + a (ln C - mean ln C).
    minima, bend, height : ndarray, shape (fit, budget)
        ln N*, b and the loss there (in the units of `Runs.y`).
    """

    p: np.ndarray
    shape: np.ndarray
    a: np.ndarray
    log_n: np.ndarray
    minima: np.ndarray
    bend: np.ndarray
    height: np.ndarray

    def curve(self, row: int, budget: int, log_n: np.ndarray) -> np.ndarray:
        """A fitted valley at ln N, in the units of `Runs.y`."""
        u = (log_n - self.minima[row, budget])[None]
        g = profile(u, *self.shape[row, :, None])[0][0]
        return self.height[row, budget] + self.bend[row, budget] * g


@dataclass(frozen=True)
class Fitted:
    """The fit of the measured losses, and their noise.

    Attributes
    ----------
    best : Together
        One row.
    sd : ndarray, shape (run,)
        Of the noise, in units of the loss.
    freedom : float
        Runs less the trace of the hat matrix.
    growth : ndarray, shape (2, tried)
        Probability of each of `GROWTHS`, and the noise at the mean ln L of the budgets with it.
    own : float
        sd of ln N* about the line, as the fit took it.
    """

    best: Together
    sd: np.ndarray
    freedom: float
    growth: np.ndarray
    own: float


def profile(u: np.ndarray, skew: np.ndarray, stiff: np.ndarray) -> tuple[np.ndarray, ...]:
    """g, g', and the derivatives of g by skew and stiff, by the power series of g'.

    Parameters
    ----------
    u : ndarray, shape (fit, point)
    skew, stiff : ndarray, shape (fit,)
    """
    skew, stiff = skew[:, None], stiff[:, None]
    zero = np.zeros_like(skew)
    h, by_skew, by_stiff = [zero, zero + 2.0], [zero, zero], [zero, zero]
    for k in range(1, N_TERMS - 1):
        over = k * (k + 1)
        h.append((skew * k * h[k] + stiff * h[k - 1]) / over)
        by_skew.append((k * (h[k] + skew * by_skew[k]) + stiff * by_skew[k - 1]) / over)
        by_stiff.append((skew * k * by_stiff[k] + h[k - 1] + stiff * by_stiff[k - 1]) / over)
    found = [np.zeros_like(u) for _ in range(4)]
    for k in range(N_TERMS - 1, -1, -1):  # Horner's rule
        terms = h[k] / (k + 1), h[k], by_skew[k] / (k + 1), by_stiff[k] / (k + 1)
        for one, term in zip(found, terms, strict=True):
            one *= u
            one += term
    return found[0] * u, found[1], found[2] * u, found[3] * u


def fit_once(runs: Runs, own: float = ONE_LINE, sd: np.ndarray | None = None) -> Fitted:
    """Fit the measured losses.

    Parameters
    ----------
    own : float
        Prior sd of ln N* of a budget about the line.
    sd : ndarray, shape (run,), optional
        Noise of the losses, in units of the loss. By default it is estimated with the fit, as a
        power of the budget's least loss: small models scatter more (Porian et al. 2024, App. A).
    """
    prior = _Prior.of(len(runs.log_c), own)
    starts = _starts(runs)
    noise = np.full(len(runs.x), 0.003) if sd is None else sd
    for _ in range(MOST_ROUNDS):
        many = len(starts)
        found, cost = _search(runs, np.tile(runs.y, (many, 1)), np.tile(noise, (many, 1)),
                              np.tile(prior.centre, (many, 1)), prior, starts)  # fmt: skip
        starts = found[[np.argmin(cost)]]
        left, free = _left_over(runs, starts[0], noise, prior)
        growth = _growth(runs, left, free)
        if sd is not None:
            break
        now = growth[0] @ (growth[1] * np.exp(GROWTHS * runs.level[:, None])).T
        settled = np.max(np.abs(np.log(now / noise))) < 0.01
        noise = now
        if settled:
            break
    return Fitted(_named(runs, starts), noise, max(float(free.sum()), 1.0), growth, own)


def _growth(runs: Runs, left: np.ndarray, free: np.ndarray) -> np.ndarray:
    """How the noise grows with the loss: weights of `GROWTHS`, and the noise at the mean."""
    freedom = max(float(free.sum()), 1.0)
    level = runs.level
    scaled = left[None] * np.exp(-GROWTHS[:, None] * level)
    sd = np.sqrt((scaled**2).sum(axis=1) / freedom + LEAST_NOISE**2)
    log_weight = -freedom * np.log(sd) - GROWTHS * float(free @ level)
    log_weight -= ((GROWTHS - GROWTH) / GROWTH_SD) ** 2 / 2
    weight = np.exp(log_weight - log_weight.max())
    return np.stack([weight / weight.sum(), sd])


def fit_draws(
    runs: Runs, fitted: Fitted, losses: np.ndarray, sd: np.ndarray, rng: np.random.Generator
) -> Together:
    """Fit drawn losses and their noise, both (draw, run), with the priors drawn anew."""
    prior = _Prior.of(len(runs.log_c), fitted.own)
    centres = prior.centre + prior.sd * rng.standard_normal((len(losses), len(prior.centre)))
    many = max(1, AT_ONCE // (len(runs.x) * fitted.best.p.shape[1]))
    parts = [
        _search(runs, losses[k : k + many], sd[k : k + many], centres[k : k + many], prior,
                fitted.best.p)[0]
        for k in range(0, len(losses), many)
    ]  # fmt: skip
    return _named(runs, np.concatenate([np.empty((0, fitted.best.p.shape[1])), *parts]))


def new_noise(
    runs: Runs, fitted: Fitted, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Losses with new noise, and its sd, as uncertain as the runs leave it; both (draw, run)."""
    tried = rng.choice(len(GROWTHS), size=draws, p=fitted.growth[0])
    scale = np.sqrt(fitted.freedom / rng.chisquare(fitted.freedom, draws)) * fitted.growth[1][tried]
    sd = scale[:, None] * np.exp(GROWTHS[tried, None] * runs.level)
    return runs.y + sd * rng.standard_normal(sd.shape), sd


def unexplained(runs: Runs, fitted: Fitted) -> tuple[float, float]:
    """Squares that a fit leaves, in units of its noise, and their degrees of freedom."""
    prior = _Prior.of(len(runs.log_c), fitted.own)
    left, free = _left_over(runs, fitted.best.p[0], fitted.sd, prior)
    return float(np.sum((left / fitted.sd) ** 2)), float(free.sum())


@dataclass(frozen=True)
class _Prior:
    """Normal priors of the parameters at `places`."""

    places: np.ndarray
    centre: np.ndarray
    sd: np.ndarray

    @classmethod
    def of(cls, n_budgets: int, own: float) -> "_Prior":
        each = np.ones(n_budgets)
        return cls(
            np.r_[0, 1, 2, COMMON - 1, COMMON : COMMON + 2 * n_budgets],
            np.r_[SHAPE, SLOPE, TREND, 0 * each, 0 * each],
            np.r_[SHAPE_SD, SLOPE_SD, TREND_SD, own * each, UNEVEN * each],
        )


def _starts(runs: Runs) -> np.ndarray:
    """Lines through the lowest runs, and of a = 1/2, with curvatures of two sizes."""
    m = len(runs.log_c)
    lowest = np.array([
        runs.x[here][np.argmin(runs.y[here])] for here in (runs.budget == i for i in range(m))
    ])  # fmt: skip
    slope = (runs.away @ lowest) / max(runs.away @ runs.away, 1e-9)
    rows = []
    for a in (slope, 0.5):
        for bend in CURVATURES:
            common = [*SHAPE, a, lowest.mean(), np.log(bend), TREND]
            rows.append(np.r_[common, np.zeros(2 * m), np.ones(m)])
    return np.array(rows)


def _curves(runs: Runs, p: np.ndarray):
    """ln N*, b, heights, each (fit, budget), and `profile` at the runs."""
    m = len(runs.log_c)
    shift, uneven, height = (p[:, COMMON + k * m : COMMON + (k + 1) * m] for k in range(3))
    minima = p[:, [2]] * runs.away + p[:, [3]] + shift
    bend = np.exp(p[:, [4]] + p[:, [5]] * runs.away + uneven)
    g = profile(runs.x - minima[:, runs.budget], p[:, 0], p[:, 1])
    return minima, bend, height, g


def _named(runs: Runs, p: np.ndarray) -> Together:
    minima, bend, height, _ = _curves(runs, p)
    return Together(p, p[:, :2], p[:, 2], p[:, 3], minima, bend, height)


def _jacobian(runs: Runs, bend, g) -> np.ndarray:
    """Derivatives of the fitted losses, shape (fit, run, parameter)."""
    m, of, away = len(runs.log_c), runs.budget, runs.away[runs.budget]
    here = np.eye(m)[of]
    b = bend[:, of]
    place, scale = -b * g[1], b * g[0]
    return np.concatenate([
        np.stack([b * g[2], b * g[3], place * away, place, scale, scale * away], axis=2),
        place[..., None] * here,
        scale[..., None] * here,
        np.broadcast_to(here, (len(b), *here.shape)),
    ], axis=2)  # fmt: skip


def _search(runs: Runs, losses, sd, centres, prior: _Prior, start):
    """Parameters, shape (fit, parameter), and the cost of each; all fits start at `start`."""
    p = np.array(np.broadcast_to(start, (len(losses), start.shape[1])))
    free = COMMON + 2 * len(runs.log_c)
    damp = np.full(len(p), 1e-3)

    def at(p, rows):
        _, bend, height, g = _curves(runs, p)
        left = losses[rows] - height[:, runs.budget] - bend[:, runs.budget] * g[0]
        off = (centres[rows] - p[:, prior.places]) / prior.sd
        cost = ((left / sd[rows]) ** 2).sum(axis=1) + (off**2).sum(axis=1)
        return np.where(np.isfinite(cost), cost, np.inf), left, off, bend, g

    rows = np.arange(len(p))
    with np.errstate(over="ignore", invalid="ignore"):  # a step too far is taken back
        cost, *state = at(p, rows)
        for _ in range(MOST_STEPS):
            left, off, bend, g = state
            slopes = _jacobian(runs, bend, g) / sd[rows][..., None]
            turned = np.swapaxes(slopes, 1, 2)
            down = (turned @ (left / sd[rows])[..., None])[..., 0]
            down[:, prior.places] += off / prior.sd
            matrix = turned @ slopes
            matrix[:, prior.places, prior.places] += prior.sd**-2.0
            every = np.arange(matrix.shape[1])
            matrix[:, every, every] *= 1 + damp[rows, None]
            matrix[:, every, every] += 1e-12
            step = np.linalg.solve(matrix, down[..., None])[..., 0]
            length = np.abs(step[:, :free]).max(axis=1, keepdims=True)
            step *= np.minimum(1.0, LONGEST_STEP / np.maximum(length, 1e-300))
            tried = p[rows] + step
            new_cost, *new = at(tried, rows)
            better = new_cost <= cost[rows]
            small = cost[rows] - new_cost < 1e-6 * (1e-3 + cost[rows])
            p[rows[better]], cost[rows[better]] = tried[better], new_cost[better]
            damp[rows] *= np.where(better, 0.1, 8.0)
            going = ~(better & small) & (damp[rows] < 1e8)
            state = [_chosen(better, one, other)[going]
                     for one, other in zip(_flat(new), _flat(state), strict=True)]  # fmt: skip
            state = [*state[:3], tuple(state[3:])]
            rows = rows[going]
            if not len(rows):
                break
    return p, cost


def _flat(state):
    return [*state[:3], *state[3]]


def _chosen(better, one, other):
    return np.where(better[:, None], one, other)


def _left_over(runs: Runs, p: np.ndarray, sd: np.ndarray, prior: _Prior):
    """What a fit leaves of each run, and 1 less the run's leverage."""
    _, bend, height, g = _curves(runs, p[None])
    left = (runs.y - height[:, runs.budget] - bend[:, runs.budget] * g[0])[0]
    slopes = _jacobian(runs, bend, g)[0] / sd[:, None]
    whole = slopes.T @ slopes + 1e-12 * np.eye(len(p))
    whole[prior.places, prior.places] += prior.sd**-2.0
    return left, 1 - np.einsum("rp,pr->r", slopes, np.linalg.solve(whole, slopes.T))
