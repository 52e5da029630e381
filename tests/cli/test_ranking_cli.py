"""`isoloss fit --law all` and `--holdout`: one split for all laws, in text, JSON and files."""

import json

import numpy as np
import pytest
from planted_cases import runs

from isoloss.cli.main import main
from isoloss.laws import LAWS


def ranked(path, capsys, *more):
    assert main(["fit", path, "--law", "all", "--json", "--draws", "100", *more]) == 0
    return json.loads(capsys.readouterr().out)


def one_variable(table, n_rows):
    """L = 1.5 + 8 x**-.3, and its noise of .2 %."""
    x = np.geomspace(1e3, 1e7, n_rows)
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(n_rows))
    return table({"x": x, "loss": (1.5 + 8 * x**-0.3) * noise})


def test_the_law_that_made_the_runs_predicts_the_large_ones_best(table, capsys):
    n, d, loss = runs(0.001)
    path = table({"n_params": n, "n_tokens": d, "loss": loss})
    found = ranked(path, capsys, "--holdout", "4x")
    assert found["holdout"] == 4.0
    best = found["ranking"][0]
    assert best["law"] == "chinchilla"
    assert best["error"] < 0.005
    assert best["n_held_out"] == found["n_held_out"] >= 7


def test_all_laws_are_tried_on_the_same_runs_whatever_their_number_of_parameters(table, capsys):
    found = ranked(one_variable(table, 26), capsys, "--x", "x")
    needed = {one["law"]: 2 * len(LAWS[one["law"]].parameters) + 1 for one in found["ranking"]}
    assert len(set(needed.values())) > 2
    for one in found["ranking"]:
        assert (one["n_fitted"], one["n_held_out"]) == (found["n_fitted"], found["n_held_out"])
        assert one["verdict"].startswith("not fitted: ") == (found["n_fitted"] < needed[one["law"]])


def test_a_law_with_too_many_parameters_for_any_split_is_not_fitted_and_takes_none_from_others(
    table, capsys
):
    found = ranked(one_variable(table, 14), capsys, "--x", "x")
    verdicts = {one["law"]: one["verdict"] for one in found["ranking"]}
    assert verdicts["bnsl_2"] == (
        f"not fitted: too few runs are 4 times smaller than those held out: {found['n_fitted']}, "
        f"and {2 * len(LAWS['bnsl_2'].parameters) + 1} are needed"
    )
    assert not verdicts["power_law_floor"].startswith("not fitted")


def test_a_table_too_small_for_any_law_is_refused(table, capsys):
    assert main(["fit", one_variable(table, 5), "--law", "all", "--x", "x"]) == 2
    assert "too few runs are 4 times smaller than those held out: 4, and 5" in (
        capsys.readouterr().err
    )


def test_a_ranking_is_printed_in_lines_that_can_be_read_and_without_nan(table, capsys):
    path = one_variable(table, 14)
    assert main(["fit", path, "--law", "all", "--x", "x", "--draws", "100"]) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert max(map(len, lines)) <= 100
    assert not {"nan", "inf", "+nan"} & set(said.split())
    row = next(line for line in lines if line.startswith("bnsl_2 ")).split()
    assert row == ["bnsl_2", "-", "-", "-", "not", "fitted"]
    assert any(line.startswith("bnsl_2: not fitted: too few runs are 4 times") for line in lines)


def test_a_ranking_is_written_to_the_output_folder(table, tmp_path, capsys):
    import pandas as pd

    n, d, loss = runs(0.001)
    path = table({"N": n, "D": d, "loss": loss})
    for law in ("all", "chinchilla"):
        folder = tmp_path / law
        more = ["--law", law, "--holdout", "4x", "--output", str(folder), "--draws", "100"]
        assert main(["fit", path, *more, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert json.loads((folder / "ranking.json").read_text(encoding="utf-8")) == found
        assert found["notes"] == ["n_params: column 'N'", "n_tokens: column 'D'"]
        laws = pd.read_parquet(folder / "ranking.parquet")
        assert laws["law"].tolist() == [one["law"] for one in found["ranking"]]


@pytest.mark.parametrize("factor", ["1", "0.5x", "many", "inf"])
def test_a_factor_that_holds_nothing_out_is_refused(table, capsys, factor):
    n, d, loss = runs()
    path = table({"n_params": n, "n_tokens": d, "loss": loss})
    assert main(["fit", path, "--holdout", factor, "--level", "2"]) == 2
    assert capsys.readouterr().err == (
        "arguments: 2 problems\n"
        f"  - --holdout: must be a factor above 1 such as 4x, got {factor!r}\n"
        "  - --level: must lie between 0 and 1, got 2.0\n"
    )


def test_a_ranking_counts_compute_as_the_user_says(table, capsys):
    n, d, loss = runs()
    path = table({"N": n, "flops": 8 * n * d, "loss": loss})
    found = ranked(path, capsys, "--flops-per-param-token", "8")
    assert "n_tokens = compute / (8 n_params)" in found["notes"]
    assert found["ranking"][0]["error"] < 1e-6
