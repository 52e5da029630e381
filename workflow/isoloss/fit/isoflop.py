"""Approach 2: the minima of isoFLOP valleys, and the line ln N* against ln C through them.

Hoffmann et al. (2022, arXiv:2203.15556), Sec. 3.2, with valleys of the law's own shape where they
have parabolas (`isoloss.fit.valleys`). All valleys and the line are fitted together. So sizes may
lie far apart, and the grids need not lie about the optimum. What a parabola would have said stands
beside: its minima are biased where the sizes reach farther to one side (arXiv:2603.22339).
"""

from dataclasses import dataclass

import numpy as np

from isoloss.errors import UserError
from isoloss.fit import valleys
from isoloss.fit.valleys import Fitted, Runs, Together
from isoloss.results.verdict import IDENTIFIED, Status, Verdict, exponent_verdict, scale_verdict
from isoloss.stats import parabola
from isoloss.stats.intervals import Estimate, estimate
from isoloss.stats.line import through_rows

REACH = 2.0  # runs are fitted within this factor in N of the size with the lowest loss
ENOUGH = 5  # sizes: the reach grows until it holds so many
MIN_RUNS = 4  # sizes that a budget needs
FEWEST = 3  # budgets that the line needs
UNLIKELY = 0.01  # a line that misses the minima by more than noise makes it in so few tables
NAMED = 12  # budgets that a refusal names one by one
SURE = 2.0  # standard errors by which a parabola opens downwards


@dataclass(frozen=True)
class Budget:
    """The runs of one budget, and its minimum.

    Attributes
    ----------
    compute : float
        FLOP.
    n_runs, n_fitted : int
        Runs at this budget, and those near enough to the lowest to be fitted.
    low, high : float
        Smallest and largest N fitted.
    spacing : float
        Largest ratio of neighbouring sizes there.
    verdict : Verdict
        "identified", or why the budget is not used.
    n_opt, d_opt : Estimate or None
        N* and D* of this budget alone, given the shape of all valleys.
    parabola : float or None
        N* by a parabola through the same runs; None where it has no minimum between them.
    """

    compute: float
    n_runs: int
    n_fitted: int
    low: float
    high: float
    spacing: float
    verdict: Verdict
    n_opt: Estimate | None = None
    d_opt: Estimate | None = None
    parabola: float | None = None

    @property
    def used(self) -> bool:
        """Whether the line goes through its minimum."""
        return self.verdict.identified


@dataclass(frozen=True)
class Line:
    """ln y = level + slope ln C, with its draws; `parabolas` is (level, slope) without draws."""

    level: float
    slope: float
    levels: np.ndarray
    slopes: np.ndarray
    parabolas: tuple[float, float] | None = None

    def at(self, compute: float, interval: float, unit: str) -> Estimate:
        """y at a compute, with its interval."""
        value = float(np.exp(self.level + self.slope * np.log(compute)))
        return estimate(value, self.draws(compute), interval, unit)

    def draws(self, compute: float) -> np.ndarray:
        """y at a compute in each draw; infinite where a draw's line is as steep as that."""
        with np.errstate(over="ignore"):
            return np.exp(self.levels + self.slopes * np.log(compute))

    def verdict(self, compute: float | None = None) -> Verdict:
        """Whether the slope is identified, or y at a compute, by the draws of the intervals."""
        if compute is None:
            return exponent_verdict(self.slope, self.slopes)
        return scale_verdict(self.draws(compute))


@dataclass(frozen=True)
class Allocation:
    """N* = exp(n.level) C**a and D* = exp(d.level) C**b.

    Attributes
    ----------
    a, b, coefficient, skew : Estimate
        The exponents, N* at C = 1 FLOP, and beta - alpha of the valleys' common shape.
    verdict : Verdict
        Of a.
    budgets : tuple of Budget
    n, d : Line
    sd : float
        Noise of a loss, relative.
    scatter : float
        sd of ln N* about the line, beyond noise; 0 where the line fits.
    """

    a: Estimate
    b: Estimate
    coefficient: Estimate
    skew: Estimate
    verdict: Verdict
    budgets: tuple[Budget, ...]
    n: Line
    d: Line
    sd: float
    scatter: float


