"""The coverage benchmark goes on where it was stopped, and mixes no versions of the engine."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    """benchmarks/coverage.py, under a name that is not a package's."""
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("coverage_benchmark", FOLDER / "coverage.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_slices_give_the_lines_of_one_run(bench, tmp_path):
    whole, slices = tmp_path / "whole.jsonl", tmp_path / "slices.jsonl"
    assert bench.measure(whole, ["nine"], 2, 20, 5, np.inf)
    assert not bench.measure(slices, ["nine"], 2, 20, 5, -1.0)
    assert bench.measure(slices, ["nine"], 1, 20, 5, np.inf)
    assert bench.measure(slices, ["nine"], 2, 20, 5, np.inf)
    assert slices.read_bytes() == whole.read_bytes()
    rows = [json.loads(line) for line in whole.read_text().splitlines()]
    assert [row["seed"] for row in rows] == [5, 6]
    assert set(rows[0]["inside"]) == {"A", "B", "E", "alpha", "beta", "a", "loss at 10 C"}


def test_lines_of_another_version_are_refused(bench, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"version": "older", "design": "nine", "seed": 1}\n')
    with pytest.raises(SystemExit, match="another version of the engine"):
        bench.measure(path, ["nine"], 1, 20, 1, np.inf)
