"""Lack of fit against repeated runs, where rows are independent and where runs share a trunk."""

import numpy as np
import pytest
from scipy import stats

from isoloss.fit import fit_law
from isoloss.fit.repeats import against_repeats
from isoloss.laws import LAWS

SIZES, LENGTHS, SEEDS = 6, 5, 3
SIZE, LENGTH, SEED = (a.ravel() for a in np.mgrid[:SIZES, :LENGTHS, :SEEDS])
POINT, TRUNK = LENGTHS * SIZE + LENGTH, SEEDS * SIZE + SEED
U, V = 2 * SIZE / (SIZES - 1) - 1, 2 * LENGTH / (LENGTHS - 1) - 1
TANGENT = np.linalg.qr(np.column_stack([np.ones(len(U)), U, V, np.exp(U), np.exp(-V)]))[0]
LAW = LAWS["chinchilla"]
TRUTH = {"A": 45.0, "B": 310.0, "E": 1.2, "alpha": 0.35, "beta": 0.37}


def left_of(noise):
    return noise - TANGENT @ (TANGENT.T @ noise)


def shared_noise(rng, share):
    own, common = rng.standard_normal(len(U)), rng.standard_normal(TRUNK.max() + 1)
    return np.sqrt(1 - share) * own + np.sqrt(share) * common[TRUNK]


def test_independent_rows_have_the_textbook_test(rng):
    """Draper and Smith (1998), Sec. 2.1: a straight line through four points, three runs each."""
    x = np.repeat(np.arange(4.0), 3)
    y = x**2 / 3 + rng.standard_normal(12)
    line = np.linalg.qr(np.column_stack([np.ones(12), x]))[0]
    found = against_repeats(np.repeat(np.arange(4), 3), y - line @ (line.T @ y), line, None)
    assert found is None  # eight repeats are too few
    x, y = np.tile(x, 2), np.tile(y, 2) + 0.1 * rng.standard_normal(24)
    line = np.linalg.qr(np.column_stack([np.ones(24), x]))[0]
    found = against_repeats(x.astype(int), y - line @ (line.T @ y), line, None)
    means = np.array([y[x == k].mean() for k in range(4)])
    pure = sum(np.sum((y[x == k] - means[k]) ** 2) for k in range(4))
    lack = 6 * np.sum((means - np.polyval(np.polyfit(x, y, 1), np.arange(4))) ** 2)
    assert found.p_value == pytest.approx(stats.f.sf(lack / 2 / (pure / 20), 2, 20), rel=1e-9)
    assert found.noise(y - line @ (line.T @ y), np.ones(24)) == pytest.approx(np.sqrt(pure / 20))


@pytest.mark.parametrize("share", [0.0, 0.7, 0.95])
def test_what_runs_of_a_trunk_have_in_common_is_no_lack_of_fit(share):
    """At p < .05, 200 tables alarm in at most 24 cases (p > .999 of a true 6 %)."""
    rng = np.random.default_rng([1, int(100 * share)])
    found = [
        against_repeats(POINT, left_of(shared_noise(rng, share)), TANGENT, TRUNK).p_value
        for _ in range(200)
    ]
    assert sum(p < 0.05 for p in found) <= 24


def test_one_trunk_for_all_repeats_of_a_point_tells_nothing(rng):
    assert against_repeats(POINT, left_of(shared_noise(rng, 0.5)), TANGENT, SIZE) is None


def grid(rng, off):
    """A planted law with trunks of three seeds, whose points lie off it by a share of their own."""
    n, d = 1e4 * 3.0**SIZE, 1e6 * 3.0**LENGTH
    points = off * rng.standard_normal(POINT.max() + 1)
    loss = LAW(TRUTH, n_params=n, n_tokens=d)
    loss = loss * np.exp(0.004 * shared_noise(rng, 0.7) + points[POINT])
    return {"N": n, "D": d, "loss": loss, "trunk": TRUNK}


def test_a_law_that_misses_single_points_is_rejected_by_trunks_that_repeat_them(rng):
    """No polynomial sees such a pattern, as that of a plateau that models leave one by one."""
    rows = grid(rng, 0.02)
    fitted = fit_law(rows, "chinchilla", cluster="trunk", draws=20)
    assert (fitted.misfit.against, fitted.misfit.rejects) == ("repeats", True)
    assert fitted.misfit.noise == pytest.approx(0.004, rel=0.25)
    one = {name: column[SEED == 0] for name, column in rows.items()}
    assert not fit_law(one, "chinchilla", cluster="trunk", draws=20).misfit.significant


def test_a_law_that_holds_is_not(rng):
    fitted = fit_law(grid(rng, 0.0), "chinchilla", cluster="trunk", draws=20)
    assert not fitted.misfit.significant


def test_weights_that_differ_at_a_point_leave_the_noise_what_it_is(rng):
    """Weighted rows of one point miss the law by different multiples of the same distance."""
    rows = grid(rng, 0.02) | {"w": 10.0 ** rng.uniform(-1, 1, len(U))}
    fitted = fit_law(rows, "chinchilla", cluster="trunk", weights="w", draws=20)
    assert fitted.misfit.against == "repeats"
    assert fitted.misfit.noise == pytest.approx(0.004, rel=0.4)


@pytest.mark.parametrize("runs", [None, TRUNK])
def test_copies_of_a_run_are_no_repeats_whatever_their_weights(rng, runs):
    root = 10.0 ** rng.uniform(-1, 1, len(U))
    basis = np.linalg.qr(root[:, None] * TANGENT)[0]
    left = root * rng.standard_normal(POINT.max() + 1)[POINT]
    left = left - basis @ (basis.T @ left)
    assert against_repeats(POINT, left, basis, runs, root) is None
    noisy = left + left_of(rng.standard_normal(len(U)))
    assert against_repeats(POINT, noisy, basis, runs, root) is not None


def test_intervals_count_the_bends_where_a_law_misses_smoothly_too(rng):
    """Forty points share what four bends have; a bend moves the parameters more."""
    rows = grid(rng, 0.012)
    bent = rows | {"loss": rows["loss"] * np.exp(0.02 * U * V)}
    found = fit_law(bent, "chinchilla", cluster="trunk", draws=20).misfit
    size, freedom = found.bias
    assert freedom < 10 and size == pytest.approx(0.02 * np.std(U * V), rel=0.5)
    assert size**2 / freedom >= found.size**2 / found.freedom