def window(log_n: np.ndarray, loss: np.ndarray, reach: float = REACH) -> np.ndarray:
    """Which runs are near the lowest: within `reach`, which grows until it holds five sizes."""
    away = np.abs(log_n - log_n[np.argmin(loss)])
    sizes = np.unique(np.round(log_n, 9))
    apart = np.sort(np.abs(sizes - log_n[np.argmin(loss)]))
    return away <= max(np.log(reach), apart[min(ENOUGH, len(apart)) - 1]) + 1e-6


def allocation(
    compute, n_params, n_tokens, loss, *, reach: float = REACH, level: float = 0.9,
    draws: int = 1000, seed: int = 0,
) -> Allocation:  # fmt: skip
    """Fit all budgets of a table, and the line through their minima.

    Parameters
    ----------
    compute, n_params, n_tokens, loss : array, shape (row,)
        Rows of one budget have the same compute.

    Raises
    ------
    UserError
        Fewer than three budgets have a minimum between their runs; each is named with its reason.

    Notes
    -----
    Draws are of normal noise of the size that all valleys together leave, as uncertain as their
    degrees of freedom make it, and of the priors of the shape. Where the minima scatter about the
    line by more than noise (F test, 1 %), the scatter is added to the draws.
    """
    compute, n_params, n_tokens, loss = (
        np.asarray(v, float) for v in (compute, n_params, n_tokens, loss)
    )
    tables = []
    for c in np.unique(compute):
        rows = np.flatnonzero(compute == c)
        rows = rows[np.argsort(n_params[rows], kind="stable")]
        tables.append(_Table(float(c), len(rows), rows[window(np.log(n_params[rows]), loss[rows],
                                                              reach)]))  # fmt: skip
    tables = [_looked_at(one, n_params, loss) for one in tables]
    own, tables = _with_minima(tables, n_params, loss)
    good = [one for one in tables if one.verdict.identified]
    runs = _runs(good, n_params, loss)
    fitted = _on_a_line(runs, own)
    rng = np.random.default_rng(seed)
    drawn = valleys.fit_draws(runs, fitted, *valleys.new_noise(runs, fitted, draws, rng), rng)
    alone = valleys.fit_draws(runs, own, *valleys.new_noise(runs, own, draws, rng), rng)
    tokens = _Tokens.of(good, n_params, n_tokens)
    n_line, d_line = _lines(runs, fitted, drawn, tokens, good, n_params, loss)
    skew = estimate(float(fitted.best.shape[0, 0]), drawn.shape[:, 0], level, "")
    return Allocation(
        estimate(n_line.slope, n_line.slopes, level, ""),
        estimate(d_line.slope, d_line.slopes, level, ""),
        n_line.at(1.0, level, "parameters"), skew, n_line.verdict(),
        tuple(_budgets(tables, own.best, alone, tokens, n_params, loss, level)),
        n_line, d_line, float(np.exp(np.mean(np.log(fitted.sd)))),
        0.0 if fitted.own == valleys.ONE_LINE else fitted.own,
    )  # fmt: skip


@dataclass(frozen=True)
class _Table:
    """A budget, its number of runs, the rows fitted, and what is said of it."""

    compute: float
    n_runs: int
    rows: np.ndarray
    verdict: Verdict = IDENTIFIED

    def said(self, status: Status, reason: str) -> "_Table":
        return _Table(self.compute, self.n_runs, self.rows, Verdict(status, reason))


def _looked_at(one: _Table, n_params, loss) -> _Table:
    """The budget, with the reason where it cannot be fitted."""
    sizes = np.unique(n_params[one.rows])
    if len(sizes) < MIN_RUNS:
        return one.said(Status.TOO_FEW_RUNS, f"{len(sizes)} of {MIN_RUNS} sizes")
    return one


