"""Approach 2: a valley in ln N at each compute, through losses of runs that end there.

Hoffmann et al. (2022, arXiv:2203.15556), Sec. 3.2. Runs of a grid of sizes and tokens do not end at
common budgets, so a parabola in ln D through the ln losses of each size stands between them; never
beyond them. All valleys have one shape, that of the law (`isoloss.fit.valleys`). A valley whose
minimum does not lie between its sizes is reported as such.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from isoloss.errors import UserError
from isoloss.exhibits.chinchilla.allocation import Allocation, Places, through
from isoloss.exhibits.chinchilla.design import FEWEST_SIZES, Design
from isoloss.exhibits.chinchilla.noise import Draws
from isoloss.fit import valleys as fits
from isoloss.fit.isoflop import beyond, opens_downwards, window
from isoloss.results.verdict import IDENTIFIED, Status, Verdict
from isoloss.stats.interpolation import spline_beyond

FEWEST_AT_ALL = 3  # sizes at a budget
FINE = 1000  # budgets among which those of the valleys are chosen
CURVE_POINTS = 40  # of a valley, as it is drawn


@dataclass(frozen=True)
class Valley:
    """The losses of sizes at one compute, and the minimum of their valley.

    Attributes
    ----------
    compute : float
        FLOP.
    n_params, loss : ndarray, shape (size,)
        The sizes near the lowest, and their losses between runs.
    verdict : Verdict
        "identified", or why there is no minimum.
    n_opt, loss_opt : float or None
        N and loss at the minimum.
    curve : ndarray, shape (2, point)
        N and loss along the fitted valley; no points where there is no minimum.
    log_n, least : ndarray, shape (1 + draw,)
        ln N* of the draws, and the loss there. Row 0 is the valley of the smooth losses.
    """

    compute: float
    n_params: np.ndarray
    loss: np.ndarray
    verdict: Verdict
    n_opt: float | None
    loss_opt: float | None
    curve: np.ndarray
    log_n: np.ndarray
    least: np.ndarray


@dataclass(frozen=True)
class _Level:
    """The sizes near the lowest at one compute, and the runs' weights in each loss."""

    log_c: float
    log_n: np.ndarray
    loss: np.ndarray
    rows: np.ndarray


def valleys(design: Design, draws: Draws, count: str, levels: int, reach: float) -> list[Valley]:
    """A valley for each of `levels` budgets, evenly spaced in ln C where four sizes reach.

    Where four never do, three are enough: the other valleys and the priors tell the shape.
    """
    between = [_between(design, i) for i in range(design.n_sizes)]
    log_k, log_n = design.log_k[count], design.log_n[count]
    spans = [(k + low, k + high) for k, (low, high, _) in zip(log_k, between, strict=True)]
    found = []
    for log_c in _levels(spans, levels):
        reached = np.array([i for i, (low, high) in enumerate(spans) if low <= log_c <= high])
        rows = np.stack([between[i][2](log_c - log_k[i]) for i in reached])
        loss = np.exp(rows @ design.log_loss)
        near = window(log_n[reached], loss, reach)
        found.append(_Level(float(log_c), log_n[reached][near], loss[near], rows[near]))
    return _fitted(found, draws) if found else []


def _fitted(levels: list[_Level], draws: Draws) -> list[Valley]:
    """All valleys together; those without a minimum between their sizes are left out in turn."""
    sd = [np.std(draws.runs[1:] @ one.rows.T, axis=0) for one in levels]
    verdicts = [
        Verdict(Status.NO_MINIMUM, "the losses are highest in the middle")
        if opens_downwards(one.log_n, one.loss, float(np.mean(noise)))
        else IDENTIFIED
        for one, noise in zip(levels, sd, strict=True)
    ]
    while True:
        good = [i for i, verdict in enumerate(verdicts) if verdict.identified]
        if not good:
            return [_without(one, verdict) for one, verdict in zip(levels, verdicts, strict=True)]
        runs = fits.Runs.of([(levels[i].log_c, levels[i].log_n, levels[i].loss) for i in good])
        # Budgets share runs: many valleys tell no more of the shape than the runs do.
        often = np.sqrt(max(1.0, len(runs.x) / draws.runs.shape[1]))
        noise = often * np.maximum(np.concatenate([sd[i] for i in good]), fits.LEAST_NOISE)
        fitted = fits.fit_once(runs, fits.OWN, noise)
        sides = {i: beyond(at, levels[i].log_n)
                 for i, at in zip(good, fitted.best.minima[0], strict=True)}  # fmt: skip
        if not any(sides.values()):
            break
        for i, side in sides.items():
            if side:
                verdicts[i] = Verdict(Status.EDGE, f"the minimum lies {side} sizes there")
    least = [levels[i].loss.min() for i in good]
    losses = np.concatenate([
        np.exp((draws.smooth + draws.runs) @ levels[i].rows.T) / low
        for i, low in zip(good, least, strict=True)
    ], axis=1)  # fmt: skip
    smooth = fits.fit_once(replace(runs, y=losses[0]), fits.OWN, noise).best
    drawn = fits.fit_draws(runs, fitted, losses[1:], np.tile(noise, (len(losses) - 1, 1)),
                           np.random.default_rng(len(losses)))  # fmt: skip
    made = dict(zip(good, _with_minima([levels[i] for i in good], fitted.best, smooth, drawn),
                    strict=True))  # fmt: skip
    return [made.get(i) or _without(one, verdicts[i]) for i, one in enumerate(levels)]


