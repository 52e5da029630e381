"""`isoloss optimal`: budgets, the three approaches, and a table's own count of compute."""

import json
import warnings

import numpy as np
import pytest
from planted_cases import TRUE, runs

from isoloss.cli.main import main
from isoloss.laws import LAWS

LAW = LAWS["chinchilla"]
KAPLAN = ("--law", "kaplan_nd")


def test_the_optimum_is_printed_with_its_interval(table, capsys):
    n, d, loss = runs(0.002)
    path = table({"n_params": n, "n_tokens": d, "loss": loss})
    one_law = ["optimal", path, "--law", "chinchilla", "--compute", "1e18"]
    assert main([*one_law, "--json", "--draws", "100"]) == 0
    row = json.loads(capsys.readouterr().out)["optimal"][0]
    true = LAWS["chinchilla"].optimum(TRUE, 1e18)
    assert row["n_params_lo"] < row["n_params"] < row["n_params_hi"]
    assert row["n_params"] == pytest.approx(float(true["n_params"]), rel=0.05)


def test_far_beyond_the_runs_the_loss_of_a_run_is_less_sure_than_the_laws(table, capsys):
    n, d, loss = runs(0.002)
    path = table({"n_params": n, "n_tokens": d, "loss": loss})
    near, far = f"{6 * np.median(n) * np.median(d):g}", f"{1e4 * 6 * n.max() * d.max():g}"
    one_law = ["optimal", path, "--law", "chinchilla", "--compute", near, far]
    assert main([*one_law, "--json", "--draws", "100"]) == 0
    rows = json.loads(capsys.readouterr().out)["optimal"]

    def widths(row):
        return [row[f"{name}_hi"] - row[f"{name}_lo"] for name in ("loss", "loss_of_run")]

    law, of_run = widths(rows[1])
    assert of_run > 1.5 * law
    law, of_run = widths(rows[0])
    assert of_run < 0.02 * rows[0]["loss"]  # noise alone


@pytest.fixture
def valleys(table):
    """A function: compute that the table tells over 6 N D -> path of nine isoFLOP valleys."""

    def write(counted):
        compute = np.repeat(np.geomspace(6e18, 3e21, 9), 9)
        n = LAW.optimum(TRUE, compute)["n_params"] * np.tile(np.geomspace(0.5, 2, 9), 9)
        d = compute / 6 / n
        noise = np.exp(2e-4 * np.random.default_rng(1).standard_normal(len(n)))
        loss = LAW(TRUE, n_params=n, n_tokens=d) * noise
        return table({"N": n, "D": d, "flops": counted * compute, "loss": loss})

    return write


