"""`isoloss compare`: two tables, or two values of a column of one."""

import json

import numpy as np
import pytest
from planted_cases import TRUE, runs

from isoloss.cli.main import main
from isoloss.forecast import trials
from isoloss.laws import LAWS

FEW = ("--law", "chinchilla", "--draws", "40", "--cluster", "none")


@pytest.fixture(autouse=True)
def few_trials(monkeypatch):
    """Trials measure drift; two of them are enough here."""
    monkeypatch.setattr(trials, "TRIALS", 2)


@pytest.fixture
def two(table):
    """Paths of the runs of a recipe, of one with less of each term, and of both in one file."""
    n, d, loss = runs(0.002)
    better = TRUE | {"A": 0.95 * TRUE["A"], "B": 0.95 * TRUE["B"]}
    ratio = LAWS["chinchilla"](better, n_params=n, n_tokens=d) / LAWS["chinchilla"](
        TRUE, n_params=n, n_tokens=d
    )
    a = {"n_params": n, "n_tokens": d, "loss": loss}
    b = a | {"loss": loss * ratio}
    both = {name: np.concatenate([a[name], b[name]]) for name in a}
    both["optimizer"] = ["adamw"] * len(n) + ["muon"] * len(n)
    return table(a, "adamw.csv"), table(b, "muon.csv"), table(both, "both.csv")


def test_two_tables_and_two_recipes_of_one_table_say_the_same(two, capsys):
    a, b, both = two
    found = []
    for where in ((a, b), (both, "--by", "optimizer")):
        assert main(["compare", *where, *FEW, "--compute", "1e19", "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    first, second = found
    assert first["answers"] == second["answers"]
    assert first["recipes"] == {"a": "adamw", "b": "muon"}
    assert (first["paired"], first["n_common"], first["n_points"]) == (True, 36, 36)
    gamma = TRUE["alpha"] * TRUE["beta"] / (TRUE["alpha"] + TRUE["beta"])
    row = first["answers"][0]
    assert row["compute_ratio_lo"] < 0.95 ** (1 / gamma) < row["compute_ratio_hi"] < 1


def test_the_text_says_the_speed_up_and_how_draws_are_paired(two, capsys, tmp_path):
    output = tmp_path / "answers.csv"
    assert main(["compare", *two[:2], *FEW, "--loss", "3", "--output", str(output)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("A: adamw; B: muon\n")
    assert "paired: 36 of 36 points" in text
    assert "answer: To reach a loss of 3, muon needs 0.7" in text
    assert ": a speed-up of 1." in text
    assert output.read_text(encoding="utf-8").startswith("asked,compute_ratio,")


def test_every_problem_of_the_arguments_is_named_at_once(two, tmp_path, capsys):
    a, b, both = two
    path = ("--ratio", "2", "--n-params", "3")
    cases = {
        (a,): ["the second recipe is missing"],
        (a, b, "--by", "x", "--without", "1", "--compute", "-1", *path): [
            "--by: says that both recipes are in one table",
            "--without: does not say of which table",
            "--compute: must be positive and finite, got -1",
            "--ratio, --n-params: ",
        ],
        (both, "--by", "optimiser"): ["there is no column 'optimiser'; did you mean 'optimizer'?"],
        (both, "--by", "optimizer", "--recipes", "adamw", "moun"): ["did you mean 'muon'?"],
        (both, "--by", "n_params"): ["has 6 values"],
        (a, b, "--compute", "1e19", "--draws", "0"): ["a comparison needs resampled tables"],
    }  # fmt: skip
    for arguments, expected in cases.items():
        assert main(["compare", *arguments]) == 2
        error = capsys.readouterr().err
        for part in expected:
            assert part in error, arguments