def _with_minima(levels, best: fits.Together, smooth: fits.Together, drawn: fits.Together):
    for i, one in enumerate(levels):
        low = one.loss.min()
        at = np.linspace(one.log_n.min(), one.log_n.max(), CURVE_POINTS)
        yield Valley(
            float(np.exp(one.log_c)), np.exp(one.log_n), one.loss, IDENTIFIED,
            float(np.exp(best.minima[0, i])), float(low * best.height[0, i]),
            np.stack([np.exp(at), low * best.curve(0, i, at)]),
            np.append(smooth.minima[:, i], drawn.minima[:, i]),
            low * np.append(smooth.height[:, i], drawn.height[:, i]),
        )  # fmt: skip


def _without(one: _Level, verdict: Verdict) -> Valley:
    nothing = np.empty(0)
    return Valley(float(np.exp(one.log_c)), np.exp(one.log_n), one.loss, verdict, None, None,
                  np.empty((2, 0)), nothing, nothing)  # fmt: skip


def second_approach(
    design: Design, draws: Draws, count: str, where: str, levels: int, reach: float
) -> tuple[Allocation, list[Valley]]:
    """The lines through the minima of the valleys, and the valleys.

    Raises
    ------
    UserError
        Fewer than three valleys have a minimum between their sizes.
    """
    found = valleys(design, draws, count, levels, reach)
    good = [one for one in found if one.verdict.identified]
    if len(good) < 3:
        raise UserError(where, [_too_few(found)])
    log_c = np.log([one.compute for one in good])
    log_n = np.log([one.n_opt for one in good])
    drawn = np.stack([one.log_n for one in good], axis=1)
    places = Places(log_c, log_n, log_c - per_token(design, count, log_n), log_c[None], drawn,
                    log_c - per_token(design, count, drawn))  # fmt: skip
    return through(2, places, design.ids, where), found


def _too_few(found: list[Valley]) -> str:
    """What the budgets lack."""
    if not found:
        return (f"isoFLOP valleys need {FEWEST_AT_ALL} sizes with runs of less and of more tokens "
                "at one compute; there is no such compute")  # fmt: skip
    lacking = Counter(str(one.verdict) for one in found if not one.verdict.identified)
    said = [f"{count} of {len(found)} budgets: {verdict}" for verdict, count in lacking.items()]
    return "; ".join(["three budgets with a minimum between their sizes are needed", *said])


def per_token(design: Design, count: str, log_n: np.ndarray) -> np.ndarray:
    """ln of the FLOPs per token at ln N, between and beyond the design's sizes."""
    return spline_beyond(log_n, design.log_n[count], design.log_k[count])


def _between(design, i):
    """The range of ln D of a size, and what gives its ln loss at ln D as weights of all runs."""
    here = np.flatnonzero(design.size == i)
    x = design.log_d[here]
    middle = x.mean()
    powers = min(3, len(np.unique(np.round(x, 9))))
    solve = np.linalg.pinv(np.vander(x - middle, powers))

    def weights(at):
        row = np.zeros(len(design.size))
        row[here] = np.vander([at - middle], powers)[0] @ solve
        return row

    return x.min(), x.max(), weights


def _levels(spans, count):
    """Budgets spaced evenly over those that enough sizes reach: between them there may be gaps."""
    fine = np.linspace(np.min(spans), np.max(spans), FINE)
    low, high = np.array(spans).T[..., None]
    reached = ((low <= fine) & (fine <= high)).sum(axis=0)
    good = fine[reached >= min(FEWEST_SIZES, reached.max())]
    if reached.max() < FEWEST_AT_ALL:
        return []
    return good[np.round((np.arange(count) + 0.5) / count * len(good) - 0.5).astype(int)]