def said(capsys, *command):
    assert main([*command, "--draws", "100", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_approach_2_takes_the_compute_that_the_table_tells(valleys, capsys):
    """At 1.3 times 6 N D, a budget buys what 1 / 1.3 of it buys at 6 N D."""
    path = valleys(1.3)
    found = said(capsys, "optimal", path, "--approach", "2", "--compute", "1.3e20")
    true = float(LAW.optimum(TRUE, 1e20)["n_params"])
    assert found["n_opt"][0]["value"] == pytest.approx(true, rel=0.03)
    assert "compute: column 'flops', 1.3 times 6 N D" in found["notes"]
    assert main(["optimal", path, "--approach", "2", "--compute", "1e20", "--draws", "9"]) == 0
    assert "budgets; C is column 'flops'\n" in capsys.readouterr().out


def test_approach_2_prints_a_line_for_each_budget_and_verdicts(valleys, table, capsys):
    import pandas as pd

    rows = pd.read_csv(valleys(1.0))
    fewer = pd.concat([rows.iloc[:3], rows.iloc[9:]])  # the first budget has three sizes left
    path = table(fewer.to_dict("list"))
    assert main(["optimal", path, "--approach", "2", "--compute", "1e20", "--draws", "100"]) == 0
    text = capsys.readouterr().out
    assert "verdict: a is identified\n" in text
    assert "verdict: N* at 1e+20 is identified\n" in text
    lines = text[text.index("\nbudget") :].splitlines()[1:11]
    assert lines[1].endswith("too few runs: 3 of 4 sizes")
    assert all("x1.2 " in line for line in lines[2:])
    assert "through 8 minima of 9 budgets" in text
    found = said(capsys, "optimal", path, "--approach", "2", "--compute", "1e20")
    assert found["verdict"] == "identified"
    assert found["d_opt"][0]["value"] == pytest.approx(
        1e20 / 6 / found["n_opt"][0]["value"], rel=1e-6
    )  # fmt: skip
    assert found["budgets"][0]["verdict"] == "too few runs: 3 of 4 sizes"


def test_compute_that_is_6_n_d_is_not_called_different(valleys, capsys):
    path = valleys(1.01)
    found = said(capsys, "optimal", path, "--approach", "2", "--compute", "1e20")
    assert found["notes"][-1] == "compute: column 'flops'"
    assert not any(
        "flops" in note
        for note in said(capsys, "optimal", path, "--law", "kaplan_nd", "--compute", "1e20")[
            "notes"
        ]
    )


def test_the_law_says_that_its_optimum_is_not_in_the_tables_compute(valleys, capsys):
    notes = said(capsys, "optimal", valleys(1.3), "--compute", "1e20", "--law", "chinchilla")[
        "notes"
    ]
    assert notes[-1].startswith("column 'flops' is 1.3 times 6 N D; the optimum is for C = 6 N D")


def test_broken_cells_of_compute_stop_the_approach_that_takes_it_and_no_other(
    valleys, table, capsys
):
    import pandas as pd

    columns = pd.read_csv(valleys(1.3)).to_dict("list")
    columns["flops"][3] = "many"
    command = ["optimal", table(columns), "--compute", "1e20", "--draws", "9", "--approach"]
    assert main([*command, "3"]) == 0
    assert main([*command, "2"]) == 2
    assert "column 'flops' is not a number, e.g. 'many': row 4" in capsys.readouterr().err


def test_runs_without_common_budgets_are_told_how_budgets_were_counted(table, capsys):
    n, d, loss = runs()
    path = table({"N": n, "D": d, "flops": n * np.arange(1, 37), "loss": loss})
    assert main(["optimal", path, "--approach", "2", "--compute", "1e20"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        f"{path}: 1 problem\n  - 3 budgets with a minimum between their runs are needed; of "
    )
    assert " (budgets are column 'flops')\n" in said
    assert said.endswith("or --approach 3, which needs no common budgets\n")


def test_isoflops_may_be_counted_with_another_constant(valleys, table, capsys):
    import pandas as pd

    columns = pd.read_csv(valleys(8 / 6)).drop(columns="D")
    path = table(columns.to_dict("list"))
    more = ("--approach", "2", "--flops-per-param-token", "8")
    found = said(capsys, "optimal", path, "--compute", "8e20", *more)
    true = float(LAW.optimum(TRUE, 6e20)["n_params"])
    assert found["n_opt"][0]["value"] == pytest.approx(true, rel=0.03)
    assert "n_tokens = compute / (8 n_params)" in found["notes"]


@pytest.mark.parametrize("approach", ["1", "2", "3"])
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_budgets_that_are_none_are_refused_all_at_once(table, capsys, approach, as_json):
    n, d, loss = runs()
    path = table({"n_params": n, "n_tokens": d, "loss": loss, "run": n})
    command = ["optimal", path, "--approach", approach, "--cluster", "run", *as_json]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main([*command, "--compute", "0", "-5", "nan", "inf", "1e18"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "arguments: 4 problems\n" + "".join(
        f"  - --compute: must be positive and finite, got {value}\n"
        for value in ("0", "-5", "nan", "inf")
    )


def test_what_means_nothing_without_a_law_is_refused_all_at_once(valleys, capsys):
    path = valleys(1.0)
    more = ["--law", "kaplan_nd", "--objective", "lsq", "--delta", "1e-2", "--method", "wild",
            "--intervals", "profile", "--level", "2", "--draws", "-4", "--seed", "-4"]  # fmt: skip
    assert main(["optimal", path, "--approach", "2", "--compute", "1e20", *more]) == 2
    said = capsys.readouterr().err
    for option in ("--law", "--objective", "--delta", "--method", "--intervals"):
        assert f"{option}: has no meaning for approach 2\n" in said
    for text in (
        "level: must lie between 0 and 1, got 2.0",
        "draws: must not be negative, got -4",
        "seed: must not be negative, got -4",
    ):
        assert text in said


def test_every_approach_says_its_level_warnings_and_notes(valleys, capsys):
    for approach, law in (("2", ()), ("3", ("--law", "chinchilla"))):
        command = ("optimal", valleys(1.0), "--approach", approach, "--level", ".8", *law)
        found = said(capsys, *command, "--compute", "1e20")
        assert found["level"] == 0.8
        assert found["compute"] == {"2": "column 'flops'", "3": "6 N D"}[approach]
        assert found["warnings"] == []
        assert found["notes"][:2] == ["n_params: column 'N'", "n_tokens: column 'D'"]


def test_every_law_of_n_and_d_has_an_optimum_and_a_plan(table, capsys):
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e6, 1e9, 5), np.geomspace(1e8, 1e11, 5)))
    true = {"Nc": 6.4e13, "Dc": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103}
    loss = LAWS["kaplan_nd"](true, n_params=n, n_tokens=d)
    path = table({"N": n, "D": d, "loss": loss * np.exp(0.002 * np.sin(7 * np.arange(25)))})
    fit = [path, "--law", "kaplan_nd", "--draws", "100"]
    row = said(capsys, "optimal", *fit, "--compute", "1e20")["optimal"][0]
    best = LAWS["kaplan_nd"].optimum(true, 1e20)["n_params"]
    assert row["n_params"] == pytest.approx(best, rel=0.1)
    assert row["n_params_lo"] < row["n_params"] < row["n_params_hi"]
    for decision in ("n_params", "a"):
        plan = said(capsys, "next", *fit, "--target", "1e22", "--budget", "1e20",
                    "--decision", decision)  # fmt: skip
        assert plan["runs"]


def test_unique_tokens_are_for_laws_of_repeated_data(valleys, capsys):
    path = valleys(1.0)
    command = ["optimal", path, "--compute", "1e20", "--unique-tokens"]
    assert main([*command, "3e9"]) == 2
    assert "--unique-tokens: --law best takes laws of N and D, unless" in capsys.readouterr().err
    assert main([*command, "-3", "--law", "chinchilla"]) == 2
    said_of_it = capsys.readouterr().err
    assert "--unique-tokens: must be positive and finite, got -3" in said_of_it
    assert "--unique-tokens: chinchilla does not tell unique tokens from others" in said_of_it


def test_a_budget_without_an_optimum_is_named_and_alone_it_is_an_error(table, capsys):
    n, d = (a.ravel() for a in np.meshgrid(np.geomspace(1e6, 1e9, 5), np.geomspace(1e8, 1e11, 5)))
    unique = np.tile([3e7, 1e9, 1e11], 9)[:25]
    true = {"A": 521.0, "B": 1488.0, "E": 1.87, "alpha": 0.35, "beta": 0.36, "R_D": 15.4,
            "R_N": 5.3}  # fmt: skip
    loss = LAWS["data_constrained"](true, n_params=n, n_tokens=d, n_unique_tokens=unique)
    path = table({"N": n, "D": d, "unique_tokens": unique, "loss": loss})
    command = ["optimal", path, "--law", "data_constrained", "--draws", "0",
               "--unique-tokens", "1e10", "--compute"]  # fmt: skip
    why = "as fitted, data_constrained has no optimum at 1e+26 FLOP: its loss is least where"
    assert main([*command, "1e26"]) == 2
    assert why in capsys.readouterr().err
    found = said(capsys, *command, "1e22", "1e26")
    assert [row["n_params"] is None for row in found["optimal"]] == [False, True]
    assert any(text.startswith(why) for text in found["warnings"])


def test_without_a_law_all_are_averaged_and_each_is_shown(table, capsys):
    n, d, loss = runs(0.002)
    path = table({"n_params": n, "n_tokens": d, "loss": loss})
    assert main(["optimal", path, "--compute", "1e20", "--draws", "60"]) == 0
    printed = capsys.readouterr().out
    head = printed.splitlines()[0].split()
    assert {"average", "chinchilla", "skaling", "kaplan_nd"} <= set(head)
    assert "trials, each on the smaller runs, predicting the larger" in printed
    assert "answer: N* at 1e+20 FLOP is known within a factor of" in printed
    assert max(map(len, printed.splitlines()[:6])) <= 100
    found = said(capsys, "optimal", path, "--compute", "1e20")
    row = found["optimal"][0]
    true = LAW.optimum(TRUE, 1e20)
    assert row["n_params_lo"] < float(true["n_params"]) < row["n_params_hi"]
    size = next(one for one in found["answers"] if one["question"] == "N* at 1e+20 FLOP")
    assert (size["lo"], size["hi"]) == (row["n_params_lo"], row["n_params_hi"])
    assert sum(one["weight"] for one in found["by_law"]) == pytest.approx(1)
    weights = {one["law"]: one["weight"] for one in found["laws"]}
    assert weights["kaplan_nd"] < min(weights["chinchilla"], weights["skaling"])


def test_what_is_of_one_law_has_no_meaning_for_an_average(valleys, capsys):
    more = ["--fix", "E=1.7", "--tie", "alpha=beta", "--intervals", "profile"]
    assert main(["optimal", valleys(1.0), "--compute", "1e20", *more]) == 2
    said_of_it = capsys.readouterr().err
    for option in ("--fix", "--tie", "--intervals"):
        assert f"{option}: has no meaning for several laws (--law best); name one" in said_of_it
