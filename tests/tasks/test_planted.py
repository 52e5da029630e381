"""Planted losses: exact without noise, of known noise with it, at the compute that was asked."""

import numpy as np
import pytest

from isoloss.config.study import Planted
from isoloss.errors import UserError
from isoloss.tasks.planted import simulate

LAW = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


def study(sweeps, noise_sd=0.0, **changes):
    value = {
        "source": "planted",
        "title": "t",
        "question": "q",
        "theory": "t",
        "law": "chinchilla",
        "parameters": LAW,
        "noise_sd": noise_sd,
        "sweeps": sweeps,
        **changes,
    }
    return Planted.model_validate(value)


def test_without_noise_the_losses_are_the_law():
    table = simulate(study({"s": {"n_params": [1e8, 7e10], "n_tokens": [2e9, 1.4e12]}}))
    n, d = table["n_params"], table["n_tokens"]
    np.testing.assert_allclose(
        table["loss"], 1.8172 + 482.01 / n**0.3478 + 2085.43 / d**0.3658, rtol=1e-12
    )


@pytest.mark.parametrize(
    "point",
    [
        {"n_params": [1e9], "n_tokens": [2e10]},
        {"compute_flops": [1.2e20], "n_params": [1e9]},
        {"compute_flops": [1.2e20], "n_tokens": [2e10]},
        {"compute_flops": [1.2e20], "tokens_per_param": [20.0]},
        {"tokens_per_param": [20.0], "n_params": [1e9]},
        {"tokens_per_param": [20.0], "n_tokens": [2e10]},
    ],
    ids=lambda point: "+".join(point),
)
def test_any_two_axes_fix_the_run(point):
    row = simulate(study({"s": point})).iloc[0]
    assert row["n_params"] == pytest.approx(1e9)
    assert row["n_tokens"] == pytest.approx(2e10)
    assert row["compute_flops"] == row["compute_6nd_flops"] == pytest.approx(1.2e20)


def test_strategies_at_one_compute_have_one_compute():
    sweep = {"compute_flops": [1e20, 1e22], "tokens_per_param": [0.5, 20.0, 800.0]}
    table = simulate(study({"s": sweep}))
    assert len(table) == 6
    assert sorted(table["compute_flops"].unique()) == [1e20, 1e22]
    product = 6.0 * table["n_params"] * table["n_tokens"]
    np.testing.assert_allclose(product, table["compute_flops"], rtol=1e-8)
    np.testing.assert_allclose(table["n_tokens"] / table["n_params"], [0.5, 20, 800] * 2, rtol=1e-8)


def test_noise_is_lognormal_with_the_asked_spread():
    seeds = [float(seed) for seed in range(4000)]
    table = simulate(study({"s": {"n_params": [1e9], "n_tokens": [2e10], "seed": seeds}}, 0.02))
    residual = np.log(table["loss"] / table["theory_loss"])
    assert residual.std() == pytest.approx(0.02, rel=0.05)
    assert abs(residual.mean()) < 4 * 0.02 / np.sqrt(4000)


def test_the_noise_of_different_runs_is_independent():
    sweep = {"n_params": [1e8 + i for i in range(100)], "n_tokens": [2e10 + i for i in range(10)]}
    table = simulate(study({"s": sweep}, 0.02))
    residual = np.log(table["loss"] / table["theory_loss"]).to_numpy().reshape(100, 10)
    assert len(np.unique(residual)) == 1000
    of_sizes, of_data = residual.mean(axis=1), residual.mean(axis=0)
    assert of_sizes.std() == pytest.approx(0.02 / np.sqrt(10), rel=0.3)
    assert of_data.std() == pytest.approx(0.02 / np.sqrt(100), rel=0.6)


def test_a_run_has_the_same_loss_in_every_sweep_and_whatever_else_is_planted():
    sweep = {"n_params": [1e8, 1e9], "n_tokens": [2e10]}
    both = simulate(study({"a": sweep, "b": {"n_params": [1e9], "n_tokens": [2e10]}}, 0.1))
    assert both["loss"].iloc[1] == both["loss"].iloc[2]
    assert both["run_id"].iloc[1] == both["run_id"].iloc[2]
    assert both["loss"].iloc[0] != both["theory_loss"].iloc[0]
    alone = simulate(study({"b": {"n_params": [1e9], "n_tokens": [2e10]}}, 0.1))
    assert alone["loss"].iloc[0] == both["loss"].iloc[2]
    other = simulate(study({"b": {"n_params": [1e9], "n_tokens": [2e10]}}, 0.1, seed=1))
    assert other["loss"].iloc[0] != alone["loss"].iloc[0]


def test_says_everything_that_is_wrong_at_once():
    wrong = study(
        {
            "a": {"n_params": [1e8]},
            "b": {"n_parms": [1e8], "n_params": [0.0, 1e8, 1e8], "n_tokens": [1e9]},
            "c": {"n_params": [1e8], "n_tokens": [], "seed": [0.5]},
        },
        parameters={**LAW, "gamma": 1.0, "E": -1.0},
    )
    with pytest.raises(UserError) as caught:
        simulate(wrong)
    assert str(caught.value) == "\n".join(
        [
            "the planted study: 8 problems",
            "  - parameters.E: must be finite and not negative, got -1.0",
            "  - parameters.gamma: chinchilla has only A, B, E, alpha, beta",
            "  - sweeps.a: must name two of n_params, n_tokens, compute_flops, tokens_per_param, "
            "got n_params",
            "  - sweeps.b.n_parms: unknown key; did you mean 'n_params'?",
            "  - sweeps.b.n_params: has a value twice",
            "  - sweeps.b.n_params: must be positive and finite, got 0.0",
            "  - sweeps.c.n_tokens: has no values, so there would be no runs",
            "  - sweeps.c.seed: must be a whole number, 0 or more, got 0.5",
        ]
    )


def test_a_law_of_another_kind_is_refused():
    with pytest.raises(UserError) as caught:
        simulate(study({"s": {"n_params": [1.0], "n_tokens": [1.0]}}, law="power_law"))
    assert str(caught.value) == (
        "the planted study: 1 problem\n"
        "  - law: must be one of n_params and n_tokens, 'power_law' is one of x"
    )


def test_an_unknown_law_is_named_with_its_nearest():
    with pytest.raises(UserError, match=r"there is no law 'chinchila' .*did you mean 'chinchilla'"):
        simulate(study({"s": {"n_params": [1.0], "n_tokens": [1.0]}}, law="chinchila"))