def _with_minima(tables, n_params, loss) -> tuple[Fitted, list[_Table]]:
    """Valleys fitted together, each with a minimum of its own; and which of them have one."""
    tables = _without_hills(tables, n_params, loss)
    while True:
        good = [one for one in tables if one.verdict.identified]
        if len(good) < FEWEST:
            raise UserError("isoflop", ["\n    ".join(_refusal(tables, n_params))])
        runs = _runs(good, n_params, loss)
        fitted = valleys.fit_once(runs, valleys.OWN)
        sides = {
            one.compute: side
            for i, one in enumerate(good)
            if (side := beyond(fitted.best.minima[0, i], runs.x[runs.budget == i]))
        }
        if not sides:
            return fitted, tables
        tables = [
            one.said(Status.EDGE, f"the minimum lies {sides[one.compute]} sizes fitted")
            if one.compute in sides else one
            for one in tables
        ]  # fmt: skip


def beyond(at: float, x: np.ndarray) -> str:
    """Where a minimum lies that is not between places: "below the", "above the", or ""."""
    return "below the" if at <= x.min() else "above the" if at >= x.max() else ""


def _without_hills(tables, n_params, loss) -> list[_Table]:
    """Say which valleys open downwards by more than what all parabolas leave."""
    squares, freedom = 0.0, 0
    for one in tables:
        if one.verdict.identified:
            x, y = _centred(one, n_params), loss[one.rows] / loss[one.rows].min()
            squares += float(np.sum((y - np.vander(x, 3) @ (parabola.solver(x) @ y)) ** 2))
            freedom += len(x) - 3
    sd = float(np.sqrt(squares / max(freedom, 1)))
    return [
        one.said(Status.NO_MINIMUM, "the losses are highest in the middle")
        if one.verdict.identified
        and opens_downwards(np.log(n_params[one.rows]), loss[one.rows], sd)
        else one
        for one in tables
    ]  # fmt: skip


def _centred(one: _Table, n_params) -> np.ndarray:
    x = np.log(n_params[one.rows])
    return x - x.mean()


def opens_downwards(log_n: np.ndarray, loss: np.ndarray, sd: float) -> bool:
    """Whether a parabola through losses of relative noise `sd` does, by more than that noise."""
    solve = parabola.solver(log_n - log_n.mean())
    return bool(solve[0] @ (loss / loss.min()) + SURE * sd * np.linalg.norm(solve[0]) <= 0)


def _runs(good, n_params, loss) -> Runs:
    return Runs.of([
        (np.log(one.compute), np.log(n_params[one.rows]), loss[one.rows]) for one in good
    ])  # fmt: skip


def _on_a_line(runs: Runs, own: Fitted) -> Fitted:
    """The fit with minima on a line, or about one where they scatter by more than noise."""
    from scipy.special import fdtrc

    (squares, freedom), (on_line, more) = (
        valleys.unexplained(runs, fitted)
        for fitted in (own, valleys.fit_once(runs, valleys.ONE_LINE, own.sd))
    )
    ratio = (on_line - squares) / max(more - freedom, 1e-9) / (squares / max(freedom, 1.0))
    if len(runs.log_c) <= FEWEST or ratio <= 1 or (
        fdtrc(more - freedom, freedom, ratio) > UNLIKELY
    ):  # fmt: skip
        return valleys.fit_once(runs, valleys.ONE_LINE)
    minima = own.best.minima
    slope, middle = through_rows(runs.away[None], minima)
    about = minima[0] - middle[0] - slope[0] * runs.away
    scatter = float(np.sqrt(np.sum(about**2) / (len(about) - 2)))
    return valleys.fit_once(runs, max(scatter, valleys.ONE_LINE))


