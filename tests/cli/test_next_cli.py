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
    law = [] if "--law" in more else ["--law", "chinchilla"]
    return ["next", str(path), "--target", "1e16", "--draws", "200", *law, *more]


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
    possible.write_text("params,tokens\n1e6,x\n-1,1e8\nbig,y\n1M,1e8\n1M,2e8\n", encoding="utf-8")
    assert main(command(path, "--budget", "1e15", "--candidates", str(possible))) == 2
    assert capsys.readouterr().err == (
        f"{possible}: 3 problems\n"
        "  - column 'params' is not a number, e.g. 'big': row 3\n"
        "  - column 'params' is zero or negative: row 2\n"
        "  - column 'tokens' is not a number, e.g. 'x': rows 1, 3\n"
    )
    assert main(command(path, "--budget", "9", "--cost", "tok")) == 2
    assert "there is no column 'tok'; did you mean 'took'?" in capsys.readouterr().err


def test_a_cost_is_asked_for_in_the_rows_of_the_file(path, capsys):
    table = pd.read_csv(path)
    table.loc[11, "took"] = -1
    table["took"] = table["took"].astype(object)
    table.loc[13, "took"] = "an hour"
    table.to_csv(path, index=False)
    assert main(command(path, "--budget", "9", "--cost", "took", "--without", "1-3,5")) == 2
    assert capsys.readouterr().err == (
        "--cost: 2 problems\n"
        "  - column 'took' is not a number, e.g. 'an hour': row 14\n"
        "  - column 'took' must be positive and finite: row 12\n"
    )


def test_candidates_of_size_and_compute_have_the_tokens_that_follow(path, tmp_path, capsys):
    possible = tmp_path / "possible.csv"
    possible.write_text("N,flops\n1e6,8e13\n1e4,8e12\n", encoding="utf-8")
    more = ("--candidates", str(possible), "--flops-per-param-token", "8", "--json")
    assert main(command(path, "--budget", "1e15", *more)) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert runs
    for run in runs:
        tokens = {1e6: 1e7, 1e4: 1e8}[run["n_params"]]
        assert run["n_tokens"] == pytest.approx(tokens)
        assert run["cost"] == pytest.approx(8 * run["n_params"] * tokens)


def test_candidates_have_the_columns_and_units_that_the_table_was_said_to_have(
    path, tmp_path, capsys
):
    table = pd.read_csv(path)
    table["Size (M)"] = table.pop("N") / 1e6
    table.to_csv(path, index=False)
    possible = tmp_path / "possible.csv"
    possible.write_text("Size (M),tokens\n1,1e7\n0.01,1e8\n", encoding="utf-8")
    more = ("--column", "n_params=Size (M)*1e6", "--candidates", str(possible), "--json")
    assert main(command(path, "--budget", "1e15", *more)) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert {run["n_params"] for run in runs} <= {1e6, 1e4}


def test_candidates_in_another_unit_are_asked_about(path, tmp_path, capsys):
    possible = tmp_path / "possible.csv"
    possible.write_text("N,D\n2e5,1e7\n1,1e7\n2,1e7\n", encoding="utf-8")
    more = ("--budget", "1e15", "--candidates", str(possible))
    assert main(command(path, *more)) == 0
    assert (
        "warning: candidates: n_params is 1000 times and more outside the runs' 1e+04 to 3e+05: "
        "rows 2, 3; is its unit another?\n"
    ) in capsys.readouterr().out


def test_what_the_fit_warns_of_and_assumes_is_passed_on(path, capsys):
    """Kaplan's joint law: what fits it as a sum of powers is warned about."""
    table = pd.read_csv(path)
    kaplan = {"alpha_N": 0.3, "alpha_D": 0.4, "Nc": 1e5, "Dc": 1e7}
    table["loss"] = LAWS["kaplan_nd"](kaplan, n_params=table["N"], n_tokens=table["D"])
    table["loss"] *= np.exp(0.002 * np.random.default_rng(0).standard_normal(len(table)))
    table.to_csv(path, index=False)
    assert main(["fit", str(path), "--draws", "200", "--json"]) == 0
    fit = json.loads(capsys.readouterr().out)
    assert any(text.startswith("lack of fit") for text in fit["warnings"])
    assert main(command(path, "--budget", "1e14", "--json")) == 0
    plan = json.loads(capsys.readouterr().out)
    assert set(fit["warnings"]) <= set(plan["warnings"])
    assert plan["notes"] == fit["notes"]
    assert plan["notes"][:2] == ["n_params: column 'N'", "n_tokens: column 'D'"]
    assert main(command(path, "--budget", "1e14")) == 0
    said = capsys.readouterr().out
    for text in fit["warnings"]:
        assert f"\nwarning: {text}\n" in said
    assert "\nassumed: n_params: column 'N'\n" in said


