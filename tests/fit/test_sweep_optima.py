"""The best learning rate and batch of sweeps, and the laws through them: planted, and published."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isoloss.errors import UserError
from isoloss.fit.sweep_optima import INTERIOR, law_of, optima
from isoloss.tables.data import read_sweeps

SWEEPS = Path(__file__).parents[3] / "shared" / "data" / "scalebench"
SIZES, TOKENS = (1e8, 3e8, 1e9), (2e9, 8e9, 3e10)


def best_rate(n, d):
    return 1.8 * n**-0.7 * d**0.3


def best_batch(d):
    return 6e-4 * d**0.55


def sweeps(noise=0.0005, seed=0, rates=9, batches=7, steep=0.1):
    """Runs on grids of factor sqrt(2) and 2; a rate that is too high costs more than a low one."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in SIZES:
        for d in TOKENS:
            middle = best_rate(n, d) * np.exp(rng.uniform(-0.3, 0.3))
            for rate in middle * 2 ** (0.5 * (np.arange(rates) - rates // 2)):
                for batch in 2.0 ** (np.round(np.log2(best_batch(d))) + np.arange(batches) - 3):
                    u, v = np.log(rate / best_rate(n, d)), np.log(batch / best_batch(d))
                    excess = 0.02 * u**2 + steep * 0.02 * u**3 + 0.01 * v**2 - 0.008 * u * v
                    base = np.log(1.7 + 400 / n**0.35 + 400 / d**0.28)
                    rows.append((n, d, rate, batch, base + excess + noise * rng.normal()))
    names = ("n_params", "n_tokens", "learning_rate", "batch")
    *columns, log_loss = np.array(rows).T
    return {name: np.log(x) for name, x in zip(names, columns, strict=True)}, log_loss


def test_planted_laws_come_back_inside_their_intervals():
    found = optima(*sweeps())
    assert [one.status for one in found] == [INTERIOR] * 9
    rate = law_of(found, "learning_rate", ("n_params", "n_tokens"))
    assert rate.exponents["n_params"].lo < -0.7 < rate.exponents["n_params"].hi
    assert rate.exponents["n_tokens"].lo < 0.3 < rate.exponents["n_tokens"].hi
    batch = law_of(found, "batch", ("n_tokens",))
    assert batch.exponents["n_tokens"].value == pytest.approx(0.55, abs=0.05)
    far = rate.at(n_params=1e10, n_tokens=2e11)
    assert far.lo < best_rate(1e10, 2e11) < far.hi
    assert far.hi / far.lo > rate.at(n_params=3e8, n_tokens=8e9).hi / rate.at(
        n_params=3e8, n_tokens=8e9
    ).lo  # fmt: skip


def test_an_exact_parabola_is_found_exactly():
    for one in optima(*sweeps(noise=0.0, steep=0.0)):
        rate, batch = one.settings["learning_rate"], one.settings["batch"]
        assert rate.value == pytest.approx(best_rate(one.n_params, one.n_tokens), rel=1e-6)
        assert batch.value == pytest.approx(best_batch(one.n_tokens), rel=1e-6)


def test_intervals_of_optima_hold_the_truth():
    held = []
    for seed in range(12):
        for one in optima(*sweeps(noise=0.002, seed=seed, steep=0.0)):
            if one.status == INTERIOR:
                e = one.settings["learning_rate"]
                held.append(e.lo < best_rate(one.n_params, one.n_tokens) < e.hi)
    assert len(held) > 80
    assert 0.8 < np.mean(held) < 0.98


def test_a_sweep_that_stops_before_its_optimum_is_an_edge_and_says_where():
    log_x, log_loss = sweeps()
    large = np.isclose(log_x["n_params"], np.log(1e9))
    best = np.log([best_rate(1e9, d) for d in np.exp(log_x["n_tokens"])])
    kept = ~large | (log_x["learning_rate"] > best + 0.2)
    found = optima({name: x[kept] for name, x in log_x.items()}, log_loss[kept])
    cut = [one for one in found if one.n_params > 5e8]
    assert [one.status for one in cut] == ["edge"] * 3
    assert all(one.beyond[0].startswith("learning_rate below ") for one in cut)
    assert all(not one.settings and one.loss is None for one in cut)


def test_sizes_and_tokens_that_rise_together_give_no_law_of_both():
    one = optima(*sweeps())[0]
    same = [replace(one, n_params=n, n_tokens=20 * n) for n in (1e8, 1e9, 3e9, 1e10)]
    with pytest.raises(UserError, match="n_params and n_tokens do not vary apart"):
        law_of(same, "learning_rate", ("n_params", "n_tokens"))


def test_one_setting_alone_is_a_parabola_and_few_runs_are_said():
    log_x, log_loss = sweeps()
    batch = log_x.pop("batch")
    middle = np.abs(batch - np.log(best_batch(np.exp(log_x["n_tokens"])))) < 0.36
    log_x = {name: x[middle] for name, x in log_x.items()}
    found = optima(log_x, log_loss[middle])
    assert all(set(one.settings) == {"learning_rate"} for one in found)
    few = optima({name: x[:3] for name, x in log_x.items()}, log_loss[middle][:3])
    assert [one.status for one in few] == ["too few runs"]
    with pytest.raises(UserError, match=r"3 optima .* of 1 sweeps: 1 too few runs"):
        law_of(few, "learning_rate", ("n_tokens",))


@pytest.mark.skipif(not SWEEPS.is_dir(), reason=f"there is no {SWEEPS}")
def test_the_exponents_of_step_law_come_back_from_its_2819_runs():
    """Li et al. (2025), arXiv:2503.04715: lr* = 1.79 N**-0.713 D**0.307, B* = 0.58 D**0.571."""
    import pandas as pd

    parts = [pd.read_parquet(SWEEPS / f"lr_bsz.{part}.parquet") for part in ("train", "test")]
    columns = {"n_params": "non_embedding_param_size", "loss": "lm_loss"}
    data = read_sweeps(pd.concat(parts, ignore_index=True), columns)
    found = optima(data.log_x, data.log_loss)
    assert sum(one.status == INTERIOR for one in found) >= 38
    rate = law_of(found, "learning_rate", ("n_params", "n_tokens"))
    assert rate.exponents["n_params"].lo < -0.713 < rate.exponents["n_params"].hi
    assert rate.exponents["n_tokens"].lo < 0.307 < rate.exponents["n_tokens"].hi
    batch = law_of(found, "batch", ("n_params", "n_tokens"))
    assert batch.exponents["n_tokens"].lo < 0.571 < batch.exponents["n_tokens"].hi
