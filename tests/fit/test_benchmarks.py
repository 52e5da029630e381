"""The benchmarks of fits run, at a small size, and say what they are to say.

The coverage benchmarks go on where they were stopped, and mix no versions of the engine.
"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """A function: name of a file in benchmarks/ -> the module, under a name of its own."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def module(name):
        spec = importlib.util.spec_from_file_location(f"{name}_benchmark", FOLDER / f"{name}.py")
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return loaded

    return module


@pytest.fixture
def bench(load):
    return load("coverage")


def test_slices_give_the_lines_of_one_run(bench, tmp_path):
    whole, slices = tmp_path / "whole.jsonl", tmp_path / "slices.jsonl"
    assert bench.measure(whole, ["nine"], 2, 20, 5, np.inf)
    assert not bench.measure(slices, ["nine"], 2, 20, 5, -1.0)
    assert bench.measure(slices, ["nine"], 1, 20, 5, np.inf)
    assert bench.measure(slices, ["nine"], 2, 20, 5, np.inf)
    assert slices.read_bytes() == whole.read_bytes()
    rows = [json.loads(line) for line in whole.read_text().splitlines()]
    assert [row["seed"] for row in rows] == [5, 6]
    asked = {f"{what} at {times} C" for what in ("N*", "loss") for times in (10, 100)}
    assert set(rows[0]["inside"]) == {"A", "B", "E", "alpha", "beta", "a", *asked}


def test_lines_of_another_version_are_refused(bench, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"version": "older", "design": "nine", "seed": 1}\n')
    with pytest.raises(SystemExit, match="another version of the engine"):
        bench.measure(path, ["nine"], 1, 20, 1, np.inf)


def test_the_table_counts_each_quantity_over_all_and_over_what_is_known(bench):
    yes, no = dict.fromkeys(bench.SHOWN, True), dict.fromkeys(bench.SHOWN, False)
    row = {"design": "nine", "clusters": 9, "asked": False, "lack_of_fit": 0.5, "identified": True}
    rows = [row | {"inside": yes, "known": yes}] * 9 + [row | {"inside": no, "known": no}]
    text = [line for line in bench.summary(rows) if "nine" in line]
    assert text[0].count("| 90.0 ") == len(bench.SHOWN)
    assert text[1].count("**100.0** (9)") == len(bench.SHOWN)


def test_a_wrong_law_is_blamed_for_what_it_calls_known_and_misses(bench):
    row = {"design": "skaling, k .5, as chinchilla", "inside": {"N* at 10 C": False}}
    rows = [row | {"known": {"N* at 10 C": called}} for called in (True, False, False)]
    rows.append(row | {"inside": {"N* at 10 C": True}, "known": {"N* at 10 C": True}})
    assert "3 of 4 intervals miss; 1 of these are called known" in "".join(bench.summary(rows))


@pytest.mark.parametrize("name", ["shared trunk, not told", "skaling, k .5, as chinchilla"])
def test_a_planted_table_holds_what_its_fit_is_told(bench, name):
    design = bench.ALL[name]
    table = design.table(np.random.default_rng(0))
    assert "run" not in table
    assert set(bench.truth(design)) >= {"a", "N* at 10 C", "loss at 100 C"}
    assert ("alpha" in bench.truth(design)) == (design.law == design.fitted)


def test_the_benchmark_of_speed_finds_the_recipes_minimum_or_a_lower_one(load, tmp_path, capsys):
    coverage, speed = load("coverage"), load("fit")
    table = coverage.ALL["laptop"].table(np.random.default_rng(0))
    lines = [",".join(map(str, row)) for row in zip(*table.values(), strict=True)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join([",".join(table), *lines]))
    speed.main([str(path), "--small"])
    found = json.loads(capsys.readouterr().out)
    assert found["ours"]["objective"] <= found["recipe"]["objective"] * (1 + 1e-6)
    assert {"chinchilla", "kaplan_nd", "skaling"} <= set(found["by_law"])
    for case in found["unknown_floor"].values():
        assert case["straight"]["at_a_minimum"] == 1.0
        assert case["straight"]["steps"] < case["curved"]["steps"]


@pytest.fixture
def isoflop():
    """benchmarks/isoflop.py, with two of its cells."""
    spec = importlib.util.spec_from_file_location("isoflop_benchmark", FOLDER / "isoflop.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    module.LAWS = {"hoffmann": module.LAWS["hoffmann"]}
    module.GRIDS = {"x4, 5": module.GRIDS["x4, 5"]}
    yield module
    del sys.modules[spec.name]


def test_approach_2_is_measured_in_slices_and_summed_up(isoflop, tmp_path):
    path = tmp_path / "rows.jsonl"
    assert not isoflop.measure(path, False, 3, 40, 5, -1.0)
    assert isoflop.measure(path, False, 3, 40, 5, np.inf)
    rows = list(isoflop.read(path, isoflop.version()).values())
    assert len(rows) == 6 and not any(row["refused"] for row in rows)
    assert max(abs(row["a"]) for row in rows if row["cell"].endswith("0.2%")) < 0.01
    assert len(list(isoflop.summary(rows))) == 2 + 6


def test_what_is_planted_for_approach_2_has_its_least_loss_where_it_says(isoflop):
    law = isoflop.LAWS["hoffmann"]
    n = law.n_opt(3e20) * np.array([0.99, 1.0, 1.01])
    loss = law.loss(n, 3e20 / 6 / n)
    assert loss[1] < min(loss[0], loss[2])