def test_a_plan_in_json_says_its_level_budget_and_unit(path, capsys):
    more = ("--budget", "500", "--cost", "took", "--level", "0.8", "--json")
    assert main(command(path, *more)) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["level"], plan["budget"], plan["cost_unit"]) == (0.8, 500, "took")


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_targets_and_budgets_that_are_none_are_refused_with_all_else(path, capsys, value):
    command = ["next", str(path), "--target", value, "--budget", value, "--decision", "los"]
    assert main([*command, "--draws", "-4"]) == 2
    assert capsys.readouterr().err == (
        "arguments: 4 problems\n"
        "  - --decision: 'los' is none of n_params, loss, a; did you mean 'loss'?\n"
        f"  - --target: must be positive and finite, got {value}\n"
        f"  - --budget: must be positive and finite, got {value}\n"
        "  - --draws: must not be negative, got -4\n"
    )


def test_small_widths_keep_their_digits(path, capsys):
    assert main(command(path, "--budget", "1e14", "--decision", "loss", "--json")) == 0
    plan = json.loads(capsys.readouterr().out)
    assert main(command(path, "--budget", "1e14", "--decision", "loss")) == 0
    said = capsys.readouterr().out
    printed = float(said.split("is known within ")[1].split()[0])
    assert printed == pytest.approx(plan["width_now"], rel=5e-4)
    last = float(said.split("no more runs")[0].split()[-1])
    assert last == pytest.approx(plan["runs"][-1]["width"], rel=5e-4)


def test_a_plan_is_printed_with_its_unit_and_its_end(path, capsys):
    assert main(command(path, "--budget", "1e14")) == 0
    said = capsys.readouterr().out
    assert said.startswith("N* at 1e+16 FLOP is known within a factor of ")
    assert "cost: 6 N D FLOP" in said
    assert "no more runs: " in said
    assert "candidates together would leave " in said
    assert "\nother designs for the same budget, if the law holds:\n" in said
    assert "isoFLOP grid" in said
    assert "counted: losses drift from the law by " in said
    assert main(command(path, "--budget", "1")) == 0
    assert "no more runs: the cheapest run costs 6e+10, more than the budget" in (
        capsys.readouterr().out
    )


def test_a_table_of_runs_is_a_target_for_a_law_of_any_columns(tmp_path, capsys):
    law, true = LAWS["data_constrained"], {"A": 45.0, "B": 310.0, "E": 1.2, "alpha": 0.35}
    true |= {"beta": 0.37, "R_D": 15.0, "R_N": 5.0}
    n, d, u = (a.ravel() for a in np.meshgrid([1e4, 1e5, 1e6], [1e6, 1e7, 1e8], [1e6, 1e7]))
    rows = pd.DataFrame({"N": n, "D": d, "n_unique_tokens": np.minimum(u, d)})
    names = {"N": "n_params", "D": "n_tokens"}
    shaken = np.exp(0.002 * np.random.default_rng(0).standard_normal(len(rows)))
    rows["loss"] = law(true, **rows.rename(columns=names)) * shaken
    rows.drop_duplicates().to_csv(tmp_path / "runs.csv", index=False)
    pool = tmp_path / "pool.csv"
    pool.write_text("N,D,n_unique_tokens\n1e6,1e9,1e8\n1e5,1e9,1e7\n1e4,2e6,2e6\n", "utf-8")
    wanted = tmp_path / "wanted.csv"
    wanted.write_text("N,D,n_unique_tokens\n1e7,1e10,1e8\n", encoding="utf-8")
    asked = ["next", str(tmp_path / "runs.csv"), "--law", "data_constrained", "--draws", "120"]
    asked += ["--target", str(wanted), "--budget", "1e16", "--json"]
    assert main(asked) == 2
    assert "--target: a table of runs needs --candidates" in capsys.readouterr().err
    assert main([*asked, "--candidates", str(pool)]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["decision"] == "region"
    assert {run["n_unique_tokens"] for run in plan["runs"]} <= {1e8, 1e7, 2e6}
    assert plan["runs"][-1]["width"] < plan["width_now"]
    assert main([*asked[:-3], "--budget", "1e16", "--target", "none.csv"]) == 2
    assert "'none.csv' is neither a number nor a file" in capsys.readouterr().err


def test_a_plan_counts_the_laws_that_predict_best_by_their_weights(path, capsys):
    """Truth is Hoffmann's sum, which is skaling of k = 1; Kaplan's joint law predicts worse."""
    asked = command(path, "--budget", "1e14", "--law", "best")
    asked = [text for text in asked if text not in ("--law", "best")]
    assert main([*asked, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["law"] == "best"
    assert sum(plan["laws"].values()) == pytest.approx(1)
    assert next(iter(plan["laws"])) in ("chinchilla", "skaling")
    assert plan["laws"].get("kaplan_nd", 0) < 0.1 < plan["laws"]["chinchilla"]
    assert main(asked) == 0
    said = capsys.readouterr().out
    shares = ", ".join(f"{name} {weight:.2f}" for name, weight in plan["laws"].items())
    assert f"\nlaws, by weight at the target: {shares} (weights from " in said
    assert main([*asked, "--fix", "alpha=0.3"]) == 2
    assert "--fix: has no meaning for several laws (--law best)" in capsys.readouterr().err