@dataclass(frozen=True)
class _Tokens:
    """ln D = offset + slope ln N at each budget, by least squares; exact where C = K N D."""

    offset: np.ndarray
    slope: np.ndarray

    @classmethod
    def of(cls, good, n_params, n_tokens) -> "_Tokens":
        fits = [np.polyfit(np.log(n_params[o.rows]), np.log(n_tokens[o.rows]), 1) for o in good]
        slope, offset = np.array(fits).T
        return cls(offset, slope)

    def at(self, log_n: np.ndarray) -> np.ndarray:
        """ln D at ln N, shape (..., budget)."""
        return self.offset + self.slope * log_n


def _lines(runs, fitted, drawn: Together, tokens, good, n_params, loss) -> tuple[Line, Line]:
    log_c = runs.log_c[None]
    by_parabola = np.log([[_vertex(one, n_params, loss) for one in good]])
    made = []
    for y in (lambda n: n, tokens.at):
        one, many = (
            through_rows(log_c, y(found.log_n[:, None] + found.a[:, None] * runs.away))
            for found in (fitted.best, drawn)
        )
        slope, level = through_rows(log_c, y(by_parabola), fewest=FEWEST)
        classic = (float(level[0]), float(slope[0])) if np.isfinite(slope[0]) else None
        made.append(Line(float(one[1][0]), float(one[0][0]), many[1], many[0], classic))
    return made[0], made[1]


def _vertex(one: _Table, n_params, loss) -> float:
    """N* by a parabola through the same runs; NaN where it is not between them."""
    x = _centred(one, n_params)
    at, _ = parabola.minimum_between(*(parabola.solver(x) @ loss[one.rows]), x.min(), x.max())
    return float(np.exp(at + np.log(n_params[one.rows]).mean()))


def _budgets(tables, own: Together, alone: Together, tokens, n_params, loss, level):
    place = 0
    for one in tables:
        n = np.unique(n_params[one.rows])
        found = {}
        if one.verdict.identified:
            drawn_n, drawn_d = alone.minima, tokens.at(alone.minima)
            for name, value, draws, unit in (
                ("n_opt", own.minima, drawn_n, "parameters"),
                ("d_opt", tokens.at(own.minima), drawn_d, "tokens"),
            ):
                found[name] = estimate(float(np.exp(value[0, place])), np.exp(draws[:, place]),
                                       level, unit)  # fmt: skip
            vertex = _vertex(one, n_params, loss)
            found["parabola"] = vertex if np.isfinite(vertex) else None
            place += 1
        yield Budget(
            one.compute, one.n_runs, len(one.rows), float(n.min()), float(n.max()),
            float(np.max(n[1:] / n[:-1], initial=1.0)), one.verdict, **found,
        )  # fmt: skip


def _refusal(tables, n_params) -> list[str]:
    """Lines: what every budget lacks, and what would help."""
    lacking = [one for one in tables if not one.verdict.identified]
    said = [
        f"{FEWEST} budgets with a minimum between their runs are needed; "
        f"of {len(tables)} budgets {len(tables) - len(lacking)} have one"
    ]
    for one in lacking[:NAMED]:
        n = np.unique(n_params[one.rows])
        text = f"{one.compute:.3g} FLOP: {one.verdict}"
        if one.verdict.status is not Status.TOO_FEW_RUNS:
            text += (f" ({n.min():.3g} to {n.max():.3g}, "
                     f"at most {np.max(n[1:] / n[:-1]):.2g} times apart)")  # fmt: skip
        said.append(text)
    if len(lacking) > NAMED:
        said.append(f"and {len(lacking) - NAMED} budgets more")
    kinds = {one.verdict.status for one in lacking}
    edges = [one.verdict.reason for one in lacking if one.verdict.status is Status.EDGE]
    help_ = [
        (f"runs of at least {MIN_RUNS} sizes at one budget", Status.TOO_FEW_RUNS in kinds),
        ("smaller sizes at these budgets", any("below" in reason for reason in edges)),
        ("larger sizes at these budgets", any("above" in reason for reason in edges)),
    ]
    said.append("what would help: " + ", ".join(
        [text for text, here in help_ if here] + ["or --approach 3, which needs no common budgets"]
    ))  # fmt: skip
    return said
