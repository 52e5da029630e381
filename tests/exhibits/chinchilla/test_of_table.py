"""Hoffmann et al.'s first two approaches on tables of a user's own, against planted surfaces."""

import json

import numpy as np
import pandas as pd
import pytest

from isoloss.cli.main import main
from isoloss.errors import UserError
from isoloss.exhibits.chinchilla.of_table import by_curves, by_isoflops
from isoloss.laws import LAWS
from tests.published import published

LAW = LAWS["chinchilla"]
TRUE = {"A": 482.01, "B": 2085.43, "E": 1.8172, "alpha": 0.3478, "beta": 0.3658}
BUDGET = 1e20
RUNS = "gemstones/wandb_df_for_fitting_hot.jsonl"
FIT = "gemstones/published_approach1_params.json"


def curves(rng, noise=1e-3):
    """Learning curves of ten sizes; the luck of a run is that of its whole curve."""
    sizes = np.geomspace(2e7, 2e9, 10)
    n = np.repeat(sizes, 30)
    d = np.concatenate([np.geomspace(1e8, 2e11, 30)] * 10)
    luck = np.repeat(noise * rng.standard_normal(10), 30)
    loss = LAW(TRUE, n_params=n, n_tokens=d) * np.exp(luck)
    return pd.DataFrame({"run": [f"r{x:.0f}" for x in n], "N": n, "D": d, "loss": loss})


def valleys(rng, noise=2e-4):
    compute = np.repeat(np.geomspace(6e18, 3e21, 9), 9)
    n = LAW.optimum(TRUE, compute)["n_params"] * np.tile(np.geomspace(0.5, 2, 9), 9)
    loss = LAW(TRUE, n_params=n, n_tokens=compute / 6 / n)
    shaken = np.exp(noise * rng.standard_normal(len(n)))
    return pd.DataFrame({"N": n, "D": compute / 6 / n * (1 + 1e-3 * shaken), "loss": loss * shaken})


def holds(estimate, truth):
    return estimate.lo < truth < estimate.hi


def test_the_envelope_of_curves_gives_the_planted_optimum():
    found = by_curves(*curves(np.random.default_rng(1)).to_numpy().T, [BUDGET])
    assert found.a.value == pytest.approx(LAW.derived(TRUE)["a"], abs=0.04)
    assert holds(found.a, LAW.derived(TRUE)["a"])
    assert holds(found.n_opt[0], float(LAW.optimum(TRUE, BUDGET)["n_params"]))


def test_isoflop_valleys_give_the_planted_optimum_though_budgets_differ_by_rounding():
    table = valleys(np.random.default_rng(1))
    found = by_isoflops(*table.to_numpy().T, [BUDGET])
    assert found.how == "9 minima of 9 budgets"
    assert holds(found.a, LAW.derived(TRUE)["a"])
    assert found.n_opt[0].value == pytest.approx(LAW.optimum(TRUE, BUDGET)["n_params"], rel=0.03)


def test_sizes_four_times_apart_give_the_planted_optimum():
    """Without noise: six budgets of five sizes, which parabolas of a small reach cannot fit."""
    law = {"A": 406.4, "B": 410.7, "E": 1.69, "alpha": 0.34, "beta": 0.28}
    compute = np.repeat(np.geomspace(1e18, 1e21, 6), 5)
    n = LAW.optimum(law, compute)["n_params"] * np.tile(4.0 ** np.arange(-2, 3), 6)
    loss = LAW(law, n_params=n, n_tokens=compute / 6 / n)
    found = by_isoflops(n, compute / 6 / n, loss, [1e22, 1e24])
    true = LAW.optimum(law, np.array([1e22, 1e24]))
    for k in range(2):
        assert found.n_opt[k].value == pytest.approx(true["n_params"][k], rel=3e-3)
        assert found.d_opt[k].value == pytest.approx(true["n_tokens"][k], rel=3e-3)
        assert holds(found.n_opt[k], true["n_params"][k])
    assert found.verdict == "identified"
    assert found.verdicts == ["identified"] * 2


def test_gemstones_curves_allow_the_published_exponent():
    """mcleish7/gemstone-scaling-laws: approach 1, a = .4994 (parameters of the first approach)."""
    folder = published(RUNS, FIT)
    table = pd.read_json(folder / RUNS, lines=True)
    columns = ("run_name", "params_active_precise", "tokens", "final_loss")
    found = by_curves(*(table[name] for name in columns), [1e21])
    stored = json.loads((folder / FIT).read_text())
    assert holds(found.a, stored["coef"][0])


def test_the_command_prints_what_the_functions_find(tmp_path, capsys):
    table, path = valleys(np.random.default_rng(1)), tmp_path / "runs.csv"
    table.to_csv(path, index=False)
    command = ["optimal", str(path), "--compute", str(BUDGET), "--json"]
    assert main([*command, "--approach", "2"]) == 0
    said = json.loads(capsys.readouterr().out)
    again = by_isoflops(*pd.read_csv(path).to_numpy().T, [BUDGET])
    assert said["a"]["value"] == pytest.approx(again.a.value, rel=1e-9)
    assert said["n_opt"][0]["lo"] == pytest.approx(again.n_opt[0].lo, rel=1e-9)
    assert said["verdict"] == "identified"
    assert main([*command, "--approach", "1"]) == 2
    assert "--cluster must name the column of the runs" in capsys.readouterr().err
    assert main([*command, "--approach", "2", "--fix", "E=1"]) == 2
    assert "--fix: has no meaning for approach 2" in capsys.readouterr().err


def test_too_few_curves_are_refused():
    table = curves(np.random.default_rng(1))
    few = table[table["N"] < 6e7]
    with pytest.raises(UserError, match="four sizes with a learning curve"):
        by_curves(*few.to_numpy().T, [BUDGET])


def test_budgets_and_curves_may_be_counted_with_another_constant():
    """K times the compute buys the same model, whatever K is."""
    table = valleys(np.random.default_rng(1)).to_numpy().T
    six, eight = (
        by_isoflops(*table, [k * BUDGET], draws=0, flops_per_param_token=k) for k in (6.0, 8.0)
    )
    assert eight.n_opt[0].value == pytest.approx(six.n_opt[0].value, rel=1e-9)
    rows = curves(np.random.default_rng(1)).to_numpy().T
    six, eight = (
        by_curves(*rows, [k * BUDGET], draws=0, flops_per_param_token=k) for k in (6.0, 8.0)
    )
    assert eight.n_opt[0].value == pytest.approx(six.n_opt[0].value, rel=1e-6)


def test_without_draws_there_is_a_value_and_no_interval():
    found = by_curves(*curves(np.random.default_rng(1)).to_numpy().T, [BUDGET], draws=0)
    assert found.a.value == pytest.approx(LAW.derived(TRUE)["a"], abs=0.04)
    assert (found.a.lo, found.a.hi, found.n_opt[0].lo) == (None, None, None)


def test_curves_whose_draws_have_no_line_leave_the_exponent_unknown():
    """Six sizes and .8 % of luck: in many draws no three sizes take over from one another."""
    found = by_curves(*curves(np.random.default_rng(1)).to_numpy().T, [BUDGET])
    assert found.verdict.identified and found.verdicts[0].identified
    table = curves(np.random.default_rng(7), noise=8e-3)
    near = table[(table["N"] > 1e8) & (table["D"] > 1e9)]
    lost = by_curves(*near.to_numpy().T, [BUDGET])
    assert "of the draws have fewer than three places" in lost.verdict
    assert lost.verdicts == [lost.verdict]
