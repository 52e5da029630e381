"""`isoloss next`, as a user with a table, a clock and a list of possible runs meets it."""

import json

import numpy as np
import pandas as pd
import pytest

from isoloss.cli.main import main
from isoloss.laws import LAWS

TRUE = {"A": 45.0, "B": 310.0, "E": 1.2, "alpha": 0.35, "beta": 0.37}


@pytest.fixture
def path(tmp_path):
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e4, 3e5, 5), np.geomspace(1e6, 3e7, 5)))
    shaken = np.exp(0.002 * np.random.default_rng(0).standard_normal(len(n)))
    loss = LAWS["chinchilla"](TRUE, n_params=n, n_tokens=d) * shaken
    table = pd.DataFrame({"N": n, "D": d, "loss": loss, "took": 1e-11 * n * d})
    table.to_csv(tmp_path / "runs.csv", index=False)
    return tmp_path / "runs.csv"


def command(path, *more):
    return ["next", str(path), "--target", "1e16", "--draws", "200", *more]


def test_a_plan_in_seconds_keeps_its_budget_of_seconds(path, capsys):
    assert main(command(path, "--budget", "500", "--cost", "took", "--json")) == 0
    plan = json.loads(capsys.readouterr().out)
    assert 0 < sum(run["cost"] for run in plan["runs"]) <= 500
    first = plan["runs"][0]
    assert first["cost"] == pytest.approx(1e-11 * first["n_params"] * first["n_tokens"], rel=1e-6)
    assert plan["width_least"] < plan["runs"][-1]["width"] < plan["width_now"]


def test_only_the_runs_of_a_file_are_chosen(path, tmp_path, capsys):
    possible = tmp_path / "possible.csv"
    possible.write_text("params,tokens\n1e6,1e7\n1e4,1e8\n2e5,2e7\n", encoding="utf-8")
    more = ("--budget", "1e15", "--candidates", str(possible), "--decision", "loss", "--json")
    assert main(command(path, *more)) == 0
    plan = json.loads(capsys.readouterr().out)
    allowed = {(1e6, 1e7), (1e4, 1e8), (2e5, 2e7)}
    assert {(run["n_params"], run["n_tokens"]) for run in plan["runs"]} <= allowed


def test_what_is_wrong_is_named_with_its_file(path, tmp_path, capsys):
    possible = tmp_path / "possible.csv"
    possible.write_text("params,tokens\n1e6,x\n-1,1e8\n", encoding="utf-8")
    assert main(command(path, "--budget", "1e15", "--candidates", str(possible))) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{possible}: 3 problems")
    assert "n_params must be positive and finite: row 2" in said
    assert main(command(path, "--budget", "9", "--cost", "tok")) == 2
    assert "there is no column 'tok'; did you mean 'took'?" in capsys.readouterr().err


def test_a_plan_is_printed_with_its_unit_and_its_end(path, capsys):
    assert main(command(path, "--budget", "1e14")) == 0
    said = capsys.readouterr().out
    assert said.startswith("N* at 1e+16 FLOP is known within a factor of ")
    assert "cost: 6 N D FLOP" in said
    assert "no more runs: " in said
    assert "candidates together would leave " in said
    assert main(command(path, "--budget", "1")) == 0
    assert "no more runs: the cheapest run costs 6e+10, more than the budget" in (
        capsys.readouterr().out
    )
